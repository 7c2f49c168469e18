"""What handlers about time have in common: who acts, about whom, and how it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import DAY_WORDS
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot, build_snapshot
from copdns.policy.today import Today, build_today
from copdns.time.days import local_time, zone_of
from copdns.web.context import AppContext, context_of
from copdns.web.desk.time.forms import Form
from copdns.web.received import fields_of
from copdns.web.session import require
from copdns.web.wording import wording_for
from copdns.words.levels import Level

Edit = Callable[[Household], Household]


@dataclass(frozen=True, slots=True)
class House:
    """Who acts in which household, as it is stored now: a page shows what was just saved."""

    request: web.Request
    parts: AppContext
    actor: Actor
    household: Household

    @property
    def now(self) -> int:
        return int(self.parts.now())

    async def change(self, what: str, edit: Edit) -> Household:
        """Keep an edited household; raise HouseholdError.  what: for the list of changes."""
        return await self.parts.store.change(
            self.household.id, edit, author=self.actor.name, what=what, now=self.now
        )

    def live(self) -> Snapshot:
        """Return the snapshot of the household as it is stored.

        It is the one that answers queries, but for the tenth of a second after a change.
        """
        live = self.parts.live()
        there = live.households.get(self.household.id)
        if there is not None and there.revision == self.household.revision:
            return live
        readings = self.parts.readings()
        return build_snapshot(
            live, live.library, live.defaults, [self.household], self.parts.now(), readings
        )


@dataclass(frozen=True, slots=True)
class Theirs(House):
    """And about whom."""

    profile: Profile

    @property
    def page(self) -> str:
        return f"/guardian/time/{self.profile.id}"

    def may_everyone(self, scope: str) -> None:
        """Raise HTTPForbidden for whoever may not change what holds for others too."""
        if scope != self.profile.id and not may(self.actor, Permission.EDIT_HOUSEHOLD):
            raise web.HTTPForbidden(reason="You may not do this")

    def stands(self) -> tuple[Policy, Today]:
        """Return what holds for this person now."""
        return stands(self, self.live(), self.profile)


async def house(request: web.Request, permission: Permission) -> House:
    """Return who acts, and raise as `required` does."""
    actor, parts = await require(request, permission), context_of(request)
    household = await parts.store.household(actor.household)
    if household is None:
        raise web.HTTPNotFound
    return House(request, parts, actor, household)


async def theirs(request: web.Request, permission: Permission) -> Theirs:
    """Return who acts and about whom; raise as `required` does, HTTPNotFound for nobody."""
    found = await house(request, permission)
    profile = found.household.profile(request.match_info["person"])
    if profile is None:
        raise web.HTTPNotFound(reason="There is nobody with this name here")
    if not may(found.actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    return Theirs(request, found.parts, found.actor, found.household, profile)


def stands(house: House, live: Snapshot, profile: Profile) -> tuple[Policy, Today]:
    """Return what holds for somebody now, by a snapshot of `House.live`."""
    policy = live.policy(house.household.id, profile.id)
    readings, now = house.parts.readings(), house.parts.now()
    return policy, build_today(house.household, profile, policy, readings, now)


def shown(house: House) -> dict[str, Any]:
    """Return what all templates about time need."""
    household, library = house.household, house.parts.live().library
    zone, say = zone_of(household.timezone), wording_for(house.request, household, Level.FULL)
    own = (each.slug for each in household.services)
    return {
        "actor": house.actor,
        "household": household,
        "say": say,
        "categories": sorted(library.categories),
        "services": sorted({*library.services, *own}),
        "day_words": DAY_WORDS,
        "when": say.soon,
        "opens": say.opens,
        "wall": lambda at: f"{local_time(at, zone):%H:%M}",
        "may": lambda permission: may(house.actor, Permission(permission)),
        "now": house.now,
    }


async def form_of(request: web.Request) -> Form:
    """Return the fields that were sent; files are none."""
    fields = await fields_of(request)
    return Form({key: [str(each) for each in fields.getall(key)] for key in fields})


def quietly(edit: Edit) -> Edit:
    """Return an edit that changes nothing where what it is about is gone: it was sent twice."""

    def twice(household: Household) -> Household:
        try:
            return edit(household)
        except HouseholdError:
            return household

    return twice
