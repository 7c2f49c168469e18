"""What a guardian gives or takes for a while: pause, homework, more minutes, permissions."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.time_edits import add_bonus, end_grant, give_grant, pause, unpause
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.times import DAY_MINUTES
from copdns.time.days import budget_day, zone_of
from copdns.time.moments import moment_text
from copdns.web.desk.time.forms import Form, certain_ending, ending, extra, lifts, one_subject
from copdns.web.desk.time.page import Theirs, form_of, quietly, theirs
from copdns.web.desk.time.schedules import budget_of
from copdns.web.more_time import give, is_sent_twice, more_time

OVERVIEW = "/guardian/"
MOST_MORE = 240  # minutes of one tap


async def pause_(request: web.Request) -> web.Response:
    """Stop everything for somebody, for a while or until it is ended; homework leaves learning."""
    them = await theirs(request, Permission.GIVE_TIME)
    form = await form_of(request)
    end = ending(form, them.household.timezone, them.now)
    homework = form.has("homework")
    mode, until = " for homework" if homework else "", _until(them, end)
    edit = partial(
        pause,
        profile_id=them.profile.id,
        start=them.now,
        end=end,
        homework=homework,
        author=them.actor.name,
    )
    await them.change(f"{them.profile.id} paused{mode} {until}", edit)
    _back(them, form, "#now")


async def unpause_(request: web.Request) -> web.Response:
    """End a pause now."""
    them = await theirs(request, Permission.GIVE_TIME)
    edit = quietly(partial(unpause, profile_id=them.profile.id, now=them.now))
    await them.change(f"pause of {them.profile.id} ended", edit)
    _back(them, await form_of(request), "#now")


async def more(request: web.Request) -> web.Response:
    """Some more minutes, whatever it is that closes (`web/more_time.py`)."""
    them = await theirs(request, Permission.GIVE_TIME)
    form = await form_of(request)
    minutes = form.number("minutes", 1, MOST_MORE)
    policy, seen = them.stands()
    found = more_time(them.household, them.profile, policy, seen, them.now)
    if found is None:
        raise HouseholdError(
            "no limit or schedule applies today or soon, so there is nothing to extend"
        )

    def edit(household: Household) -> Household:
        if _is_twice(them, household, form):
            return household
        return give(
            household,
            them.profile.id,
            found,
            minutes,
            them.parts.known(),
            author=them.actor.name,
            now=them.now,
        )

    await them.change(f"{minutes} more minutes for {them.profile.id} ({found.kind})", edit)
    _back(them, form, "#now")


async def bonus(request: web.Request) -> web.Response:
    """More minutes of one budget today, or minutes back that nobody used."""
    them = await theirs(request, Permission.GIVE_TIME)
    form, found = await form_of(request), budget_of(them)
    minutes, kind = form.number("minutes", 1, DAY_MINUTES), extra(form)
    day = budget_day(them.now, zone_of(them.household.timezone), them.household.day_starts).day

    def edit(household: Household) -> Household:
        if _is_twice(them, household, form):
            return household
        return add_bonus(
            household,
            them.profile.id,
            found.id,
            day,
            minutes,
            kind=kind,
            author=them.actor.name,
            at=them.now,
        )

    what = f"{kind} of {minutes} minutes of {found.id} for {them.profile.id} on {day}"
    await them.change(what, edit)
    _back(them, form, "#budgets")


async def grant(request: web.Request) -> web.Response:
    """Permit something for a while."""
    them = await theirs(request, Permission.GIVE_TIME)
    form = await form_of(request)
    about = one_subject(form)
    end = certain_ending(form, them.household.timezone, them.now)
    content, time = lifts(form)
    if about is None and content:
        raise HouseholdError(
            "temporary access to everything lifts only limits and schedules; choose what to allow",
            name="names",
        )

    def edit(household: Household) -> Household:
        if _is_twice(them, household, form):
            return household
        return give_grant(
            household,
            them.profile.id,
            about,
            them.parts.known(),
            start=them.now,
            end=end,
            given=them.now,
            content=content,
            time=time,
            author=them.actor.name,
            note=form.note(),
        )

    called = "everything" if about is None else str(about)
    await them.change(f"{them.profile.id} can use {called} {_until(them, end)}", edit)
    _back(them, form, "#grants")


async def end_a_grant(request: web.Request) -> web.Response:
    """End a permission now."""
    them = await theirs(request, Permission.GIVE_TIME)
    key = request.match_info["grant"]
    if any(each.id == key and each.profile == them.profile.id for each in them.household.grants):
        edit = quietly(partial(end_grant, grant_id=key, now=them.now))
        await them.change(f"temporary access {key} ended", edit)
    _back(them, await form_of(request), "#grants")


def _is_twice(them: Theirs, household: Household, form: Form) -> bool:
    return is_sent_twice(household, them.profile.id, form.one("seen"), them.actor.name, them.now)


def _until(them: Theirs, end: int | None) -> str:
    if end is None:
        return "until somebody ends it"
    whole = ceil(end / 60) * 60  # as everybody is told who waits for it
    return f"until {moment_text(whole, them.household.timezone, them.now)}"


def _back(them: Theirs, form: Form, part: str) -> NoReturn:
    """Lead back to where the form was."""
    raise web.HTTPSeeOther(OVERVIEW if form.one("back") == "overview" else f"{them.page}{part}")
