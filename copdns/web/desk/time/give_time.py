"""What a guardian gives or takes for a while: pause, homework mode, extra time, temporary access,
and a bedtime that begins earlier or later tonight."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.time_edits import (
    add_bonus,
    end_grant,
    give_grant,
    move_bedtime,
    pause,
    pause_all,
    unpause,
    unpause_all,
)
from copdns.household.time_shape import clock
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import DAY_MINUTES, Grant
from copdns.time.bedtime import moment_tonight, tonights_bedtime
from copdns.time.days import budget_day, zone_of
from copdns.time.moments import moment_text
from copdns.web.desk.change import Edit
from copdns.web.desk.form import Form
from copdns.web.desk.form_mark import SEEN, unless_changed
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.page import page_to_show
from copdns.web.desk.time.forms import (
    parse_end,
    parse_extra,
    parse_lifts,
    parse_one_subject,
    read_field,
    require_end,
)
from copdns.web.desk.time.page import PersonRequest, require_person, unless_gone
from copdns.web.desk.time.schedules import budget_of
from copdns.web.more_time import give_more_time, require_more_time, was_sent_before

OVERVIEW = "/guardian/"
MAX_MORE = 240  # minutes at once
PAUSE_ALL = 30  # minutes for which one tap pauses every child


async def pause_(request: web.Request) -> web.Response:
    """Pause a person, until a moment or until somebody ends it; homework mode allows learning."""
    them = await require_person(request, Permission.GIVE_TIME)
    form = await form_of(request)
    end = parse_end(form, them.local.timezone, them.now)
    homework = form.has("homework")
    mode, until = " for homework" if homework else "", _end_text(them, end)
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
    them = await require_person(request, Permission.GIVE_TIME)
    edit = unless_gone(partial(unpause, profile_id=them.profile.id, now=them.now))
    await them.change(f"pause of {them.profile.id} ended", edit)
    _back(them, await form_of(request), "#now")


async def pause_all_(request: web.Request) -> web.Response:
    """Pause every child for half an hour; who is paused for longer stays so."""
    home = await require_house(request, Permission.GIVE_TIME)
    people, end = _children(home), home.now + PAUSE_ALL * 60
    edit = partial(pause_all, profile_ids=people, start=home.now, end=end, author=home.actor.name)
    when = moment_text(ceil(end / 60) * 60, home.household.timezone, home.now)
    await home.change(f"times: all children paused until {when}", edit)
    raise web.HTTPSeeOther(OVERVIEW)


async def unpause_all_(request: web.Request) -> web.Response:
    """End the pauses of all children now."""
    home = await require_house(request, Permission.GIVE_TIME)
    edit = partial(unpause_all, profile_ids=_children(home))
    await home.change("times: pauses of all children ended", edit)
    raise web.HTTPSeeOther(OVERVIEW)


def _children(home: HouseRequest) -> list[str]:
    """Return the ids of all children; raise HTTPForbidden where one is not the actor's to pause."""
    found = [each for each in home.household.profiles if is_paused_with_all(each)]
    if not all(may(home.actor, Permission.GIVE_TIME, each) for each in found):
        raise web.HTTPForbidden(reason="You may not do this")
    return [each.id for each in found]


def is_paused_with_all(profile: Profile) -> bool:
    """Tell whether a pause of everyone is for this person: for children alone."""
    return profile.band.is_child


async def bedtime(request: web.Request) -> web.Response:
    """Let tonight's bedtime begin earlier or later, or as usual, this night only."""
    them = await require_person(request, Permission.GIVE_TIME)
    form = await form_of(request)
    now, who, zone = them.now, them.profile.id, them.local.timezone
    minute = read_field(clock, form.one("at"), "at")
    tonight = tonights_bedtime(them.household, them.profile, now)
    shown = form.one("night")
    if shown and (tonight is None or shown != str(tonight.usual)):
        # A page that was left open until the next day would move another night than it showed.
        raise HouseholdError(
            "this page showed the bedtime of another evening, so nothing was changed; look at "
            "tonight's and choose again"
        )
    at = moment_tonight(tonight, minute, zone_of(zone)) if tonight is not None else now
    what = (
        f"tonight's bedtime of {who} as usual"
        if tonight is not None and at == tonight.usual
        else f"tonight's bedtime of {who} at {moment_text(at, zone, now)}"
    )
    edit = partial(move_bedtime, profile_id=who, at=at, now=now, author=them.actor.name)
    await them.change(what, edit)
    _back(them, form, "#now")


async def more(request: web.Request) -> web.Response:
    """Give more minutes, whichever limit or schedule applies (`web/more_time.py`)."""
    them = await require_person(request, Permission.GIVE_TIME)
    form = await form_of(request)
    minutes = form.number("minutes", 1, MAX_MORE)
    policy, today = them.policy_and_today()
    found = require_more_time(them.household, them.profile, policy, today, them.now)
    edit = partial(
        give_more_time,
        profile_id=them.profile.id,
        more=found,
        minutes=minutes,
        known=them.context.known_ids(),
        author=them.actor.name,
        now=them.now,
    )
    await them.change(
        f"{minutes} more minutes for {them.profile.id} ({found.kind})", _once(them, form, edit)
    )
    _back(them, form, "#now")


async def bonus(request: web.Request) -> web.Response:
    """Give more minutes of a budget today, or refund minutes that nobody used."""
    them = await require_person(request, Permission.GIVE_TIME)
    form, found = await form_of(request), budget_of(them)
    minutes, kind = form.number("minutes", 1, DAY_MINUTES), parse_extra(form)
    day = budget_day(them.now, zone_of(them.local.timezone), them.household.day_starts).day
    edit = partial(
        add_bonus,
        profile_id=them.profile.id,
        budget_id=found.id,
        day=day,
        minutes=minutes,
        kind=kind,
        author=them.actor.name,
        at=them.now,
    )
    what = f"{kind} of {minutes} minutes of {found.id} for {them.profile.id} on {day}"
    await them.change(what, _once(them, form, edit))
    _back(them, form, "#budgets")


async def grant(request: web.Request) -> web.Response:
    """Give temporary access."""
    them = await require_person(request, Permission.GIVE_TIME)
    form = await form_of(request)
    about = parse_one_subject(form)
    end = require_end(form, them.local.timezone, them.now)
    content, time = parse_lifts(form)
    if about is None and content:
        raise HouseholdError(
            "temporary access to everything lifts only limits and schedules; choose what to allow",
            name="names",
        )
    edit = partial(
        give_grant,
        grant=Grant(
            about,
            start=them.now,
            end=end,
            given=them.now,
            content=content,
            time=time,
            author=them.actor.name,
            note=form.note(),
            profile=them.profile.id,
        ),
        known=them.context.known_ids(),
    )
    called = "everything" if about is None else str(about)
    await them.change(
        f"{them.profile.id} can use {called} {_end_text(them, end)}", _once(them, form, edit)
    )
    _back(them, form, "#grants")


async def end_a_grant(request: web.Request) -> web.Response:
    """End temporary access now."""
    them = await require_person(request, Permission.GIVE_TIME)
    key = request.match_info["grant"]
    if any(each.id == key and each.profile == them.profile.id for each in them.household.grants):
        edit = unless_changed(
            unless_gone(partial(end_grant, grant_id=key, now=them.now)),
            (await form_of(request)).one(SEEN),
            lambda household: next((each for each in household.grants if each.id == key), None),
        )
        await them.change(f"temporary access {key} ended", edit)
    _back(them, await form_of(request), "#grants")


def _once(them: PersonRequest, form: Form, edit: Edit) -> Edit:
    """Return an edit that changes nothing where the same form was taken already."""

    def edit_once(household: Household) -> Household:
        mark, author = form.one("seen"), them.actor.name
        if was_sent_before(household, them.profile.id, mark, author, them.now):
            return household
        return edit(household)

    return edit_once


def _end_text(them: PersonRequest, end: int | None) -> str:
    if end is None:
        return "until somebody ends it"
    whole = ceil(end / 60) * 60  # as pages show it
    return f"until {moment_text(whole, them.local.timezone, them.now)}"


def _back(them: PersonRequest, form: Form, part: str) -> NoReturn:
    """Redirect to the page that has the form."""
    back = form.one("back")
    raise web.HTTPSeeOther(
        OVERVIEW if back == "overview" else page_to_show(back, f"{them.page}{part}")
    )
