"""The format of a compiled index in a file.

    header    magic, format, checksum of all that follows, lengths of the sections
    keys      the names of all lists, as `trie.py` builds them
    numbers   for each id of a key the number of its set of entries, in 1, 2 or 4 octets
    head      JSON: what the index was compiled from, its lists, sets of entries, openings, and the
              rules that are more than a name (`special_rules.py`)

Sections begin at multiples of 8 octets.  Integers have the machine's byte order: a file from
another kind of machine is refused and compiled anew.  Pure: the caller reads and writes.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple
from zlib import crc32

from copdns.lists import trie
from copdns.lists.index import ListInfo, ListKind
from copdns.lists.merge import EntryPart, MergedLists
from copdns.lists.parse import SkippedLine, SkipReason
from copdns.lists.small_index import HeldEntry, ListStatus
from copdns.lists.special_rules import EMPTY_TABLE, table_from
from copdns.lists.trie import MappedIndex
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind

FORMAT: Final = 4  # raised whenever what is written changes
_MAGIC: Final = b"copdns index\n\0\0\0"
_HEADER: Final = struct.Struct("=16sIIQQQ16x")
HEADER_SIZE: Final = _HEADER.size


class Header(NamedTuple):
    """The header of a file.

    checksum: CRC-32 of all that follows the header.  keys, numbers, head: octets of the sections.
    """

    checksum: int
    keys: int
    numbers: int
    head: int

    @property
    def size(self) -> int:
        """Return the octets of the whole file."""
        return HEADER_SIZE + sum(map(padded_size, self[1:]))


@dataclass(frozen=True, slots=True)
class CompiledIndex:
    """The content of a file.  key: of what it was compiled from (`index_store.index_key`)."""

    key: str
    index: MappedIndex
    statuses: tuple[ListStatus, ...]


def padded_size(size: int) -> int:
    """Return the size of a section, padded to a multiple of 8."""
    return -(-size // 8) * 8


def pack(merged: MergedLists, key: str) -> Iterator[bytes]:
    """Yield the content of a file in parts; the keys of `merged` are used up."""
    keys = trie.build_keys(_use_up(merged.keys))
    numbers = _set_numbers(merged, keys)
    head = json.dumps(
        {
            "key": key,
            "form": trie.key_form(),
            "code": numbers.typecode,
            "lists": [asdict(each) for each in merged.statuses],
            "sets": merged.sets,
            "openings": sorted(merged.open_below),
            "special": merged.special.as_json() if merged.special else None,
        }
    )
    sections = keys, numbers.tobytes(), head.encode()
    body = [each.ljust(padded_size(len(each)), b"\0") for each in sections]
    yield _HEADER.pack(_MAGIC, FORMAT, checksum(body), *map(len, sections))
    yield from body


def checksum(parts: Iterable[bytes]) -> int:
    """Return the checksum of all that follows the header."""
    found = 0
    for each in parts:
        found = crc32(each, found)
    return found


def _set_numbers(merged: MergedLists, keys: bytes) -> array[int]:
    """Return the number of each key's set, by the id of the key."""
    count = len(merged.sets)
    code = "B" if count <= 1 << 8 else "H" if count <= 1 << 16 else "I"
    found = trie.map_keys(keys)
    numbers = array(code, [merged.usual]) * len(found)
    for key, number in merged.others.items():
        numbers[found.key_id(key)] = number
    return numbers


def _use_up(keys: list[str]) -> Iterator[str]:
    """Yield the keys in their order, and let go of each, so that its memory can be used again."""
    keys.reverse()
    while keys:
        yield keys.pop()


def read_header(octets: bytes, size: int) -> Header:
    """Return the header of a file; raise ListError where the file is no complete index.

    size: octets of the file.
    """
    if len(octets) < HEADER_SIZE or octets[:16] != _MAGIC:
        raise ListError("is not a list index")
    _, form, *rest = _HEADER.unpack(octets[:HEADER_SIZE])
    if form != FORMAT:
        raise ListError(f"is a list index of format {form}; this version reads format {FORMAT}")
    header = Header(*rest)
    if header.size != size:
        raise ListError(f"is a list index of {header.size} bytes, but only {size} are there")
    return header


def unpack(buffer: memoryview) -> CompiledIndex:
    """Return the content of a file without reading its names; raise ListError.

    buffer: the whole file; the caller has checked its checksum.
    """
    header = read_header(bytes(buffer[:HEADER_SIZE]), len(buffer))
    sections, begin = [], HEADER_SIZE
    for size in header[1:]:
        sections.append(buffer[begin : begin + size])
        begin += padded_size(size)
    keys, numbers, head = sections
    try:
        return _read_sections(json.loads(bytes(head)), keys, numbers)
    except (ValueError, KeyError, TypeError) as error:
        raise ListError(f"is a list index that cannot be read: {error!r}") from error


def _read_sections(head: Mapping[str, Any], keys: memoryview, numbers: memoryview) -> CompiledIndex:
    if head["form"] != trie.key_form():
        raise ListError(
            f"is a list index with a {head['form']} of domains, not a {trie.key_form()}"
        )
    statuses = tuple(map(_read_status, head["lists"]))
    index = MappedIndex(
        [each.info for each in statuses],
        frozenset(head["openings"]),
        [
            tuple(EntryPart(number, MatchKind(match), allow) for number, match, allow in each)
            for each in head["sets"]
        ],
        keys,
        numbers.cast(head["code"]),
        EMPTY_TABLE if head["special"] is None else table_from(head["special"]),
    )
    return CompiledIndex(head["key"], index, statuses)


def _read_status(found: Mapping[str, Any]) -> ListStatus:
    info = found["info"]
    return ListStatus(
        ListInfo(**{**info, "kind": ListKind(info["kind"])}),
        {SkipReason(reason): count for reason, count in found["unused"].items()},
        tuple(
            SkippedLine(line, SkipReason(reason), text) for line, reason, text in found["problems"]
        ),
        found["error"],
        tuple(HeldEntry(entry, SkipReason(reason), name) for entry, reason, name in found["held"]),
    )
