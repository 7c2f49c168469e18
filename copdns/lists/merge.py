"""Merge the names of all lists: each name once, with the set of its entries.

A key is a name from its end, and a dot (`games.example` is `elpmaxe.semag.`), so that it begins
with the keys of all names above it, and with no other.  Names share their sets of
entries: there are few sets, however many names there are.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from copdns.lists.index import OPENING_KINDS
from copdns.lists.small_index import Draft, ListStatus, Names, is_opened_by, status_of
from copdns.lists.special_rules import SpecialTable, TableBuilder, rule_number
from copdns.model.matchers import MatchKind
from copdns.model.names import suffixes


class EntryPart(NamedTuple):
    """An entry without its name.  list: negative for a rule with terms, as in `Entry`."""

    list: int
    match: MatchKind
    allow: bool


EntrySet = tuple[EntryPart, ...]

_TURNED_AT_ONCE: Final = 10_000  # names; no name has an end of a line in it


@dataclass(frozen=True, slots=True)
class MergedLists:
    """The names of all lists.

    keys: sorted; `pack` uses them up.  usual: the place in `sets` of the set that most names have.
    others: that of the names with another set, by key.  open_below: as in Index.
    """

    keys: list[str]
    usual: int
    others: dict[str, int]
    sets: tuple[EntrySet, ...]
    statuses: tuple[ListStatus, ...]
    open_below: frozenset[str]
    special: SpecialTable


def key_of(name: str) -> str:
    """Return the key of a name."""
    return name[::-1] + "."


def merge(drafts: Iterable[Draft]) -> MergedLists:
    """Return the names of lists that have passed the gate, numbered in their order.

    The names of a draft are used up: memory has no room for a million of them twice.
    """
    merger = _Merger()
    for draft in drafts:
        merger.add(draft)
        del draft  # frees up to a million names before the next list is read
    return merger.result()


def _sorted_keys(names: list[str]) -> list[str]:
    """Return the keys of names, which are used up, in their order.

    Many names are turned around as one text: that takes a third of the time that each of them does.
    """
    keys: list[str] = []
    while names:
        some = names[-_TURNED_AT_ONCE:]
        del names[-_TURNED_AT_ONCE:]
        keys += ("." + "\n.".join(some))[::-1].split("\n")
    keys.sort()
    return keys


class _Merger:
    """numbers: by name, that of its set of entries."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.sets = _EntrySets()
        self.statuses: list[ListStatus] = []
        self.openings: set[str] = set()
        self.special = TableBuilder()
        self.opening: list[Draft] = []

    def add(self, draft: Draft) -> None:
        """Take a list in.  Its sets of names are used up, so that they need no memory twice."""
        status = status_of(len(self.statuses), draft)
        self.statuses.append(status)
        if draft.opens:
            ruled = {terms: dict(names) for terms, names in draft.special.ruled.items()}
            special = replace(draft.special, ruled=ruled)
            self.opening.append(replace(draft, allows=dict(draft.allows), special=special))
        for names, allow in ((draft.blocks, False), (draft.allows, True)):
            if allow or draft.kind in OPENING_KINDS:
                for name in names:
                    self.openings.update(suffixes(name))
            self._move(names, status.info.number, allow)
        if draft.special:
            self._add_special(draft, status.info.number)

    def _add_special(self, draft: Draft, number: int) -> None:
        self.special.add(number, draft.special)
        for terms, names in draft.special.ruled.items():
            if terms.allow:
                for name in names:
                    self.openings.update(suffixes(name))
            place = self.special.place_of(number, terms)
            self._move(names, rule_number(place), terms.allow)

    def _move(self, names: Names, number: int, allow: bool) -> None:
        """Take the names of a list out of its draft, and add them."""
        after = {
            match: _SetWithPart(self.sets, EntryPart(number, match, allow)) for match in MatchKind
        }
        if len(names) > len(self.numbers):
            self._adopt(names, after)
            return
        numbers = self.numbers
        while names:
            name, match = names.popitem()
            numbers[name] = after[match][numbers.get(name, 0)]

    def _adopt(self, names: Names, after: Mapping[MatchKind, _SetWithPart]) -> None:
        """Do as `_move` for a list that is longer than all before it, and add those to it.

        Python copies the whole table at once: of 1,000,000 names in a third of the time.
        """
        before = self.numbers
        ((usual, _),) = Counter(names.values()).most_common(1)
        numbers = self.numbers = dict.fromkeys(names, after[usual][0])
        for name, match in names.items():
            if match is not usual:
                numbers[name] = after[match][0]
        for name, number in before.items():
            match_here = names.get(name)
            numbers[name] = number if match_here is None else after[match_here][number]
        names.clear()

    def _open(self, draft: Draft) -> None:
        """Add an allow-list's exceptions to every list about its subject."""
        for status in self.statuses:
            info = status.info
            if info.slug != draft.slug and is_opened_by(info.kind, info.subject, draft):
                self._move(dict(draft.allows), info.number, allow=True)
                if draft.special:
                    ruled = {terms: dict(names) for terms, names in draft.special.ruled.items()}
                    alone = replace(draft, special=replace(draft.special, ruled=ruled))
                    self._add_special(alone, info.number)

    def result(self) -> MergedLists:
        """Return all lists as one; nothing can be added any more."""
        for each in self.opening:
            self._open(each)
        ((usual, _),) = Counter(self.numbers.values()).most_common(1) or ((0, 0),)
        others = {key_of(name): number for name, number in self.numbers.items() if number != usual}
        names = list(self.numbers)
        self.numbers.clear()  # memory has no room for the names and for all their keys
        return MergedLists(
            _sorted_keys(names),
            usual,
            others,
            tuple(self.sets.all),
            tuple(self.statuses),
            frozenset(self.openings),
            self.special.result(),
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
