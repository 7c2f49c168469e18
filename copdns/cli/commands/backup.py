"""`copdns backup`, `restore` and `rollback`: a household to and from one file, or as it was before
an upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from copdns.accounts.account import ViewedPart
from copdns.as_json.plain import utc
from copdns.cli.base import Options, json_option, pass_options
from copdns.cli.changes import differences
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_json, printable
from copdns.cli.people_records import record_view
from copdns.list_files import own_lists
from copdns.lists.own_lists import OwnList
from copdns.model.errors import BackupError
from copdns.model.household import Household
from copdns.store.archive import Backup, unpack
from copdns.store.backup import (
    RestoreResult,
    copy_databases,
    copy_log,
    read_policy,
    restore_household,
    restore_log,
)
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db import condition
from copdns.store.household_db.notes import ROLLED_BACK
from copdns.store.log_db import querylog
from copdns.store.make_backup import make_backup, temporary_folder
from copdns.store.rollback import RolledBack, find_newer, roll_back
from copdns.store.sealed_backup import is_sealed, unseal

_FILE = click.Path(path_type=Path, dir_okay=False)


class _FileOrCommand(click.Group):
    """`backup FILE` saves, as if `save` stood before it; a file named like a command needs a path,
    such as ./diff."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put `save` before what is no command of the group, and no question for help."""
        asks = {"-h", "--help"} & set(args[:1])
        if args and not asks and args[0] not in self.commands:
            args = [save.name or "", *args]
        return super().parse_args(context, args)


@click.group(cls=_FileOrCommand, subcommand_metavar="FILE | COMMAND [ARGS]...")
def backup() -> None:
    """Back up the household to FILE, or compare one with it."""


_IDENTITY = click.option(
    "--identity",
    metavar="KEYS",
    type=_FILE,
    help="The file with the private key of an encrypted backup, as age-keygen writes it.",
)


@backup.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option(
    "--with-log", is_flag=True, help="Include recorded queries, counts and minutes of use."
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@json_option
@pass_home
def save(home: Home, file: Path, with_log: bool, force: bool, as_json: bool) -> None:
    """Back up the household to FILE; `save` may be left out.

    A backup contains people, devices, rules, times, accounts, requests and lists of your own, and
    recorded queries only with --with-log. It does not contain login sessions, the key of the
    certificate, the settings file, or other lists, which are downloaded again. It works while
    copdns runs. Only its owner can read FILE. Keep it as private as a diary, and delete old
    backups.

    \b
    Example:  copdns backup save copdns-2026-11-24.backup
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
    texts = {own_lists.PART: home.lists.own.dump()} if home.lists.own.all() else {}
    copy = partial(_copy_databases, home, with_log=with_log)
    packed = make_backup(copy, file, texts, home.now)
    if as_json:
        print_json(_backup_json(file, packed))
        return
    log = "" if querylog.FILE in packed.parts else ", without the log"
    click.echo(printable(f"{file}: household saved{log} ({file.stat().st_size:,} bytes)"))


@backup.command()
@click.argument("file", metavar="FILE", type=_FILE)
@_IDENTITY
@json_option
@pass_home
def diff(home: Home, file: Path, identity: Path | None, as_json: bool) -> None:
    """Show what restoring FILE would change; nothing is changed.

    Compared are people, devices, rules, times and lists of your own. Whatever else a backup has
    comes back on a machine without accounts and requests only. What may not come back, such as a
    full log, is told by `restore`.

    \b
    Example:  copdns backup diff copdns-2026-11-24.backup
    """
    with temporary_folder(home.folder / "backup") as unpacked:
        folder = Path(unpacked)
        found = _unpack(file, folder, identity)
        before = home.household
        after = read_policy(folder / condition.FILE, before)
        lines = [*differences(before, after), *_list_differences(home, found, folder)]
    if as_json:
        print_json(_backup_json(file, found) | {"changes": lines})
        return
    zone = before.timezone
    click.echo(
        printable(f"restoring the household of {local_text(found.made, zone)} would change:")
    )
    for each in lines or ["nothing"]:
        click.echo(printable(f"  {each}"))


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@_IDENTITY
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@pass_home
def restore(home: Home, file: Path, identity: Path | None, yes: bool, as_json: bool) -> None:
    """Replace the household with a backup.

    Stop copdns first. `copdns backup diff FILE` shows before what would change. People, devices,
    rules, times and lists of your own come from FILE. Accounts, requests and the audit log stay as
    they are here; on a machine that has none of them they come from FILE too, and so does a log.
    Full logs and lower age groups are announced first, as always. The old database is kept for a
    week.

    \b
    Example:  copdns restore copdns-2026-11-24.backup
    """
    with hold_server_lock(home.folder), temporary_folder(home.folder / condition.FILE) as unpacked:
        folder = Path(unpacked)
        found = _unpack(file, folder, identity)
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


def _unpack(file: Path, folder: Path, identity: Path | None) -> Backup:
    """Unpack a backup into an empty folder, decrypted where it has to be; raise BackupError."""
    if not is_sealed(file):
        return unpack(file, folder)
    if identity is None:
        raise BackupError(f"{file}: this backup is encrypted; name your private key: --identity")
    plain = folder / "decrypted"
    unseal(file, plain, identity)
    found = unpack(plain, folder)
    plain.unlink()
    return found


def _list_differences(home: Home, found: Backup, folder: Path) -> Iterator[str]:
    """Yield what restoring would change of the lists that were pasted."""
    saved = {own.slug: (own.title, text) for own, text in _own_lists_of(found, folder)}
    here = {
        each.slug: (each.title, home.lists.own.text(each.slug)) for each in home.lists.own.all()
    }
    if not saved:
        return  # those that are here stay
    for slug in sorted(here.keys() | saved.keys()):
        if slug not in saved:
            yield f"own list {slug}: removed"
        elif slug not in here:
            yield f"own list {slug}: added"
        elif here[slug] != saved[slug]:
            yield f"own list {slug}: changed"


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


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_options
def rollback(options: Options, yes: bool) -> None:
    """Go back to the databases from before an upgrade.

    For an earlier version that was installed again. Stop copdns first. A newer version copies
    household.db and log.db before it changes their tables; this puts the copies back where this
    version cannot read what the newer one stored. What was changed since the upgrade is undone, and
    all have to log in again. The newer databases are kept for a week. Where this version can read
    the databases, nothing is done.

    \b
    Example:  copdns rollback
    """
    # What a newer version wrote into the settings is no reason to stay with its databases.
    settings, trouble = options.settings_or_defaults()
    home = Home(settings)
    if trouble is not None:
        for line in str(trouble).splitlines():
            click.echo(printable(line), err=True)
        click.echo("correct the settings before you start copdns", err=True)
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
    home.log.purge(home.now, retention.rows_days, retention.counts_days)
    return ["the log in the backup is restored, except for what is too old by now"]


def _print_result(found: Backup, restored: RestoreResult, messages: list[str], home: Home) -> None:
    zone = Home(home.settings).household.timezone
    click.echo(printable(f"restored the household of {local_text(found.made, zone)}"))
    for line in messages:
        click.echo(printable(line))
    if restored.old_database is not None:
        click.echo(printable(f"previous database: {restored.old_database}, kept for a week"))
    click.echo("start copdns again")


def _backup_json(file: Path, found: Backup) -> dict[str, object]:
    return {
        "file": str(file),
        "made": utc(found.made),
        "version": found.version,
        "parts": {name: each.octets for name, each in found.parts.items()},
    }
