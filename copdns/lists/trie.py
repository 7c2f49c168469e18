"""Find list entries in a compiled index, which processes map and need not read.

Names are the keys of a trie that is mapped from a file; an array has the number of the set of
entries of each key.  Exact: names are compared, not checksums.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from copdns.lists import table
from copdns.lists.index import Entry, ListInfo, ListKind
from copdns.lists.merge import EntrySet
from copdns.lists.special_rules import EMPTY_TABLE, SpecialTable
from copdns.model.matchers import MatchKind

try:
    import marisa_trie  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # there is no wheel for 32-bit ARM
    marisa_trie = None


_NO_LABEL: Final = "\0"  # no list has a name with it
# The ends of keys are in a trie of their own, and their ends again, down to this depth.  With 3, as
# the library has it, the file of 1,000,000 names is 1 % smaller, and a name takes a tenth more time
# to find; with 1 it takes a third less time, and the file is half as large again.
_TRIES: Final = 2


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
    octets: bytes = marisa_trie.Trie(keys, num_tries=_TRIES).tobytes()
    return octets


def map_keys(buffer: bytes | memoryview) -> Keys:
    """Return the keys in a buffer of `build_keys`, which must outlive them."""
    if marisa_trie is None:
        return table.KeyTable(buffer)
    trie: Keys = marisa_trie.Trie()
    trie.map(buffer)  # type: ignore[attr-defined]
    return trie


class HeldEntries(NamedTuple):
    """The entries that cover a protected name, and those that cover every name below it."""

    at: tuple[Entry, ...]
    below: tuple[Entry, ...]


class MappedIndex:
    """An Index over a buffer, which it keeps alive.

    What covers protected names is read once and held: where the file is damaged while it is mapped,
    a name may seem to be on no list, or on a wrong one, and who looks for help must not notice.
    """

    __slots__ = (
        "_above",
        "_at",
        "_buffer",
        "_held",
        "_held_ends",
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
        self._held: dict[str, HeldEntries] = {}
        self._held_ends: set[str] = set()  # the last two labels of what is held
        protected = {info.number for info in infos if info.kind is ListKind.PROTECTED}
        for name in openings:  # all protected names are there
            entries = self._find_mapped(name)
            if any(entry.list in protected for entry in entries):
                self._held[name] = HeldEntries(entries, self._find_mapped(f"{_NO_LABEL}.{name}"))
                self._held_ends.add(_end_of(name))

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once."""
        keys = map_keys(self._buffer).keys()
        return iter([key[-2::-1] for key in keys])

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first.

        qname: in lower case, without the final dot.
        """
        if _end_of(qname) in self._held_ends:
            name = qname
            while name:
                held = self._held.get(name)
                if held is not None:
                    return held.at if name == qname else self._with_deeper(held, name, qname)
                name = name.partition(".")[2]
        return self._find_mapped(qname)

    def _with_deeper(self, held: HeldEntries, name: str, qname: str) -> tuple[Entry, ...]:
        """Return what is held for the names below `name`, and what covers only some of these."""
        deeper = [entry for entry in self._find_mapped(qname) if len(entry.name) > len(name)]
        return (*deeper, *held.below)

    def _find_mapped(self, qname: str) -> tuple[Entry, ...]:
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


def _end_of(name: str) -> str:
    """Return the last two labels of a name, or all there are."""
    last = name.rfind(".")
    return name[name.rfind(".", 0, last) + 1 :] if last > 0 else name


def _without(match: MatchKind, entries: EntrySet) -> EntrySet:
    return tuple(each for each in entries if each.match is not match)
