"""Read or check a database without changing it, also one whose disk cannot be written.

A disk is full, mounted read-only, or fails.  SQLite reads a database in WAL mode only where it can
write beside it.  So the whole file is copied into memory; what is written there is lost at the end,
and the file does not change.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

from copdns.model.errors import StoreError
from copdns.store.db import (
    BUSY,
    close_on_error,
    lock_folder,
    migrate_in_memory,
    store_error,
)
from copdns.store.schema_steps import SchemaSteps

_RAM = Path("/dev/shm")  # noqa: S108 - a folder in memory, in which nobody else reads ours
_FULL_OR_READ_ONLY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_DISK_ERRORS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_CHECK = "pragma quick_check(5)"


def is_unwritable(error: BaseException | None) -> bool:
    """Tell whether an error says that the disk cannot be written; it may still be readable."""
    while isinstance(error, StoreError):
        error = error.__cause__
    if isinstance(error, OSError):
        return error.errno in _FULL_OR_READ_ONLY
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code in _DISK_ERRORS


def copy_to_memory(
    path: Path, steps: SchemaSteps | None = None, *, is_locked: bool = False
) -> sqlite3.Connection:
    """Return a copy of a database in memory; blocks.

    It is empty where there is no file.  steps: migrate it to the newest schema.  is_locked: the
    caller holds the lock of the folder.  Raises StoreError for a file that cannot be read.
    """
    try:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with close_on_error(connection):
            if path.exists():
                _copy_file(path, connection, is_locked)
            if steps is not None:
                migrate_in_memory(connection, path, steps)
        return connection
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def open_readable(
    path: Path, copy: Callable[[Path], sqlite3.Connection] = copy_to_memory
) -> sqlite3.Connection:
    """Open a database for reading; a copy in memory where the disk cannot be written.

    copy: makes that copy.  Raises sqlite3.Error, and what `copy` raises.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if not is_unwritable(error):
            raise
        return copy(path)
    return connection


def find_damage(path: Path) -> tuple[str, ...]:
    """Return what SQLite finds damaged inside a file, () for nothing; raise StoreError.

    The file must exist.  Nothing is made, migrated or changed.  A large log takes a second or two.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY)) as connection:
            rows = connection.execute(_CHECK).fetchall()
    except sqlite3.Error as error:
        if not path.exists() or not is_unwritable(error):
            raise store_error(path, error) from error
        with closing(copy_to_memory(path)) as copy:
            rows = copy.execute(_CHECK).fetchall()
    return tuple(text for (text,) in rows if text != "ok")


def _copy_file(path: Path, into: sqlite3.Connection, is_locked: bool) -> None:
    """Copy a file and its -wal to a folder where SQLite can write, and read them from there."""
    ram = _RAM if os.access(_RAM, os.W_OK) else None  # None: the default folder
    with tempfile.TemporaryDirectory(prefix="copdns-", dir=ram) as folder:
        copy = Path(folder) / path.name
        with nullcontext() if is_locked else lock_folder(path.parent):
            for suffix in ("", "-wal"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    shutil.copyfile(part, copy.with_name(part.name))
        with closing(sqlite3.connect(copy)) as source:
            source.backup(into)
