"""Lists without lines that reviewers found to be wrong, until they block again.

The compiled lists stay as they are: what is left out is looked at when a name is found.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from copdns.lists.catalogue import Catalogue
from copdns.lists.index import Entry, Index, ListKind
from copdns.model.matchers import Matcher


class OpenedLine(NamedTuple):
    """A line of a list that does not count.  slug: of the list."""

    slug: str
    line: Matcher


class OpenedIndex:
    """An index without some entries."""

    __slots__ = ("_opened", "infos", "open_below", "special", "whole")

    def __init__(self, whole: Index, opened: frozenset[Entry]) -> None:
        """whole: the index with all entries."""
        self.whole = whole
        self._opened = opened
        self.infos = whole.infos
        self.open_below = whole.open_below
        self.special = whole.special

    def names(self) -> Iterator[str]:
        """Yield every name that has an entry, once; also those of which all are left out."""
        return self.whole.names()

    def find(self, qname: str) -> tuple[Entry, ...]:
        """Return every entry that covers a name, the longest name first."""
        found = self.whole.find(qname)
        opened = self._opened
        for entry in found:
            if entry in opened:
                return tuple([each for each in found if each not in opened])
        return found


def open_catalogue(catalogue: Catalogue, lines: Iterable[OpenedLine]) -> Catalogue:
    """Return a catalogue without these lines, and with all others; lists of the law stay whole."""
    index = catalogue.index
    whole = index.whole if isinstance(index, OpenedIndex) else index
    numbers = {each.slug: each.number for each in whole.infos if each.kind is not ListKind.LEGAL}
    opened = frozenset(
        Entry(numbers[slug], line.name, line.match, allow=False)
        for slug, line in lines
        if slug in numbers
    )
    return replace(catalogue, index=OpenedIndex(whole, opened) if opened else whole)
