"""Find every list entry that covers a name, at once for all lists and all profiles.

`Index` is what the policy uses.  `DictIndex` implements it in memory, `trie.MappedIndex` over a
compiled file.  Pure: immutable once built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

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
    """A line of a list.  list: its number.  allow: an exception, which lifts its own list only."""

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

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first."""
        ...


OPENING_KINDS: Final = (ListKind.PROTECTED, ListKind.LOCAL)


class DictIndex:
    """An index as a dict by suffix: simple, for up to a few hundred thousand names."""

    __slots__ = ("_entries", "infos", "open_below")

    def __init__(self, lists: Iterable[tuple[ListInfo, Iterable[tuple[Matcher, bool]]]]) -> None:
        """lists: each with its (matcher, allow) pairs, numbered from 0 without a gap."""
        infos = []
        entries: dict[str, tuple[Entry, ...]] = {}
        openings: set[str] = set()
        for info, pairs in lists:
            infos.append(info)
            for matcher, allow in pairs:
                entry = Entry(info.number, matcher.name, matcher.match, allow)
                entries[matcher.name] = (*entries.get(matcher.name, ()), entry)
                if allow or info.kind in OPENING_KINDS:
                    openings.update(suffixes(matcher.name))
        self.infos = tuple(infos)
        self.open_below = frozenset(openings)
        self._entries = entries

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
