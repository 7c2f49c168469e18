"""Find every list entry that covers a name, at once for all lists and all profiles.

`Index` is what the policy uses.  `DictIndex` implements it in memory, `trie.MappedIndex` over a
compiled file.  Pure: immutable once built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from copdns.lists.hashes import HIDDEN
from copdns.lists.pattern_parts import is_pattern
from copdns.lists.special_rules import (
    EMPTY_TABLE,
    SpecialRules,
    SpecialTable,
    TableBuilder,
    rule_number,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes


class ListKind(StrEnum):
    """What a list is for, which says at which step of the order of decision it counts."""

    LOCAL = "local"
    CANARY = "canary"
    LEGAL = "legal"
    PROTECTED = "protected"
    SECURITY = "security"
    BYPASS = "bypass"
    SERVICE = "service"
    CATEGORY = "category"
    NO_SAFE_SEARCH = "no_safe_search"
    BEACON = "beacon"  # at no step: it says what counts as use (docs/usage.md)


@dataclass(frozen=True, slots=True)
class ListInfo:
    """One list.  number: its place in the index, from 0; valid with that index only.

    subject: the slug of the category, service or protected group that it is about.
    version: a text that changes with the content.  report: where to report errors to its
    maintainer.  size: number of entries.
    """

    number: int
    slug: str
    kind: ListKind
    subject: str
    version: str
    title: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""
    size: int = 0


class Entry(NamedTuple):
    """A line of a list.  list: its number.  allow: an exception, which lifts its own list only.

    A negative number is that of a rule with terms (`lists/special_rules.py`).  A pattern stands in
    place of a name with the match EXACT, since it says nothing about what is below the name it
    found.
    """

    list: int
    name: str
    match: MatchKind
    allow: bool


class Index(Protocol):
    """The names of all lists.  `infos[entry.list]` is the list of an entry."""

    @property
    def infos(self) -> tuple[ListInfo, ...]: ...

    @property
    def open_below(self) -> frozenset[str]:
        """Names with an exception, or a protected or local name, at or below them."""
        ...

    @property
    def special(self) -> SpecialTable:
        """What the lists have besides names."""
        ...

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first.

        Rules with terms are among them, whether or not they hold; patterns and hashes are not.
        """
        ...

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once."""
        ...


OPENING_KINDS: Final = (ListKind.PROTECTED, ListKind.LOCAL)


class DictIndex:
    """An index as a dict by suffix: simple, for up to a few hundred thousand names."""

    __slots__ = ("_entries", "infos", "open_below", "special")

    def __init__(
        self,
        lists: Iterable[tuple[ListInfo, Iterable[tuple[Matcher, bool]]]],
        special: Sequence[SpecialRules] = (),
    ) -> None:
        """lists: each with its (matcher, allow) pairs, numbered from 0 without a gap.

        special: the other rules of each list; () for none.
        """
        infos = []
        entries: dict[str, tuple[Entry, ...]] = {}
        openings: set[str] = set()
        table = TableBuilder()
        for number, rules in enumerate(special):
            table.add(number, rules)
            for terms, names in rules.ruled.items():
                place = rule_number(table.place_of(number, terms))
                for name, match in names.items():
                    entry = Entry(place, name, match, terms.allow)
                    entries[name] = (*entries.get(name, ()), entry)
                    if terms.allow:
                        openings.update(suffixes(name))
        for info, pairs in lists:
            infos.append(info)
            for matcher, allow in pairs:
                entry = Entry(info.number, matcher.name, matcher.match, allow)
                entries[matcher.name] = (*entries.get(matcher.name, ()), entry)
                if allow or info.kind in OPENING_KINDS:
                    openings.update(suffixes(matcher.name))
        self.infos = tuple(infos)
        self.open_below = frozenset(openings)
        self.special = table.result() if special else EMPTY_TABLE
        self._entries = entries

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once."""
        return iter(self._entries)

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first."""
        get = self._entries.get
        found: tuple[Entry, ...] = ()
        for suffix in suffixes(qname):
            entries = get(suffix)
            if entries is not None:
                # BELOW does not cover the name itself; EXACT covers nothing below it.
                wrong = MatchKind.BELOW if len(suffix) == len(qname) else MatchKind.EXACT
                found += tuple([entry for entry in entries if entry.match is not wrong])
        return found


def entry_text(entry: Entry) -> str:
    """Return an entry as people write it: a rule, or the pattern that it is."""
    if entry.name == HIDDEN or is_pattern(entry.name) or "$" in entry.name:
        return entry.name
    return str(Matcher(entry.name, entry.match))


class FoundEntry(NamedTuple):
    """An entry with its list, for people.  text: as it is written, with its terms."""

    entry: Entry
    info: ListInfo
    text: str


def find_shown(index: Index, qname: str) -> list[FoundEntry]:
    """Return every entry that covers a name, those with terms, patterns and hashes too, but none
    that the gate made.

    Whether a rule with terms holds depends on who asks for what.
    """
    table, found = index.special, []
    entries = [
        *index.find(qname),
        *(
            Entry(
                rule_number(table.pattern_rules[each]),
                table.patterns.texts[each],
                MatchKind.EXACT,
                table.rules[table.pattern_rules[each]].terms.allow,
            )
            for each in table.patterns.find(qname)
        ),
    ]
    for entry in entries:
        text = entry_text(entry)
        if entry.list < 0:
            number, terms = table.rules[-1 - entry.list]
            if terms.is_of_gate:
                continue
            entry = entry._replace(list=number)
            text = f"{text}${terms}" if str(terms) else text
        found.append(FoundEntry(entry, index.infos[entry.list], text))
    for number, hashes in table.hashes.items():
        if hashes.covers(qname):
            entry = Entry(number, HIDDEN, MatchKind.EXACT, allow=False)
            found.append(FoundEntry(entry, index.infos[number], HIDDEN))
    return found
