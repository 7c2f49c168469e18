"""The calendar: which dates are school days or holidays, and which days are the weekend."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.times import calendar_json
from copdns.household import time_edits as edits
from copdns.household.edit_checks import parse_field
from copdns.household.edits import set_household
from copdns.household.time_dump import clock_text
from copdns.household.time_shape import clock
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.times import WEEKDAYS, DayType
from copdns.time.days import add_holidays, local_time, zone_of
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Date, Text, parse_day
from copdns.web.calendars import read_calendar


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Calendar(Given):
    """As a household file has it: what is not as in a usual week."""

    weekend: list[str] | None = None
    days: dict[str, DayType] | None = None


class CalendarShown(Given):
    """The calendar of the household.  day_starts: when a day of limits begins, as 04:00."""

    calendar: Calendar
    day_starts: str


class DaysWanted(Sent):
    """From a date to another one, both of that kind; null: what the day of the week says."""

    first: Date
    last: Date | None = None
    kind: DayType | None


MAX_LETTERS = 60_000  # characters of a calendar file
_MAX_BODY = 768 << 10  # octets: JSON may escape a character in 12


class WeekendWanted(Sent):
    """days: all of them; none is no weekend."""

    days: Annotated[list[Weekday], Field(max_length=7)]


class DayStartWanted(Sent):
    """day_starts: when a day of limits begins, from 00:00 to 11:59."""

    day_starts: Text


class FileSent(Sent):
    """calendar: the text of a calendar file (iCalendar, RFC 5545)."""

    calendar: Annotated[str, Field(min_length=1, max_length=MAX_LETTERS)]


class DatesShown(Given):
    """whole: it takes all of these days, so that they are holidays now; others change nothing."""

    first: str
    last: str
    name: str
    whole: bool


class CalendarTaken(CalendarShown):
    """found: what the file has in the next two years."""

    found: list[DatesShown]


async def calendar(call: Call) -> object:
    """Return the calendar, and when a day of budgets begins."""
    return calendar_json(call.household)


async def set_days(call: Call) -> object:
    """Say what kind of days dates are; without one they are usual again.  Raises HouseholdError."""
    wanted: DaysWanted = call.body
    days = dict.fromkeys(_parse_span(wanted), wanted.kind)
    first, last = min(days), max(days)

    def edit(household: Household) -> Household:
        return edits.set_days(household, days)

    what = f"calendar: {first} to {last} {wanted.kind or 'usual'}"
    after = await call.change(what, edit)
    return calendar_json(after)


def _parse_span(wanted: DaysWanted) -> list[date]:
    first = parse_day(wanted.first)
    last = first if wanted.last is None else parse_day(wanted.last)
    if not 0 <= (last - first).days <= 366:
        raise HouseholdError(
            "the last day must not be before the first, and at most a year after it"
        )
    return [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]


async def set_weekend(call: Call) -> object:
    """Say which days of the week are the weekend; [] for none."""
    wanted: WeekendWanted = call.body
    chosen = frozenset(WEEKDAYS.index(each) for each in wanted.days)

    def edit(household: Household) -> Household:
        return set_household(household, calendar=replace(household.calendar, weekend=chosen))

    days = ", ".join(WEEKDAYS[each] for each in sorted(chosen)) or "none"
    return calendar_json(await call.change(f"weekend: {days}", edit))


async def set_day_start(call: Call) -> object:
    """Say when a day of limits begins.  Raises HouseholdError."""
    wanted: DayStartWanted = call.body
    start = parse_field(clock, wanted.day_starts)

    def edit(household: Household) -> Household:
        return set_household(household, day_starts=start)

    return calendar_json(await call.change(f"a day of limits begins at {clock_text(start)}", edit))


async def take_file(call: Call) -> object:
    """Add the holidays of a calendar file; dates that the calendar has stay as they are."""
    body: FileSent = call.body
    zone = call.household.timezone
    first = local_time(call.now, zone_of(zone)).date()
    found = await read_calendar(body.calendar.encode(), zone, first)

    def edit(household: Household) -> Household:
        return set_household(household, calendar=add_holidays(household.calendar, found))

    after = await call.change("calendar: holidays imported from a file", edit)
    dates = [
        {
            "first": str(each.first),
            "last": str(each.last),
            "name": each.name,
            "whole": each.is_whole,
        }
        for each in found
    ]
    return {**calendar_json(after), "found": dates}


_EDIT = Permission.EDIT_HOUSEHOLD
OPERATIONS = (
    Operation(
        "GET",
        "/calendar",
        Permission.SEE_PROFILES,
        "Which dates are days of school",
        calendar,
        CalendarShown,
    ),
    Operation(
        "PUT",
        "/calendar/days",
        _EDIT,
        "Say what kind of days some dates are",
        set_days,
        CalendarShown,
        body=DaysWanted,
    ),
    Operation(
        "PUT",
        "/calendar/weekend",
        _EDIT,
        "Say which days of the week are the weekend",
        set_weekend,
        CalendarShown,
        body=WeekendWanted,
    ),
    Operation(
        "PUT",
        "/calendar/day-start",
        _EDIT,
        "Say when a day of limits begins",
        set_day_start,
        CalendarShown,
        body=DayStartWanted,
    ),
    Operation(
        "POST",
        "/calendar/import",
        _EDIT,
        "Take holidays over from a calendar file",
        take_file,
        CalendarTaken,
        body=FileSent,
        most=_MAX_BODY,
    ),
)
