"""How often a list blocks, or would block, so that no count tells of one person.

Counts wait in memory until three people or more had a part in them, and are only then handed on,
as one number.  What fewer people did is never written.  docs/privacy.md explains it.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

LEAST_PEOPLE: Final = 3
WEEK: Final = 604_800  # seconds
_FIRST_MONDAY: Final = 345_600  # 5 January 1970, in seconds since the epoch
WEEKS_KEPT: Final = 26
_NOBODY: Final = frozenset({"", "guest"})  # an unknown device is no person


class ListCountKind(StrEnum):
    """What is counted of a list: queries that it blocked, and those that it would have blocked
    while it only counts.  The others are about the list alone (`list_scores.py`)."""

    CAUGHT = "caught"
    LOG_ONLY = "log_only"
    WRONG = "wrong"
    LEFT_OUT = "left_out"
    ENTRIES = "entries"


class ListCountKey(NamedTuple):
    """What a count is of.  week: its number, from `week_of`."""

    household: str
    list: str
    week: int
    kind: ListCountKind


def week_of(now: float) -> int:
    """Return the number of a week, which begins on Monday, UTC."""
    return int(now - _FIRST_MONDAY) // WEEK


def week_start(week: int) -> int:
    """Return when a week begins, in seconds since the epoch."""
    return week * WEEK + _FIRST_MONDAY


class ListCounts:
    """Counts of lists that wait for a third person."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, ListCountKind], dict[str, int]] = {}

    def add(self, household: str, slug: str, kind: ListCountKind, profile: str, n: int) -> None:
        """Count n queries of a person; unknown devices are left out."""
        if profile not in _NOBODY:
            people = self._waiting.setdefault((household, slug, kind), {})
            people[profile] = people.get(profile, 0) + n

    def take(self, now: float) -> Mapping[ListCountKey, int]:
        """Return the sums that three people or more had a part in, and begin those anew."""
        week = week_of(now)
        done = [key for key, each in self._waiting.items() if len(each) >= LEAST_PEOPLE]
        return {
            ListCountKey(household, slug, week, kind): sum(self._waiting.pop(key).values())
            for key in done
            for household, slug, kind in (key,)
        }

    def forget(self) -> None:
        """Drop all that waits: some of it may be of a person who is to be forgotten."""
        self._waiting.clear()


def trial_count(counts: Mapping[ListCountKey, int], slug: str, since: float) -> int | None:
    """Return how many queries a list would have blocked since it only counts.

    None: nothing yet that three people had a part in.  The week in which it began counts whole.
    """
    found = [
        n
        for key, n in counts.items()
        if key.list == slug and key.kind is ListCountKind.LOG_ONLY and key.week >= week_of(since)
    ]
    return sum(found) if found else None
