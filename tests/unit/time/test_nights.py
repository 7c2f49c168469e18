"""A bedtime is a schedule that says from when to when on school nights and on other nights."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.times import USUAL_WEEK, DayType, Schedule, SchoolCalendar, Slot, Topic, TopicKind
from copdns.time.days import day_matches, day_type, zone_of
from copdns.time.nights import PLAY, Night, Nights, can_be_night, night_slots, nights_of
from copdns.time.schedule import closed_spans, parse_slots

EIGHT, HALF_PAST_TEN, SEVEN, NINE, HALF_PAST_MIDNIGHT = 1200, 1350, 420, 540, 30
SCHOOL, FREE = Night(EIGHT, SEVEN), Night(HALF_PAST_TEN, NINE)


def bedtime(written: str, **values: object) -> Schedule:
    return Schedule("mia-bedtime", "mia", parse_slots(written), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "nights"),
    [
        ("school_night 20:00-07:00", Nights(SCHOOL, None)),
        ("free_night 22:30-09:00", Nights(None, FREE)),
        ("free_night 22:30-09:00, school_night 20:00-07:00", Nights(SCHOOL, FREE)),
        ("20:00-07:00", Nights(SCHOOL, SCHOOL)),
        ("school_night free_night 20:00-07:00", Nights(SCHOOL, SCHOOL)),
        ("school_night 21:00-24:00", Nights(Night(1260, 0), None)),
        ("school 00:30-07:00", Nights(Night(HALF_PAST_MIDNIGHT, SEVEN), None)),
        ("weekend holiday 00:30-09:00", Nights(None, Night(HALF_PAST_MIDNIGHT, NINE))),
    ],
)
def test_a_schedule_is_a_bedtime_however_it_was_made(written: str, nights: Nights) -> None:
    assert nights_of(bedtime(written)) == nights
    assert nights_of(bedtime(written, about=PLAY)) == nights


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("fri 20:00-07:00", {}),
        ("school_night 20:00-22:00", {}),  # an evening
        ("school_night 20:00-13:00", {}),
        ("school 20:00-07:00", {}),  # Friday evening too, and no Sunday
        ("school_night 20:00-07:00, school_night 13:00-07:00", {}),
        ("20:00-07:00, free_night 22:00-07:00", {}),
        ("school 08:00-12:00", {}),
        ("school_night 20:00-07:00", {"opens": True}),
        ("school_night 20:00-07:00", {"about": (Topic(TopicKind.CATEGORY, "games"),)}),
    ],
)
def test_what_the_nights_cannot_say_is_no_bedtime(written: str, values: dict[str, object]) -> None:
    assert nights_of(bedtime(written, **values)) is None


minutes = st.integers(0, 1439)
night = st.builds(Night, minutes, minutes).filter(lambda each: can_be_night(*each))


@given(st.builds(Nights, st.none() | night, st.none() | night))
def test_a_bedtime_stays_editable_as_one(nights: Nights) -> None:
    slots = night_slots(nights)
    found = nights_of(Schedule("bedtime", "mia", slots))
    assert found == (nights if slots else None)


@given(night, st.booleans())
def test_each_night_of_a_kind_and_no_other_is_closed(one: Night, is_school: bool) -> None:
    """Over a school holiday from Wednesday 4 to Monday 9 March 2026."""
    holidays = tuple((date(2026, 3, day), DayType.HOLIDAY) for day in range(4, 10))
    calendar = SchoolCalendar(USUAL_WEEK.weekend, holidays)
    slots = night_slots(Nights(one, None) if is_school else Nights(None, one))
    utc, day = zone_of("UTC"), 86_400.0
    first = date(2026, 3, 2)
    start = (first - date(1970, 1, 1)).days * day
    spans = closed_spans(
        Schedule("b", "mia", slots), calendar, utc, start + day / 2, start + 9 * day
    )
    nights = [first + timedelta(days=number) for number in range(9)]
    # Where a night starts is its own date's noon to the next noon.
    begun = {
        first + timedelta(days=int((low - start) // day) - (low % day < day / 2))
        for low, _ in spans
    }
    free = {each for each in nights if day_type(calendar, each + timedelta(days=1)) != "school"}
    expected = (set(nights) - free) if is_school else free
    # The last evening's night may begin after the window.
    assert begun - {nights[-1]} == expected - {nights[-1]}


def test_every_night_is_one_of_both_kinds() -> None:
    for number in range(30):
        day = date(2026, 3, 1) + timedelta(days=number)
        assert day_matches({"school_night"}, USUAL_WEEK, day) is not day_matches(
            {"free_night"}, USUAL_WEEK, day
        )


def test_a_slot_of_a_whole_day_is_no_night() -> None:
    assert nights_of(Schedule("b", "mia", (Slot(frozenset({"school_night"}), 720, 1440),))) is None
