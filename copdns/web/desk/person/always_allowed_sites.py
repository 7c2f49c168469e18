"""What is always allowed for a person, and what homework mode allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.check import KnownIds
from copdns.household.edit_checks import require_profile
from copdns.household.edits import set_profile
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import Subject
from copdns.web.context import context_of
from copdns.web.desk.house_request import form_of
from copdns.web.desk.person.page import PersonAccess, change, person_page, require_person
from copdns.web.desk.time.forms import parse_subjects

KINDS = ("always", "homework")
MAX_THINGS = 200  # in a list, or tags
Edit = Callable[[Profile], dict[str, Any]]


async def always_allowed(request: web.Request) -> web.Response:
    """Show both lists, with a form for each."""
    found = await require_person(request, Permission.SEE_PROFILES)
    household, library = found.household, context_of(request).snapshot().library
    return await person_page(
        request,
        found,
        "desk/person_open.html",
        kinds=KINDS,
        categories=sorted(library.categories),
        services=sorted({*library.services, *(each.slug for each in household.services)}),
    )


async def add(request: web.Request) -> web.Response:
    """Add something to a list; what is there stays."""
    found, kind = await require_person(request, Permission.EDIT_PROFILES), _require_kind(request)
    new = parse_subjects(await form_of(request))
    if not new:
        raise HouseholdError("Choose a category or an app, or type a site such as games.example")

    def more(profile: Profile) -> dict[str, Any]:
        return {kind: require_few(tuple(dict.fromkeys((*_subjects_of(profile, kind), *new))))}

    await keep_values(request, found, more, ", ".join(f"{kind} +{each}" for each in new))
    raise web.HTTPSeeOther(f"{found.address}/open")


async def remove(request: web.Request) -> web.Response:
    """Remove something from a list; a second time is harmless."""
    found, kind = await require_person(request, Permission.EDIT_PROFILES), _require_kind(request)
    form = await form_of(request)
    gone = form.one("subject")

    def less(profile: Profile) -> dict[str, Any]:
        return {kind: tuple(each for each in _subjects_of(profile, kind) if str(each) != gone)}

    if gone in map(str, _subjects_of(found.profile, kind)):
        await keep_values(request, found, less, f"{kind} -{gone}")
    raise web.HTTPSeeOther(f"{found.address}/open")


async def keep_values(request: web.Request, found: PersonAccess, values: Edit, what: str) -> None:
    """Store what comes of a person's settings as they are when that is done.

    what: for the audit log, such as "tag +children".
    """
    known = context_of(request).known_ids()
    edit = partial(_edit_profile, profile_id=found.profile.id, values=values, known=known)
    await change(request, found.actor, edit, f"profile {found.profile.id} set: {what}")


def _edit_profile(
    household: Household, profile_id: str, values: Edit, known: KnownIds
) -> Household:
    return set_profile(
        household, profile_id, known, **values(require_profile(household, profile_id))
    )


def _require_kind(request: web.Request) -> str:
    kind = request.match_info["kind"]
    if kind not in KINDS:
        raise web.HTTPNotFound
    return kind


def _subjects_of(profile: Profile, kind: str) -> tuple[Subject, ...]:
    return profile.always if kind == "always" else profile.homework


def require_few(values: Any) -> Any:
    """Return a list or a set; raise HouseholdError for one that is too long."""
    if len(values) > MAX_THINGS:
        raise HouseholdError("you can have at most %(most)s; remove some first", most=MAX_THINGS)
    return values
