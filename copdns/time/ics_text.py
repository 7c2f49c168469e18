"""Write when schedules turn something off as a calendar file (RFC 5545), for other calendars.

Each time stands in it as an event with its two moments in UTC, and no rule that repeats: school
nights and weeks by number cannot be said as one.  `time/ics.py` reads calendar files.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

_MOST: Final = 75  # octets of a line (RFC 5545 section 3.1)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


class CalendarEvent(NamedTuple):
    """An event.  key: what it belongs to, for its id.  start, end: seconds since the epoch."""

    key: str
    start: float
    end: float
    summary: str


def ics_text(events: Iterable[CalendarEvent], name: str, now: float) -> str:
    """Return a calendar file.  name: of the calendar.  now: when it is made, epoch seconds.

    The same event has the same id in a later file, so that a calendar that reads it again replaces
    it.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//copdns//schedules//EN"]
    lines.append(f"X-WR-CALNAME:{_escape(name)}")
    for each in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{each.key}-{int(each.start)}@copdns",
            f"DTSTAMP:{_moment(now)}",
            f"DTSTART:{_moment(each.start)}",
            f"DTEND:{_moment(each.end)}",
            f"SUMMARY:{_escape(each.summary)}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _fold(line))


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _fold(line: str) -> Iterator[str]:
    """Yield a line in parts of at most _MOST octets; each but the first begins with a space."""
    part = ""
    for letter in line:
        if len(f"{part}{letter}".encode()) > _MOST:
            yield part
            part = " "
        part += letter
    yield part
