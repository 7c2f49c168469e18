"""The people of the house: who there is, one of them whole, and how one comes and goes."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import Counter
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.edits import add_profile, remove_device, remove_profile, set_device
from copdns.household.safeguards import default_mode
from copdns.list_files.load import bundled_presets
from copdns.lists.catalogue import Catalogue
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, BlockMode, Contact, Household, Profile
from copdns.policy.order import rules_in_scope
from copdns.web.context import context_of
from copdns.web.desk.person.page import change, house_of, in_order, keep, person_page, the_person
from copdns.web.received import fields_of
from copdns.web.session import require
from copdns.web.wording import wording_for
from copdns.words.levels import Level

LONGEST_NAME = 60


async def people(request: web.Request) -> web.Response:
    """Everybody, and a form for one more."""
    actor, parts = await require(request, Permission.SEE_PROFILES), context_of(request)
    household = await house_of(request, actor)
    return parts.pages.render(
        request,
        "desk/people.html",
        actor=actor,
        household=household,
        say=wording_for(request, household, Level.FULL),
        presets={band: bundled_presets()[band] for band in Band},
        now=parts.now(),
    )


async def add(request: web.Request) -> web.Response:
    """Add a person, who starts with what is fair for the age."""
    actor, fields = await require(request, Permission.EDIT_PROFILES), await fields_of(request)
    name = name_in(str(fields.get("name", "")))
    band = band_in(str(fields.get("band", "")))
    made: list[str] = []

    def edit(household: Household) -> Household:
        if any(each.name == name for each in household.profiles):
            raise HouseholdError(
                "There is a %(called)s already; write the name so that they differ",
                name="name",
                called=name,
            )
        made.append(id_for(name, household))
        new = Profile(made[-1], name, band, privacy=default_mode(band))
        known, preset = context_of(request).known(), bundled_presets()[band]
        return add_profile(household, new, known, preset, times="times" in fields)

    await change(request, actor, edit, f"person added: {name}")
    raise web.HTTPSeeOther(f"/guardian/people/{made[-1]}")


async def person(request: web.Request) -> web.Response:
    """What applies to one person, and where each part of it is changed."""
    found = await the_person(request, Permission.SEE_PROFILES)
    household, profile = found.household, found.profile
    library = context_of(request).live().library
    return person_page(
        request,
        found,
        "desk/person.html",
        categories=in_order(profile.categories, library),
        by_contact=_by_contact(household, library, profile),
        devices=[each for each in household.devices if each.profile == profile.id],
        others=[each for each in household.profiles if each.id != profile.id],
        rules=rules_in_scope(profile, household.rules),
        block_modes=tuple(BlockMode),
        disputed="disputed" in request.query,
        proposal=await context_of(request).proposals.of(household.id, profile.id),
    )


def _by_contact(household: Household, library: Catalogue, profile: Profile) -> dict[Contact, int]:
    """Return how many services are closed to somebody by who can write there."""
    kinds = {each.slug: each.contact for each in library.services.values()}
    kinds |= {each.slug: each.contact for each in household.services}
    numbers = Counter(kinds.values())
    return {each: numbers[each] for each in Contact if each in profile.contacts}


async def set_answers(request: web.Request) -> web.Response:
    """Change what somebody is called, and how a block is answered."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    try:
        mode = BlockMode(str(fields.get("block_mode", "")))
    except ValueError:
        raise HouseholdError("choose one of the answers on the page", name="block_mode") from None
    ttl = _seconds_in(str(fields.get("max_ttl", "")).strip())
    name = name_in(str(fields.get("name", "")))
    values = {"name": name, "block_mode": mode, "max_ttl": ttl}
    raise web.HTTPSeeOther(await keep(request, found, values))


async def remove(request: web.Request) -> web.Response:
    """Remove a person with all that is kept; their devices become somebody's, or go."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    if not may(found.actor, Permission.ERASE, found.profile):
        raise web.HTTPForbidden(reason="You may not do this")
    if "sure" not in fields:
        raise HouseholdError("Tick that you are sure", name="sure")
    household, profile, heir = found.household.id, found.profile.id, str(fields.get("heir", ""))
    edit = partial(_removed, profile_id=profile, heir=heir)
    await change(request, found.actor, edit, f"profile {profile} removed")
    parts = context_of(request)
    await asyncio.to_thread(parts.log.erase, household, profile, parts.now())
    raise web.HTTPSeeOther("/guardian/people")


def _removed(household: Household, profile_id: str, heir: str) -> Household:
    """Return the household without somebody.  heir: whose the devices become; "" for nobody's."""
    for device in household.devices:
        if device.profile == profile_id and heir:
            household = set_device(household, device.id, profile=heir)
        elif device.profile == profile_id:
            household = remove_device(household, device.id)
    return remove_profile(household, profile_id)


def name_in(typed: str) -> str:
    """Return what somebody is called; raise HouseholdError for what nobody can be called."""
    name = " ".join(typed.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise HouseholdError(
            "Write a name of 1 to %(most)s letters", name="name", most=LONGEST_NAME
        )
    return name


def _seconds_in(typed: str) -> int | None:
    """Return for how long devices keep an answer; None: as the age says."""
    if not typed:
        return None
    if typed.isascii() and typed.isdigit() and len(typed) < 6 and 1 <= int(typed) <= 86_400:
        return int(typed)
    raise HouseholdError("Write seconds from 1 to 86400, or nothing", name="max_ttl")


def band_in(typed: str) -> Band:
    try:
        return Band(typed)
    except ValueError:
        raise HouseholdError("Choose one of the ages on the page", name="band") from None


def id_for(name: str, household: Household) -> str:
    """Return a short word for somebody, by the name where its letters allow."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "person"
    taken = {each.id for each in household.profiles} | {"guest"}
    numbers = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (stem, *numbers) if each not in taken)
