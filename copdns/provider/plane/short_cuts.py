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
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Final

from copdns.provider.plane.rows import BY_PORT, PERSONAL, Row

# Files of another layout need other names: a dnsdist that still runs has these in its memory.
ADDRESSES_FILE: Final = "addresses.map"
FILTER_FILE: Final = "names.filter"
WORD: Final = 4  # octets, of both files
ADDRESSES: Final = 1 << 32  # of IPv4; nearly all of the file is a hole, and takes no memory
PART: Final = 1 << 20  # words that are compared at a time

# A name's number: its wire form as one number of base 256, modulo a prime.  Sums of 255 octets stay
# exact in the floating point of Lua.  Three bits of a word stand for a name.
PRIME: Final = 61_803_398_903  # below 2**36, and near no power of two
FILTER_WORDS: Final = 1 << 20
_NUMBERS: Final = ((1 << 36) // FILTER_WORDS).bit_length() - 1  # bits below those of the word

NOBODY: Final = 0  # in place of a group's code
SHARED_CODE: Final = 1  # its ports tell
FIRST_CODE: Final = 2  # of group 0 without rules of its own


class AddressGroups:
    """The codes of the groups of all IPv4 addresses."""

    def __init__(self, path: Path, rows: Callable[[], Iterable[Row]]) -> None:
        """rows: all subscribers that the table has, in the order of their addresses."""
        self._words = _mapped(path, ADDRESSES * WORD, lambda words: _match(words, rows()))

    def put(self, rows: Iterable[Row]) -> None:
        for address, group in rows:
            if len(address) == WORD:
                self._words.words[int.from_bytes(address)] = group_code(group)

    def delete(self, addresses: Iterable[bytes]) -> None:
        for address in addresses:
            if len(address) == WORD:
                self._words.words[int.from_bytes(address)] = NOBODY

    def close(self) -> None:
        self._words.close()


class NameFilter:
    """Bits of every name that a table has, and of some others.

    A name whose bits are not all there is in no table, and neither is one below it for its sake.
    """

    def __init__(self, path: Path, keys: Callable[[], Iterable[bytes]]) -> None:
        """keys: all names that the tables have."""
        self._keys = keys
        self._words = _mapped(path, FILTER_WORDS * WORD, self._fill, is_whole=True)

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
        self._words.close()


@lru_cache(maxsize=100_000)
def group_code(group: bytes) -> int:
    """Return the code of a group as the table of subscribers has it."""
    if group == BY_PORT:
        return SHARED_CODE
    return FIRST_CODE + 2 * int(group[:-1]) + (group[-1:] == PERSONAL.encode())


def name_bits(key: bytes) -> tuple[int, int]:
    """Return which word has the bits of a name in wire form, and the bits."""
    number = int.from_bytes(key) % PRIME
    bits = 1 << (number & 31) | 1 << (number >> 5 & 31) | 1 << (number >> 10 & 31)
    return number >> _NUMBERS, bits


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


def _mapped(
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
