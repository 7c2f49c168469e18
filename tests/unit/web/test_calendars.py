"""A calendar file is read in a process of its own, which ends whatever it is given."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from copdns.model.errors import CalendarError
from copdns.time.days import DateRange
from copdns.web import calendars
from copdns.web.calendars import MAX_OCTETS, read_calendar
from tests.running import without_end

TODAY = date(2026, 3, 29)
ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTART;VALUE=DATE:20260504\r\nSUMMARY:Fête\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


async def test_its_dates_come_back_whole() -> None:
    day = date(2026, 5, 4)
    assert await read_calendar(ICS.encode(), "Europe/Paris", TODAY) == (
        DateRange(day, day, "Fête"),
    )


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"\xff", "not text"),
        (b"not a calendar", "."),
        (b"x" * (MAX_OCTETS + 1), "too large for a calendar"),
    ],
    ids=["not text", "no calendar", "too large"],
)
async def test_what_is_no_calendar_is_told(octets: bytes, told: str) -> None:
    with pytest.raises(CalendarError, match=told):
        await read_calendar(octets, "UTC", TODAY)


async def test_a_calendar_that_takes_a_processor_too_long_is_given_up_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", without_end(tmp_path, "copdns.web.calendars"))
    monkeypatch.setattr(calendars, "MAX_SECONDS", 1)
    with pytest.raises(CalendarError, match="takes too long"):
        await read_calendar(ICS.encode(), "UTC", TODAY)
