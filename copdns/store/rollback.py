"""Go back to the databases from before an upgrade, for an older version of copdns.

Before a newer version gives a database other tables, it copies it (`db.copy_before_upgrade`).  The
older version puts those copies back, each where the database in force is one that it cannot read.
What was changed since the upgrade is then in the newer database alone, which stays beside it for a
week.  Nobody can log in with a session of before: one that was ended meanwhile would be back.  So
would a full log: none goes on.  Who looked at what is kept of a child stays known.
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
from copdns.store.read_only_access import open_readable
from copdns.store.schema_steps import SchemaSteps


class RolledBack(NamedTuple):
    """A database that was put back.  copied: when its copy was made, in seconds since the epoch.
    newer: where the one is that it replaced."""

    name: str
    copied: int
    newer: Path


def find_newer(folder: Path) -> tuple[Path, ...]:
    """Return the databases of a folder that a newer version stored.

    Raises StoreError; BackupError where one of them is a stand-in for a damaged `household.db`.
    """
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
    found = tuple((path, each) for path, each in there if path.exists() and _is_newer(path, each))
    for path, _ in found:
        if path.name == condition.STAND_IN:
            raise BackupError(
                f"household.db is damaged, and {path} is in use, which a newer version of copdns "
                "stored; install that version again, repair household.db there (copdns household "
                "repair), and go back then"
            )
    return found


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
    new = path.with_name(path.name + querylog.PUT_BACK)
    new.unlink(missing_ok=True)
    copy_database(copy, new)
    if path.name != querylog.FILE:
        _keep_promises(new, path)
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


_KEPT = {  # tables of what a child may see of others, which no upgrade and no way back hides
    "look": ("household", "at", "account", "role", "profile", "view"),
    "full_log_history": ("household", "profile", "starts", "ends"),
}


def _keep_promises(new: Path, newer: Path) -> None:
    """End the full logs in a household of before, and add the looks that a newer one has."""
    try:
        with (
            closing(open_readable(newer)) as since,
            closing(sqlite3.connect(new, isolation_level=None)) as before,
        ):
            before.execute("begin")
            before.execute("update profile set full_log_start = null, full_log_end = null")
            for table, columns in _KEPT.items():
                if _has_columns(since, table, columns) and _has_columns(before, table, columns):
                    _add_rows(before, since, table, columns)
            before.execute("commit")
    except sqlite3.Error as error:
        raise store_error(newer, error) from error


def _has_columns(connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> bool:
    there = {row[1] for row in connection.execute(f"pragma table_info({table})")}
    return there.issuperset(columns)


def _add_rows(
    before: sqlite3.Connection, since: sqlite3.Connection, table: str, columns: tuple[str, ...]
) -> None:
    """Add the rows that are not there yet."""
    query = f"select {', '.join(columns)} from {table}"  # noqa: S608
    there = set(before.execute(query))
    rows = [each for each in since.execute(query) if each not in there]
    marks = ", ".join("?" * len(columns))
    before.executemany(
        f"insert or ignore into {table} ({', '.join(columns)}) values ({marks})",  # noqa: S608
        rows,
    )
