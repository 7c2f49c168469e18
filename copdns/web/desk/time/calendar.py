"""The household's calendar: school days and holidays, and holidays from a calendar file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.edits import set_household
from copdns.household.time_check import LATEST_START
from copdns.household.time_dump import clock_text, stretches
from copdns.household.time_edits import set_days
from copdns.household.time_shape import clock
from copdns.model.errors import CalendarError, HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import sentence
from copdns.model.times import WEEKDAYS, DayType
from copdns.time.days import DateRange, add_holidays, local_time, zone_of
from copdns.web.calendars import MAX_OCTETS, read_calendar
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.time.forms import parse_dates, parse_weekend, read_field
from copdns.web.desk.time.page import template_values
from copdns.web.desk.upload import read_upload

PAGE = "/guardian/calendar"


async def calendar(request: web.Request) -> web.Response:
    """Show the dates that differ from their day of the week, and the forms."""
    return _page(await require_house(request, Permission.SEE_PROFILES))


async def set_dates(request: web.Request) -> web.Response:
    """Set the kind of day for some dates."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    form = await form_of(request)
    days = parse_dates(form)
    what = f"calendar: {min(days)} to {max(days)} {form.one('kind')}"
    await home.change(what, partial(set_days, days=days))
    raise web.HTTPSeeOther(PAGE)


async def set_weekend(request: web.Request) -> web.Response:
    """Set which days of the week are the weekend."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    chosen = parse_weekend(await form_of(request))

    def edit(household: Household) -> Household:
        return set_household(household, calendar=replace(household.calendar, weekend=chosen))

    days = ", ".join(WEEKDAYS[each] for each in sorted(chosen)) or "none"
    await home.change(f"weekend: {days}", edit)
    raise web.HTTPSeeOther(PAGE)


async def set_day_start(request: web.Request) -> web.Response:
    """Set when a day of limits begins."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    start = read_field(clock, (await form_of(request)).one("day_starts"), "day_starts")

    def edit(household: Household) -> Household:
        return set_household(household, day_starts=start)

    await home.change(f"a day of limits begins at {clock_text(start)}", edit)
    raise web.HTTPSeeOther(PAGE)


async def upload(request: web.Request) -> web.Response:
    """Add the holidays of a calendar file, and show what it has."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    try:
        found = await read_calendar(await _file(request), home.household.timezone, _today(home))
    except CalendarError as error:
        raise HouseholdError(*error.sentences, name="file") from error

    def edit(household: Household) -> Household:
        return set_household(household, calendar=add_holidays(household.calendar, found))

    await home.change("calendar: holidays imported from a file", edit)
    fresh = await require_house(request, Permission.EDIT_HOUSEHOLD)
    return _page(fresh, found)


async def _file(request: web.Request) -> bytes:
    """Return the octets of the file that was sent; raise HouseholdError for none or a large one."""
    none = sentence("choose a calendar file first")
    too_large = sentence("the file is too large for a calendar; choose another")
    return (await read_upload(request, MAX_OCTETS, none, too_large)).octets


def _today(home: HouseRequest) -> date:
    return local_time(home.now, zone_of(home.household.timezone)).date()


def _page(home: HouseRequest, found: tuple[DateRange, ...] | None = None) -> web.Response:
    days = tuple(stretches(home.household.calendar.days))
    return home.context.pages.render(
        home.request,
        "desk/calendar.html",
        **template_values(home),
        days=tuple(each for each in days if each[1] >= _today(home)),
        past=tuple(each for each in days if each[1] < _today(home)),
        today_date=_today(home),
        kinds=tuple(DayType),
        weekdays=WEEKDAYS,
        found=found,
        day_starts=clock_text(home.household.day_starts),
        latest_start=clock_text(LATEST_START),
    )
