"""Dates that a calendar file gave, and what they make of the household's calendar.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from copdns.model.times import Calendar, DayType


class Dates(NamedTuple):
    """What a calendar says of some days in a row.

    first, last: both are in it.  whole: it takes all of these days; otherwise it is an hour or
        two in them, an evening for parents, say, and makes no holiday.
    """

    first: date
    last: date
    name: str
    whole: bool = True


def holidays(
    calendar: Calendar, dates: Iterable[Dates], kind: DayType = DayType.HOLIDAY
) -> Calendar:
    """Return a calendar with these days added, as far as they are whole.

    A date that the calendar names already stays as it is: somebody may have written it by hand.
    """
    added = {
        date.fromordinal(day): kind
        for each in dates
        if each.whole
        for day in range(each.first.toordinal(), each.last.toordinal() + 1)
    }
    return replace(calendar, days=tuple(sorted((added | dict(calendar.days)).items())))
