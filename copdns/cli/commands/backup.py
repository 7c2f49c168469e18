"""`copdns backup` and `copdns restore`: a household in one file, and back from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from copdns import __version__
from copdns.accounts.account import ViewedPart
from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local, print_json, safe
from copdns.model.errors import BackupError
from copdns.store.archive import Backup, pack, unpack
from copdns.store.backup import Restored, copy_of, restore_household, restore_log
from copdns.store.folder_lock import sole_server
from copdns.store.household_db import household
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

    A backup contains people, devices, rules, times, accounts and requests, and recorded queries
    only with --with-log. It does not contain login sessions, the key of the certificate, the
    settings file, or lists, which are downloaded again. It works while copdns runs. Only its owner
    can read FILE. Keep it as private as a diary, and delete old backups.

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
        home.look("", ViewedPart.EXPORT)
    with _beside(file) as folder:
        copies = copy_of(home.folder, Path(folder), with_log=with_log)
        made = pack(file, copies, home.now, __version__)
    if as_json:
        print_json(_as_json(file, made))
        return
    log = "" if querylog.FILE in made.parts else ", without the log"
    click.echo(safe(f"{file}: household saved{log} ({file.stat().st_size:,} bytes)"))


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@pass_home
def restore(home: Home, file: Path, yes: bool, as_json: bool) -> None:
    """Replace the household with a backup.

    Stop copdns first. People, devices, rules and times come from FILE. Accounts, requests and the
    audit log stay as they are here; on a machine that has none of them they come
    from FILE too, and so does a log. Full logs and lower age groups are announced first, as always.
    The old database is kept for a week.

    \b
    Example:  copdns restore copdns-2026-11-24.backup
    """
    with sole_server(home.folder), _beside(home.folder / household.FILE) as unpacked:
        folder = Path(unpacked)
        found = unpack(file, folder)
        if not yes:
            # In UTC: what is here may be beyond reading, its time zone too.
            what = f"what is in {home.folder} with the household of {utc(found.made)}"
            click.confirm(f"Replace {what}?", abort=True)
        done = restore_household(home.folder, folder / household.FILE, found.made, home.now)
        said = [*done.said, *_log_restored(home, found, folder)]
    if as_json:
        print_json(_as_json(file, found) | {"before": str(done.before or ""), "said": said})
        return
    _tell(found, done, said, home)


def _log_restored(home: Home, found: Backup, folder: Path) -> list[str]:
    """Take over a log where none is here; return what is to be said of it."""
    if querylog.FILE not in found.parts:
        return []
    if not restore_log(home.folder, folder / querylog.FILE):
        return ["the log on this machine stays; the log in the backup is not used"]
    kept = home.settings.log
    QueryLog(home.folder).purge(home.now, kept.rows_days, kept.counts_days)
    return ["the log in the backup is restored, except for what is too old by now"]


def _tell(found: Backup, done: Restored, said: list[str], home: Home) -> None:
    restored = Home(home.settings).household
    click.echo(safe(f"restored the household of {local(found.made, restored.timezone)}"))
    for line in said:
        click.echo(safe(line))
    if done.before is not None:
        click.echo(safe(f"previous database: {done.before}, kept for a week"))
    click.echo("start copdns again")


def _beside(file: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder of nobody else's in the file system of a file, which goes afterwards."""
    try:
        return tempfile.TemporaryDirectory(prefix=".copdns-", dir=file.absolute().parent)
    except OSError as error:
        raise BackupError(f"{file.parent}: {error.strerror}; choose another folder") from error


def _as_json(file: Path, found: Backup) -> dict[str, object]:
    return {
        "file": str(file),
        "made": utc(found.made),
        "version": found.version,
        "parts": {name: each.octets for name, each in found.parts.items()},
    }
