"""Bars say what the numbers say, to scale, and nothing is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.web.desk.activity.plots import (
    HEIGHT,
    OTHER_KINDS,
    WIDTH,
    Bucket,
    axis_top,
    build_table,
    by_hour_of_day,
    dates,
    days,
    hours,
    stack_bars,
    tick_places,
)

NOW = 1_774_800_000.0  # 2026-03-29, 16:00 UTC: the clock went forward in Berlin at 01:00


def test_the_highest_bar_fills_the_height_and_parts_stand_on_each_other() -> None:
    plot = stack_bars([(1, 3), (0, 2), (0, 0)])
    assert plot.top == 4
    assert [(each.y, each.height) for each in plot.bars[0].parts] == [(150, 50), (0, 150)]
    assert [each.colour for each in plot.bars[1].parts] == [1]
    assert plot.bars[2].parts == ()


def test_nothing_to_draw_is_no_error() -> None:
    assert stack_bars([]).top == 0
    assert all(bar.parts == () for bar in stack_bars([(0,), (0,)]).bars)


def test_hours_end_with_this_one() -> None:
    found = hours(NOW)
    assert len(found) == 24
    assert found[-1].start <= NOW < found[-1].end


def test_days_are_those_of_the_households_clock() -> None:
    found = days(NOW, 7, "Europe/Berlin")
    assert found[-1].end - found[-1].start == 23 * 3600
    assert [one.end for one in found[:-1]] == [other.start for other in found[1:]]
    assert str(dates(NOW, 7, "Europe/Berlin")[-1]) == "2026-03-29"


BUCKETS = (Bucket(0, 10), Bucket(10, 20), Bucket(20, 30))


def test_small_kinds_share_a_column() -> None:
    counted = [(5.0, kind, n) for n, kind in enumerate("abcd", 1)]
    found = build_table(BUCKETS, counted, most=2)
    assert found.kinds == ("d", "c", OTHER_KINDS)
    assert found.totals == (4, 3, 3)


def test_a_kind_keeps_its_colour_where_it_was_promised_one() -> None:
    counted = [(5.0, "open", 9), (5.0, "closed", 1)]
    assert build_table(BUCKETS, counted, ("closed", "open")).kinds == ("closed", "open")
    assert build_table(BUCKETS, counted, ("open", "closed")).kinds == ("open", "closed")


def test_what_is_older_is_left_out() -> None:
    assert build_table(BUCKETS[1:], [(5.0, "a", 1), (15.0, "a", 2)]).totals == (2,)


@given(
    st.lists(
        st.tuples(st.floats(0, 29), st.sampled_from(["", "a", "b", "c", "d"]), st.integers(0, 99))
    ),
    st.integers(1, 3),
)
def test_every_number_is_in_the_table_once_and_every_bar_in_the_picture(
    counted: list[tuple[float, str, int]], most: int
) -> None:
    found = build_table(BUCKETS, counted, most=most)
    assert sum(map(sum, found.values)) == sum(n for _, _, n in counted)
    assert len(found.kinds) <= most + 1
    for bar in found.plot.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert sum(each.height for each in bar.parts) <= HEIGHT + 1


@given(st.integers(0, 10**9))
def test_an_axis_reaches_what_is_drawn_and_its_middle_is_a_whole_number(value: int) -> None:
    top = axis_top(value)
    assert value <= top <= max(2, 2 * value)
    assert top % 2 == 0
    assert len(str(top).rstrip("0")) <= 2


def test_marks_are_the_end_the_middle_and_nothing() -> None:
    assert stack_bars([(37,)]).marks == (40, 20, 0)
    assert stack_bars([(0,)]).marks == (0,)


def test_a_limit_is_on_the_scale_of_its_bar_and_may_be_above_all() -> None:
    plot = stack_bars([(10,), (30,)], [60, None])
    assert plot.top == 60
    assert plot.limits == ((0, WIDTH / 2, 0),)
    assert plot.bars[1].parts[0].height == HEIGHT / 2


def test_without_a_bar_no_limit_is_drawn() -> None:
    assert stack_bars([(0,), (0,)], [60, 60]).limits == ()


def test_an_hour_of_the_day_is_the_households_and_of_all_days() -> None:
    counted = [(NOW, "open", 2), (NOW - 7 * 86_400, "open", 1), (NOW, "closed", 1)]
    found = by_hour_of_day(counted, ("open", "closed"), "Europe/Berlin")
    assert len(found.buckets) == 24
    # 16:00 UTC is 18:00 since that morning, and was 17:00 a week earlier.
    assert found.values[18] == (2, 1)
    assert found.values[17] == (1, 0)
    assert found.peak == (Bucket(18 * 3600, 19 * 3600), 3)


@pytest.mark.parametrize(
    ("count", "places"),
    [(0, ()), (7, tuple(range(7))), (24, (0, 6, 12, 17, 23)), (30, (0, 7, 14, 22, 29))],
)
def test_words_stand_below_all_bars_or_a_few(count: int, places: tuple[int, ...]) -> None:
    assert tick_places(count) == places
