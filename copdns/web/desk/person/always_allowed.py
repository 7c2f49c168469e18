"""What stays open for a person whatever the hour, what homework mode leaves open, and the tags by
which rules and times hold for several people at once."""

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
from copdns.web.desk.person.page import Found, change, person_page, the_person
from copdns.web.desk.time.forms import about
from copdns.web.desk.time.page import form_of

KINDS = ("always", "homework")
MOST = 200  # things of one kind, or tags
Edit = Callable[[Profile], dict[str, Any]]


async def opened(request: web.Request) -> web.Response:
    """Both lists, the tags, and a form for each."""
    found = await the_person(request, Permission.SEE_PROFILES)
    household, library = found.household, context_of(request).live().library
    return person_page(
        request,
        found,
        "desk/person_open.html",
        kinds=KINDS,
        categories=sorted(library.categories),
        services=sorted({*library.services, *(each.slug for each in household.services)}),
        tags=[(each, _sharing(household, found.profile, each)) for each in _sorted(found.profile)],
        others=sorted({tag for each in household.profiles for tag in each.tags}),
    )


async def add(request: web.Request) -> web.Response:
    """Let something be open always, or in homework mode too; what is there already stays."""
    found, kind = await the_person(request, Permission.EDIT_PROFILES), _kind(request)
    new = about(await form_of(request))
    if not new:
        raise HouseholdError(
            "Choose a category or service, or enter a domain such as games.example"
        )

    def more(profile: Profile) -> dict[str, Any]:
        return {kind: _few(tuple(dict.fromkeys((*_of(profile, kind), *new))))}

    await _keep(request, found, more, ", ".join(f"{kind} +{each}" for each in new))
    raise web.HTTPSeeOther(f"{found.address}/open")


async def remove(request: web.Request) -> web.Response:
    """Let something follow the times like all the rest; twice is harmless."""
    found, kind = await the_person(request, Permission.EDIT_PROFILES), _kind(request)
    form = await form_of(request)
    gone = form.one("subject")

    def less(profile: Profile) -> dict[str, Any]:
        return {kind: tuple(each for each in _of(profile, kind) if str(each) != gone)}

    if gone in map(str, _of(found.profile, kind)):
        await _keep(request, found, less, f"{kind} -{gone}")
    raise web.HTTPSeeOther(f"{found.address}/open")


async def tag(request: web.Request) -> web.Response:
    """Give a person a tag, or take it away, as `remove` says."""
    found, form = await the_person(request, Permission.EDIT_PROFILES), await form_of(request)
    try:
        word = parse_field(slug, form.one("tag").lower().removeprefix("#"))
    except HouseholdError as error:
        raise error.for_field("tag") from None
    away = form.has("remove")

    def other(profile: Profile) -> dict[str, Any]:
        return {"tags": profile.tags - {word} if away else _few(profile.tags | {word})}

    if away is (word in found.profile.tags):
        await _keep(request, found, other, f"tag {'-' if away else '+'}{word}")
    raise web.HTTPSeeOther(f"{found.address}/open")


async def _keep(request: web.Request, found: Found, values: Edit, what: str) -> None:
    known = context_of(request).known()
    edit = partial(_edited, profile_id=found.profile.id, values=values, known=known)
    await change(request, found.actor, edit, f"profile {found.profile.id} set: {what}")


def _edited(household: Household, profile_id: str, values: Edit, known: KnownIds) -> Household:
    return set_profile(
        household, profile_id, known, **values(require_profile(household, profile_id))
    )


def _kind(request: web.Request) -> str:
    kind = request.match_info["kind"]
    if kind not in KINDS:
        raise web.HTTPNotFound
    return kind


def _of(profile: Profile, kind: str) -> tuple[Subject, ...]:
    return profile.always if kind == "always" else profile.homework


def _few(values: Any) -> Any:
    if len(values) > MOST:
        raise HouseholdError("you can have at most %(most)s; remove some first", most=MOST)
    return values


def _sorted(profile: Profile) -> list[str]:
    return sorted(profile.tags)


def _sharing(household: Household, profile: Profile, tag: str) -> tuple[list[str], int]:
    """Return who else has a tag, and how many rules, schedules and budgets hold by it."""
    people = [each.name for each in household.profiles if tag in each.tags and each != profile]
    rules = [each.scope for each in household.rules]
    schedules = [each.scope for each in household.schedules]
    budgets = [each.scope for each in household.budgets]
    return people, (*rules, *schedules, *budgets).count(f"#{tag}")
