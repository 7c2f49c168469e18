"""`copdns backup`, `restore` and `rollback`: a household to and from one file, or as it was before
an upgrade."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from copdns import __version__
from copdns.accounts.account import ViewedPart
from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_json, printable
from copdns.cli.people_records import record_view
from copdns.list_files import own_lists
from copdns.lists.own_lists import OwnList
from copdns.model.errors import BackupError
from copdns.model.household import Household
from copdns.store.archive import Backup, pack, unpack
from copdns.store.backup import RestoreResult, copy_databases, restore_household, restore_log
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db import condition
from copdns.store.household_db.notes import ROLLED_BACK
from copdns.store.log_db import querylog
from copdns.store.log_db.querylog import QueryLog
from copdns.store.rollback import RolledBack, find_newer, roll_back

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option(
    "--with-log", is_flag=True, help="Include recorded queries, counts and minutes of use."
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@json_option
@pass_home
def backup(home: Home, file: Path, with_log: bool, force: bool, as_json: bool) -> None:
    """Back up the household to FILE.

    A backup contains people, devices, rules, times, accounts, requests and lists of your own, and
    recorded queries only with --with-log. It does not contain login sessions, the key of the
    certificate, the settings file, or other lists, which are downloaded again. It works while
    copdns runs. Only its owner can read FILE. Keep it as private as a diary, and delete old
    backups.

    \b
    Example:  copdns backup copdns-2026-11-24.backup
    """
    if file.exists() and not force:
        raise BackupError(
            f"{file} already exists; choose another file, or overwrite it with --force"
        )
    if not file.absolute().parent.is_dir():
        raise BackupError(
            f"{file.absolute().parent} is not a folder; choose a file in an existing one"
        )
    if with_log:
        record_view(home, "", ViewedPart.EXPORT)
    with _temporary_folder(file) as folder:
        copies = copy_databases(home.folder, Path(folder), with_log=with_log)
        copies |= _copy_own_lists(home, Path(folder))
        packed = pack(file, copies, home.now, __version__)
    if as_json:
        print_json(_backup_json(file, packed))
        return
    log = "" if querylog.FILE in packed.parts else ", without the log"
    click.echo(printable(f"{file}: household saved{log} ({file.stat().st_size:,} bytes)"))


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@pass_home
def restore(home: Home, file: Path, yes: bool, as_json: bool) -> None:
    """Replace the household with a backup.

    Stop copdns first. People, devices, rules, times and lists of your own come from FILE. Accounts,
    requests and the audit log stay as they are here; on a machine that has none of them they come
    from FILE too, and so does a log. Full logs and lower age groups are announced first, as always.
    The old database is kept for a week.

    \b
    Example:  copdns restore copdns-2026-11-24.backup
    """
    with hold_server_lock(home.folder), _temporary_folder(home.folder / condition.FILE) as unpacked:
        folder = Path(unpacked)
        found = unpack(file, folder)
        lists = _own_lists_of(found, folder)
        if not yes:
            # In UTC: the household here may be unreadable, and with it its time zone.
            what = f"what is in {home.folder} with the household of {utc(found.made)}"
            click.confirm(f"Replace {what}?", abort=True)
        restored = restore_household(
            home.folder, folder / condition.FILE, found.made, home.now, home.see
        )
        messages = [
            *restored.differences,
            *_restore_own_lists(home, lists),
            *_restore_log(home, found, folder),
        ]
    if as_json:
        print_json(
            _backup_json(file, found)
            | {"before": str(restored.old_database or ""), "said": messages}
        )
        return
    _print_result(found, restored, messages, home)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_home
def rollback(home: Home, yes: bool) -> None:
    """Go back to the databases from before an upgrade.

    For an earlier version that was installed again. Stop copdns first. A newer version copies
    household.db and log.db before it changes their tables; this puts the copies back where this
    version cannot read what the newer one stored. What was changed since the upgrade is undone, and
    all have to log in again. The newer databases are kept for a week. Where this version can read
    the databases, nothing is done.

    \b
    Example:  copdns rollback
    """
    with hold_server_lock(home.folder):
        newer = find_newer(home.folder)
        if not newer:
            click.echo("this version can read the databases, so nothing was changed")
            return
        if not yes:
            names = " and ".join(each.name for each in newer)
            click.confirm(f"Undo what was changed in {names} since the upgrade?", abort=True)
        done = roll_back(home.folder)
        if any(each.name != querylog.FILE for each in done):
            home.note(ROLLED_BACK)
    _print_rolled_back(done, home.load_household())


def _print_rolled_back(done: tuple[RolledBack, ...], household: Household | None) -> None:
    zone = "UTC" if household is None else household.timezone
    for each in done:
        line = f"{each.name}: as it was on {local_text(each.copied, zone)}, before the upgrade"
        click.echo(printable(f"{line}; the newer one is {each.newer}, kept for a week"))
    click.echo("start copdns again")


def _copy_own_lists(home: Home, folder: Path) -> dict[str, Path]:
    """Write the lists that were pasted here into a file; return it by name, or nothing."""
    if not home.lists.own.all():
        return {}
    path = folder / own_lists.PART
    path.touch(mode=0o600)
    path.write_text(home.lists.own.dump(), encoding="utf-8")
    return {own_lists.PART: path}


def _own_lists_of(found: Backup, folder: Path) -> list[tuple[OwnList, str]]:
    """Return the lists of a backup that were pasted; raise BackupError before anything changes."""
    if own_lists.PART not in found.parts:
        return []
    try:
        text = (folder / own_lists.PART).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = ""
    return own_lists.read_dumped(text)


def _restore_own_lists(home: Home, lists: Sequence[tuple[OwnList, str]]) -> list[str]:
    """Put the lists of a backup in place of those here; return what to print about it."""
    if lists:
        home.lists.own.restore(lists)
        return []
    return ["the lists of your own on this machine stay"] if home.lists.own.all() else []


def _restore_log(home: Home, found: Backup, folder: Path) -> list[str]:
    """Restore the log where there is none here; return what to print about it."""
    if querylog.FILE not in found.parts:
        return []
    if not restore_log(home.folder, folder / querylog.FILE):
        return ["the log on this machine stays; the log in the backup is not used"]
    retention = home.settings.log
    QueryLog(home.folder).purge(home.now, retention.rows_days, retention.counts_days)
    return ["the log in the backup is restored, except for what is too old by now"]


def _print_result(found: Backup, restored: RestoreResult, messages: list[str], home: Home) -> None:
    zone = Home(home.settings).household.timezone
    click.echo(printable(f"restored the household of {local_text(found.made, zone)}"))
    for line in messages:
        click.echo(printable(line))
    if restored.old_database is not None:
        click.echo(printable(f"previous database: {restored.old_database}, kept for a week"))
    click.echo("start copdns again")


def _temporary_folder(file: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a private folder in the file system of a file, deleted when it is left."""
    try:
        return tempfile.TemporaryDirectory(prefix=".copdns-", dir=file.absolute().parent)
    except OSError as error:
        raise BackupError(f"{file.parent}: {error.strerror}; choose another folder") from error


def _backup_json(file: Path, found: Backup) -> dict[str, object]:
    return {
        "file": str(file),
        "made": utc(found.made),
        "version": found.version,
        "parts": {name: each.octets for name, each in found.parts.items()},
    }
