"""A week of closed times as text and JSON, to check schedules before they apply.

The caller computes the closed spans; this module cuts them to seven dates of the household's clock.
Each day has the changes of its clock, and each time names one moment only.  Pure.
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


class ClosedSpan(NamedTuple):
    """Something closed from start to end, seconds since the epoch.  name: for people."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """A date and what is closed on it.

    start, end: its two midnights; equal where the zone left the date out.
    closed: in order, cut to the day.
    """

    date: date
    start: float
    end: float
    changes: tuple[ClockChange, ...]
    closed: tuple[ClosedSpan, ...]


@dataclass(frozen=True, slots=True)
class PreviewWeek:
    """Seven days in a row; `str` gives one line for each."""

    zone: ZoneInfo
    days: tuple[PreviewDay, ...]

    def __str__(self) -> str:
        return "\n".join(_day_text(day, self.zone) for day in self.days)

    def as_json(self) -> dict[str, Any]:
        """Return the week for JSON: times in ISO 8601 with their offset, and in epoch seconds."""
        return {"timezone": self.zone.key, "days": [_day_json(day, self.zone) for day in self.days]}


def build_week(closed: Iterable[ClosedSpan], zone: ZoneInfo, first: date) -> PreviewWeek:
    """Return the week that begins with a date, with what is closed in it."""
    ordered = sorted(closed, key=lambda each: (each.start, each.end, each.name))
    days = (first + timedelta(days=number) for number in range(DAYS))
    return PreviewWeek(zone, tuple(_build_day(date, ordered, zone) for date in days))


def week_span(zone: ZoneInfo, first: date) -> tuple[float, float]:
    """Return start and end of the week that begins with a date."""
    return starts_at(first, 0, zone), starts_at(first + timedelta(days=DAYS), 0, zone)


def _build_day(day: date, closed: Iterable[ClosedSpan], zone: ZoneInfo) -> PreviewDay:
    start, end = starts_at(day, 0, zone), starts_at(day, DAY_MINUTES, zone)
    cut = (each._replace(start=max(each.start, start), end=min(each.end, end)) for each in closed)
    changes = tuple(clock_changes(start, end, zone))
    return PreviewDay(
        day, start, end, changes, tuple(each for each in cut if each.start < each.end)
    )


def _day_text(day: PreviewDay, zone: ZoneInfo) -> str:
    """Return a day as a line, such as `Mon 2026-03-02  00:00-07:00 bedtime`."""
    text = f"{_NAMES[day.date.weekday()]} {day.date}  "
    if day.start == day.end:
        return f"{text}skipped because the clock changes"
    text += ", ".join(_span_text(each, day, zone) for each in day.closed) or "open"
    return text + "".join(f"  ({_change_text(each)})" for each in day.changes)


_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _span_text(each: ClosedSpan, day: PreviewDay, zone: ZoneInfo) -> str:
    end = "24:00" if each.end == day.end else _time_text(each.end, zone)
    return f"{_time_text(each.start, zone)}-{end} {each.name}"


def _time_text(moment: float, zone: ZoneInfo) -> str:
    """Return a time of day, with its offset where the same time comes twice."""
    at = local_time(moment, zone)
    minute = at.hour * 60 + at.minute
    twice = starts_at(at.date(), minute, zone) != ends_at(at.date(), minute, zone)
    return f"{at:%H:%M:%S}".removesuffix(":00") + (f" (UTC{_offset_text(at)})" if twice else "")


def _change_text(change: ClockChange) -> str:
    """Return how the clock jumps, as text; with dates where it jumps over midnight."""
    before, after = _before_and_after(change)
    form = "%H:%M" if before.date() == after.date() else "%Y-%m-%d %H:%M"
    return (
        f"the clock goes from {before:{form}} to {after:{form}}, "
        f"UTC{_offset_text(before)} to UTC{_offset_text(after)}"
    )


def _day_json(day: PreviewDay, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        **_span_json(day.start, day.end, zone),
        "clock_changes": [_change_json(each) for each in day.changes],
        "closed": [
            {"name": name, **_span_json(start, end, zone)} for name, start, end in day.closed
        ],
    }


def _change_json(change: ClockChange) -> dict[str, Any]:
    before, after = _before_and_after(change)
    return {"before": _iso_text(before), "after": _iso_text(after), "utc": change.at}


def _span_json(start: float, end: float, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": _iso_text(local_time(start, zone)),
        "end": _iso_text(local_time(end, zone)),
        "start_utc": int(start),
        "end_utc": int(end),
    }


def _before_and_after(change: ClockChange) -> tuple[datetime, datetime]:
    """Return the moment of a change as the clock shows it before and after."""
    before, after = (timezone(timedelta(seconds=each)) for each in (change.before, change.after))
    return datetime.fromtimestamp(change.at, before), datetime.fromtimestamp(change.at, after)


def _iso_text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _offset_text(at: datetime) -> str:
    return _iso_text(at)[len("2026-03-02T00:00:00") :]
