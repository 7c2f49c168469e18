"""Find list entries in a compiled index, which processes map and need not read.

Names are the keys of a trie that is mapped from a file; an array has the number of the set of
entries of each key.  Exact: names are compared, not checksums.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from copdns.lists import table
from copdns.lists.index import Entry, ListInfo
from copdns.lists.merge import EntrySet
from copdns.lists.special import EMPTY_TABLE, SpecialTable
from copdns.model.matchers import MatchKind

try:
    import marisa_trie  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # there is no wheel for 32-bit ARM
    marisa_trie = None


class Keys(Protocol):
    """Keys with ids from 0 to `len(keys) - 1`."""

    def __len__(self) -> int: ...

    def prefixes(self, key: str, /) -> list[str]:
        """Return the keys that a key begins with, the shortest first."""
        ...

    def key_id(self, key: str, /) -> int:
        """Return the id of a key; raise KeyError where it is missing."""
        ...

    def keys(self) -> list[str]:
        """Return all keys, in any order."""
        ...


def key_form() -> str:
    """Return the format in which this machine builds and reads keys."""
    return "table" if marisa_trie is None else "trie"


def build_keys(keys: Iterable[str]) -> bytes:
    """Return keys as octets in the format of this machine.

    keys: sorted, it takes half the time; each is needed only once.
    """
    if marisa_trie is None:
        return table.build_table(keys)
    octets: bytes = marisa_trie.Trie(keys).tobytes()
    return octets


def map_keys(buffer: bytes | memoryview) -> Keys:
    """Return the keys in a buffer of `build_keys`, which must outlive them."""
    if marisa_trie is None:
        return table.KeyTable(buffer)
    trie: Keys = marisa_trie.Trie()
    trie.map(buffer)  # type: ignore[attr-defined]
    return trie


class MappedIndex:
    """An Index over a buffer, which it keeps alive."""

    __slots__ = (
        "_above",
        "_at",
        "_buffer",
        "_key_id",
        "_numbers",
        "_prefixes",
        "infos",
        "open_below",
        "special",
    )

    def __init__(
        self,
        infos: Sequence[ListInfo],
        openings: frozenset[str],
        sets: Sequence[EntrySet],
        keys: memoryview,
        numbers: memoryview,
        special: SpecialTable = EMPTY_TABLE,
    ) -> None:
        """keys: of `build_keys`.  numbers: by the id of a key, the place of its set in `sets`."""
        self.infos = tuple(infos)
        self.open_below = openings
        self.special = special
        # BELOW does not cover the name itself; EXACT covers nothing below it.
        self._at = tuple(_without(MatchKind.BELOW, each) for each in sets)
        self._above = tuple(_without(MatchKind.EXACT, each) for each in sets)
        self._buffer = keys
        found = map_keys(keys)
        self._prefixes, self._key_id = found.prefixes, found.key_id
        self._numbers = numbers

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once."""
        keys = map_keys(self._buffer).keys()
        return iter([key[-2::-1] for key in keys])

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first.

        qname: in lower case, without the final dot.
        """
        try:
            keys = self._prefixes(qname[::-1] + ".")  # inlined key_of
            if not keys:
                return ()
            found: list[Entry] = []
            for key in reversed(keys):
                size = len(key) - 1
                itself = size == len(qname)
                name = qname[-size:]
                sets = self._at if itself else self._above
                for number, match, allow in sets[self._numbers[self._key_id(key)]]:
                    found.append(Entry(number, name, match, allow))
            return tuple(found)
        except (IndexError, KeyError, ValueError):
            # The file was damaged while it is mapped: rules and times go on, and the lists are
            # compiled anew as soon as that is seen (`ListsInForce.check_file`).
            return ()


def _without(match: MatchKind, entries: EntrySet) -> EntrySet:
    return tuple(each for each in entries if each.match is not match)
