"""What pages of the dashboard have in common: the household, and whom a guardian may view."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.model.household import Household, Profile
from copdns.web.context import context_of
from copdns.web.session import require


class ViewedPeople(NamedTuple):
    """Whose data a page shows.

    actor: who views it.  people: all whom they may view.  chosen: those that the query asks for.
    person: the id of the one that it asks for, "" for all.
    """

    actor: Actor
    household: Household
    people: tuple[Profile, ...]
    chosen: tuple[Profile, ...]
    person: str

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each.id for each in self.chosen)


async def require_viewed_people(request: web.Request, permission: Permission) -> ViewedPeople:
    """Return whose data the query asks for; raise HTTPForbidden for another adult, or
    HTTPNotFound."""
    actor = await require(request, permission)
    household = household_in_force(request, actor)
    person = request.query.get("person", "")
    people = tuple(each for each in household.profiles if may(actor, permission, each))
    if not person:
        return ViewedPeople(actor, household, people, people, "")
    profile = household.profile(person)
    if profile is None:
        raise web.HTTPNotFound(reason="There is nobody with this name here")
    await require(request, permission, profile)
    return ViewedPeople(actor, household, people, (profile,), person)


async def stored_household(request: web.Request, actor: Actor) -> Household:
    """Return the household as stored, so with what was just changed; raise HTTPNotFound."""
    found = await context_of(request).store.household(actor.household)
    if found is None:
        raise web.HTTPNotFound
    return found


def household_in_force(request: web.Request, actor: Actor) -> Household:
    """Return the household of the snapshot, without current guests."""
    return context_of(request).snapshot().households[actor.household]
