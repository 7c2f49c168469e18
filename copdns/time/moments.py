"""How people write a moment: `20:15`, the next time that the clock shows it, or a date too.

Pure.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from copdns.model.errors import TextError
from copdns.time.days import ends_at, local_time, starts_at, zone_of

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


def moment(text: str, timezone: str, now: float) -> float:
    """Return the moment of `2026-11-24T20:15`, `2026-11-24T19:15Z`, or of the next `20:15`.

    Raise ValueError for a text that says no time.
    """
    if clock := _CLOCK.fullmatch(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour < 24 and minute < 60:
            return _next(hour * 60 + minute, zone_of(timezone), now)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and not 1970 < at.year < 9999:
        raise TextError(
            "'%(written)s' is out of range; write a time such as 20:15, or a date from 1971 to "
            "9998",
            written=text,
        )
    if at is None:
        raise TextError(
            "'%(written)s' is not a valid time; write one such as 20:15, 2026-11-24T20:15 or "
            "2026-11-24T19:15Z",
            written=text,
        )
    return at.timestamp() if at.tzinfo else _written(at, zone_of(timezone), now)


def _written(at: datetime, zone: ZoneInfo, now: float) -> float:
    """Return when the clock shows a written time; of one that comes twice the next, else the
    first."""
    minute, rest = at.hour * 60 + at.minute, at.second + at.microsecond / 1e6
    moments = [when(at.date(), minute, zone) + rest for when in (starts_at, ends_at)]
    return next((each for each in moments if each > now), moments[0])


def _next(minute: int, zone: ZoneInfo, now: float) -> float:
    """Return when the clock next shows a time of day; the same minute is tomorrow's."""
    today = local_time(now, zone).date()
    days = [today + timedelta(days=number) for number in (-1, 0, 1, 2)]
    moments = [when(day, minute, zone) for day in days for when in (starts_at, ends_at)]
    return min(each for each in moments if each > now)


def moment_text(at: float, timezone: str, now: float) -> str:
    """Return "20:15", with its date where that is not today's: "2026-11-24 20:15"."""
    zone = zone_of(timezone)
    shown = local_time(at, zone)
    is_today = shown.date() == local_time(now, zone).date()
    return f"{shown:%H:%M}" if is_today else f"{shown:%Y-%m-%d %H:%M}"
