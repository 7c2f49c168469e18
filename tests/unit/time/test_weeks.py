"""In which weeks a schedule holds that does not hold in each of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import TextError
from copdns.model.times import USUAL_WEEK, Schedule, WeekParity, Weeks, parse_weeks
from copdns.time.days import local_time, zone_of
from copdns.time.schedule import closed_spans, parse_slots
from copdns.time.weeks import WeekState, week_state, weeks_include

BERLIN = zone_of("Europe/Berlin")
EVEN, ODD = WeekParity.EVEN, WeekParity.ODD
FRIDAY = date(2026, 11, 27)  # in week 48


@pytest.mark.parametrize(
    ("day", "even"),
    [
        (date(2026, 11, 23), True),  # Monday of week 48
        (date(2026, 11, 29), True),  # its Sunday
        (date(2026, 11, 30), False),
        (date(2026, 12, 27), True),  # week 52
        (date(2026, 12, 28), False),  # week 53
        (date(2027, 1, 3), False),  # still week 53
        (date(2027, 1, 4), False),  # week 1: two odd weeks in a row
        (date(2027, 1, 11), True),
        (date(2024, 12, 30), False),  # week 1 of 2025 begins in 2024
    ],
)
def test_weeks_by_number_are_those_of_the_calendar_also_at_the_end_of_a_year(
    day: date, even: bool
) -> None:
    assert weeks_include(EVEN, day) is even
    assert weeks_include(ODD, day) is not even


def test_every_second_week_from_a_date_is_seven_days_on_and_seven_off_through_week_53() -> None:
    days = [date(2026, 12, 4) + timedelta(days=number) for number in range(-7, 42)]
    assert [weeks_include(date(2026, 12, 4), day) for day in days] == (
        [False] * 7 + [True] * 7 + [False] * 7 + [True] * 7 + [False] * 7 + [True] * 7 + [False] * 7
    )


@pytest.mark.parametrize(
    ("weeks", "today", "state"),
    [
        (EVEN, FRIDAY, WeekState(True, date(2026, 11, 30), is_whole_week=True)),
        (ODD, FRIDAY, WeekState(False, date(2026, 11, 30), is_whole_week=True)),
        # Two odd weeks in a row: neither "this week" nor "next week" says all of it.
        (ODD, date(2026, 12, 30), WeekState(True, date(2027, 1, 11), is_whole_week=False)),
        (EVEN, date(2026, 12, 30), WeekState(False, date(2027, 1, 11), is_whole_week=False)),
        (FRIDAY, FRIDAY, WeekState(True, date(2026, 12, 4), is_whole_week=False)),
        (FRIDAY, date(2026, 12, 4), WeekState(False, date(2026, 12, 11), is_whole_week=False)),
        (FRIDAY, date(2026, 11, 1), WeekState(False, FRIDAY, is_whole_week=False)),
        (
            date(2026, 11, 16),
            FRIDAY,
            WeekState(False, date(2026, 11, 30), is_whole_week=True),
        ),
    ],
)
def test_it_is_known_which_week_this_is_and_until_when(
    weeks: Weeks, today: date, state: WeekState
) -> None:
    assert week_state(weeks, today) == state


@given(
    st.sampled_from([EVEN, ODD]) | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_the_state_changes_on_the_day_that_is_said_and_not_before(
    weeks: Weeks, today: date
) -> None:
    state = week_state(weeks, today)
    days = [today + timedelta(days=n) for n in range((state.changes - today).days + 1)]
    assert [weeks_include(weeks, day) for day in days] == (
        [state.holds] * (len(days) - 1) + [not state.holds]
    )


@pytest.mark.parametrize("written", ["", "every"])
def test_nothing_said_is_every_week(written: str) -> None:
    assert parse_weeks(written) is None


@pytest.mark.parametrize("written", ["even", "odd", "2026-11-30"])
def test_weeks_are_written_as_they_are_read(written: str) -> None:
    assert str(parse_weeks(written)) == written


@pytest.mark.parametrize("written", ["Even", "2026-W48-1", "20261130", "2026-02-30", "0001-01-01"])
def test_other_words_are_no_weeks(written: str) -> None:
    with pytest.raises(TextError, match="names no weeks"):
        parse_weeks(written)


def closed(schedule: Schedule, start: str, end: str) -> list[tuple[str, str]]:
    moments = (
        datetime.fromisoformat(each).replace(tzinfo=BERLIN).timestamp() for each in (start, end)
    )
    return [
        tuple(local_time(each, BERLIN).isoformat(timespec="minutes") for each in span)  # type: ignore[misc]
        for span in closed_spans(schedule, USUAL_WEEK, BERLIN, *moments)
    ]


def test_a_night_belongs_to_the_week_of_its_evening() -> None:
    nights = Schedule("bedtime", "mia", parse_slots("sun mon 21:00-07:00"), weeks=EVEN)
    assert closed(nights, "2026-11-22T00:00", "2026-12-08T00:00") == [
        ("2026-11-23T21:00+01:00", "2026-11-24T07:00+01:00"),
        ("2026-11-29T21:00+01:00", "2026-11-30T07:00+01:00"),
        ("2026-12-07T21:00+01:00", "2026-12-08T00:00+01:00"),
    ]


def test_what_is_on_at_set_times_only_is_on_at_all_times_in_the_other_weeks() -> None:
    lunch = Schedule("lunch", "mia", parse_slots("sun 12:00-13:00"), opens=True, weeks=EVEN)
    assert closed(lunch, "2026-11-29T00:00", "2026-12-07T10:00") == [
        ("2026-11-29T00:00+01:00", "2026-11-29T12:00+01:00"),
        ("2026-11-29T13:00+01:00", "2026-11-30T00:00+01:00"),
        ("2026-12-07T00:00+01:00", "2026-12-07T10:00+01:00"),
    ]


def test_the_change_of_the_clock_moves_no_week() -> None:
    """The clock is changed in the night to Sunday 25 October 2026, the last day of week 43."""
    nights = Schedule("b", "mia", parse_slots("daily 22:00-06:00"), weeks=date(2026, 10, 19))
    spans = closed(nights, "2026-10-24T12:00", "2026-11-03T00:00")
    assert spans == [
        ("2026-10-24T22:00+02:00", "2026-10-25T06:00+01:00"),
        ("2026-10-25T22:00+01:00", "2026-10-26T06:00+01:00"),
        ("2026-11-02T22:00+01:00", "2026-11-03T00:00+01:00"),
    ]
