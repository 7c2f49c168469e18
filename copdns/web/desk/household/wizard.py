"""Set the house up, a step at a time: what is missing to begin with, and no more.

Each step is kept when it is sent; the rest can wait for another day, and each can be done again.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Balance, Permission
from copdns.household.edit_checks import free_slug
from copdns.household.edits import add_profile, set_household
from copdns.household.presets import apply
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.household import LANGUAGES, Band, Household, Profile
from copdns.model.names import host_of
from copdns.network.machine import own_zone
from copdns.network.setup_steps import Progress, State, Step
from copdns.web.context import context_of
from copdns.web.desk.household.qr import qr
from copdns.web.desk.person.people import band_in
from copdns.web.languages import bundled_helplines, spoken
from copdns.web.newcomers import named
from copdns.web.pages import language_of
from copdns.web.received import Fields, fields_of
from copdns.web.session import require
from copdns.web.unknown_devices import end_guests, end_guests_at, known_in, visitors_of, written_in
from copdns.web.wording import desk_saying
from copdns.words.phrases import zones

Values = Mapping[str, Any]


class Going(NamedTuple):
    """One request of the wizard.  home: as stored, not as it was a moment ago."""

    request: web.Request
    actor: Actor
    home: Household
    progress: Progress


class _Step(NamedTuple):
    """values: what its page shows.  take: keeps what was sent; True: the step is done, and the
    next one is to be shown."""

    values: Callable[[Going], Awaitable[Values]]
    take: Callable[[Going, Fields], Awaitable[bool]]


async def wizard(request: web.Request) -> web.Response:
    """All steps, and where to go on."""
    going = await _going(request)
    return _page(going, "desk/wizard.html", steps=tuple(Step))


async def step(request: web.Request) -> web.Response:
    """One step."""
    going = await _going(request)
    this = _the_step(request)
    return _page(
        going,
        f"desk/wizard_{this}.html",
        this=this,
        number=tuple(Step).index(this) + 1,
        of=len(Step),
        **await _STEPS[this].values(going),
    )


async def take(request: web.Request) -> web.Response:
    """Keep what was sent, and go on."""
    going = await _going(request)
    this, fields = _the_step(request), await fields_of(request)
    done = await _STEPS[this].take(going, fields)
    parts = context_of(request)
    if not done:
        raise web.HTTPSeeOther(f"/guardian/wizard/{this}")
    now, household = int(parts.now()), going.home.id
    await parts.setups.keep(household, this, State.DONE, now, author=going.actor.name)
    after = tuple(Step)[tuple(Step).index(this) + 1 :]
    raise web.HTTPSeeOther(f"/guardian/wizard/{after[0]}" if after else "/guardian/checks")


async def _going(request: web.Request) -> Going:
    actor = await require(request, Permission.EDIT_HOUSEHOLD)
    parts = context_of(request)
    home = await parts.store.household(actor.household)
    if home is None:
        raise web.HTTPNotFound
    return Going(request, actor, home, await parts.setups.progress(home.id))


def _the_step(request: web.Request) -> Step:
    try:
        return Step(request.match_info["step"])
    except ValueError:
        raise web.HTTPNotFound from None


def _page(going: Going, template: str, **values: Any) -> web.Response:
    return context_of(going.request).pages.render(
        going.request,
        template,
        actor=going.actor,
        household=going.home,
        progress=going.progress,
        **values,
    )


async def _change(going: Going, edit: Callable[[Household], Household], what: str) -> None:
    parts = context_of(going.request)
    presets = parts.known().presets
    balance = Balance(going.actor.id, lambda each: apply(presets[each.band], each))
    now, author = int(parts.now()), going.actor.name
    await parts.store.change(
        going.home.id, edit, author=author, what=what, now=now, balance=balance
    )


# --- the steps ------------------------------------------------------------------------------------


async def _no_values(_: Going) -> Values:
    return {}


async def _nothing_to_keep(*_: Any) -> bool:
    return True


async def _place(going: Going) -> Values:
    here = spoken(language_of(going.request))
    countries = [(here.country(code), code) for code in bundled_helplines().countries]
    return {
        "zones": zones(),
        "zone": _zone(going),
        "tongues": [spoken(each) for each in LANGUAGES],
        "countries": sorted(countries),
    }


def _zone(going: Going) -> str:
    """Return the household's zone; until somebody chose one, that of the machine."""
    usual = Household(going.home.id, going.home.name).timezone
    if going.home.timezone != usual or going.progress.done(Step.PLACE):
        return going.home.timezone
    return own_zone(os.environ.get("TZ", "")) or usual


async def _take_place(going: Going, fields: Fields) -> bool:
    keys = ("name", "timezone", "language", "country")
    values: dict[str, Any] = {key: str(fields.get(key, "")).strip() for key in keys}
    values["name"] = values["name"][:60] or going.home.name
    await _change(going, partial(set_household, **values), "setup: time zone, language and country")
    return True


async def _take_school(going: Going, fields: Fields) -> bool:
    written = str(fields.get("names", "")).replace(",", " ").split()
    try:
        edit = partial(set_household, protected=[host_of(each) for each in written])
        await _change(going, edit, "setup: sites that are never blocked")
    except (HouseholdError, NameTextError) as error:
        raise error.for_field("names") from None
    return True


async def _children(going: Going) -> Values:
    presets = context_of(going.request).known().presets
    return {
        "presets": [presets[band] for band in Band if band in presets],
        "say": desk_saying(going.request, going.home),
    }


async def _take_children(going: Going, fields: Fields) -> bool:
    """Add somebody, or go on."""
    name = " ".join(str(fields.get("name", "")).split())
    if not name:
        return "add" not in fields
    band = band_in(str(fields.get("band", "")))
    known = context_of(going.request).known()

    def edit(home: Household) -> Household:
        new = free_slug(name, (each.id for each in home.profiles), "child")
        profile = Profile(new, name[:60], band)
        return add_profile(home, profile, known, known.presets[band], times="times" in fields)

    await _change(going, edit, f"setup: {name} added, {band}")
    return "add" not in fields


async def _devices(going: Going) -> Values:
    return {"visitors": await visitors_of(going.request, going.home.id)}


async def _take_devices(going: Going, fields: Fields) -> bool:
    """Give one of those that were seen its owner, take one that is written in, or go on."""
    if "known" in fields:
        return await _take_written(going, fields)
    if "visitor" not in fields:
        return True
    there = await visitors_of(going.request, going.home.id)
    wanted = str(fields["visitor"])
    visitor = next((each for each in there if each.id == wanted), None)
    if visitor is None:
        raise HouseholdError(
            "this device is already assigned, or has not been seen for a long time"
        )
    profile = str(fields.get("profile", ""))
    name = " ".join(str(fields.get("name", "")).split())[:60] or visitor.name or visitor.id
    edit = partial(named, visitor=visitor, profile_id=profile, called=name)
    await _change(going, edit, f"setup: device {name} assigned to {profile}")
    await end_guests(going.request, going.actor, visitor)
    return False


async def _take_written(going: Going, fields: Fields) -> bool:
    known, profile = known_in(str(fields["known"])), str(fields.get("profile", ""))
    name = str(fields.get("name", ""))
    edit = partial(written_in, name=name, profile=profile, known=known)
    await _change(going, edit, f"setup: a device added for {profile}")
    await end_guests_at(going.request, going.actor, *known)
    return False


async def _helplines(going: Going) -> Values:
    lines, home = bundled_helplines(), going.home
    return {
        "lines": lines.lines(home.country),
        "to_confirm": lines.to_confirm(home.country),
        "directories": lines.directories,
        "country_name": spoken(language_of(going.request)).country(home.country)
        if home.country
        else "",
    }


async def _take_helplines(going: Going, fields: Fields) -> bool:
    there = {each.id for each in bundled_helplines().to_confirm(going.home.country)}
    confirmed = [str(each) for each in fields.getall("line", []) if each in there]
    edit = partial(set_household, helplines=confirmed)
    await _change(going, edit, f"setup: {len(confirmed)} helplines confirmed")
    return True


async def _router(going: Going) -> Values:
    there = context_of(going.request).addresses()
    away = [each for each in there if each not in ("127.0.0.1", "::1")]
    return {
        "addresses4": [each for each in away if ":" not in each],
        "addresses6": [each for each in away if ":" in each],
    }


async def _door(going: Going) -> Values:
    return {"code": qr(context_of(going.request).pages.door)}


_STEPS: Mapping[Step, _Step] = {
    Step.PLACE: _Step(_place, _take_place),
    Step.SCHOOL: _Step(_no_values, _take_school),
    Step.CHILDREN: _Step(_children, _take_children),
    Step.DEVICES: _Step(_devices, _take_devices),
    Step.HELPLINES: _Step(_helplines, _take_helplines),
    Step.ROUTER: _Step(_router, _nothing_to_keep),
    Step.DOOR: _Step(_door, _nothing_to_keep),
}
