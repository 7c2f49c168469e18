"""Tell in which weeks a schedule holds that does not hold in each: even ones, odd ones, or every
second week from a date (two homes that a child lives in by turns).

Pure.  Weeks by number are those of ISO 8601: they begin on Monday, and a year has 52 or 53 of them.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from copdns.model.times import WeekParity, Weeks

WEEK = timedelta(days=7)
_ONE_DAY = timedelta(days=1)


def weeks_include(weeks: Weeks | None, day: date) -> bool:
    """Tell whether a schedule of these weeks holds on a date.  weeks: None for every week.

    After a week 53 comes week 1: two odd weeks in a row.  Before the date from which every second
    week counts, it does not hold.
    """
    if weeks is None:
        return True
    if isinstance(weeks, WeekParity):
        return (day.isocalendar().week % 2 == 0) is (weeks is WeekParity.EVEN)
    return day >= weeks and (day - weeks) // WEEK % 2 == 0


class WeekState(NamedTuple):
    """Whether a schedule holds on a date, and until when that stays so.

    holds: it does.  changes: the first date on which that is otherwise.
    is_whole_week: the days until then are those of this week of the calendar, Monday to Sunday, so
        that "this week" and "next week" say it.
    """

    holds: bool
    changes: date
    is_whole_week: bool


def week_state(weeks: Weeks, today: date) -> WeekState:
    """Return whether a schedule holds today, and until when."""
    holds = weeks_include(weeks, today)
    if not isinstance(weeks, WeekParity) and today < weeks:
        changes = weeks
    else:
        # At most two weeks are alike in a row, so the loop ends.
        changes = _week_end(weeks, today)
        while weeks_include(weeks, changes) is holds:
            changes += WEEK
    monday = today - today.weekday() * _ONE_DAY
    return WeekState(holds, changes, changes == monday + WEEK)


def _week_end(weeks: Weeks, today: date) -> date:
    """Return the first date after the seven days that today is one of."""
    begins = today.weekday() if isinstance(weeks, WeekParity) else (today - weeks).days % 7
    return today + (7 - begins) * _ONE_DAY
