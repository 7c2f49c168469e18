"""Which names subjects mean: single names, and all names of categories, services and lists.

Built once per profile, from the numbers that lists have in one index.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from copdns.lists.index import Entry, ListInfo, ListKind
from copdns.model.matchers import Matcher
from copdns.model.times import Subject, Topic, TopicKind

Value = TypeVar("Value")

_KINDS: Final = {TopicKind.CATEGORY: ListKind.CATEGORY, TopicKind.SERVICE: ListKind.SERVICE}


def list_numbers(topic: Topic, infos: Iterable[ListInfo]) -> frozenset[int]:
    """Return the numbers of the lists of a topic."""
    if topic.kind is TopicKind.LIST:
        return frozenset(info.number for info in infos if info.slug == topic.slug)
    kind = _KINDS[topic.kind]
    return frozenset(
        info.number for info in infos if info.kind is kind and info.subject == topic.slug
    )


def is_excepted(entry: Entry, entries: tuple[Entry, ...]) -> bool:
    """Tell whether the entry's own list has an exception for this name."""
    return len(entries) > 1 and any(each.allow and each.list == entry.list for each in entries)


class SubjectMatcher:
    """The names of some subjects.  by_name: those that somebody wrote one by one."""

    __slots__ = ("_numbers", "by_name")

    def __init__(
        self,
        about: Sequence[Subject],
        infos: Sequence[ListInfo],
        lists: frozenset[int] = frozenset(),
    ) -> None:
        """lists: numbers of further lists."""
        topics = [each for each in about if isinstance(each, Topic)]
        self._numbers = lists.union(*(list_numbers(topic, infos) for topic in topics))
        self.by_name = index_by_name((each, None) for each in about if isinstance(each, Matcher))

    def __bool__(self) -> bool:
        return bool(self._numbers or self.by_name)

    def covers(self, qname: str, entries: tuple[Entry, ...]) -> bool:
        """Tell whether a name is one of them; entries: every list entry that covers it."""
        if self._numbers:
            for entry in entries:
                named = entry.list in self._numbers and not entry.allow
                if named and not is_excepted(entry, entries):
                    return True
        return bool(self.by_name) and bool(covering_matchers(self.by_name, qname))


MatchersByName = dict[str, list[tuple[Matcher, Value]]]


def index_by_name(pairs: Iterable[tuple[Matcher, Value]]) -> MatchersByName[Value]:
    """Return values by the name of their matcher, for `covering_matchers`."""
    found: dict[str, list[tuple[Matcher, Value]]] = {}
    for matcher, value in pairs:
        found.setdefault(matcher.name, []).append((matcher, value))
    return found


def covering_matchers(names: MatchersByName[Value], qname: str) -> list[tuple[Matcher, Value]]:
    """Return the matchers that cover a name, the longest first, with their values."""
    found: list[tuple[Matcher, Value]] = []
    suffix = qname
    while suffix:  # as `suffixes`, whose tuple would be made for each name
        pairs = names.get(suffix)
        if pairs is not None:
            found += [pair for pair in pairs if pair[0].covers(qname)]
        dot = suffix.find(".")
        suffix = suffix[dot + 1 :] if dot >= 0 else ""
    return found
