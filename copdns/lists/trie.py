"""Find list entries in a compiled index, which many processes can map and none has to read.

Names are the keys of a trie that is mapped from a file; beside it stands for each key which set
of entries it has.  Exact: no checksum decides.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from copdns.lists import table
from copdns.lists.index import Entry, ListInfo
from copdns.lists.merge import EntrySet
from copdns.model.matchers import Match

try:
    import marisa_trie  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # there is no wheel for 32-bit ARM
    marisa_trie = None


class Keys(Protocol):
    """Keys with ids from 0 to `len(keys) - 1`."""

    def __len__(self) -> int: ...

    def prefixes(self, key: str, /) -> list[str]:
        """Return those keys that a key begins with, the shortest first."""
        ...

    def key_id(self, key: str, /) -> int:
        """Return the id of a key that is there; raise KeyError for any other."""
        ...

    def iteritems(self) -> Iterator[tuple[str, int]]:
        """Give each key with its id."""
        ...


def form() -> str:
    """Return in which form this machine makes and reads keys."""
    return "table" if marisa_trie is None else "trie"


def build(keys: Iterable[str]) -> bytes:
    """Return some keys in the form of this machine."""
    if marisa_trie is None:
        return table.build(keys)
    made: bytes = marisa_trie.Trie(sorted(keys)).tobytes()  # in order it takes half the time
    return made


def mapped(buffer: bytes | memoryview) -> Keys:
    """Return the keys in a buffer that `build` made, which must outlive them."""
    if marisa_trie is None:
        return table.Table(buffer)
    trie: Keys = marisa_trie.Trie()
    trie.map(buffer)  # type: ignore[attr-defined]
    return trie


class MappedIndex:
    """An index over a buffer, which it keeps alive."""

    __slots__ = (
        "_above",
        "_at",
        "_buffer",
        "_key_id",
        "_numbers",
        "_prefixes",
        "infos",
        "openings",
    )

    def __init__(
        self,
        infos: Sequence[ListInfo],
        openings: frozenset[str],
        sets: Sequence[EntrySet],
        keys: memoryview,
        numbers: memoryview,
    ) -> None:
        """keys: as `build` makes them.  numbers: by the id of a key the place of its set."""
        self.infos = tuple(infos)
        self.openings = openings
        # At its own name an entry must not be "below", above it not "exact".
        self._at = tuple(_without(Match.BELOW, each) for each in sets)
        self._above = tuple(_without(Match.EXACT, each) for each in sets)
        self._buffer = keys
        found = mapped(keys)
        self._prefixes, self._key_id = found.prefixes, found.key_id
        self._numbers = numbers

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first.

        qname: lower case, without the dot at its end.
        """
        labels = qname.split(".")  # as key_of does it: a call would take a fifth of the time
        labels.reverse()
        keys = self._prefixes(".".join(labels) + ".")
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


def _without(match: Match, entries: EntrySet) -> EntrySet:
    return tuple(each for each in entries if each.match is not match)
