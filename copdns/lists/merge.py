"""Put the names of all lists together: each name once, with the set of entries that it has.

Names stand reversed and with a dot behind (`games.example` is `example.games.`), so that a name
begins with the keys of all names that it stands under, and with no other.  Names share their
sets of entries, of which there are few, however many names there are.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from copdns.lists.index import OPENING
from copdns.lists.small_index import Draft, ListStatus, Names, ProtectedFilter, status_of
from copdns.model.matchers import Match
from copdns.model.names import suffixes


class Part(NamedTuple):
    """An entry without its name."""

    list: int
    match: Match
    allow: bool


EntrySet = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """Names of all lists.  keys: the place in `sets` by key.  openings: as of an Index."""

    keys: dict[str, int]
    sets: tuple[EntrySet, ...]
    statuses: tuple[ListStatus, ...]
    openings: frozenset[str]


def key_of(name: str) -> str:
    """Return the key of a name: its labels from the right, a dot behind each."""
    labels = name.split(".")
    labels.reverse()
    return ".".join(labels) + "."


def merge(bundled: Sequence[Draft], added: Iterable[Draft] = ()) -> Merged:
    """Return the names of the bundled lists, then of the others, numbered in this order.

    bundled: with all protected groups.
    """
    guard = ProtectedFilter(bundled)
    merger = _Merger()
    for draft in chain(bundled, added):
        merger.add(guard.strip(draft))
        del draft  # a million names, which need not be there while the next list is read
    return merger.result()


class _Merger:
    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.sets = _Sets()
        self.statuses: list[ListStatus] = []
        self.openings: set[str] = set()

    def add(self, draft: Draft) -> None:
        status = status_of(len(self.statuses), draft)
        self.statuses.append(status)
        for names, allow in ((draft.blocks, False), (draft.allows, True)):
            for match in Match:
                self._add(names, Part(status.info.number, match, allow))
            if allow or draft.kind in OPENING:
                for name in names:
                    self.openings.update(suffixes(name))

    def _add(self, names: Names, part: Part) -> None:
        """Add the names of one list that stand for the same."""
        keys, after = self.keys, _After(self.sets, part)
        for name, match in names.items():
            if match is part.match:
                labels = name.split(".")  # as key_of does it: a call for each would take longer
                labels.reverse()
                key = ".".join(labels) + "."
                keys[key] = after[keys.get(key, 0)]

    def result(self) -> Merged:
        return Merged(
            self.keys, tuple(self.sets.all), tuple(self.statuses), frozenset(self.openings)
        )


class _Sets:
    """Sets of entries by number."""

    def __init__(self) -> None:
        self.all: list[EntrySet] = [()]
        self._numbers: dict[EntrySet, int] = {(): 0}

    def number(self, entries: EntrySet) -> int:
        number = self._numbers.setdefault(entries, len(self.all))
        if number == len(self.all):
            self.all.append(entries)
        return number


class _After(dict[int, int]):
    """The number of a set of entries to that of the same with one entry more."""

    def __init__(self, sets: _Sets, part: Part) -> None:
        self._sets = sets
        self._part = part

    def __missing__(self, before: int) -> int:
        longer = (*self._sets.all[before], self._part)
        number = self[before] = self._sets.number(longer)
        return number
