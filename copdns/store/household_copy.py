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
import hashlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from copdns.model.errors import DoubtfulDatabaseError, StoreError

FILE = "household.db.copy"

_FIRST_LINE = b"copdns copy of household.db, format 1\n"
_MARK = b"page"
_PREPARED, _COMMITTED = b"p", b"c"  # the octet after the mark; the digest does not cover it
# mark, state; page size, pages, changed pages; digests of the database before and after
_HEAD = struct.Struct(">4scIII32s32s")
_NUMBER = struct.Struct(">I")  # of a page, before its octets
_DIGEST = 32  # octets
_LEAST_SIZE = 64 << 10  # octets of records: less is not worth a new file
_LOCK_TIMEOUT = 10.0  # seconds; longer than SQLite waits, whose lock is taken first
_NOTHING = bytes(_DIGEST)


@dataclass
class _Contents:
    """What the records say.

    size: of all whole records, in octets; last_at: where the last one begins.  pages: the digest
    of each page.  is_committed: the last transaction was.  is_whole: no octet of the file is left.
    """

    size: int = 0
    last_at: int = 0
    page_size: int = 0
    pages: list[bytes] = field(default_factory=list)
    digest: bytes = b""
    before: bytes = b""
    is_committed: bool = True
    is_whole: bool = True
    is_new: bool = False  # made for a first start, which stored nothing yet


class HouseholdCopy:
    """The copy of one data folder.  Methods raise OSError, and StoreError as they say.

    All but `hold` belong inside `with copy.hold()`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._database: Path | None = None
        self._identity: tuple[int, int] | None = None  # of the database that a connection opened
        self._handle = -1
        self._contents = _Contents()
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
        return bool(image) and _digest(_page_digests(image)) == self._contents.digest

    def is_unfinished(self, image: bytes) -> bool:
        """Tell whether a database is as before a last transaction that was never confirmed."""
        found = self._contents
        is_before = _digest(_page_digests(image)) == found.before if image else False
        return is_before and not found.is_committed

    def read(self) -> bytes:
        """Return the database as an image; b"" for none."""
        octets = self._read_file()
        pages: dict[int, bytes] = {}
        found = _read_records(octets, pages)
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
                if self._contents.size > _most_octets(self._contents):
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
        pages, page_size = _page_digests(image), _page_size(image)
        if pages == found.pages:
            return False
        if page_size != found.page_size and found.pages:
            self.replace(image)
            return False
        old = found.pages
        changed = [n for n, each in enumerate(pages) if n >= len(old) or old[n] != each]
        record = _record(image, page_size, pages, changed, found.digest or _NOTHING, _PREPARED)
        self._write_at(found.size, record)
        self._contents = _Contents(
            found.size + len(record),
            found.size,
            page_size,
            pages,
            _digest(pages),
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
        pages = _page_digests(image)
        before = self._contents.digest or _NOTHING
        record = _record(image, _page_size(image), pages, range(len(pages)), before, _COMMITTED)
        write_whole(self.path, _FIRST_LINE + record)
        self._lock()  # the new file, which nobody else can hold longer than a look takes
        self._refresh()

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Drop the old pages of deleted rows; where there are none, nothing is written."""
        with self.hold():
            if self._contents.last_at > len(_FIRST_LINE):
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
            write_whole(self.path, _FIRST_LINE, replaces=False)
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
            self._contents = _read_records(self._read_file())
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
            os.pwrite(self._handle, _COMMITTED, self._contents.last_at + len(_MARK))
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


# --- images ---


def database_image(connection: sqlite3.Connection) -> bytes:
    """Return all pages as the connection reads them, its own changes included; b"" for none.

    The fields of the header that each commit changes have fixed values: the version of the file
    format (WAL or not), the change counter, and who wrote it.
    """
    octets = bytearray(connection.serialize())
    if len(octets) < 512:  # octets of the smallest page
        return b""
    octets[18:20] = b"\1\1"
    octets[24:28] = bytes(4)
    octets[92:100] = bytes(8)
    return bytes(octets)


@contextmanager
def open_image(image: bytes) -> Iterator[sqlite3.Connection]:
    """Open an image in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(image)
        yield connection


def _page_size(image: bytes) -> int:
    """Return the size in octets, as the header has it (SQLite's file format, section 1.3.2)."""
    size = int.from_bytes(image[16:18])
    return 1 << 16 if size == 1 else size


def _page_digests(image: bytes) -> list[bytes]:
    size = _page_size(image) if image else 0
    if size < 512 or len(image) % size:
        return []
    view = memoryview(image)
    return [_digest_of(view[at : at + size]) for at in range(0, len(image), size)]


def _digest_of(octets: bytes | memoryview) -> bytes:
    return hashlib.blake2b(octets, digest_size=_DIGEST).digest()


def _digest(pages: list[bytes]) -> bytes:
    return _digest_of(b"".join(pages))


# --- records ---


def _most_octets(found: _Contents) -> int:
    return 2 * len(found.pages) * found.page_size + _LEAST_SIZE


def _record(
    image: bytes,
    page_size: int,
    pages: list[bytes],
    changed: list[int] | range,
    before: bytes,
    state: bytes,
) -> bytes:
    head = _HEAD.pack(_MARK, state, page_size, len(pages), len(changed), before, _digest(pages))
    body = b"".join(
        _NUMBER.pack(number) + image[number * page_size : (number + 1) * page_size]
        for number in changed
    )
    return head + body + _digest_of(_without_state(head) + body)


def _without_state(head: bytes) -> bytes:
    return head[: len(_MARK)] + head[len(_MARK) + 1 :]


def _read_records(octets: bytes, pages: dict[int, bytes] | None = None) -> _Contents:
    """Return what the whole records say.  pages: gets the octets of each page."""
    found = _Contents(len(_FIRST_LINE), len(_FIRST_LINE))
    if not octets.startswith(_FIRST_LINE):
        found.is_whole = False
        return found
    digests: dict[int, bytes] = {}
    view = memoryview(octets)
    while found.size < len(octets):
        read = _read_record(view, found.size, digests, pages)
        if read is None:
            found.is_whole = False
            break
        found = read
    found.is_new = found.is_whole and not found.pages
    if pages is not None:
        for number in [each for each in pages if each >= len(found.pages)]:
            del pages[number]
    return found


def _read_record(
    view: memoryview, at: int, digests: dict[int, bytes], pages: dict[int, bytes] | None
) -> _Contents | None:
    """Return the contents after the record at an offset; None where that is no whole one."""
    head = bytes(view[at : at + _HEAD.size])
    if len(head) < _HEAD.size:
        return None
    mark, state, page_size, count, changed, before, after = _HEAD.unpack(head)
    body_at = at + _HEAD.size
    step = _NUMBER.size + page_size
    end = body_at + changed * step
    body = bytes(view[body_at:end])
    if mark != _MARK or bytes(view[end : end + _DIGEST]) != _digest_of(_without_state(head) + body):
        return None
    for offset in range(0, len(body), step):
        (number,) = _NUMBER.unpack_from(body, offset)
        page = body[offset + _NUMBER.size : offset + step]
        digests[number] = _digest_of(page)
        if pages is not None:
            pages[number] = page
    for number in [each for each in digests if each >= count]:
        del digests[number]
    if len(digests) != count:
        return None
    listed = [digests[number] for number in range(count)]
    if _digest(listed) != after:
        return None
    is_committed = state != _PREPARED
    return _Contents(end + _DIGEST, at, page_size, listed, after, before, is_committed)


def same_content(one: bytes, other: bytes) -> bool:
    """Tell whether two images have the same tables and rows, wherever in the file they stand."""
    try:
        with open_image(one) as first, open_image(other) as second:
            first.text_factory = second.text_factory = bytes
            if _schema(first) != _schema(second):
                return False
            return all(_rows(first, table) == _rows(second, table) for table in _tables(first))
    except sqlite3.Error:
        return False


def _schema(connection: sqlite3.Connection) -> Mapping[bytes, bytes]:
    return dict(connection.execute("select name, coalesce(sql, '') from sqlite_master"))


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("select name from sqlite_master where type = 'table'")
    return sorted(name.decode() for (name,) in rows)


def _rows(connection: sqlite3.Connection, table: str) -> list[str]:
    return sorted(map(repr, connection.execute(f'select * from "{table}"')))  # noqa: S608
