"""What kind of day a date is, which days a calendar file makes holidays, and at which moment a time
of a date's clock comes.

Turns dates and minutes of the wall clock into moments (seconds since the epoch), also where the
clock skips an hour, repeats one, or leaves a whole date out.  `time/schedule.py` uses it to say
what is closed.  Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.model.times import (
    DAY_MINUTES,
    EVERY_DAY,
    FREE_NIGHT,
    SCHOOL_NIGHT,
    WEEKDAYS,
    DayType,
    SchoolCalendar,
)

DAY_SECONDS = 60 * DAY_MINUTES
_ONE_DAY = timedelta(days=1)
_START = datetime(1970, 1, 1, tzinfo=UTC)


def day_type(calendar: SchoolCalendar, day: date) -> DayType:
    """Return the type of a date: as the calendar names it, else by its day of the week."""
    at = bisect_left(calendar.days, (day,))
    if at < len(calendar.days) and calendar.days[at][0] == day:
        return calendar.days[at][1]
    return DayType.WEEKEND if day.weekday() in calendar.weekend else DayType.SCHOOL


def day_matches(words: Collection[str], calendar: SchoolCalendar, day: date) -> bool:
    """Tell whether one of the words (of DAY_WORDS) covers this date."""
    if EVERY_DAY in words or WEEKDAYS[day.weekday()] in words or day_type(calendar, day) in words:
        return True
    if SCHOOL_NIGHT not in words and FREE_NIGHT not in words:
        return False
    is_before_school = day_type(calendar, day + _ONE_DAY) is DayType.SCHOOL
    return (SCHOOL_NIGHT if is_before_school else FREE_NIGHT) in words


class DateRange(NamedTuple):
    """Some days in a row that an event of a calendar takes.

    first, last: inclusive.  is_whole: the event takes these days whole; otherwise it takes some
        hours of them, such as an evening for parents, and makes no holiday.
    """

    first: date
    last: date
    name: str
    is_whole: bool = True


def add_holidays(
    calendar: SchoolCalendar, dates: Iterable[DateRange], kind: DayType = DayType.HOLIDAY
) -> SchoolCalendar:
    """Return the calendar with the whole days among these added as days of a type.

    A date that the calendar has keeps its type: somebody may have written it by hand.
    """
    added = {
        date.fromordinal(day): kind
        for each in dates
        if each.is_whole
        for day in range(each.first.toordinal(), each.last.toordinal() + 1)
    }
    return replace(calendar, days=tuple(sorted((added | dict(calendar.days)).items())))


@lru_cache(maxsize=128)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; raise ZoneInfoNotFoundError or ValueError for any other."""
    return ZoneInfo(name)


def starts_at(day: date, minute: int, zone: ZoneInfo) -> float:
    """Return the moment at which something starts at a minute of a date's clock.

    It is the first moment at which the clock shows this minute or a later one: the change of the
    clock where the minute is skipped, the first of two where it comes twice.
    minute: 0 or more; 1440 is midnight at the end of the date, and so on.
    """
    wall, early, late = _wall_and_offsets(day, minute, zone)
    return float(wall - early if early >= late else _skip_moment(wall, early, late, zone))


def ends_at(day: date, minute: int, zone: ZoneInfo) -> float:
    """Return the moment at which something ends: as `starts_at`, but the second of two."""
    wall, early, late = _wall_and_offsets(day, minute, zone)
    return float(wall - late if early >= late else _skip_moment(wall, early, late, zone))


class BudgetDay(NamedTuple):
    """A day as budgets count it.  start, end: seconds since the epoch; end is exclusive."""

    day: date
    start: float
    end: float


def budget_day(now: float, zone: ZoneInfo, day_starts: int) -> BudgetDay:
    """Return the budget day of a moment.  now: seconds since the epoch.

    day_starts: the minute of the clock at which a day begins, 0 to 1439.  The night before it
        belongs to the date before.
    """
    day = (local_time(now, zone) - timedelta(minutes=day_starts)).date()
    # Where the clock goes back over the start of a day, local_time alone would give the day before.
    while now >= (end := starts_at(day + _ONE_DAY, day_starts, zone)):
        day += _ONE_DAY
    while now < (start := starts_at(day, day_starts, zone)):
        day, end = day - _ONE_DAY, start
    return BudgetDay(day, start, end)


def local_time(moment: float, zone: ZoneInfo) -> datetime:
    """Return what the clock of a zone shows at a moment."""
    # fromtimestamp() refuses moments before 1970 on some machines.
    return (_START + timedelta(seconds=moment)).astimezone(zone)


class ClockChange(NamedTuple):
    """A jump of the wall clock.  at: the moment; before, after: offsets from UTC in seconds."""

    at: int
    before: int
    after: int


def clock_changes(start: float, end: float, zone: ZoneInfo) -> Iterator[ClockChange]:
    """Yield the changes of the clock in [start, end), in order."""
    low, last = ceil(start) - 1, ceil(end) - 1
    while low < last:
        high = min(low + 3600, last)  # two changes within an hour are unknown
        before, after = _offset(low, zone), _offset(high, zone)
        if before != after:
            yield ClockChange(_change_between(low, high, after, zone), before, after)
        low = high


def _wall_and_offsets(day: date, minute: int, zone: ZoneInfo) -> tuple[int, int, int]:
    """Return a wall time as seconds, and the offsets that hold for it (PEP 495).

    The two offsets differ where the clock is changed: the greater comes first where the time comes
    twice, the smaller where it is skipped.
    """
    past, of_day = divmod(minute, DAY_MINUTES)
    ordinal = day.toordinal() + past
    wall = datetime.fromordinal(ordinal).replace(hour=of_day // 60, minute=of_day % 60, tzinfo=zone)
    early, late = _seconds(wall), _seconds(wall.replace(fold=1))
    return (ordinal - _START.toordinal()) * DAY_SECONDS + of_day * 60, early, late


def _skip_moment(wall: int, before: int, after: int, zone: ZoneInfo) -> int:
    """Return the moment of the change that skips a wall time."""
    return _change_between(wall - after, wall - before, after, zone)


def _change_between(low: int, high: int, after: int, zone: ZoneInfo) -> int:
    """Return the first second in (low, high] that has the offset `after`."""
    moments = range(low, high + 1)
    return moments[bisect_right(moments, False, key=lambda at: _offset(at, zone) == after)]


def _offset(moment: int, zone: ZoneInfo) -> int:
    return _seconds(local_time(moment, zone))


def _seconds(wall: datetime) -> int:
    offset = wall.utcoffset()
    assert offset is not None
    return offset.days * DAY_SECONDS + offset.seconds
