"""The household's calendar: which dates are days of school, and holidays from a calendar file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

from aiohttp import BodyPartReader, web

from copdns.accounts.roles import Permission
from copdns.household.edits import set_household
from copdns.household.time_dump import stretches
from copdns.household.time_edits import set_days
from copdns.model.errors import CalendarError, HouseholdError
from copdns.model.household import Household
from copdns.model.times import WEEKDAYS, DayType
from copdns.time.days import local_time, zone_of
from copdns.time.whole_days import Dates, holidays
from copdns.web.calendars import MOST, read_calendar
from copdns.web.desk.time.forms import dates, weekend
from copdns.web.desk.time.page import House, form_of, house, shown

PAGE = "/guardian/calendar"


async def calendar(request: web.Request) -> web.Response:
    """The dates that are something else than their day of the week, and forms for them."""
    return _page(await house(request, Permission.SEE_PROFILES))


async def set_dates(request: web.Request) -> web.Response:
    """Say what kind of days some dates are."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    form = await form_of(request)
    days = dates(form)
    what = f"calendar: {min(days)} to {max(days)} {form.one('kind')}"
    await home.change(what, partial(set_days, days=days))
    raise web.HTTPSeeOther(PAGE)


async def set_weekend(request: web.Request) -> web.Response:
    """Say which days of the week are the weekend."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    chosen = weekend(await form_of(request))

    def edit(household: Household) -> Household:
        return set_household(household, calendar=replace(household.calendar, weekend=chosen))

    said = ", ".join(WEEKDAYS[each] for each in sorted(chosen)) or "none"
    await home.change(f"weekend: {said}", edit)
    raise web.HTTPSeeOther(PAGE)


async def upload(request: web.Request) -> web.Response:
    """Take holidays over from a calendar file, and show what it was."""
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    try:
        found = await read_calendar(await _file(request), home.household.timezone, _today(home))
    except CalendarError as error:
        raise HouseholdError(*error.sentences, name="file") from error

    def edit(household: Household) -> Household:
        return set_household(household, calendar=holidays(household.calendar, found))

    await home.change("calendar: holidays imported from a file", edit)
    fresh = await house(request, Permission.EDIT_HOUSEHOLD)
    return _page(fresh, found)


async def _file(request: web.Request) -> bytes:
    """Return the octets of the file that was sent, as far as a calendar can have them.

    Read part by part: files are larger than the other forms may be.
    """
    if not request.content_type.startswith("multipart/"):
        raise HouseholdError("choose a calendar file first", name="file")
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                return await _octets(part)
    except ValueError:  # what aiohttp says to a form that is not whole
        raise web.HTTPBadRequest from None
    raise HouseholdError("choose a calendar file first", name="file")


async def _octets(part: BodyPartReader) -> bytes:
    octets = bytearray()
    while chunk := await part.read_chunk():
        octets += chunk
        if len(octets) > MOST:
            raise HouseholdError(
                "the file is too large for a calendar; choose another", name="file"
            )
    if not octets:
        raise HouseholdError("choose a calendar file first", name="file")
    return bytes(octets)


def _today(home: House) -> date:
    return local_time(home.now, zone_of(home.household.timezone)).date()


def _page(home: House, found: tuple[Dates, ...] | None = None) -> web.Response:
    days = tuple(stretches(home.household.calendar.days))
    return home.parts.pages.render(
        home.request,
        "desk/calendar.html",
        **shown(home),
        days=tuple(each for each in days if each[1] >= _today(home)),
        past=tuple(each for each in days if each[1] < _today(home)),
        today_date=_today(home),
        kinds=tuple(DayType),
        weekdays=WEEKDAYS,
        found=found,
    )
