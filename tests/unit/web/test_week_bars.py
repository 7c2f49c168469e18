"""A week as bars: a night is one bar on its evening, whatever the clock does; nothing is lost."""

from __future__ import annotations

from datetime import date, timedelta

from copdns.model.times import USUAL_WEEK, Schedule
from copdns.time.days import starts_at, zone_of
from copdns.time.preview import ClosedSpan
from copdns.time.schedule import closed_spans, parse_slots
from copdns.web.desk.time.week_bars import Chart, week_bars

PARIS = zone_of("Europe/Paris")
MONDAY = date(2026, 3, 23)  # the clock goes forward on Sunday the 29th


def chart(*written: str, opens: bool = False, first: date = MONDAY) -> Chart:
    start = starts_at(first - timedelta(days=2), 0, PARIS)
    end = starts_at(first + timedelta(days=9), 0, PARIS)
    closed = [
        ClosedSpan(text, *stretch)
        for text in written
        for stretch in closed_spans(
            Schedule(text, "", parse_slots(text), opens=opens), USUAL_WEEK, PARIS, start, end
        )
    ]
    return week_bars(closed, PARIS, first)


def test_a_night_is_one_bar_on_its_evening() -> None:
    found = chart("fri 21:00-07:00")
    (bar,) = found.rows[4].bars
    assert (bar.start, bar.width) == (21 * 60, 10 * 60)
    assert [len(row.bars) for row in found.rows] == [0, 0, 0, 0, 1, 0, 0]
    assert found.hours == 36


def test_a_night_that_began_before_the_week_goes_on_in_its_first_row() -> None:
    found = chart("sun 21:00-07:00")
    (first,) = found.rows[0].bars
    assert (first.start, first.width) == (0, 7 * 60)
    assert len(found.rows[6].bars) == 1


def test_the_night_in_which_the_clock_is_changed_is_as_long_as_it_is() -> None:
    (bar,) = chart("sat 21:00-07:00").rows[5].bars
    assert bar.width == 9 * 60


def test_what_overlaps_stands_in_lanes() -> None:
    row = chart("tue 13:00-18:00", "tue 14:00-15:00", "tue 18:00-19:00").rows[1]
    assert [bar.lane for bar in row.bars] == [0, 1, 0]
    assert row.lanes == 2


def test_what_lasts_for_days_is_cut_at_midnights() -> None:
    found = chart("sat 12:00-13:00", opens=True)
    assert [bar.width for bar in found.rows[1].bars] == [24 * 60]
    assert [(bar.start, bar.width) for bar in found.rows[5].bars] == [
        (0, 12 * 60),
        (13 * 60, 11 * 60),
    ]
    assert found.hours == 24


def test_a_day_without_anything_is_a_row_without_bars() -> None:
    found = chart()
    assert [row.date for row in found.rows] == [MONDAY + timedelta(days=n) for n in range(7)]
    assert found.hours == 24
