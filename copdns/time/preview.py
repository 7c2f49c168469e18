"""A week of closed times, for people and programs to look at before it comes.

What is closed is worked out elsewhere; here it is laid over seven dates of the household's clock.
Each day says whether the clock is changed on it, and no time stands for two moments.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from copdns.model.times import DAY_MINUTES
from copdns.time.days import ClockChange, clock_changes, ends_at, local_time, starts_at

DAYS = 7


class Closed(NamedTuple):
    """Something is closed from start to end, which are moments.  name: for people."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Day:
    """A date, from one midnight to the next, and what is closed in it.

    start, end: the same moment where a zone left the date out.  closed: in order, cut to the day.
    """

    date: date
    start: float
    end: float
    changes: tuple[ClockChange, ...]
    closed: tuple[Closed, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days, one after the other; as text, a line a day."""

    zone: ZoneInfo
    days: tuple[Day, ...]

    def __str__(self) -> str:
        return "\n".join(_line(day, self.zone) for day in self.days)

    def as_json(self) -> dict[str, Any]:
        """Return the week for JSON: times as of ISO 8601 with their offset, and as UTC seconds."""
        return {"timezone": self.zone.key, "days": [_json(day, self.zone) for day in self.days]}


def week(closed: Iterable[Closed], zone: ZoneInfo, first: date) -> Week:
    """Return the week that begins with a date, of whatever is closed in it."""
    ordered = sorted(closed, key=lambda each: (each.start, each.end, each.name))
    days = (first + timedelta(days=number) for number in range(DAYS))
    return Week(zone, tuple(_day(date, ordered, zone) for date in days))


def week_span(zone: ZoneInfo, first: date) -> tuple[float, float]:
    """Return the moments from which and until which a week reaches."""
    return starts_at(first, 0, zone), starts_at(first + timedelta(days=DAYS), 0, zone)


def _day(day: date, closed: Iterable[Closed], zone: ZoneInfo) -> Day:
    start, end = starts_at(day, 0, zone), starts_at(day, DAY_MINUTES, zone)
    cut = (each._replace(start=max(each.start, start), end=min(each.end, end)) for each in closed)
    changes = tuple(clock_changes(start, end, zone))
    return Day(day, start, end, changes, tuple(each for each in cut if each.start < each.end))


def _line(day: Day, zone: ZoneInfo) -> str:
    """Return a day as a line, such as `Mon 2026-03-02  00:00-07:00 bedtime`."""
    said = f"{_NAMES[day.date.weekday()]} {day.date}  "
    if day.start == day.end:
        return f"{said}skipped because the clock changes"
    said += ", ".join(_stretch(each, day, zone) for each in day.closed) or "open"
    return said + "".join(f"  ({_change(each)})" for each in day.changes)


_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _stretch(each: Closed, day: Day, zone: ZoneInfo) -> str:
    end = "24:00" if each.end == day.end else _clock(each.end, zone)
    return f"{_clock(each.start, zone)}-{end} {each.name}"


def _clock(moment: float, zone: ZoneInfo) -> str:
    """Return a time of day, with its offset where the same time comes twice."""
    at = local_time(moment, zone)
    minute = at.hour * 60 + at.minute
    twice = starts_at(at.date(), minute, zone) != ends_at(at.date(), minute, zone)
    return f"{at:%H:%M:%S}".removesuffix(":00") + (f" (UTC{_offset(at)})" if twice else "")


def _change(change: ClockChange) -> str:
    """Say how the clock jumps; with dates where it jumps over midnight."""
    before, after = _sides(change)
    form = "%H:%M" if before.date() == after.date() else "%Y-%m-%d %H:%M"
    return (
        f"the clock goes from {before:{form}} to {after:{form}}, "
        f"UTC{_offset(before)} to UTC{_offset(after)}"
    )


def _json(day: Day, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        **_span(day.start, day.end, zone),
        "clock_changes": [_change_json(each) for each in day.changes],
        "closed": [{"name": name, **_span(start, end, zone)} for name, start, end in day.closed],
    }


def _change_json(change: ClockChange) -> dict[str, Any]:
    before, after = _sides(change)
    return {"before": _iso(before), "after": _iso(after), "utc": change.at}


def _span(start: float, end: float, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": _iso(local_time(start, zone)),
        "end": _iso(local_time(end, zone)),
        "start_utc": int(start),
        "end_utc": int(end),
    }


def _sides(change: ClockChange) -> tuple[datetime, datetime]:
    """Return the moment of a change as the clock shows it before and after."""
    before, after = (timezone(timedelta(seconds=each)) for each in (change.before, change.after))
    return datetime.fromtimestamp(change.at, before), datetime.fromtimestamp(change.at, after)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _offset(at: datetime) -> str:
    return _iso(at)[len("2026-03-02T00:00:00") :]
