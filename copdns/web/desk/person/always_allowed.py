"""What is always allowed for a person, what homework mode allows, and the person's tags, by which
rules and times apply to several people."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.check import KnownIds
from copdns.household.edit_checks import parse_field, require_profile
from copdns.household.edits import set_profile
from copdns.model.addresses import slug
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
    """Show both lists and the tags, with a form for each."""
    found = await require_person(request, Permission.SEE_PROFILES)
    household, library = found.household, context_of(request).snapshot().library
    return person_page(
        request,
        found,
        "desk/person_open.html",
        kinds=KINDS,
        categories=sorted(library.categories),
        services=sorted({*library.services, *(each.slug for each in household.services)}),
        tags=[
            (each, _shared_by(household, found.profile, each))
            for each in sorted(found.profile.tags)
        ],
        others=sorted({tag for each in household.profiles for tag in each.tags}),
    )


async def add(request: web.Request) -> web.Response:
    """Add something to a list; what is there stays."""
    found, kind = await require_person(request, Permission.EDIT_PROFILES), _require_kind(request)
    new = parse_subjects(await form_of(request))
    if not new:
        raise HouseholdError("Choose a category or an app, or type a site such as games.example")

    def more(profile: Profile) -> dict[str, Any]:
        return {kind: _require_few(tuple(dict.fromkeys((*_subjects_of(profile, kind), *new))))}

    await _keep(request, found, more, ", ".join(f"{kind} +{each}" for each in new))
    raise web.HTTPSeeOther(f"{found.address}/open")


async def remove(request: web.Request) -> web.Response:
    """Remove something from a list; a second time is harmless."""
    found, kind = await require_person(request, Permission.EDIT_PROFILES), _require_kind(request)
    form = await form_of(request)
    gone = form.one("subject")

    def less(profile: Profile) -> dict[str, Any]:
        return {kind: tuple(each for each in _subjects_of(profile, kind) if str(each) != gone)}

    if gone in map(str, _subjects_of(found.profile, kind)):
        await _keep(request, found, less, f"{kind} -{gone}")
    raise web.HTTPSeeOther(f"{found.address}/open")


async def tag(request: web.Request) -> web.Response:
    """Add a tag to a person, or remove it, as the field `remove` says."""
    found, form = await require_person(request, Permission.EDIT_PROFILES), await form_of(request)
    try:
        word = parse_field(slug, form.one("tag").lower().removeprefix("#"))
    except HouseholdError as error:
        raise error.for_field("tag") from None
    away = form.has("remove")

    def other(profile: Profile) -> dict[str, Any]:
        return {"tags": profile.tags - {word} if away else _require_few(profile.tags | {word})}

    if away is (word in found.profile.tags):
        await _keep(request, found, other, f"tag {'-' if away else '+'}{word}")
    raise web.HTTPSeeOther(f"{found.address}/open")


async def _keep(request: web.Request, found: PersonAccess, values: Edit, what: str) -> None:
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


def _require_few(values: Any) -> Any:
    if len(values) > MAX_THINGS:
        raise HouseholdError("you can have at most %(most)s; remove some first", most=MAX_THINGS)
    return values


def _shared_by(household: Household, profile: Profile, tag: str) -> tuple[list[str], int]:
    """Return who else has a tag, and how many rules, schedules and budgets apply by it."""
    people = [each.name for each in household.profiles if tag in each.tags and each != profile]
    rules = [each.scope for each in household.rules]
    schedules = [each.scope for each in household.schedules]
    budgets = [each.scope for each in household.budgets]
    return people, (*rules, *schedules, *budgets).count(f"#{tag}")
