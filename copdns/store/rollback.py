"""Go back to the databases from before an upgrade, for an older version of copdns.

Before a newer version gives a database other tables, it copies it (`db.copy_before_upgrade`).  The
older version puts those copies back, each where the database in force is one that it cannot read.
What was changed since the upgrade is then in the newer database alone, which stays beside it for a
week.  Nobody can log in with a session of before: one that was ended meanwhile would be back.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from copdns.model.errors import BackupError
from copdns.store.backup import copy_database, replace_database
from copdns.store.db import BEFORE_UPGRADE, lock_folder, store_error
from copdns.store.household_db import condition
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.log_db import querylog
from copdns.store.log_db.migrations import LOG
from copdns.store.read_only import open_readable
from copdns.store.schema_steps import SchemaSteps


class RolledBack(NamedTuple):
    """A database that was put back.  copied: when its copy was made, in seconds since the epoch.
    newer: where the one is that it replaced."""

    name: str
    copied: int
    newer: Path


def find_newer(folder: Path) -> tuple[Path, ...]:
    """Return the databases of a folder that a newer version stored; raise StoreError."""
    return tuple(path for path, _ in _newer(folder))


def roll_back(folder: Path) -> tuple[RolledBack, ...]:
    """Put the copies back in place of the databases that this version cannot read.

    Raises StoreError; BackupError where a copy is missing or cannot be read either, before anything
    is changed.  No copdns may serve the folder meanwhile (`folder_lock`).
    """
    found = _newer(folder)
    for path, steps in found:
        _check_copy(path, steps)
    return tuple(_put_back(path) for path, _ in found)


def _newer(folder: Path) -> tuple[tuple[Path, SchemaSteps], ...]:
    there = ((condition.current_path(folder), HOUSEHOLD), (folder / querylog.FILE, LOG))
    return tuple((path, steps) for path, steps in there if path.exists() and _is_newer(path, steps))


def _is_newer(path: Path, steps: SchemaSteps) -> bool:
    try:
        with closing(open_readable(path)) as connection:
            return steps.is_newer(connection)
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def _copy_of(path: Path) -> Path:
    return path.with_name(path.name + BEFORE_UPGRADE)


def _check_copy(path: Path, steps: SchemaSteps) -> None:
    copy = _copy_of(path)
    if not copy.exists():
        raise BackupError(
            f"{path} was stored by a newer version of copdns, and there is no copy from before "
            f"({copy.name}), which is kept for a week, or until a log is deleted; install the "
            "newer version again, or restore a backup"
        )
    if _is_newer(copy, steps):
        raise BackupError(
            f"{copy} was stored by a newer version of copdns too; install the version that was "
            "there before the last upgrade, or restore a backup"
        )


def _put_back(path: Path) -> RolledBack:
    copy = _copy_of(path)
    copied = int(copy.stat().st_mtime)
    new = path.with_name(f"{path.name}.rolled-back")
    new.unlink(missing_ok=True)
    copy_database(copy, new)
    if path.name == querylog.FILE:
        with lock_folder(path.parent):
            aside = replace_database(new, path, suffix_aside=querylog.BEFORE_ROLLBACK)
    else:
        with condition.replacing(path.parent, new):
            aside = replace_database(
                new, path.with_name(condition.FILE), suffix_aside=querylog.BEFORE_ROLLBACK
            )
    assert aside is not None  # it was there
    return RolledBack(path.name, copied, aside)
