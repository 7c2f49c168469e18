"""What the copy of a database consists of: images of it, its pages, and the records that have them.

`household_copy.py` has the format in words, and the file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

FIRST_LINE = b"copdns copy of household.db, format 1\n"
MARK = b"page"
PREPARED, COMMITTED = b"p", b"c"  # the octet after the mark; the digest does not cover it
# mark, state; page size, pages, changed pages; digests of the database before and after
_HEAD = struct.Struct(">4scIII32s32s")
_NUMBER = struct.Struct(">I")  # of a page, before its octets
DIGEST_SIZE = 32  # octets
_LEAST_SIZE = 64 << 10  # octets of records: less is not worth a new file


@dataclass
class CopyContents:
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


def page_size_of(image: bytes) -> int:
    """Return the size in octets, as the header has it (SQLite's file format, section 1.3.2)."""
    size = int.from_bytes(image[16:18])
    return 1 << 16 if size == 1 else size


def page_digests(image: bytes) -> list[bytes]:
    """Return the digest of each page; [] for what is no database."""
    size = page_size_of(image) if image else 0
    if size < 512 or len(image) % size:
        return []
    view = memoryview(image)
    return [_digest(view[at : at + size]) for at in range(0, len(image), size)]


def _digest(octets: bytes | memoryview) -> bytes:
    return hashlib.blake2b(octets, digest_size=DIGEST_SIZE).digest()


def digest_of_pages(pages: list[bytes]) -> bytes:
    """Return the digest of a database by those of its pages."""
    return _digest(b"".join(pages))


# --- records ---


def most_octets(found: CopyContents) -> int:
    """Return how many octets the records may have before one takes their place."""
    return 2 * len(found.pages) * found.page_size + _LEAST_SIZE


def build_record(
    image: bytes,
    page_size: int,
    pages: list[bytes],
    changed: list[int] | range,
    before: bytes,
    state: bytes,
) -> bytes:
    """Return the record of a transaction.

    pages: the digest of each page after it.  changed: the numbers of the pages that it has.
    before: the digest of the database before it.  state: PREPARED or COMMITTED.
    """
    head = _HEAD.pack(
        MARK, state, page_size, len(pages), len(changed), before, digest_of_pages(pages)
    )
    body = b"".join(
        _NUMBER.pack(number) + image[number * page_size : (number + 1) * page_size]
        for number in changed
    )
    return head + body + _digest(_without_state(head) + body)


def _without_state(head: bytes) -> bytes:
    return head[: len(MARK)] + head[len(MARK) + 1 :]


def read_records(octets: bytes, pages: dict[int, bytes] | None = None) -> CopyContents:
    """Return what the whole records say.  pages: gets the octets of each page."""
    found = CopyContents(len(FIRST_LINE), len(FIRST_LINE))
    if not octets.startswith(FIRST_LINE):
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
) -> CopyContents | None:
    """Return the contents after the record at an offset; None where that is no whole one."""
    head = bytes(view[at : at + _HEAD.size])
    if len(head) < _HEAD.size:
        return None
    mark, state, page_size, count, changed, before, after = _HEAD.unpack(head)
    body_at = at + _HEAD.size
    step = _NUMBER.size + page_size
    end = body_at + changed * step
    body = bytes(view[body_at:end])
    if mark != MARK or bytes(view[end : end + DIGEST_SIZE]) != _digest(_without_state(head) + body):
        return None
    for offset in range(0, len(body), step):
        (number,) = _NUMBER.unpack_from(body, offset)
        page = body[offset + _NUMBER.size : offset + step]
        digests[number] = _digest(page)
        if pages is not None:
            pages[number] = page
    for number in [each for each in digests if each >= count]:
        del digests[number]
    if len(digests) != count:
        return None
    listed = [digests[number] for number in range(count)]
    if digest_of_pages(listed) != after:
        return None
    is_committed = state != PREPARED
    return CopyContents(end + DIGEST_SIZE, at, page_size, listed, after, before, is_committed)


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
