"""Tests of dates and of the moments at which a time of their clock comes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.times import DAY_WORDS, USUAL_WEEK, DayType, SchoolCalendar
from copdns.time.days import (
    budget_day,
    clock_changes,
    day_matches,
    day_type,
    ends_at,
    local_time,
    starts_at,
    zone_of,
)

# A Tuesday without school, a Saturday with school, and the Monday after it at home.
SPRING = SchoolCalendar(
    days=(
        (date(2026, 3, 3), DayType.HOLIDAY),
        (date(2026, 3, 7), DayType.SCHOOL),
        (date(2026, 3, 9), DayType.WEEKEND),
    )
)
RESTLESS = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"),
    *("Pacific/Apia", "America/Sao_Paulo", "America/St_Johns", "America/Havana", "Africa/Cairo"),
    *("Asia/Kathmandu", "Pacific/Chatham", "UTC"),
)
zones = st.sampled_from(RESTLESS).map(zone_of)
dates = st.dates(date(1999, 1, 1), date(2037, 12, 31))


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 3, 2), DayType.SCHOOL),  # a Monday
        (date(2026, 3, 3), DayType.HOLIDAY),
        (date(2026, 3, 7), DayType.SCHOOL),
        (date(2026, 3, 8), DayType.WEEKEND),  # a Sunday
        (date(2026, 3, 9), DayType.WEEKEND),
        (date(2026, 3, 10), DayType.SCHOOL),
    ],
)
def test_a_single_date_is_what_the_calendar_says_and_else_what_its_weekday_is(
    day: date, kind: DayType
) -> None:
    assert day_type(SPRING, day) is kind


def test_the_weekend_is_where_the_household_has_it() -> None:
    friday_and_saturday = SchoolCalendar(weekend=frozenset({4, 5}))
    kinds = [day_type(friday_and_saturday, date(2026, 3, day)) for day in (5, 6, 7, 8)]
    assert kinds == [DayType.SCHOOL, DayType.WEEKEND, DayType.WEEKEND, DayType.SCHOOL]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 3, 2), {"mon", "school", "free_night", "daily"}),  # tomorrow is a holiday
        (date(2026, 3, 3), {"tue", "holiday", "school_night", "daily"}),
        (date(2026, 3, 4), {"wed", "school", "school_night", "daily"}),
        (date(2026, 3, 6), {"fri", "school", "school_night", "daily"}),  # school on Saturday
        (date(2026, 3, 8), {"sun", "weekend", "free_night", "daily"}),  # no school on Monday
    ],
)
def test_a_date_fits_its_own_words_and_no_other(day: date, words: set[str]) -> None:
    assert {word for word in DAY_WORDS if day_matches({word}, SPRING, day)} == words


def test_a_date_fits_when_one_of_several_words_does() -> None:
    assert day_matches({"sat", "sun", "holiday"}, SPRING, date(2026, 3, 3))
    assert not day_matches({"sat", "sun", "holiday"}, SPRING, date(2026, 3, 4))


def test_a_sunday_evening_is_a_school_night_in_the_usual_week() -> None:
    assert day_matches({"school_night"}, USUAL_WEEK, date(2026, 3, 8))


def test_what_is_no_zone_is_no_zone() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        zone_of("Europe/Nowhere")


@pytest.mark.parametrize(
    ("zone", "day", "minute", "moment"),
    [
        # An hour, half an hour and a date that are skipped, and the end of Ramadan.
        ("Europe/Berlin", date(2025, 3, 30), 150, "2025-03-30T03:00+02:00"),
        ("America/New_York", date(2025, 3, 9), 120, "2025-03-09T03:00-04:00"),
        ("Australia/Lord_Howe", date(2025, 10, 5), 135, "2025-10-05T02:30+11:00"),
        ("Africa/Casablanca", date(2025, 4, 6), 179, "2025-04-06T03:00+01:00"),
        ("Africa/Cairo", date(2024, 4, 26), 0, "2024-04-26T01:00+03:00"),
        ("Pacific/Apia", date(2011, 12, 30), 0, "2011-12-31T00:00+14:00"),
        ("Pacific/Apia", date(2011, 12, 30), 1439, "2011-12-31T00:00+14:00"),
        ("Pacific/Apia", date(2011, 12, 29), 1440, "2011-12-31T00:00+14:00"),
        # Offsets had seconds once; this one ended at 00:44:30 of UTC.
        ("Africa/Monrovia", date(1972, 1, 7), 10, "1972-01-07T00:44:30+00:00"),
    ],
)
def test_a_time_that_is_skipped_is_the_moment_of_the_change(
    zone: str, day: date, minute: int, moment: str
) -> None:
    assert starts_at(day, minute, zone_of(zone)) == at(moment)
    assert ends_at(day, minute, zone_of(zone)) == at(moment)


@pytest.mark.parametrize(
    ("zone", "day", "minute", "first", "last"),
    [
        ("Europe/Berlin", date(2025, 10, 26), 150, "02:30+02:00", "02:30+01:00"),
        ("Europe/Berlin", date(2025, 10, 26), 120, "02:00+02:00", "02:00+01:00"),
        ("America/New_York", date(2025, 11, 2), 90, "01:30-04:00", "01:30-05:00"),
        ("Australia/Lord_Howe", date(2025, 4, 6), 105, "01:45+11:00", "01:45+10:30"),
        ("Africa/Casablanca", date(2025, 2, 23), 120, "02:00+01:00", "02:00+00:00"),
        ("America/Sao_Paulo", date(2018, 2, 17), 1410, "23:30-02:00", "23:30-03:00"),
    ],
)
def test_of_a_time_that_comes_twice_the_first_starts_and_the_last_ends(
    zone: str, day: date, minute: int, first: str, last: str
) -> None:
    assert starts_at(day, minute, zone_of(zone)) == at(f"{day}T{first}")
    assert ends_at(day, minute, zone_of(zone)) == at(f"{day}T{last}")


@pytest.mark.parametrize("minute", [119, 180])
def test_beside_the_hour_that_comes_twice_each_time_comes_once(minute: int) -> None:
    day, berlin = date(2025, 10, 26), zone_of("Europe/Berlin")
    assert starts_at(day, minute, berlin) == ends_at(day, minute, berlin)


@given(dates, st.integers(0, 2879), zones)
def test_a_start_is_the_first_moment_of_its_minute_or_later(
    day: date, minute: int, zone: ZoneInfo
) -> None:
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    start, end = starts_at(day, minute, zone), ends_at(day, minute, zone)
    shown = [local_time(start + more, zone).replace(tzinfo=None) for more in (-1, 0)]
    assert shown[0] < wall <= shown[1]
    after = [local_time(end + more, zone).replace(tzinfo=None) for more in range(1, 200_000, 900)]
    assert min(after) > wall
    assert start <= end


@pytest.mark.parametrize(
    ("now", "day", "start", "end"),
    [
        # Before four in the morning it is still the date before.
        ("2025-03-04T03:59:59+01:00", 3, "2025-03-03T04:00+01:00", "2025-03-04T04:00+01:00"),
        ("2025-03-04T04:00:00+01:00", 4, "2025-03-04T04:00+01:00", "2025-03-05T04:00+01:00"),
        # A day of 23 hours.
        ("2025-03-29T12:00:00+01:00", 29, "2025-03-29T04:00+01:00", "2025-03-30T04:00+02:00"),
    ],
)
def test_a_budget_day_begins_at_the_hour_that_the_household_set(
    now: str, day: int, start: str, end: str
) -> None:
    found = budget_day(at(now), zone_of("Europe/Berlin"), 240)
    assert found == (date(2025, 3, day), at(start), at(end))


@pytest.mark.parametrize("now", ["02:31+02:00", "02:10+01:00", "02:31+01:00"])
def test_a_day_that_began_does_not_begin_again_when_the_clock_goes_back(now: str) -> None:
    found = budget_day(at(f"2025-10-26T{now}"), zone_of("Europe/Berlin"), 150)
    assert (found.day, found.start) == (date(2025, 10, 26), at("2025-10-26T02:30+02:00"))


def test_a_date_that_never_was_is_no_budget_day() -> None:
    change = at("2011-12-31T00:00+14:00")
    days = [budget_day(change + more, zone_of("Pacific/Apia"), 0).day for more in (-1, 0)]
    assert days == [date(2011, 12, 29), date(2011, 12, 31)]


@given(dates, st.floats(0, 86_400), st.integers(0, 1439), zones)
def test_every_moment_has_one_budget_day_and_the_next_follows_at_once(
    day: date, more: float, day_starts: int, zone: ZoneInfo
) -> None:
    now = starts_at(day, 0, zone) + more
    found = budget_day(now, zone, day_starts)
    assert found.start <= now < found.end
    following = budget_day(found.end, zone, day_starts)
    assert following.start == found.end
    assert following.day > found.day


def test_changes_of_the_clock_are_found_to_the_second() -> None:
    year = at("2025-01-01T00:00+01:00"), at("2026-01-01T00:00+01:00")
    spring, autumn = at("2025-03-30T01:00+00:00"), at("2025-10-26T01:00+00:00")
    found = list(clock_changes(*year, zone_of("Europe/Berlin")))
    assert found == [(spring, 3600, 7200), (autumn, 7200, 3600)]


@pytest.mark.parametrize(
    ("before", "after", "found"), [(0, 1, 1), (-1, 0, 0), (1, 9, 0), (0.5, 9, 0), (-0.5, 0.5, 1)]
)
def test_a_change_belongs_to_the_stretch_that_it_begins(
    before: float, after: float, found: int
) -> None:
    change, berlin = at("2025-03-30T01:00+00:00"), zone_of("Europe/Berlin")
    assert len(list(clock_changes(change + before, change + after, berlin))) == found
