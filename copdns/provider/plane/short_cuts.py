"""Files beside the tables, in which dnsdist sees at once what it asks most often.

`AddressGroups` has the group of each IPv4 address, at the place that its number gives, and
`PrefixGroups` those of most IPv6 prefixes; `NameFilter` says of most names that no table has them.
Each follows from the tables, which stay the truth.  dnsdist maps them into its memory, so they are
changed in place; one that is not there yet gets its name when it is whole.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, Literal

from copdns.provider.plane.rows import Row
from copdns.provider.plane.short_cut_layout import (
    ADDRESSES,
    BUCKETS,
    CODE_BITS,
    ENTRY,
    FILTER_WORDS,
    IN_BUCKET,
    NOBODY,
    WORD,
    group_code,
    name_bits,
    place_prefix,
    site_bits,
)

Kind = Literal["I", "Q"]  # numbers of four octets or of eight, as `array` calls them
PART: Final = 1 << 20  # words that are compared at a time


class AddressGroups:
    """The codes of the groups of all IPv4 addresses."""

    def __init__(self, path: Path, rows: Callable[[], Iterable[Row]]) -> None:
        """rows: all subscribers that the table has, in the order of their addresses."""
        self._words = _map_file(path, ADDRESSES * WORD, lambda words: _match(words, rows()))

    def put(self, rows: Iterable[Row]) -> None:
        """Take over rows that the table of subscribers has by now."""
        for address, group in rows:
            if len(address) == WORD:
                self._words.words[int.from_bytes(address)] = group_code(group)

    def delete(self, addresses: Iterable[bytes]) -> None:
        """Leave addresses to nobody."""
        for address in addresses:
            if len(address) == WORD:
                self._words.words[int.from_bytes(address)] = NOBODY

    def close(self) -> None:
        """Close the file; dnsdist goes on reading it."""
        self._words.close()


class PrefixGroups:
    """The codes of the groups of IPv6 prefixes, but for those whose bucket is full."""

    def __init__(self, path: Path, rows: Callable[[], Iterable[Row]]) -> None:
        """rows: all subscribers that the table has."""
        octets = BUCKETS * IN_BUCKET * ENTRY
        self._entries = _map_file(path, octets, lambda found: _fill(found, rows()), kind="Q")

    def put(self, rows: Iterable[Row]) -> None:
        """Take over rows that the table of subscribers has by now."""
        for address, group in rows:
            if len(address) != WORD:
                _put_prefix(self._entries.words, address, group_code(group))

    def delete(self, addresses: Iterable[bytes]) -> None:
        """Leave prefixes to nobody."""
        for address in addresses:
            if len(address) != WORD:
                _put_prefix(self._entries.words, address, NOBODY)

    def close(self) -> None:
        """Close the file; dnsdist goes on reading it."""
        self._entries.close()


def _put_prefix(entries: memoryview | array[int], address: bytes, code: int) -> None:
    begins, entry = place_prefix(address)
    free = None
    for at in range(begins, begins + IN_BUCKET):
        there = entries[at]
        if there and there >> CODE_BITS == entry >> CODE_BITS:
            entries[at] = entry | code if code != NOBODY else 0
            return
        if not there and free is None:
            free = at
    if free is not None and code != NOBODY:
        entries[free] = entry | code


def _fill(entries: _Words, rows: Iterable[Row]) -> None:
    """Let a file say what rows do, and write what differs.

    A prefix that changes its place may be in none or in two for a moment: both say the same.
    """
    wanted = array("Q")  # of a node without IPv6, empty
    for address, group in rows:
        if len(address) != WORD:
            wanted = wanted or array("Q", bytes(BUCKETS * IN_BUCKET * ENTRY))
            _put_prefix(wanted, address, group_code(group))
    for begin, end in entries.data():
        for at in range(begin, end):
            if entries.words[at] and not (wanted and wanted[at]):
                entries.words[at] = 0
    for at, entry in enumerate(wanted):
        if entry and entries.words[at] != entry:
            entries.words[at] = entry


class NameFilter:
    """Bits of every name that a table has, of its site, and of some others.

    A name whose bits are not all there is in no table, and neither is one below it for its sake.
    Where those of a site are not, no table has it or a name below it.
    """

    def __init__(self, path: Path, keys: Callable[[], Iterable[bytes]]) -> None:
        """keys: all names that the tables have."""
        self._keys = keys
        self._words = _map_file(path, FILTER_WORDS * WORD, self._fill, is_whole=True)

    def add(self, keys: Iterable[bytes]) -> None:
        """Add names, before a table has them."""
        _add(self._words.words, keys)

    def forget(self) -> None:
        """Leave out names that are gone."""
        self._fill(self._words)

    def _fill(self, words: _Words) -> None:
        new = array("I", bytes(FILTER_WORDS * WORD))
        _add(memoryview(new), self._keys())
        words.words[:] = memoryview(new)

    def close(self) -> None:
        """Close the file; dnsdist goes on reading it."""
        self._words.close()


def _add(words: memoryview, keys: Iterable[bytes]) -> None:
    for key in keys:
        for at, bits in (name_bits(key), site_bits(key)):
            words[at] |= bits


class _Words:
    """A file in memory, as numbers.

    Whoever reads meanwhile sees a number as it was or as it is: one store writes it.
    """

    def __init__(self, path: Path, octets: int, kind: Kind) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        if os.fstat(self._file).st_size != octets:
            os.truncate(self._file, octets)
        self._octets = mmap.mmap(self._file, octets)
        self.words = memoryview(self._octets).cast(kind)

    def data(self) -> Iterator[tuple[int, int]]:
        """Yield where numbers may be: all else is a hole, which is zeros."""
        at, end = 0, len(self._octets)
        while at < end:
            try:
                begin = os.lseek(self._file, at, os.SEEK_DATA)
            except OSError:  # no more of it
                return
            at = os.lseek(self._file, begin, os.SEEK_HOLE)
            size = self.words.itemsize
            for part in range(begin // size, at // size, PART):
                yield part, min(part + PART, at // size)

    def close(self) -> None:
        self.words.release()
        self._octets.close()
        os.close(self._file)


def _map_file(
    path: Path,
    octets: int,
    fill: Callable[[_Words], None],
    *,
    is_whole: bool = False,
    kind: Kind = "I",
) -> _Words:
    """Return a file, filled; is_whole: one that is there needs no filling."""
    if path.exists():
        words = _Words(path, octets, kind)
        if not is_whole:
            fill(words)
        return words
    unnamed = path.with_suffix(".new")
    unnamed.unlink(missing_ok=True)
    words = _Words(unnamed, octets, kind)
    fill(words)
    unnamed.rename(path)
    return words


def _match(words: _Words, rows: Iterable[Row]) -> None:
    """Let a file say what rows do, and write what differs: a program may have ended in between."""
    codes = ((int.from_bytes(key), group_code(group)) for key, group in rows if len(key) == WORD)
    have = next(codes, None)
    for begin, end in chain(words.data(), ((ADDRESSES, ADDRESSES),)):
        while have is not None and have[0] < begin:
            words.words[have[0]] = have[1]
            have = next(codes, None)
        wanted = array("I", bytes(WORD * (end - begin)))
        while have is not None and have[0] < end:
            wanted[have[0] - begin] = have[1]
            have = next(codes, None)
        if words.words[begin:end].tobytes() != wanted.tobytes():
            for at, code in enumerate(wanted, begin):
                if words.words[at] != code:
                    words.words[at] = code
