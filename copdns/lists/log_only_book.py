"""Lists that only count at first: what they would block stays open until a day that is noted.

A family sees so what a new list would take from it before it does.  `policy/context.py` leaves such
a list out of all that blocks; the verdict names it, and `privacy/list_counts.py` counts for three
people or more together.  docs/lists.md explains it.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from copdns.lists.index import ListKind

OFFERED_DAYS: Final = 3
MAX_DAYS: Final = 30
_DAY: Final = 86_400  # seconds
# Lists against harm block from the first minute, and what a household chose by name does too.
COUNTING_KINDS: Final = frozenset({ListKind.CATEGORY, ListKind.BYPASS})


class LogOnly(NamedTuple):
    """When a list only counts: from `since` to `until`, in seconds since the epoch."""

    since: float
    until: float


LogOnlyBook = Mapping[str, LogOnly]  # by the slug of the list


def begin(book: LogOnlyBook, wanted: Mapping[str, int], now: float) -> LogOnlyBook:
    """Return the book with a period for each new list of the settings, and without old ones.

    wanted: days, by the slug of the lists whose settings ask for some.  A list that has had its
    period gets no second one until it is gone from the settings.
    """
    kept = {slug: each for slug, each in book.items() if slug in wanted or each.until > now}
    new = {slug: LogOnly(now, now + days * _DAY) for slug, days in wanted.items()}
    return {**new, **kept}


def set_days(book: LogOnlyBook, slug: str, days: int, now: float) -> LogOnlyBook:
    """Return the book where a list only counts for some days from now on; 0: it blocks now."""
    return {**book, slug: LogOnly(now, now + days * _DAY)}


def counting(book: LogOnlyBook, wanted: Mapping[str, int], now: float) -> frozenset[str]:
    """Return the slugs of the lists that only count now.

    One of `wanted` that is not in the book yet is among them: no list blocks for the moment until
    its period is noted.
    """
    noted = {slug for slug, each in book.items() if each.until > now}
    return frozenset(noted | (wanted.keys() - book.keys()))
