"""Dates of a calendar file, and the household's calendar with them as holidays.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from copdns.model.times import DayType, SchoolCalendar


class DateRange(NamedTuple):
    """Some days in a row that an event of a calendar takes.

    first, last: inclusive.  is_whole: the event takes these days whole; otherwise it takes some
        hours of them, such as an evening for parents, and makes no holiday.
    """

    first: date
    last: date
    name: str
    is_whole: bool = True


def add_holidays(
    calendar: SchoolCalendar, dates: Iterable[DateRange], kind: DayType = DayType.HOLIDAY
) -> SchoolCalendar:
    """Return the calendar with the whole days among these added as days of a type.

    A date that the calendar has keeps its type: somebody may have written it by hand.
    """
    added = {
        date.fromordinal(day): kind
        for each in dates
        if each.is_whole
        for day in range(each.first.toordinal(), each.last.toordinal() + 1)
    }
    return replace(calendar, days=tuple(sorted((added | dict(calendar.days)).items())))
