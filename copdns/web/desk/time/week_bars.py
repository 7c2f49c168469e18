"""A week of closed times as bars: a row a date, and a night is one bar on the evening it begins.

`time/preview.py` says the same week in words, cut at each midnight.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.time.days import starts_at
from copdns.time.preview import DAYS, Closed

_WHOLE = 25 * 3600  # seconds: what lasts longer than a day is cut at midnights
_STEP = 6  # hours by which a row is made longer


class Bar(NamedTuple):
    """A stretch of a row.  start, width: minutes, from the row's midnight on, as time passes.

    lane: 0 is the first; bars that overlap stand in different ones.
    """

    closed: Closed
    start: int
    width: int
    lane: int


class Row(NamedTuple):
    date: date
    bars: tuple[Bar, ...]

    @property
    def lanes(self) -> int:
        return 1 + max((each.lane for each in self.bars), default=0)


@dataclass(frozen=True, slots=True)
class Chart:
    """hours: how long each row is, 24 to 48; what is behind 24 belongs to the next morning."""

    rows: tuple[Row, ...]
    hours: int


def week_bars(closed: Iterable[Closed], zone: ZoneInfo, first: date) -> Chart:
    """Return the week that begins with a date.

    closed: also what began two days before it, and what ends two days after it.
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


def _pieces(each: Closed, midnights: list[float]) -> Iterator[tuple[int, Closed]]:
    """Yield the parts of a stretch with the numbers of their rows.

    One that began before the week goes on in its first row.
    """
    is_long = each.end - each.start > _WHOLE
    for number, midnight in enumerate(midnights[:-1]):
        following = midnights[number + 1]
        begins_here = midnight <= each.start < following
        goes_on = each.start < midnight < each.end and (is_long or number == 0)
        if begins_here or goes_on:
            end = min(each.end, following) if is_long else each.end
            yield number, each._replace(start=max(each.start, midnight), end=end)


def _bars(closed: Iterable[Closed], midnight: float) -> Iterator[Bar]:
    ends: list[float] = []  # of the last bar in each lane
    for each in sorted(closed, key=lambda one: (one.start, -one.end, one.name)):
        lane = next((at for at, end in enumerate(ends) if end <= each.start), len(ends))
        ends[lane:] = [each.end, *ends[lane + 1 :]]
        start = round((each.start - midnight) / 60)
        yield Bar(each, start, max(1, round((each.end - each.start) / 60)), lane)
