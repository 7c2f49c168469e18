"""What pages of the dashboard have in common: the household, and whom a guardian may view."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.life import HOUR
from copdns.model.household import Household, Profile
from copdns.web.context import AppContext, context_of
from copdns.web.session import require


class MeanwhileRule(NamedTuple):
    """What becomes of a request that nobody answers.

    seconds: after so long.  categories: slugs; a site that only a list of one of them blocks is
    allowed then until someone answers, and nothing else is.
    """

    seconds: int
    categories: tuple[str, ...]


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


def page_to_show(back: str, usual: str = "/guardian/") -> str:
    """Return the page that somebody came from, as a form says, where it is one of the dashboard;
    else the usual one."""
    return back if back.startswith("/guardian/") and "\\" not in back else usual


def meanwhile_rule(context: AppContext) -> MeanwhileRule:
    """Return what the settings say of requests that nobody answers."""
    chosen, library = context.settings().appeals, context.snapshot().library
    low_risk = (slug for slug, each in library.categories.items() if each.low_harm)
    found = tuple(low_risk) if chosen.open_meanwhile else ()
    return MeanwhileRule(chosen.target_hours * HOUR, found)
