"""A calendar file of schedules says in another calendar what copdns does."""

from __future__ import annotations

from datetime import date, datetime

import icalendar
import pytest

from copdns.model.times import USUAL_WEEK, Schedule, WeekParity
from copdns.time.days import zone_of
from copdns.time.ics_text import CalendarEvent, ics_text
from copdns.time.schedule import closed_spans, parse_slots

PARIS = zone_of("Europe/Paris")
START, END = (
    datetime(2026, month, day, tzinfo=PARIS).timestamp() for month, day in ((10, 19), (11, 23))
)


@pytest.mark.parametrize("weeks", [None, WeekParity.EVEN, date(2026, 10, 23)])
def test_another_program_reads_each_time_as_it_holds(weeks: WeekParity | date | None) -> None:
    """Also over the change of the clock, on 25 October 2026."""
    schedule = Schedule("bedtime", "mia", parse_slots("school_night 20:30-07:00"), weeks=weeks)
    spans = closed_spans(schedule, USUAL_WEEK, PARIS, START, END)
    assert spans
    text = ics_text((CalendarEvent("bedtime", *each, "Off") for each in spans), "Mia", START)
    events = icalendar.Calendar.from_ical(text).walk("VEVENT")
    read = [(each["DTSTART"].dt.timestamp(), each["DTEND"].dt.timestamp()) for each in events]
    assert read == list(spans)
    assert len({str(each["UID"]) for each in events}) == len(spans)


@pytest.mark.parametrize("words", ["a, b; c\\d", "two\nlines", "é" * 80, "BEGIN:VEVENT\r\nX:1"])
def test_words_stay_words(words: str) -> None:
    text = ics_text([CalendarEvent("x", START, END, words)], words, START)
    assert all(len(line) <= 75 for line in text.encode().split(b"\r\n"))
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert str(event["SUMMARY"]) == words.replace("\r", "")
