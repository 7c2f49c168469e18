"""Two files beside the tables, in which dnsdist sees at once what it asks most often.

`AddressGroups` has the group of each IPv4 address, at the place that its number gives; `NameFilter`
says of most names that no table has them.  Each follows from the tables, which stay the truth.
dnsdist maps both into its memory, so they are changed in place; one that is not there yet gets its
name when it is whole.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from copdns.provider.plane.rows import Row
from copdns.provider.plane.short_cut_layout import (
    ADDRESSES,
    FILTER_WORDS,
    NOBODY,
    WORD,
    group_code,
    name_bits,
)

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


class NameFilter:
    """Bits of every name that a table has, and of some others.

    A name whose bits are not all there is in no table, and neither is one below it for its sake.
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
        at, bits = name_bits(key)
        words[at] |= bits


class _Words:
    """A file in memory, as numbers of four octets.

    Whoever reads meanwhile sees a number as it was or as it is: one store writes it.
    """

    def __init__(self, path: Path, octets: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        if os.fstat(self._file).st_size != octets:
            os.truncate(self._file, octets)
        self._octets = mmap.mmap(self._file, octets)
        self.words = memoryview(self._octets).cast("I")

    def data(self) -> Iterator[tuple[int, int]]:
        """Yield where numbers may be: all else is a hole, which is zeros."""
        at, end = 0, len(self._octets)
        while at < end:
            try:
                begin = os.lseek(self._file, at, os.SEEK_DATA)
            except OSError:  # no more of it
                return
            at = os.lseek(self._file, begin, os.SEEK_HOLE)
            for part in range(begin // WORD, at // WORD, PART):
                yield part, min(part + PART, at // WORD)

    def close(self) -> None:
        self.words.release()
        self._octets.close()
        os.close(self._file)


def _map_file(
    path: Path, octets: int, fill: Callable[[_Words], None], *, is_whole: bool = False
) -> _Words:
    """Return a file, filled; is_whole: one that is there needs no filling."""
    if path.exists():
        words = _Words(path, octets)
        if not is_whole:
            fill(words)
        return words
    unnamed = path.with_suffix(".new")
    unnamed.unlink(missing_ok=True)
    words = _Words(unnamed, octets)
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
