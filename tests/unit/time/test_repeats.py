"""Tests of rules by which a date comes again, beside another program's reading of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import pytest
from dateutil import rrule
from hypothesis import given
from hypothesis import strategies as st

from copdns.time.repeats import Frequency, Repeat

DATEUTIL = {
    Frequency.DAY: rrule.DAILY,
    Frequency.WEEK: rrule.WEEKLY,
    Frequency.MONTH: rrule.MONTHLY,
    Frequency.YEAR: rrule.YEARLY,
}
DAYS = 1500


def some(numbers: Iterable[int], most: int = 3) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.sampled_from(list(numbers)), max_size=most)


NONE: st.SearchStrategy[frozenset[int]] = st.just(frozenset())
EACH = st.frozensets(st.tuples(st.just(0), st.integers(0, 6)), max_size=3)
NUMBERED = st.frozensets(
    st.tuples(st.sampled_from([1, 2, 4, -1, -2]), st.integers(0, 6)), min_size=1, max_size=3
)


@st.composite
def rules(draw: st.DrawFn) -> Repeat:
    """Give rules that name a date now and then: for others dateutil looks on to the year 9999."""
    every = draw(st.sampled_from(Frequency))
    numbered = every in (Frequency.MONTH, Frequency.YEAR) and draw(st.booleans())
    return Repeat(
        draw(st.dates(date(2018, 1, 1), date(2029, 12, 31)).filter(lambda day: day.day < 30)),
        every,
        interval=draw(st.integers(1, 5)),
        months=draw(some(range(1, 13))),
        month_days=draw(
            NONE if numbered or every is Frequency.WEEK else some((1, 13, 28, -1, -28))
        ),
        weekdays=draw(NUMBERED if numbered else EACH),
        week_starts=draw(st.integers(0, 6)),
    )


@given(rules())
def test_a_rule_names_the_dates_that_dateutil_finds(rule: Repeat) -> None:
    start = datetime.combine(rule.start, datetime.min.time())
    theirs = rrule.rrule(
        DATEUTIL[rule.frequency],
        dtstart=start,
        interval=rule.interval,
        wkst=rule.week_starts,
        bymonth=sorted(rule.months) or None,
        bymonthday=sorted(rule.month_days) or None,
        byweekday=[rrule.weekday(day, which or None) for which, day in sorted(rule.weekdays)]
        or None,
        until=start + timedelta(days=DAYS),
    )
    named = list(theirs)
    days = (rule.start + timedelta(days=more) for more in range(DAYS + 1))
    assert [day for day in days if rule.includes(day)] == [each.date() for each in named]


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        # Of two kinds of days either will do.
        (
            Repeat(date(2026, 3, 1), Frequency.MONTH, weekdays=frozenset({(1, 0), (0, 6)})),
            ["03-01", "03-02", "03-08", "03-15", "03-22", "03-29"],
        ),
        (Repeat(date(2026, 3, 1), Frequency.YEAR, month_days=frozenset({31})), ["03-31"]),
        (Repeat(date(2026, 2, 28), Frequency.YEAR, months=frozenset({2, 3})), ["03-28"]),
        (Repeat(date(2025, 1, 31), Frequency.MONTH), ["03-31"]),
        (Repeat(date(2025, 1, 31), Frequency.MONTH, months=frozenset({2})), []),
    ],
)
def test_a_rule_names_these_dates_of_march(rule: Repeat, dates: list[str]) -> None:
    march = [date(2026, 3, day) for day in range(1, 32)]
    assert [f"{day:%m-%d}" for day in march if rule.includes(day)] == dates
