"""Read a database whose disk takes no writing: it is full, mounted read-only, or fails.

SQLite reads a database in WAL mode only where it may write beside it.  So a copy is read into
memory, whole; what is written there stays there, and the file stays as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from copdns.model.errors import StoreError
from copdns.store.db import alone, in_memory, store_error
from copdns.store.schema_steps import Steps

_RAM = Path("/dev/shm")  # noqa: S108 - a folder in memory, in which nobody else reads ours
_FULL_OR_READ_ONLY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def is_unwritable(error: BaseException | None) -> bool:
    """Tell whether the disk is at fault, so that what is on it may be readable all the same."""
    while isinstance(error, StoreError):
        error = error.__cause__
    if isinstance(error, OSError):
        return error.errno in _FULL_OR_READ_ONLY
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code in _CODES


def copied(path: Path, steps: Steps | None = None) -> sqlite3.Connection:
    """Return a database in memory with what a file holds; blocks.

    steps: bring it to the newest schema.  It is empty where there is no file.  Raises
    StoreError for a file that cannot be read.
    """
    try:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            if path.exists():
                _copy(path, connection)
            if steps is not None:
                in_memory(connection, path, steps)
        except BaseException:
            connection.close()
            raise
        return connection
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def _copy(path: Path, into: sqlite3.Connection) -> None:
    """Read a file and what its write-ahead log adds to it, from a place where SQLite may write."""
    ram = _RAM if os.access(_RAM, os.W_OK) else None  # else where temporary files go
    with tempfile.TemporaryDirectory(prefix="copdns-", dir=ram) as folder:
        copy = Path(folder) / path.name
        with alone(path.parent):
            for suffix in ("", "-wal"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    shutil.copyfile(part, copy.with_name(part.name))
        with closing(sqlite3.connect(copy)) as source:
            source.backup(into)
