"""Keys in a hash table, for machines where marisa-trie cannot be installed (32-bit ARM).

It has those methods of a `marisa_trie.Trie` that are used, and is three times as large and a few
times as slow.  A key is found by a checksum and then compared whole, so none is mistaken.  Pure.

    count     the number of places
    places    where in the text a key begins, 0 for none, by the key's checksum
    text      the keys, with a line end after each and one at the start

Count and places are integers of 4 octets.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final
from zlib import crc32

_END: Final = b"\n"  # no key has it


class KeyTable:
    """Keys with ids: the place of each in the table, from 0 to `len(table) - 1`."""

    __slots__ = ("_places", "_size", "_text")

    def __init__(self, buffer: bytes | memoryview) -> None:
        whole = memoryview(buffer)
        self._size = whole[:4].cast("I")[0]
        end = 4 * (1 + self._size)
        self._places = whole[4:end].cast("I")
        self._text = whole[end:]

    def __len__(self) -> int:
        return self._size

    def prefixes(self, key: str) -> list[str]:
        """Return the keys that a key begins with, the shortest first."""
        found, end = [], key.find(".") + 1
        while end:
            if self._find(key[:end]) is not None:
                found.append(key[:end])
            end = key.find(".", end) + 1
        return found

    def key_id(self, key: str) -> int:
        """Return the id of a key; raise KeyError where the table lacks it."""
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found

    def keys(self) -> list[str]:
        """Return all keys, in any order."""
        return bytes(self._text[1:]).decode().splitlines()

    def _find(self, key: str) -> int | None:
        wanted = key.encode() + _END
        at = crc32(wanted) % self._size
        while begin := self._places[at]:
            if self._text[begin : begin + len(wanted)] == wanted:
                return at
            at = (at + 1) % self._size
        return None


def build_table(keys: Iterable[str]) -> bytes:
    """Return the octets of a table of keys."""
    ends = [key.encode() + _END for key in keys]
    places = array("I", bytes(4 * (len(ends) * 3 // 2 + 1)))  # a third stays free
    begin = len(_END)
    for key in ends:
        at = crc32(key) % len(places)
        while places[at]:
            at = (at + 1) % len(places)
        places[at] = begin
        begin += len(key)
    return b"".join([array("I", [len(places)]).tobytes(), places.tobytes(), _END, *ends])
