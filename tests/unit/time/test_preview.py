"""Tests of a week as people and programs see it before it comes."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from copdns.model.times import USUAL_WEEK, Schedule
from copdns.time.days import zone_of
from copdns.time.preview import ClosedSpan, PreviewWeek, build_week, week_span
from copdns.time.schedule import closed_spans, parse_slots


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def preview(written: str, zone: str, first: date) -> PreviewWeek:
    """Return a week of bedtimes."""
    where = zone_of(zone)
    schedule = Schedule("bedtime", "mia", parse_slots(written))
    found = closed_spans(schedule, USUAL_WEEK, where, *week_span(where, first))
    return build_week([ClosedSpan("bedtime", *each) for each in found], where, first)


def test_a_week_is_a_line_a_day() -> None:
    found = preview("school_night 21:00-07:00", "Europe/Berlin", date(2026, 3, 2))
    assert str(found).splitlines() == [
        "Mon 2026-03-02  00:00-07:00 bedtime, 21:00-24:00 bedtime",
        "Tue 2026-03-03  00:00-07:00 bedtime, 21:00-24:00 bedtime",
        "Wed 2026-03-04  00:00-07:00 bedtime, 21:00-24:00 bedtime",
        "Thu 2026-03-05  00:00-07:00 bedtime, 21:00-24:00 bedtime",
        "Fri 2026-03-06  00:00-07:00 bedtime",
        "Sat 2026-03-07  open",
        "Sun 2026-03-08  21:00-24:00 bedtime",
    ]


@pytest.mark.parametrize(
    ("zone", "day", "line"),
    [
        (
            "Europe/Berlin",
            date(2025, 3, 30),
            "Sun 2025-03-30  00:00-07:00 bedtime, 21:00-24:00 bedtime  "
            "(the clock goes from 02:00 to 03:00, UTC+01:00 to UTC+02:00)",
        ),
        (
            "Australia/Lord_Howe",
            date(2025, 4, 6),
            "Sun 2025-04-06  00:00-07:00 bedtime, 21:00-24:00 bedtime  "
            "(the clock goes from 02:00 to 01:30, UTC+11:00 to UTC+10:30)",
        ),
        (
            "America/Sao_Paulo",
            date(2018, 2, 17),
            "Sat 2018-02-17  00:00-07:00 bedtime, 21:00-24:00 bedtime  (the clock goes "
            "from 2018-02-18 00:00 to 2018-02-17 23:00, UTC-02:00 to UTC-03:00)",
        ),
        ("Pacific/Apia", date(2011, 12, 30), "Fri 2011-12-30  skipped because the clock changes"),
        (
            "Pacific/Apia",
            date(2011, 12, 31),
            "Sat 2011-12-31  00:00-07:00 bedtime, 21:00-24:00 bedtime  (the clock goes "
            "from 2011-12-30 00:00 to 2011-12-31 00:00, UTC-10:00 to UTC+14:00)",
        ),
    ],
)
def test_a_day_on_which_the_clock_is_changed_says_so(zone: str, day: date, line: str) -> None:
    assert str(preview("21:00-07:00", zone, day)).splitlines()[0] == line


def test_a_time_that_comes_twice_says_which_it_is() -> None:
    sunday, *_ = str(preview("sun 02:15-02:45", "Europe/Berlin", date(2025, 10, 26))).splitlines()
    closed = sunday.split("  ")[1]
    assert closed == "02:15 (UTC+02:00)-02:45 (UTC+01:00) bedtime"


def test_several_things_stand_in_the_order_in_which_they_close() -> None:
    where, day = zone_of("UTC"), "2026-03-02"
    found = build_week(
        [
            ClosedSpan("games", at(f"{day}T09:00Z"), at(f"{day}T10:00:30Z")),
            ClosedSpan("bedtime", at(f"{day}T00:00Z"), at(f"{day}T07:00Z")),
            ClosedSpan("films", at(f"{day}T09:00Z"), at(f"{day}T09:30Z")),
            ClosedSpan("last week", at("2026-03-01T09:00Z"), at(f"{day}T00:00Z")),
        ],
        where,
        date(2026, 3, 2),
    )
    assert str(found).splitlines()[0] == (
        "Mon 2026-03-02  00:00-07:00 bedtime, 09:00-09:30 films, 09:00-10:00:30 games"
    )


def test_a_program_gets_local_times_with_their_offset_and_seconds_of_utc() -> None:
    found = preview("sat 21:00-07:00", "Europe/Berlin", date(2025, 3, 29)).as_json()
    assert found["timezone"] == "Europe/Berlin"
    assert len(found["days"]) == 7
    assert found["days"][1] == {
        "date": "2025-03-30",
        "start": "2025-03-30T00:00:00+01:00",
        "end": "2025-03-31T00:00:00+02:00",
        "start_utc": 1743289200,
        "end_utc": 1743372000,
        "clock_changes": [
            {
                "before": "2025-03-30T02:00:00+01:00",
                "after": "2025-03-30T03:00:00+02:00",
                "utc": 1743296400,
            }
        ],
        "closed": [
            {
                "name": "bedtime",
                "start": "2025-03-30T00:00:00+01:00",
                "end": "2025-03-30T07:00:00+02:00",
                "start_utc": 1743289200,
                "end_utc": 1743310800,
            }
        ],
    }
    assert json.loads(json.dumps(found)) == found
