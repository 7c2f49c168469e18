"""Merge the names of all lists: each name once, with the set of its entries.

A key is a name from its end, and a dot (`games.example` is `elpmaxe.semag.`), so that it begins
with the keys of all names above it, and with no other.  Names share their sets of
entries: there are few sets, however many names there are.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from copdns.lists.index import OPENING_KINDS
from copdns.lists.small_index import Draft, ListStatus, Names, status_of
from copdns.model.matchers import MatchKind
from copdns.model.names import suffixes


class EntryPart(NamedTuple):
    """An entry without its name."""

    list: int
    match: MatchKind
    allow: bool


EntrySet = tuple[EntryPart, ...]


@dataclass(frozen=True, slots=True)
class MergedLists:
    """The names of all lists.  keys: the place in `sets` by key.  open_below: as in Index."""

    keys: dict[str, int]
    sets: tuple[EntrySet, ...]
    statuses: tuple[ListStatus, ...]
    open_below: frozenset[str]


def key_of(name: str) -> str:
    """Return the key of a name."""
    return name[::-1] + "."


def merge(drafts: Iterable[Draft]) -> MergedLists:
    """Return the names of lists that have passed the gate, numbered in their order."""
    merger = _Merger()
    for draft in drafts:
        merger.add(draft)
        del draft  # frees up to a million names before the next list is read
    return merger.result()


class _Merger:
    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.sets = _EntrySets()
        self.statuses: list[ListStatus] = []
        self.openings: set[str] = set()

    def add(self, draft: Draft) -> None:
        status = status_of(len(self.statuses), draft)
        self.statuses.append(status)
        for names, allow in ((draft.blocks, False), (draft.allows, True)):
            for match in set(names.values()):
                self._add(names, EntryPart(status.info.number, match, allow))
            if allow or draft.kind in OPENING_KINDS:
                for name in names:
                    self.openings.update(suffixes(name))

    def _add(self, names: Names, part: EntryPart) -> None:
        """Add those names of a list that have the match of `part`."""
        keys, after = self.keys, _SetWithPart(self.sets, part)
        for name, match in names.items():
            if match is part.match:
                key = name[::-1] + "."  # inlined key_of: a call for each name would take longer
                keys[key] = after[keys.get(key, 0)]

    def result(self) -> MergedLists:
        return MergedLists(
            self.keys, tuple(self.sets.all), tuple(self.statuses), frozenset(self.openings)
        )


class _EntrySets:
    """The sets of entries, numbered."""

    def __init__(self) -> None:
        self.all: list[EntrySet] = [()]
        self._numbers: dict[EntrySet, int] = {(): 0}

    def number(self, entries: EntrySet) -> int:
        number = self._numbers.setdefault(entries, len(self.all))
        if number == len(self.all):
            self.all.append(entries)
        return number


class _SetWithPart(dict[int, int]):
    """By the number of a set of entries, the number of that set with `part` added."""

    def __init__(self, sets: _EntrySets, part: EntryPart) -> None:
        self._sets = sets
        self._part = part

    def __missing__(self, before: int) -> int:
        longer = (*self._sets.all[before], self._part)
        number = self[before] = self._sets.number(longer)
        return number
