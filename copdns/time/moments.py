"""Read and write a moment as people do: `20:15`, the next time the clock shows it, or with a date.

Pure.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from copdns.model.errors import TextError
from copdns.time.days import ends_at, local_time, starts_at, zone_of

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


def parse_moment(text: str, timezone: str, now: float) -> float:
    """Return the moment of `2026-11-24T20:15`, `2026-11-24T19:15Z`, or of the next `20:15`.

    now and the result: seconds since the epoch.  timezone: an IANA name.
    Raise TextError for a text that is no time.
    """
    if clock := _CLOCK.fullmatch(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour < 24 and minute < 60:
            return _next_time_of_day(hour * 60 + minute, zone_of(timezone), now)
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
    return at.timestamp() if at.tzinfo else _local_moment(at, zone_of(timezone), now)


def _local_moment(at: datetime, zone: ZoneInfo, now: float) -> float:
    """Return when the clock of a zone shows a date and time.

    Of a time that comes twice, the first that is after `now`; the first of all where none is.
    """
    minute, rest = at.hour * 60 + at.minute, at.second + at.microsecond / 1e6
    moments = [when(at.date(), minute, zone) + rest for when in (starts_at, ends_at)]
    return next((each for each in moments if each > now), moments[0])


def _next_time_of_day(minute: int, zone: ZoneInfo, now: float) -> float:
    """Return when the clock next shows a minute of the day, later than now."""
    today = local_time(now, zone).date()
    days = [today + timedelta(days=number) for number in (-1, 0, 1, 2)]
    moments = [when(day, minute, zone) for day in days for when in (starts_at, ends_at)]
    return min(each for each in moments if each > now)


def moment_text(at: float, timezone: str, now: float) -> str:
    """Return "20:15", or "2026-11-24 20:15" on another day than that of `now`."""
    zone = zone_of(timezone)
    local = local_time(at, zone)
    is_today = local.date() == local_time(now, zone).date()
    return f"{local:%H:%M}" if is_today else f"{local:%Y-%m-%d %H:%M}"
