"""`copdns backup` and `copdns restore`: a household to and from one file."""

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
from copdns.store.archive import Backup, pack, unpack
from copdns.store.backup import (
    RestoreResult,
    copy_databases,
    copy_log,
    restore_household,
    restore_log,
)
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db import condition
from copdns.store.log_db import querylog
from copdns.store.log_db.querylog import QueryLog

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
        copies = _copy_databases(home, Path(folder), with_log=with_log)
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
            here = "PostgreSQL" if home.is_providers else home.folder
            what = f"what is in {here} with the household of {utc(found.made)}"
            click.confirm(f"Replace {what}?", abort=True)
        restored = _restore_household(home, folder / condition.FILE, found.made)
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


def _copy_databases(home: Home, into: Path, *, with_log: bool) -> dict[str, Path]:
    if not home.is_providers:
        return copy_databases(home.folder, into, with_log=with_log)
    from copdns.store.provider_backup import copy_from_provider  # no home has psycopg

    household = home.household.id
    copies = home.with_provider(lambda store: copy_from_provider(store, household, into))
    return copies | (copy_log(home.folder, into) if with_log else {})


def _restore_household(home: Home, copy: Path, made: int) -> RestoreResult:
    if not home.is_providers:
        return restore_household(home.folder, copy, made, home.now, home.see)
    from copdns.store.provider_backup import restore_to_provider

    chosen = home.settings.provider.household
    return home.with_provider(
        lambda store: restore_to_provider(store, chosen, copy, made, home.now, home.see)
    )


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
