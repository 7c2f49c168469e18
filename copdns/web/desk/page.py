"""What pages of the desk about people have in common: whom somebody may look at."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.model.household import Household, Profile
from copdns.web.context import context_of
from copdns.web.session import require


class About(NamedTuple):
    """actor: who looks.  people: whom they may look at.  chosen: those of them that are asked for.

    person: the one that the page is about, "" for all.
    """

    actor: Actor
    household: Household
    people: tuple[Profile, ...]
    chosen: tuple[Profile, ...]
    person: str

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each.id for each in self.chosen)


async def about(request: web.Request, permission: Permission) -> About:
    """Return who looks at whom; raise HTTPForbidden for somebody else's adult, or HTTPNotFound."""
    actor = await require(request, permission)
    household = house_of(request, actor)
    person = request.query.get("person", "")
    people = tuple(each for each in household.profiles if may(actor, permission, each))
    if not person:
        return About(actor, household, people, people, "")
    profile = household.profile(person)
    if profile is None:
        raise web.HTTPNotFound(reason="There is nobody with this name here")
    await require(request, permission, profile)
    return About(actor, household, people, (profile,), person)


def house_of(request: web.Request, actor: Actor) -> Household:
    """Return the household as it is in force, without the guests of the moment."""
    return context_of(request).live().households[actor.household]
