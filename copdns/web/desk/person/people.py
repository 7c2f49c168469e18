"""The people of the household: the list, one person's page, adding and removing."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.edit_checks import free_slug
from copdns.household.edits import add_profile, remove_device, remove_profile, set_device
from copdns.household.safeguards import default_mode
from copdns.list_files.load import bundled_presets
from copdns.lists.catalogue import Catalogue
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, BlockMode, Contact, Household, Profile
from copdns.time.plan import in_scope
from copdns.web.browser_input import fields_of, whole_number
from copdns.web.context import context_of
from copdns.web.desk.page import stored_household
from copdns.web.desk.person.groups import groups_of
from copdns.web.desk.person.page import (
    change,
    keep,
    person_page,
    require_person,
    sort_categories,
)
from copdns.web.desk.time.forms import read_choice
from copdns.web.session import require
from copdns.web.step_up import require_step_up
from copdns.web.wording import desk_wording

MAX_NAME = 60


async def people(request: web.Request) -> web.Response:
    """Show everybody, and a form to add somebody."""
    actor, context = await require(request, Permission.SEE_PROFILES), context_of(request)
    household = await stored_household(request, actor)
    return context.pages.render(
        request,
        "desk/people.html",
        actor=actor,
        household=household,
        say=desk_wording(request, household),
        presets={band: bundled_presets()[band] for band in Band},
        now=context.now(),
    )


async def add(request: web.Request) -> web.Response:
    """Add a person with the preset of the age."""
    actor, fields = await require(request, Permission.EDIT_PROFILES), await fields_of(request)
    name = parse_name(str(fields.get("name", "")))
    band = parse_band(str(fields.get("band", "")))
    ids: list[str] = []

    def edit(household: Household) -> Household:
        if any(each.name == name for each in household.profiles):
            raise HouseholdError(
                "There is already someone called %(called)s; choose another name",
                name="name",
                called=name,
            )
        ids.append(free_person_id(name, household))
        new = Profile(ids[-1], name, band, privacy=default_mode(band))
        known, preset = context_of(request).known_ids(), bundled_presets()[band]
        return add_profile(household, new, known, preset, times="times" in fields)

    await change(request, actor, edit, f"person added: {name}", removable=True)
    raise web.HTTPSeeOther(f"/guardian/people/{ids[-1]}")


async def person(request: web.Request) -> web.Response:
    """Show what applies to a person, with links to change each part."""
    found = await require_person(request, Permission.SEE_PROFILES)
    household, profile = found.household, found.profile
    library = context_of(request).snapshot().library
    return await person_page(
        request,
        found,
        "desk/person.html",
        categories=sort_categories(profile.categories, library),
        by_contact=_closed_by_contact(household, library, profile),
        devices=[each for each in household.devices if each.profile == profile.id],
        others=[each for each in household.profiles if each.id != profile.id],
        groups=groups_of(household, profile),
        tags_there=sorted({tag for each in household.profiles for tag in each.tags}),
        rules=in_scope(household.rules, profile),
        block_modes=tuple(BlockMode),
        disputed="disputed" in request.query,
        proposal=await context_of(request).proposals.of(household.id, profile.id),
        backup_days=context_of(request).settings().backup.days,
    )


def _closed_by_contact(
    household: Household, library: Catalogue, profile: Profile
) -> dict[Contact, int]:
    """Return how many services are blocked for a person, by kind of contact."""
    kinds = {each.slug: each.contact for each in library.services.values()}
    kinds |= {each.slug: each.contact for each in household.services}
    excepted = profile.contact_exceptions
    numbers = Counter(kind for slug, kind in kinds.items() if slug not in excepted)
    return {each: numbers[each] for each in Contact if each in profile.contacts}


async def set_answers(request: web.Request) -> web.Response:
    """Change a person's name, and how blocked queries are answered."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    mode = read_choice(BlockMode, str(fields.get("block_mode", "")), "block_mode")
    ttl = _parse_seconds(str(fields.get("max_ttl", "")).strip())
    name = parse_name(str(fields.get("name", "")))
    values = {"name": name, "block_mode": mode, "max_ttl": ttl}
    if "timezone" in fields:
        values["timezone"] = str(fields["timezone"]).strip()
    raise web.HTTPSeeOther(await keep(request, found, values))


async def remove(request: web.Request) -> web.Response:
    """Remove a person with all that is recorded; their devices get another owner or are removed."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    if not may(found.actor, Permission.ERASE, found.profile):
        raise web.HTTPForbidden(reason="You may not do this")
    await require_step_up(request, found.actor)
    if "sure" not in fields:
        raise HouseholdError("Tick the box to confirm", name="sure")
    household, profile, heir = found.household.id, found.profile.id, str(fields.get("heir", ""))
    edit = partial(_remove_with_devices, profile_id=profile, heir=heir)
    await change(request, found.actor, edit, f"profile {profile} removed")
    context = context_of(request)
    await asyncio.to_thread(context.log.erase, household, profile, context.now())
    raise web.HTTPSeeOther("/guardian/people")


def _remove_with_devices(household: Household, profile_id: str, heir: str) -> Household:
    """Return the household without a person.  heir: who gets the devices; "" to remove them."""
    for device in household.devices:
        if device.profile == profile_id and heir:
            household = set_device(household, device.id, profile=heir)
        elif device.profile == profile_id:
            household = remove_device(household, device.id)
    return remove_profile(household, profile_id)


def parse_name(typed: str) -> str:
    """Return a name without surplus blanks; raise HouseholdError where it cannot be one."""
    name = " ".join(typed.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise HouseholdError("Enter a name of 1 to %(most)s characters", name="name", most=MAX_NAME)
    return name


def _parse_seconds(typed: str) -> int | None:
    """Return how long devices may cache an answer; None: as the age says.  Raises
    HouseholdError."""
    if not typed:
        return None
    seconds = whole_number(typed, 5)
    if seconds is not None and 1 <= seconds <= 86_400:
        return seconds
    raise HouseholdError("Enter seconds from 1 to 86400, or leave this blank", name="max_ttl")


def parse_band(typed: str) -> Band:
    """Return the age group that was chosen; raise HouseholdError for none of them."""
    try:
        return Band(typed)
    except ValueError:
        raise HouseholdError("Choose an age group", name="band") from None


def free_person_id(name: str, household: Household) -> str:
    """Return an unused id for a person, made of the name's letters."""
    return free_slug(name, {each.id for each in household.profiles} | {"guest"}, "person")
