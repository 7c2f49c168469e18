"""A week of off-times as bars: a row for each date; a night is one bar in the row of its evening.
Pure.

`time/preview.py` has the same week in words, cut at each midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.time.days import starts_at
from copdns.time.preview import DAYS, ClosedSpan

_LONG = 25 * 3600  # seconds: longer spans are cut at midnight
_STEP = 6  # hours by which rows are extended


class WeekBar(NamedTuple):
    """A bar.  start, width: in minutes of elapsed time from the row's midnight.  lane: 0 is the
    first; bars that overlap have different ones."""

    closed: ClosedSpan
    start: int
    width: int
    lane: int


class Row(NamedTuple):
    """A day of the chart."""

    date: date
    bars: tuple[WeekBar, ...]

    @property
    def lanes(self) -> int:
        """How many bars lie beside each other at the most; 1 for none."""
        return 1 + max((each.lane for each in self.bars), default=0)


@dataclass(frozen=True, slots=True)
class Chart:
    """A week of rows.  hours: the length of each row, 24 to 48; those after 24 belong to the next
    morning."""

    rows: tuple[Row, ...]
    hours: int


def week_bars(closed: Iterable[ClosedSpan], zone: ZoneInfo, first: date) -> Chart:
    """Return the week that begins with a date.

    closed: spans that begin two days before it or later, and end at most two days after it.
    """
    days = [first + timedelta(days=number) for number in range(DAYS)]
    midnights = [starts_at(each, 0, zone) for each in (*days, first + timedelta(days=DAYS))]
    pieces = sorted(piece for each in closed for piece in _pieces(each, midnights))
    rows = tuple(
        Row(day, tuple(_bars((c for at, c in pieces if at == number), midnights[number])))
        for number, day in enumerate(days)
    )
    longest = max((bar.start + bar.width for row in rows for bar in row.bars), default=0)
    hours = -(-longest // (60 * _STEP)) * _STEP
    return Chart(rows, min(48, max(24, hours)))


def _pieces(each: ClosedSpan, midnights: list[float]) -> Iterator[tuple[int, ClosedSpan]]:
    """Yield the parts of a span with the numbers of their rows.

    A span that began before the week is in its first row.
    """
    is_long = each.end - each.start > _LONG
    for number, midnight in enumerate(midnights[:-1]):
        following = midnights[number + 1]
        begins_here = midnight <= each.start < following
        goes_on = each.start < midnight < each.end and (is_long or number == 0)
        if begins_here or goes_on:
            end = min(each.end, following) if is_long else each.end
            yield number, each._replace(start=max(each.start, midnight), end=end)


def _bars(closed: Iterable[ClosedSpan], midnight: float) -> Iterator[WeekBar]:
    ends: list[float] = []  # of the last bar in each lane
    for each in sorted(closed, key=lambda one: (one.start, -one.end, one.name)):
        lane = next((at for at, end in enumerate(ends) if end <= each.start), len(ends))
        ends[lane:] = [each.end, *ends[lane + 1 :]]
        start = round((each.start - midnight) / 60)
        yield WeekBar(each, start, max(1, round((each.end - each.start) / 60)), lane)
