"""Find every list entry that covers a name, in one go for all lists and all profiles.

`Index` is what the policy asks; `DictIndex` is the first thing behind it.  A second one may map
a compiled file; nothing above needs to know.  Pure: built from values, never changed after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from copdns.model.matchers import Match, Matcher
from copdns.model.names import suffixes


class ListKind(StrEnum):
    """At which step of the order a list speaks."""

    LOCAL = "local"
    CANARY = "canary"
    LEGAL = "legal"
    PROTECTED = "protected"
    SECURITY = "security"
    BYPASS = "bypass"
    SERVICE = "service"
    CATEGORY = "category"
    NO_SAFE_SEARCH = "no_safe_search"
    BEACON = "beacon"  # at none: it tells what counts as use (docs/usage.md)


@dataclass(frozen=True, slots=True)
class ListInfo:
    """One list.  number: its place in the index, from 0, only valid with that index.

    subject: what it is about: the slug of a category or service, or the protected group.
    version: text that changes with the content.  report: where its maintainer hears of errors.
    size: how many entries.
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
    """One line of one list.  allow: an exception, which lifts blocks of its own list only."""

    list: int
    name: str
    match: Match
    allow: bool


class Index(Protocol):
    """Names of all lists.  `infos[entry.list]` tells which list an entry is from."""

    @property
    def infos(self) -> tuple[ListInfo, ...]: ...

    @property
    def openings(self) -> frozenset[str]:
        """Names at or below which an exception, protected or local name stands."""
        ...

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first."""
        ...


OPENING = (ListKind.PROTECTED, ListKind.LOCAL)


class DictIndex:
    """An index in a dict of suffixes: simple, and right below a few hundred thousand names."""

    __slots__ = ("_entries", "infos", "openings")

    def __init__(self, lists: Iterable[tuple[ListInfo, Iterable[tuple[Matcher, bool]]]]) -> None:
        """lists: each with its (matcher, allow) pairs; numbers count from 0 without a gap."""
        infos = []
        entries: dict[str, tuple[Entry, ...]] = {}
        openings: set[str] = set()
        for info, pairs in lists:
            infos.append(info)
            for matcher, allow in pairs:
                entry = Entry(info.number, matcher.name, matcher.match, allow)
                entries[matcher.name] = (*entries.get(matcher.name, ()), entry)
                if allow or info.kind in OPENING:
                    openings.update(suffixes(matcher.name))
        self.infos = tuple(infos)
        self.openings = frozenset(openings)
        self._entries = entries

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first."""
        get = self._entries.get
        found: tuple[Entry, ...] = ()
        for suffix in suffixes(qname):
            entries = get(suffix)
            if entries is not None:
                # At its own name an entry must not be "below", above it not "exact".
                wrong = Match.BELOW if len(suffix) == len(qname) else Match.EXACT
                found += tuple([entry for entry in entries if entry.match is not wrong])
        return found
