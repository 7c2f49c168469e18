"""Open a SQLite database of the data folder, readable by its owner only and at its newest schema.

Connections are in WAL mode, so that readers never wait for the writer, and with secure_delete, so
that deleted rows are gone from the file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from copdns.model.errors import StoreError
from copdns.store.connection import SharedConnection, SqlConnection
from copdns.store.schema_steps import SchemaSteps

BUSY = 5.0  # seconds to wait for another process
DAMAGED = ".damaged-"  # with a number, added to the name of a database that a repair moved away
BEFORE_UPGRADE = ".before-upgrade"  # added to the name of a copy from before migrations
_ROOM_LEFT = 16 << 20  # octets that stay free beside such a copy: migrations write too

_NO_ACCESS = (
    "make the user that runs copdns the owner of this folder, or choose another with --data DIR"
)
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process is using it; try again in a moment",
    sqlite3.SQLITE_CORRUPT: "it is damaged; move it away and restore a backup",
    sqlite3.SQLITE_NOTADB: "it is not a copdns database; move it away, or restore a backup",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk is failing or full; check it",
    sqlite3.SQLITE_READONLY: _NO_ACCESS,
    sqlite3.SQLITE_CANTOPEN: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
}
_DISK_REMEDIES = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space on that disk, or raise the quota",
    errno.EROFS: "mount that disk so that it can be written, and check it if it became read-only "
    "unexpectedly",
    errno.EIO: "the disk is failing; check it",
}
_UNKNOWN = "if this keeps happening, restore a backup"
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Mirror(Protocol):
    """What writes each transaction of a connection to a second file.

    What the methods promise is told at those of `HouseholdCopy`.
    """

    def keeping(
        self, connection: sqlite3.Connection
    ) -> AbstractContextManager[Callable[[], None]]: ...
    def adopt(self, connection: sqlite3.Connection) -> None: ...
    def tidy(self, connection: sqlite3.Connection) -> None: ...
    def bind(self, database: Path) -> None: ...
    def close(self) -> None: ...


class MirroredConnection(sqlite3.Connection):
    """A connection whose transactions are written to a second file too.

    mirror: None where there is no second file.
    """

    mirror: Mirror | None = None

    def close(self) -> None:
        """Close the connection, and the copy with it."""
        super().close()
        if self.mirror is not None:
            self.mirror.close()


def open_database(
    path: Path,
    steps: SchemaSteps,
    *,
    durable: bool = False,
    busy: float = BUSY,
    mirror: Mirror | None = None,
) -> sqlite3.Connection:
    """Return a connection in autocommit mode; make and migrate the file first where needed.

    What an older version stored is copied first, so that one can go back to that (`rollback`).

    durable: a commit waits for the disk and survives a power cut; without it a commit survives the
        death of the process only.  busy: seconds to wait for other processes.  mirror: gets what
        every transaction writes, before its commit; it is closed with the connection.
    Raises StoreError.  Threads may share the connection, one at a time.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock_folder(path.parent):
            path.touch(mode=0o600)  # SQLite gives the -wal and -shm files the mode of this one
            connection = _connect(path, busy)
            connection.mirror = mirror
            if mirror is not None:
                mirror.bind(path)
            with close_on_error(connection):
                _set_pragmas(connection, durable)
                if steps.is_older(connection):
                    copy_before_upgrade(connection, path)
                _migrate(connection, path, steps)
                _allow_writes(connection, allowed=False)
            return connection
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def migrate_in_memory(connection: sqlite3.Connection, path: Path, steps: SchemaSteps) -> None:
    """Migrate a database in memory to its newest schema; raise StoreError.

    path: the file that it is a copy of, for the error.
    """
    connection.execute("pragma foreign_keys = on")
    _migrate(connection, path, steps)


def copy_before_upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Copy a database as it is, beside it and in place of an earlier copy.

    The folder is locked by the caller.  Where this is cut off, an earlier copy is still whole.
    Raises OSError and sqlite3.Error; OSError too, before it writes, where there is no room: whoever
    writes the log tries again and again, and would fill the disk each time.
    """
    copy = path.with_name(path.name + BEFORE_UPGRADE)
    new = copy.with_name(f"{copy.name}.new")
    new.unlink(missing_ok=True)
    _check_room(path)
    new.touch(mode=0o600)
    with closing(sqlite3.connect(new)) as target:
        connection.backup(target)  # one file, without a log beside it
        target.execute("pragma journal_mode = delete")
    give_to_owner(new)
    with new.open("rb") as written:
        os.fsync(written.fileno())
    new.rename(copy)
    _sync(copy.parent)


def _check_room(path: Path) -> None:
    parts = (path, path.with_name(f"{path.name}-wal"))
    needed = sum(each.stat().st_size for each in parts if each.exists())
    if shutil.disk_usage(path.parent).free < needed + _ROOM_LEFT:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def give_to_owner(path: Path) -> None:
    """Make a file that root made that of whoever runs copdns: the owner of the folder."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from making, migrating or moving a database of the folder.

    Raises StoreError after BUSY seconds.  SQLite's own locks cover neither the first switch to WAL
    nor the renaming of a file.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + BUSY
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise StoreError(f"{folder}: {_REMEDIES[sqlite3.SQLITE_BUSY]}")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def close_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection where the block ends with an error, and raise that again."""
    try:
        yield
    except BaseException:  # also Ctrl-C: an open connection would keep its locks
        connection.close()
        raise


@contextmanager
def transaction(connection: SqlConnection, household: str = "") -> Iterator[None]:
    """Run a transaction, as the only writer from its start: what it reads does not change.

    household: whose rows it reads and writes, and nobody else's; "": those of any.  In a file there
    is one writer at a time either way.
    What it writes is in the connection's mirror before it is committed, or nowhere.
    """
    _allow_writes(connection, allowed=True)
    try:
        if isinstance(connection, SharedConnection):
            connection.begin_writing(household)
        else:
            connection.execute("begin immediate")
        with _keeping(connection) as keep:
            yield
            keep()
            connection.execute("commit")
    except BaseException:  # also Ctrl-C: what is half written must not be committed later
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("rollback")
        raise
    finally:
        _allow_writes(connection, allowed=False)


def _allow_writes(connection: SqlConnection, *, allowed: bool) -> None:
    """Let a connection write, or refuse it (pragma query_only): a write outside `transaction` would
    not be in the mirror, and would count as damage."""
    if isinstance(connection, MirroredConnection) and connection.mirror is not None:
        connection.execute(f"pragma query_only = {int(not allowed)}")


def _keeping(connection: SqlConnection) -> AbstractContextManager[Callable[[], None]]:
    if isinstance(connection, MirroredConnection) and connection.mirror is not None:
        return connection.mirror.keeping(connection)
    return nullcontext(lambda: None)


@contextmanager
def read_transaction(connection: SqlConnection) -> Iterator[None]:
    """Read several tables as of one moment."""
    connection.execute("begin")
    try:
        yield
    finally:
        connection.execute("rollback")


def rewrite(connection: SqlConnection) -> bool:
    """Rewrite a database, so that no free page, its -wal or its mirror holds what was deleted.

    Return False while another process reads old pages; they go with the next checkpoint.
    PostgreSQL's are left to its own vacuum: they are many households' (docs/providers.md).
    """
    if not isinstance(connection, sqlite3.Connection):
        return True
    _allow_writes(connection, allowed=True)
    try:
        connection.execute("vacuum")
        is_clean = empty_wal(connection)
        if isinstance(connection, MirroredConnection) and connection.mirror is not None:
            connection.mirror.adopt(connection)
        return is_clean
    finally:
        _allow_writes(connection, allowed=False)


def empty_wal(connection: SqlConnection) -> bool:
    """Copy the -wal into the file and truncate it; return False while another process reads it."""
    if not isinstance(connection, sqlite3.Connection):
        return True
    (busy, _, _) = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    return not busy


def tidy_mirror(connection: SqlConnection) -> None:
    """Let the mirror drop what was deleted."""
    if isinstance(connection, MirroredConnection) and connection.mirror is not None:
        connection.mirror.tidy(connection)


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error for people: which file, what is wrong, what to do."""
    if isinstance(error, OSError):
        remedy = _DISK_REMEDIES.get(error.errno or 0, _NO_ACCESS)
        return StoreError(f"{path}: {error.strerror or error}; {remedy}")
    return StoreError(f"{path}: {error}; {_REMEDIES.get(_result_code(error), _UNKNOWN)}")


def is_full(error: BaseException | None) -> bool:
    """Tell whether a file could not be opened or made because the disk or the quota is full."""
    while isinstance(error, StoreError):
        error = error.__cause__
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_broken(error: BaseException | None) -> bool:
    """Tell whether the file itself is damaged, so that trying again cannot help."""
    while isinstance(error, StoreError):
        error = error.__cause__
    return isinstance(error, sqlite3.Error) and _result_code(error) in _BROKEN


def _result_code(error: sqlite3.Error) -> int:
    """Return the primary result code; 0 for errors that Python's own module raises."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _connect(path: Path, busy: float) -> MirroredConnection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # never makes a file: its mode would be wrong
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy,
        factory=MirroredConnection,
    )


def _set_pragmas(connection: sqlite3.Connection, durable: bool) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma secure_delete = on")
    connection.execute(f"pragma synchronous = {'full' if durable else 'normal'}")


def _migrate(connection: sqlite3.Connection, path: Path, steps: SchemaSteps) -> None:
    applied = steps.read_applied(connection)
    newer = applied - steps.names
    if newer:
        raise StoreError(
            f"{path}: this was made by a newer version of copdns ({', '.join(sorted(newer))}); "
            "install that version again, go back to what was stored before it (copdns rollback), "
            "or restore an older backup"
        )
    if steps.names - applied:
        with transaction(connection):
            steps.apply(connection)
