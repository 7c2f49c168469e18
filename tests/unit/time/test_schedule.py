"""Tests of when a schedule closes, through holidays and changes of the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.times import DAY_WORDS, USUAL_WEEK, DayType, Schedule, SchoolCalendar, Slot
from copdns.time.days import clock_changes, day_matches, local_time, starts_at, zone_of
from copdns.time.schedule import closed_spans, parse_slots, slot_text

BERLIN = "Europe/Berlin"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def closed(
    written: str,
    zone: str,
    start: str,
    end: str,
    *,
    calendar: SchoolCalendar = USUAL_WEEK,
    opens: bool = False,
) -> list[tuple[str, str]]:
    """Return the stretches of a schedule between two local times, as local times."""
    where = zone_of(zone)
    schedule = Schedule("bedtime", "mia", parse_slots(written), opens=opens)
    window = (
        datetime.fromisoformat(each).replace(tzinfo=where).timestamp() for each in (start, end)
    )
    return [
        (shown(low, where), shown(high, where))
        for low, high in closed_spans(schedule, calendar, where, *window)
    ]


def shown(moment: float, zone: ZoneInfo) -> str:
    return local_time(moment, zone).isoformat(timespec="minutes")


# Bedtime over the night of each change, whose evening may be either offset's.
@pytest.mark.parametrize(
    ("zone", "evening", "start", "end", "hours"),
    [
        (BERLIN, "2025-03-29", "21:00+01:00", "07:00+02:00", 9),
        (BERLIN, "2025-10-25", "21:00+02:00", "07:00+01:00", 11),
        ("America/New_York", "2025-03-08", "21:00-05:00", "07:00-04:00", 9),
        ("America/New_York", "2025-11-01", "21:00-04:00", "07:00-05:00", 11),
        ("Australia/Lord_Howe", "2025-10-04", "21:00+10:30", "07:00+11:00", 9.5),
        ("Australia/Lord_Howe", "2025-04-05", "21:00+11:00", "07:00+10:30", 10.5),
        ("Africa/Casablanca", "2025-04-05", "21:00+00:00", "07:00+01:00", 9),
        ("Africa/Casablanca", "2025-02-22", "21:00+01:00", "07:00+00:00", 11),
    ],
)
def test_bedtime_keeps_to_the_clock_in_a_night_in_which_it_is_changed(
    zone: str, evening: str, start: str, end: str, hours: float
) -> None:
    morning = date.fromisoformat(evening) + timedelta(days=1)
    found = closed("21:00-07:00", zone, f"{evening}T12:00", f"{morning}T12:00")
    assert found == [(f"{evening}T{start}", f"{morning}T{end}")]
    assert at(found[0][1]) - at(found[0][0]) == hours * 3600


SPRING, AUTUMN = ("2025-03-30T00:00", "2025-03-30T12:00"), ("2025-10-26T00:00", "2025-10-26T12:00")


@pytest.mark.parametrize(
    ("written", "window", "start", "end"),
    [
        ("02:30-05:00", SPRING, "03:00+02:00", "05:00+02:00"),
        ("01:00-02:30", SPRING, "01:00+01:00", "03:00+02:00"),
        ("02:30-05:00", AUTUMN, "02:30+02:00", "05:00+01:00"),
        ("01:00-02:30", AUTUMN, "01:00+02:00", "02:30+01:00"),
        # Both within the hour that comes twice, which so takes in what lies between.
        ("02:15-02:45", AUTUMN, "02:15+02:00", "02:45+01:00"),
    ],
)
def test_a_slot_may_start_or_end_within_the_hour_of_the_change(
    written: str, window: tuple[str, str], start: str, end: str
) -> None:
    day = window[0][:10]
    assert closed(written, BERLIN, *window) == [(f"{day}T{start}", f"{day}T{end}")]


def test_a_slot_within_the_hour_that_is_skipped_does_not_close_at_all() -> None:
    assert closed("02:15-02:45", BERLIN, *SPRING) == []
    everything = closed("02:15-02:45", BERLIN, *SPRING, opens=True)
    assert everything == [("2025-03-30T00:00+01:00", "2025-03-30T12:00+02:00")]


def test_the_night_over_a_date_that_never_was_is_one_night() -> None:
    found = closed("21:00-07:00", "Pacific/Apia", "2011-12-29T12:00", "2011-12-31T12:00")
    assert found == [("2011-12-29T21:00-10:00", "2011-12-31T07:00+14:00")]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("sat 21:00-23:50", "2010-11-07T00:00:30-02:30"),  # past midnight, and 23:50 comes again
        ("fri 23:50-23:50", "2010-11-07T00:00:30-02:30"),
        ("sun 00:00-07:00", "2010-11-06T23:30:00-03:30"),  # Saturday again, and Sunday has begun
    ],
)
def test_a_slot_holds_on_when_the_clock_goes_back_over_midnight(written: str, moment: str) -> None:
    """At 00:01 on Sunday it became 23:01 on Saturday."""
    zone, now = zone_of("America/St_Johns"), at(moment)
    schedule = Schedule("bedtime", "mia", parse_slots(written))
    assert closed_spans(schedule, USUAL_WEEK, zone, now, now + 30) == ((now, now + 30),)


def test_bedtime_belongs_to_the_date_of_its_evening() -> None:
    found = closed("fri 23:00-08:00", BERLIN, "2026-03-02T00:00", "2026-03-09T00:00")
    assert found == [("2026-03-06T23:00+01:00", "2026-03-07T08:00+01:00")]


def test_what_began_yesterday_still_closes_and_is_cut_to_what_was_asked_for() -> None:
    found = closed(
        "sun 21:00-07:00, tue 21:00-07:00", BERLIN, "2026-03-02T00:00", "2026-03-04T00:00"
    )
    assert found == [
        ("2026-03-02T00:00+01:00", "2026-03-02T07:00+01:00"),
        ("2026-03-03T21:00+01:00", "2026-03-04T00:00+01:00"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "mon 08:00-12:00, mon 12:00-16:00",  # one after the other
        "mon 10:00-16:00, daily 08:00-11:00",
        "mon 09:00-10:00, mon 08:00-16:00",  # one within another
    ],
)
def test_slots_that_touch_or_overlap_close_as_one(written: str) -> None:
    found = closed(written, BERLIN, "2026-03-02T00:00", "2026-03-03T00:00")
    assert found == [("2026-03-02T08:00+01:00", "2026-03-02T16:00+01:00")]


def test_a_slot_of_a_whole_day_every_day_closes_without_a_gap() -> None:
    found = closed("00:00-24:00", BERLIN, "2025-10-20T00:00", "2025-11-03T00:00")
    assert found == [("2025-10-20T00:00+02:00", "2025-11-03T00:00+01:00")]


def test_a_holiday_takes_the_place_of_the_day_that_it_would_have_been() -> None:
    thursday = SchoolCalendar(days=((date(2026, 3, 5), DayType.HOLIDAY),))
    written = "school_night 20:00-07:00, holiday 22:00-24:00, weekend 22:00-24:00"
    week = ("2026-03-03T12:00", "2026-03-06T12:00")
    assert [low for low, _ in closed(written, BERLIN, *week, calendar=thursday)] == [
        "2026-03-03T20:00+01:00",  # before a day of school
        # Nothing on Wednesday: a day of school, but none follows.
        "2026-03-05T20:00+01:00",  # on the holiday: Friday is a day of school
    ]


def test_a_schedule_that_opens_closes_all_other_time() -> None:
    found = closed("16:00-18:00", BERLIN, "2026-03-02T00:00", "2026-03-03T00:00", opens=True)
    assert found == [
        ("2026-03-02T00:00+01:00", "2026-03-02T16:00+01:00"),
        ("2026-03-02T18:00+01:00", "2026-03-03T00:00+01:00"),
    ]


zones = st.sampled_from(
    (
        *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"),
        *("Pacific/Apia", "America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu", "UTC"),
    )
).map(zone_of)
# Weeks of any year, and those in which the clock is changed.
first_days = st.dates(date(2009, 1, 1), date(2027, 12, 31)) | st.sampled_from(
    (
        *(date(2025, 3, 27), date(2025, 10, 23), date(2025, 3, 6), date(2025, 10, 30)),
        *(date(2025, 10, 2), date(2025, 4, 3), date(2025, 2, 20), date(2011, 12, 28)),
        *(date(2018, 2, 15), date(2010, 11, 4)),
    )
)
any_slots = st.builds(
    Slot,
    st.frozensets(st.sampled_from(DAY_WORDS), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
any_schedule = st.builds(
    Schedule,
    st.just("bedtime"),
    st.just("mia"),
    st.lists(any_slots, max_size=4).map(tuple),
    opens=st.booleans(),
)


def calendar_from(
    first: date, weekend: frozenset[int], kinds: list[DayType | None]
) -> SchoolCalendar:
    dated = ((first + timedelta(days=more), kind) for more, kind in enumerate(kinds, -1))
    return SchoolCalendar(weekend, tuple((day, kind) for day, kind in dated if kind))


def closed_by_the_clock(schedule: Schedule, calendar: SchoolCalendar, wall: datetime) -> bool:
    """Tell by nothing but what the clock shows."""
    return schedule.opens != any(
        day + timedelta(minutes=slot.start)
        <= wall
        < day + timedelta(minutes=slot.start + slot.length)
        for day in (wall.replace(hour=0, minute=0) - timedelta(days=back) for back in (0, 1))
        for slot in schedule.slots
        if day_matches(slot.days, calendar, day.date())
    )


def minutes(start: float, end: float, zone: ZoneInfo) -> Iterator[float]:
    """Yield the minutes in which the clock shows what it shows at no other moment."""
    twice = [
        (each.at - abs(each.after - each.before), each.at + abs(each.after - each.before))
        for each in clock_changes(start - 86_400, end + 86_400, zone)
        if each.after < each.before
    ]
    moment = start
    while moment < end:
        if not any(low <= moment < high for low, high in twice):
            yield moment
        moment += 60


@given(
    schedule=any_schedule,
    weekend=st.frozensets(st.integers(0, 6)),
    kinds=st.lists(st.none() | st.sampled_from(DayType), max_size=6),
    first=first_days,
    zone=zones,
    hours=st.integers(1, 72),
)
def test_stretches_are_what_the_clock_says_minute_by_minute(
    schedule: Schedule,
    weekend: frozenset[int],
    kinds: list[DayType | None],
    first: date,
    zone: ZoneInfo,
    hours: int,
) -> None:
    calendar = calendar_from(first, weekend, kinds)
    start = starts_at(first, 0, zone)
    end = start + 3600 * hours
    found = closed_spans(schedule, calendar, zone, start, end)
    for moment in minutes(start, end, zone):
        wall = local_time(moment, zone).replace(tzinfo=None)
        inside = any(low <= moment < high for low, high in found)
        assert inside is closed_by_the_clock(schedule, calendar, wall), wall


windows = st.tuples(st.floats(1.2e9, 1.9e9), st.floats(-1e5, 1e6)).map(
    lambda each: (each[0], each[0] + each[1])
)


@given(any_schedule, zones, windows)
def test_stretches_are_in_order_apart_and_within_what_was_asked_for(
    schedule: Schedule, zone: ZoneInfo, window: tuple[float, float]
) -> None:
    found = closed_spans(schedule, USUAL_WEEK, zone, *window)
    edges = [edge for stretch in found for edge in stretch]
    assert all(low < high for low, high in pairwise(edges))
    assert all(window[0] <= edge <= window[1] for edge in edges)


@given(any_schedule, zones, windows)
def test_what_opens_is_exactly_what_would_close(
    schedule: Schedule, zone: ZoneInfo, window: tuple[float, float]
) -> None:
    other = Schedule("other", "mia", schedule.slots, opens=not schedule.opens)
    both = sorted(
        (
            *closed_spans(schedule, USUAL_WEEK, zone, *window),
            *closed_spans(other, USUAL_WEEK, zone, *window),
        )
    )
    if window[0] < window[1]:
        assert [low for low, _ in both] + [window[1]] == [window[0], *(high for _, high in both)]
    else:
        assert both == []


@given(any_schedule, zones, first_days, st.integers(0, 86_400), st.integers(1, 86_400))
def test_a_part_of_the_time_shows_a_part_of_the_stretches(
    schedule: Schedule, zone: ZoneInfo, first: date, more: int, length: int
) -> None:
    start = starts_at(first, 0, zone)
    whole = closed_spans(schedule, USUAL_WEEK, zone, start - 200_000, start + 400_000)
    low, high = start + more, start + more + length
    cut = [(max(each[0], low), min(each[1], high)) for each in whole]
    part = closed_spans(schedule, USUAL_WEEK, zone, low, high)
    assert list(part) == [each for each in cut if each[0] < each[1]]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("school_night 21:00-07:00", "school_night 21:00-07:00"),
        ("21:00-07:00", "daily 21:00-07:00"),
        ("Mon - Fri, sun 9:00 – 24:00", "mon-fri sun 09:00-24:00"),
        ("sun,mon,tue 08:00-09:00", "mon tue sun 08:00-09:00"),
        ("fri-mon 08:00-09:00", "mon fri-sun 08:00-09:00"),
        ("weekend holiday 23:00-8:00", "weekend holiday 23:00-08:00"),
        ("00:00-00:00", "daily 00:00-24:00"),
        ("sat 21:00-21:00", "sat 21:00-21:00"),  # 24 hours
        ("21:00-00:00", "daily 21:00-24:00"),
        ("mon 08:00-09:00, tue 10:00-11:00", "mon 08:00-09:00, tue 10:00-11:00"),
        ("08:00-09:00, 10:00-11:00", "daily 08:00-09:00, daily 10:00-11:00"),
    ],
)
def test_a_slot_is_read_as_people_write_it_and_written_in_one_way(
    written: str, normal: str
) -> None:
    assert ", ".join(map(slot_text, parse_slots(written))) == normal


def test_a_list_of_texts_is_the_slots_of_all() -> None:
    assert parse_slots(["mon 08:00-09:00", "21:00-07:00"]) == (
        Slot(frozenset({"mon"}), 480, 60),
        Slot(frozenset({"daily"}), 1260, 600),
    )


@given(st.lists(any_slots, min_size=1, max_size=4))
def test_what_was_written_reads_as_the_same_slots(written: list[Slot]) -> None:
    assert parse_slots(", ".join(map(slot_text, written))) == tuple(written)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("25:00-07:00", '"25:00" is not a valid time; write one such as 21:00'),
        ("mon 21:00-07:60", '"07:60" is not a valid time; write one such as 21:00'),
        ("21:00-24:01", '"24:01" is not a valid time; write one such as 21:00'),
        ("9-17", '"9" is not a valid time; write one such as 21:00'),
        ("21:00", '"21:00" has no end; write one such as 21:00-22:00'),
        ("24:00-07:00", '"24:00" is the end of a day; to start at midnight, write 00:00'),
        ("monday 21:00-07:00", '"monday" is not a kind of day; did you mean mon?'),
        ("weekends 21:00-07:00", '"weekends" is not a kind of day; did you mean weekend?'),
        (
            "mon-holiday 21:00-07:00",
            ('"mon-holiday" is not a valid range of days; write one such as mon-fri'),
        ),
        ("mon", '"mon" has no times; write mon 21:00-07:00'),
        ("21:00-07:00 sat sun", '"sat sun" has no times'),
        ("", '"" has no times; write it as mon-fri 21:00-07:00'),
        # Monday's too, or every day's?  Nobody should have to guess.
        (
            "mon 12:00-13:00, 18:00-20:00",
            '"18:00-20:00" after mon 12:00-13:00 has no days; write mon 18:00-20:00, or daily '
            "18:00-20:00",
        ),
    ],
)
def test_a_slot_that_cannot_be_read_is_told_with_what_to_write(written: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        parse_slots(written)


def test_a_word_like_no_other_is_answered_with_all_there_are() -> None:
    with pytest.raises(ValueError, match=r'"x" is not a kind of day; use one of: mon, .*, daily'):
        parse_slots("x 21:00-07:00")


@given(st.text() | st.text("montue-,: 0123456789"))
def test_any_text_is_slots_or_a_value_error(text: str) -> None:
    try:
        found = parse_slots(text)
    except ValueError:
        return
    assert found
    assert all(0 <= each.start < 1440 and 1 <= each.length <= 1440 for each in found)
