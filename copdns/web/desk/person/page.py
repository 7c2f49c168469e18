"""What all pages about one person have in common: who it is, who may, and how a change is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Balance, Permission, may
from copdns.household.differences import audit_line, differences
from copdns.household.edits import set_profile
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.lists.catalogue import Catalogue
from copdns.model.household import SETTINGS, Household, Profile
from copdns.web.context import context_of
from copdns.web.session import require
from copdns.web.wording import desk_saying

Edit = Callable[[Household], Household]


class Found(NamedTuple):
    """Who acts, and on whom, as it is stored: a page shows what was just changed there."""

    actor: Actor
    household: Household
    profile: Profile

    @property
    def address(self) -> str:
        return f"/guardian/people/{self.profile.id}"


async def house_of(request: web.Request, actor: Actor) -> Household:
    """Return the household as it is stored."""
    found = await context_of(request).store.household(actor.household)
    if found is None:
        raise web.HTTPNotFound
    return found


async def the_person(request: web.Request, permission: Permission) -> Found:
    """Return whom the address names; raise as `required` does, HTTPNotFound for nobody."""
    actor = await require(request, permission)
    household = await house_of(request, actor)
    profile = household.profile(request.match_info["person"])
    if profile is None:
        raise web.HTTPNotFound
    if not may(actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    return Found(actor, household, profile)


async def change(request: web.Request, actor: Actor, edit: Edit, what: str) -> Household:
    """Keep a change, weighed against the word of the other guardians."""
    parts = context_of(request)
    return await parts.store.change(
        actor.household,
        edit,
        author=actor.name,
        what=what,
        now=int(parts.now()),
        balance=Balance(actor.id, fair),
    )


def with_values(request: web.Request, found: Found, values: Mapping[str, Any]) -> Profile:
    """Return somebody with other settings; raise HouseholdError for what is not known."""
    known = context_of(request).known()
    profile = set_profile(found.household, found.profile.id, known, **values).profile(
        found.profile.id
    )
    assert profile is not None
    return profile


async def keep(
    request: web.Request, found: Found, values: Mapping[str, Any], what: str = ""
) -> str:
    """Keep settings of a person; return where to go: as of `back`.

    what: for the audit, where it is not what is different.
    """
    after, known = with_values(request, found, values), context_of(request).known()

    def edit(household: Household) -> Household:
        return set_profile(household, found.profile.id, known, **values)

    changed = differences(found.profile, after)
    stored = await change(request, found.actor, edit, what or audit_line(after, changed))
    return back(found, after, stored)


def back(found: Found, wanted: Profile, stored: Household) -> str:
    """Return the address of the person's page, which says so where another guardian wants it
    differently and what is fair for the age holds instead."""
    kept = stored.profile(wanted.id)
    same = all(getattr(kept, each) == getattr(wanted, each) for each in SETTINGS)
    return found.address if same else f"{found.address}?disputed=yes"


def fair(profile: Profile) -> Profile:
    """Return somebody as the preset of their age has them."""
    return apply(bundled_presets()[profile.band], profile)


def in_order(categories: Iterable[str], library: Catalogue) -> list[str]:
    """Return categories in the order of the page on which they are chosen."""
    places = {slug: place for place, slug in enumerate(library.categories)}
    return sorted(categories, key=lambda each: (places.get(each, len(places)), each))


def person_page(
    request: web.Request, found: Found, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Return a page about somebody, with what all of their templates need."""
    parts = context_of(request)
    return parts.pages.render(
        request,
        template,
        status=status,
        actor=found.actor,
        household=found.household,
        profile=found.profile,
        say=desk_saying(request, found.household),
        may_edit=may(found.actor, Permission.EDIT_PROFILES, found.profile),
        now=parts.now(),
        zone=found.household.timezone,
        **values,
    )
