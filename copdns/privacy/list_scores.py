"""How well each list does, week by week: what it blocked, and what it took wrongly.

What it blocked is counted for three people or more together (`list_counts.py`).  The rest is about
the list alone, as it stood at the end of a week, or stands now: names of it that this household
found to be wrong, and entries that the gate left out.  So nothing here tells of a person.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from copdns.appeals.list_errors import WrongEntry
from copdns.lists.index import ListKind
from copdns.lists.parse import SkipReason
from copdns.lists.small_index import ListStatus
from copdns.privacy.list_counts import ListCountKey, ListCountKind, week_of

SHOWN_WEEKS: Final = 8
SCORED_KINDS: Final = frozenset({ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS})
_LEFT_OUT: Final = (SkipReason.INFRASTRUCTURE, SkipReason.MISTAKE, SkipReason.PROTECTED)


class WeekScore(NamedTuple):
    """One week of a list.  week: its number (`list_counts.week_of`).

    caught: queries that it blocked; None where fewer than three people had a part in that.
    wrong: names of it that this household found to be wrong.  left_out: entries that the gate left
    out.  entries: those in use.  The last three are None where the week was not noted.
    """

    week: int
    caught: int | None
    wrong: int | None
    left_out: int | None
    entries: int | None

    @property
    def wrong_share(self) -> float | None:
        """What it takes wrongly of 1,000 entries that it has, with and without the gate; None where
        nothing is known."""
        if self.wrong is None or self.left_out is None or self.entries is None:
            return None
        whole = self.entries + self.left_out
        return 1000 * (self.wrong + self.left_out) / whole if whole else None


class ListScore(NamedTuple):
    """A list's weeks, the newest first.  label: its category."""

    list: str
    label: str
    weeks: tuple[WeekScore, ...]


def note_scores(
    household: str, statuses: Iterable[ListStatus], errors: Collection[WrongEntry], now: float
) -> dict[ListCountKey, int]:
    """Return what is to be stored of this week besides what lists blocked.

    errors: the names that lists were wrong about, as this household found.
    """
    week = week_of(now)
    return {
        ListCountKey(household, each.info.slug, week, kind): n
        for each in statuses
        if each.info.kind in SCORED_KINDS and not each.error
        for kind, n in (
            (ListCountKind.WRONG, sum(error.list == each.info.slug for error in errors)),
            (ListCountKind.LEFT_OUT, sum(each.unused.get(reason, 0) for reason in _LEFT_OUT)),
            (ListCountKind.ENTRIES, each.used_count),
        )
    }


def score_lists(
    statuses: Iterable[ListStatus], counts: Mapping[ListCountKey, int]
) -> tuple[ListScore, ...]:
    """Return the scores of the lists that block, in their order.

    counts: of one household.  A week of which nothing is known is left out.
    """
    by_list: dict[str, dict[int, dict[ListCountKind, int]]] = {}
    for key, n in counts.items():
        by_list.setdefault(key.list, {}).setdefault(key.week, {})[key.kind] = n
    return tuple(
        ListScore(
            each.info.slug,
            each.info.subject,
            tuple(_week_score(week, of) for week, of in _newest(by_list.get(each.info.slug, {}))),
        )
        for each in statuses
        if each.info.kind in SCORED_KINDS
    )


def _newest(
    weeks: Mapping[int, Mapping[ListCountKind, int]],
) -> list[tuple[int, Mapping[ListCountKind, int]]]:
    return sorted(weeks.items(), reverse=True)[:SHOWN_WEEKS]


def _week_score(week: int, found: Mapping[ListCountKind, int]) -> WeekScore:
    return WeekScore(
        week,
        found.get(ListCountKind.CAUGHT),
        found.get(ListCountKind.WRONG),
        found.get(ListCountKind.LEFT_OUT),
        found.get(ListCountKind.ENTRIES),
    )
