"""What `copdns doctor` says of backups that are made by the schedule."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.store.backup import has_accounts
from copdns.store.backup_schedule import HOUR, SEALED, made_until, newest_time
from copdns.store.make_backup import list_scheduled, read_maker
from copdns.store.sealed_backup import can_seal

_LATE = 2  # rounds without a backup


def check_backups(home: Home) -> Iterator[Finding]:
    """Check that backups are made, and lie where they outlive this disk."""
    if home.is_providers:
        yield ok("backups", "those of PostgreSQL are made with its own tools; see docs/runbook.md")
        return
    chosen = home.settings.backup
    if not chosen.folder:
        yield ok("backups", "none are made by themselves; backup.folder has them made every day")
        return
    folder = Path(chosen.folder)
    if trouble := _folder_trouble(home.folder, folder):
        yield trouble
        return
    # Its error is the finding.
    named = list_scheduled(folder, read_maker(home.folder))
    there = made_until(named, home.now)
    if chosen.recipients and not can_seal():
        yield fail("backups", "they cannot be encrypted", "install copdns[backup]")
    if home.folder.exists() and os.stat(folder).st_dev == os.stat(home.folder).st_dev:
        todo = "set backup.folder to a folder on another disk, or copy them elsewhere"
        yield warn("backups", "they lie on the disk of the databases, and would go with it", todo)
    if late := len(named) - len(there):
        what = f"{count_text(late, 'backup')} in {folder} with a later time than now in the name"
        todo = "was the clock wrong? It is not counted and stays until you delete or rename it"
        yield warn("backups", what, todo)
    hours = int(home.now - newest_time(there, home.now)) // HOUR
    if not has_accounts(home.folder):
        todo = "make an account (copdns account code), or restore a backup"
        yield warn("backups", "none are made before the household has an account", todo)
    elif not there:
        yield warn("backups", f"{folder}: none is there yet", "see the log of copdns")
    elif hours >= chosen.every_hours * _LATE:
        what = f"the newest is {count_text(hours, 'hour')} old"
        yield fail("backups", what, "see the log of copdns; is the folder writable and not full?")
    else:
        sealed = [each.name.endswith(SEALED) for each in there]
        how = f"the newest is {'encrypted' if sealed[-1] else 'not encrypted'}"
        how = how if any(sealed) else "none of them is encrypted"
        yield ok("backups", f"{count_text(len(there), 'backup')} in {folder}; {how}")


def _folder_trouble(data: Path, folder: Path) -> Finding | None:
    """Return why the next backup cannot be made there, as far as that can be seen; else None."""
    todo = "put its disk in, make the folder, or choose another one in backup.folder"
    if not folder.is_dir():
        return fail("backups", f"the folder {folder} is not there", todo)
    if not os.access(folder, os.W_OK):
        what = f"{folder} cannot be written by the user that this command runs as"
        return fail("backups", what, "let copdns write there: chown copdns it")
    needed = sum(each.stat().st_size for each in data.glob("*.db"))
    if shutil.disk_usage(folder).free < needed:
        return fail("backups", f"{folder} has no room for another one", "free some space there")
    return None
