"""Tests of the estimate: what shows use, what does not, and that more look-ups never mean less."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.time.minutes import (
    DAY_BITS,
    HOLD,
    LONG_HOLD,
    MAX_ADDED,
    NARROW,
    NO_MARKS,
    WIDE,
    DayBitmaps,
    Minutes,
    UseCriteria,
    decode_bitmap,
    encode_bitmap,
    estimate,
    max_added,
    minute_bitmaps,
)

senses = st.sampled_from([NARROW, WIDE])
bitmaps = st.integers(min_value=0, max_value=(1 << DAY_BITS) - 1)
crowded = st.lists(st.integers(0, 80), max_size=40).map(lambda at: sum({1 << each for each in at}))
days = st.builds(DayBitmaps, crowded, crowded, crowded) | st.builds(
    DayBitmaps, bitmaps, bitmaps, bitmaps
)


def day(*minutes: tuple[int, int], sense: UseCriteria = NARROW) -> DayBitmaps:
    """Return the marks of a day.  minutes: (minute, different names)."""
    marks = NO_MARKS
    for minute, names in minutes:
        marks |= minute_bitmaps(minute, names, sense)
    return marks


def test_a_day_without_look_ups_has_no_minutes() -> None:
    assert estimate(NO_MARKS) == Minutes(0, 0, 0)


@pytest.mark.parametrize("names", [1, 2, 30])
def test_a_device_that_wakes_for_a_moment_is_not_in_use(names: int) -> None:
    assert estimate(day((100, names))) == Minutes(0, 0, 1)


def test_several_names_and_another_look_up_close_by_show_use() -> None:
    assert estimate(day((100, 2), (102, 1))) == Minutes(1, 3, 3)
    assert estimate(day((100, 2), (103, 1))) == Minutes(0, 0, 4)
    assert estimate(day((100, 2), (101, 2))) == Minutes(2, 2, 2)


def test_one_name_shows_use_when_it_is_asked_for_again_and_again() -> None:
    assert estimate(day((100, 1), (101, 1))) == Minutes(0, 0, 2)
    assert estimate(day((100, 1), (101, 1), (102, 1))) == Minutes(3, 3, 3)


def test_use_goes_on_through_a_silence_until_the_last_look_up() -> None:
    begun = (100, 2), (101, 2)
    assert estimate(day(*begun, (102 + HOLD, 1))).likely == 2 + HOLD + 1
    assert estimate(day(*begun, (103 + HOLD, 1))).likely == 2


def test_the_most_it_may_have_been_counts_longer_silences() -> None:
    assert estimate(day((100, 1), (101 + LONG_HOLD, 1))).high == LONG_HOLD + 2
    assert estimate(day((100, 1), (102 + LONG_HOLD, 1))).high == 2


def test_what_was_heard_before_use_began_is_not_taken_for_use() -> None:
    lone = [(minute, 1) for minute in range(0, 100, 5)]
    assert estimate(day(*lone, (100, 2), (101, 2))) == Minutes(2, 2, 102)


def test_a_budget_about_everything_needs_many_names_to_begin() -> None:
    few = [(minute, 4) for minute in range(10)]
    assert estimate(day(*few, sense=WIDE), WIDE) == Minutes(0, 0, 10)
    assert estimate(day(*few, (10, 5), (15, 1), sense=WIDE), WIDE) == Minutes(1, 6, 16)


def test_two_screens_at_once_cost_one_minute() -> None:
    phone = day(*((minute, 3) for minute in range(60)))
    tablet = day(*((minute, 3) for minute in range(30, 90)))
    assert estimate(phone | tablet) == Minutes(90, 90, 90)


def test_a_silence_in_which_it_was_closed_is_no_use() -> None:
    marks = day((100, 2), (101, 2), (105, 2), (106, 2))
    assert estimate(marks) == Minutes(4, 7, 7)
    for minute in (102, 103, 104):
        marks = marks.with_closed(minute)
    assert estimate(marks) == Minutes(4, 4, 4)


def test_a_look_up_counts_also_in_a_minute_that_was_closed_for_a_part() -> None:
    assert estimate(day((100, 2), (101, 2)).with_closed(101)) == Minutes(2, 2, 2)


def test_of_a_night_that_is_closed_only_the_beginning_is_marked() -> None:
    marks = day((100, 2))
    for minute in range(101, 600):
        marks = marks.with_closed(minute)
    assert marks.closed.bit_count() == LONG_HOLD
    assert NO_MARKS.with_closed(100) == NO_MARKS


@given(days, senses)
def test_the_three_numbers_are_in_order(marks: DayBitmaps, sense: UseCriteria) -> None:
    low, likely, high = estimate(marks, sense)
    assert 0 <= low <= likely <= high <= DAY_BITS


@given(days, days, senses)
def test_more_look_ups_never_mean_fewer_minutes(
    one: DayBitmaps, other: DayBitmaps, sense: UseCriteria
) -> None:
    other = other._replace(closed=0)
    both = estimate(one | other, sense)
    assert all(more >= less for more, less in zip(both, estimate(one, sense), strict=True))


@given(days, st.integers(0, DAY_BITS - 1), senses)
def test_a_newest_minute_adds_no_more_than_the_bound(
    marks: DayBitmaps, minute: int, sense: UseCriteria
) -> None:
    past = (1 << minute) - 1
    before = DayBitmaps(marks.some & past, marks.several & past, marks.closed)
    assert 0 <= max_added(before, minute, sense) <= MAX_ADDED
    for names in (1, sense.several):
        after = estimate(before | minute_bitmaps(minute, names, sense), sense)
        added = after.likely - estimate(before, sense).likely
        assert added <= max_added(before, minute, sense)


def test_the_bound_is_reached() -> None:
    assert max_added(day((100, 2), (101, 2)), 102 + HOLD) == MAX_ADDED


@given(days, senses)
def test_the_estimate_is_what_its_words_say(marks: DayBitmaps, sense: UseCriteria) -> None:
    """The same, minute by minute, without shifting bits."""
    some = {at for at in range(DAY_BITS) if (marks.some | marks.several) >> at & 1}
    several = {at for at in some if marks.several >> at & 1}

    def close(at: int) -> int:
        return sum(other in some for other in (at - 2, at - 1, at + 1, at + 2))

    shown = {at for at in several if close(at) >= 1}
    shown |= {at for at in some if sense.single and close(at) >= 2}
    likely: set[int] = set()
    last, on = -2 - HOLD, False
    for at in sorted(some):
        silence = range(last + 1, at) if at - last <= HOLD + 1 else range(0)
        open_for = list(takewhile(lambda minute: not marks.closed >> minute & 1, silence))
        likely |= set(open_for if on else ())
        goes_on = at - last <= HOLD + 1 and len(open_for) == len(silence)
        on = at in shown or (on and goes_on)
        likely |= {at} if on else set()
        last = at
    assert estimate(marks, sense)[:2] == (len(shown), len(likely))


@given(bitmaps)
def test_a_bitmap_is_stored_and_read_back(bits: int) -> None:
    assert decode_bitmap(encode_bitmap(bits)) == bits
    assert len(encode_bitmap(bits)) <= -(-DAY_BITS // 8)


@given(st.binary(max_size=400))
def test_any_octets_are_read_as_some_day(octets: bytes) -> None:
    assert decode_bitmap(octets) < 1 << DAY_BITS


def test_a_day_that_begins_later_lacks_what_was_before() -> None:
    marks = day((10, 1), (70, 2))
    assert marks.with_later_start(60) == day((10, 2))
    assert marks.with_later_start(-60) == day((70, 1), (130, 2))
    assert marks.with_later_start(-DAY_BITS) == NO_MARKS


def test_a_day_can_be_cut_at_its_end() -> None:
    assert day((10, 1), (70, 2)).before(70) == day((10, 1))
    assert day((10, 1)).before(-1) == NO_MARKS


def test_a_minute_beyond_the_longest_day_is_not_marked() -> None:
    assert minute_bitmaps(DAY_BITS, 9) == NO_MARKS
