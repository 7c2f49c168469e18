"""Times of day, dates and calendars as text: read as they are written, and nothing by guessing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.household.time_dump import clock_text, stretch_text, stretches
from copdns.household.time_shape import CalendarShape, clock, stretch
from copdns.model.times import DayType


@given(st.integers(0, 1439))
def test_a_time_of_day_is_read_as_it_is_written(minute: int) -> None:
    assert clock(clock_text(minute)) == minute


@pytest.mark.parametrize("text", ["24:00", "4", "4:5", "04:00:00", "-1:00", "04.00", "", "٠٤:٠٠"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one such as 04:00"):
        clock(text)


@given(st.dates(), st.integers(0, 365))
def test_days_in_a_row_are_read_as_they_are_written(first: date, more: int) -> None:
    last = date.fromordinal(min(first.toordinal() + more, date.max.toordinal()))
    assert stretch(stretch_text(first, last)) == (first, last)


@given(st.text("0123456789-. W", max_size=25))
def test_any_other_text_is_no_date(text: str) -> None:
    try:
        first, last = stretch(text)
    except ValueError:
        return
    assert text == stretch_text(first, last)


@given(st.dictionaries(st.dates(date(2026, 1, 1), date(2028, 12, 31)), st.sampled_from(DayType)))
def test_a_stretch_holds_the_days_that_it_stands_for(days: dict[date, DayType]) -> None:
    written = {
        stretch_text(first, last): kind for first, last, kind in stretches(sorted(days.items()))
    }
    assert dict(CalendarShape(days=written).calendar().days) == days  # type: ignore[arg-type]


def test_a_longer_run_of_days_than_a_file_may_have_is_cut() -> None:
    days = [
        (date.fromordinal(date(2026, 1, 1).toordinal() + n), DayType.SCHOOL) for n in range(400)
    ]
    assert [stretch_text(*each[:2]) for each in stretches(days)] == [
        "2026-01-01..2027-01-01",
        "2027-01-02..2027-02-04",
    ]


def test_a_calendar_is_not_endless() -> None:
    years = {f"{year}-01-01..{year}-12-31": DayType.SCHOOL for year in range(2000, 2012)}
    with pytest.raises(ValueError, match="dates are too many; keep at most 3660"):
        CalendarShape(days=years)  # type: ignore[arg-type]
