"""The copy beside `household.db`: every page of it, as it was when something was last confirmed.

A transaction writes the pages that it changes to the copy before it commits, so whatever was
confirmed to a person is in both files.  The copy has a digest of the database as SQLite reads it
(all pages, whether they are in the file or in its -wal) after the last two transactions.  So a
database that is neither is damaged, older, or another one, whichever octet differs.

The file is a line and records.  A record has the pages that one transaction changed, and a digest
of its own; a record that is incomplete belongs to a transaction that was never confirmed.  Once the
records are larger than the database, a file with one record takes its place, and so do old pages
with what was deleted go.

A lock (flock) on the file is held from before the record until after the commit.  SQLite's write
lock is always taken first.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from copdns.model.errors import DoubtfulDatabaseError, StoreError
from copdns.store.page_records import (
    COMMITTED,
    DIGEST_SIZE,
    FIRST_LINE,
    MARK,
    PREPARED,
    CopyContents,
    build_record,
    database_image,
    digest_of_pages,
    most_octets,
    page_digests,
    page_size_of,
    read_records,
    same_content,
)

FILE = "household.db.copy"
_LOCK_TIMEOUT = 10.0  # seconds; longer than SQLite waits, whose lock is taken first
_NOTHING = bytes(DIGEST_SIZE)


class HouseholdCopy:
    """The copy of one data folder.  Methods raise OSError, and StoreError as they say.

    All but `hold` belong inside `with copy.hold()`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._database: Path | None = None
        self._identity: tuple[int, int] | None = None  # of the database that a connection opened
        self._handle = -1
        self._contents = CopyContents()
        self._seen: tuple[int, ...] | None = None  # of the file that `_contents` was read from
        self._is_held = False
        self._known: tuple[tuple[int, ...] | None, int] | None = None  # file and image of the last

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._seen = -1, None

    def bind(self, database: Path) -> None:
        """Note which file a connection has just opened: another one of its name is not meant."""
        self._database, self._identity = database, file_identity(database)

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @property
    def has_pages(self) -> bool:
        """Tell whether there is a household in it."""
        return bool(self._contents.pages)

    @property
    def is_new(self) -> bool:
        """Tell whether it was made for a first start, which stored nothing yet."""
        return self._contents.is_new

    @property
    def is_whole(self) -> bool:
        """Tell whether every octet of the file could be read as a record."""
        return self._contents.is_whole

    @contextmanager
    def hold(self, *, makes: bool = True) -> Iterator[None]:
        """Keep all other processes from the copy; StoreError if that takes too long.

        makes: an empty one is made where there is none; else there is nothing to hold, then.
        """
        if self._is_held or not (makes or self.exists):
            yield
            return
        self._lock()
        self._is_held = True
        try:
            self._refresh()
            yield
        finally:
            self._is_held = False
            if self._handle >= 0:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def says(self, image: bytes) -> bool:
        """Tell whether a database is the one of the last transaction."""
        return bool(image) and digest_of_pages(page_digests(image)) == self._contents.digest

    def is_unfinished(self, image: bytes) -> bool:
        """Tell whether a database is as before a last transaction that was never confirmed."""
        found = self._contents
        is_before = digest_of_pages(page_digests(image)) == found.before if image else False
        return is_before and not found.is_committed

    def read(self) -> bytes:
        """Return the database as an image; b"" for none."""
        octets = self._read_file()
        pages: dict[int, bytes] = {}
        found = read_records(octets, pages)
        return b"".join(pages[number] for number in range(len(found.pages)))

    @contextmanager
    def keeping(self, connection: sqlite3.Connection) -> Iterator[Callable[[], None]]:
        """Yield what writes a transaction's pages, to be called right before its commit.

        The transaction has begun as the only writer.  After an exception the pages are taken back.
        Raises DoubtfulDatabaseError where the database is not the one of the last transaction.
        """
        with self.hold():
            self._check(database_image(connection))
            written = []
            new = 0

            def write() -> None:
                nonlocal new
                image = database_image(connection)
                written.append(self.append(image))
                new = hash(image)

            try:
                yield write
            except BaseException:  # also Ctrl-C: a copy must not have what the database has not
                if any(written):
                    self.take_back()
                raise
            if any(written):
                self._note_commit()
                if self._contents.size > most_octets(self._contents):
                    with suppress(OSError):  # the disk is full: the longer file is as good
                        self.replace(database_image(connection))
                self._known = self._seen, new

    def _check(self, image: bytes) -> None:
        """Raise DoubtfulDatabaseError where the database is not the one of the last transaction."""
        if self._database is not None and file_identity(self._database) != self._identity:
            raise DoubtfulDatabaseError(f"{self._database}: it was moved or replaced")
        # Python's hash takes a quarter of the time; whoever compares the files takes the digest.
        if self._known == (self._seen, hash(image)):
            return
        if not self.has_pages or self.says(image):
            return
        if not self.is_unfinished(image):
            raise DoubtfulDatabaseError(f"{self.path}: the database differs from its copy")
        self.take_back()  # its writer died, and told nobody

    def adopt(self, connection: sqlite3.Connection) -> None:
        """Take the database over where only the places of its rows changed, as after a vacuum.

        Nothing that was deleted stays.  Raises DoubtfulDatabaseError where its rows differ.
        """
        connection.execute("begin immediate")
        try:
            with self.hold():
                image = database_image(connection)
                if not same_content(image, self.read()):
                    raise DoubtfulDatabaseError(f"{self.path}: the database differs from its copy")
                self.replace(image)
        finally:
            connection.execute("rollback")

    def append(self, image: bytes) -> bool:
        """Write the pages that differ, and wait for the disk; tell whether any did."""
        found = self._contents
        pages, page_size = page_digests(image), page_size_of(image)
        if pages == found.pages:
            return False
        if page_size != found.page_size and found.pages:
            self.replace(image)
            return False
        old = found.pages
        changed = [n for n, each in enumerate(pages) if n >= len(old) or old[n] != each]
        record = build_record(image, page_size, pages, changed, found.digest or _NOTHING, PREPARED)
        self._write_at(found.size, record)
        self._contents = CopyContents(
            found.size + len(record),
            found.size,
            page_size,
            pages,
            digest_of_pages(pages),
            found.digest or _NOTHING,
            is_committed=False,
        )
        self._note_seen()
        return True

    def take_back(self) -> None:
        """Remove the last record."""
        os.ftruncate(self._handle, self._contents.last_at)
        os.fdatasync(self._handle)
        self._seen = None
        self._refresh()

    def replace(self, image: bytes) -> None:
        """Write a new file with one record, in place of this one."""
        pages = page_digests(image)
        before = self._contents.digest or _NOTHING
        record = build_record(
            image, page_size_of(image), pages, range(len(pages)), before, COMMITTED
        )
        write_whole(self.path, FIRST_LINE + record)
        self._lock()  # the new file, which nobody else can hold longer than a look takes
        self._refresh()

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Drop the old pages of deleted rows; where there are none, nothing is written."""
        with self.hold():
            if self._contents.last_at > len(FIRST_LINE):
                image = database_image(connection)
                if self.says(image):
                    self.replace(image)

    def reread(self) -> None:
        """Read the whole file again, to find damage in it."""
        self._seen = None
        self._refresh()

    # --- the file ---

    def _lock(self) -> None:
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while True:
            self._open()
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{self.path}: another process is using it; try again in a moment"
                    ) from None
                time.sleep(0.005)
                continue
            if self._is_at_path():
                return
            self.close()  # another process replaced it meanwhile

    def _open(self) -> None:
        if self._handle >= 0 and self._is_at_path():
            return
        self.close()
        if not self.path.exists():
            write_whole(self.path, FIRST_LINE, replaces=False)
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # a disk that is mounted read-only; a later write says so
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def _is_at_path(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._handle), self.path.stat())
        except OSError:
            return False

    def _refresh(self) -> None:
        if self._status() != self._seen:
            self._contents = read_records(self._read_file())
            self._note_seen()

    def _note_seen(self) -> None:
        self._seen = self._status()

    def _status(self) -> tuple[int, ...]:
        found = os.fstat(self._handle)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read_file(self) -> bytes:
        size = os.fstat(self._handle).st_size
        found = b""
        while len(found) < size and (more := os.pread(self._handle, size - len(found), len(found))):
            found += more
        return found

    def _write_at(self, offset: int, octets: bytes) -> None:
        try:
            os.ftruncate(self._handle, offset)  # what an unfinished transaction left
            done = 0
            while done < len(octets):
                done += os.pwrite(self._handle, octets[done:], offset + done)
            os.fdatasync(self._handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, offset)
            self._seen = None
            raise

    def _note_commit(self) -> None:
        """Mark the last record.  If that fails, so did the disk, and the mark is worth less."""
        with suppress(OSError):
            os.pwrite(self._handle, COMMITTED, self._contents.last_at + len(MARK))
        self._contents.is_committed = True
        self._note_seen()


def write_whole(path: Path, octets: bytes, *, replaces: bool = True) -> None:
    """Write a file that only its owner can read, under another name until it is complete.

    replaces: False leaves a file that is there already.  Raises OSError.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(octets)
            while view:
                view = view[os.write(handle, view) :]
            owner = path.parent.stat()
            if owner.st_uid != os.geteuid():  # made by root: for whoever runs copdns
                with suppress(PermissionError):
                    os.fchown(handle, owner.st_uid, owner.st_gid)
            os.fsync(handle)
        finally:
            os.close(handle)
        if replaces:
            unfinished.rename(path)
        else:
            with suppress(FileExistsError):
                os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let renamed files of a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
