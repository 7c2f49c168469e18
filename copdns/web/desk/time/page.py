"""What handlers about one person's time have in common, and what their templates need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import DAY_WORDS
from copdns.policy.decide import Policy
from copdns.policy.today import Today
from copdns.time.days import local_time, zone_of
from copdns.time.nights import nights_of
from copdns.web.desk.change import Edit
from copdns.web.desk.form_mark import mark_of
from copdns.web.desk.house_request import HouseRequest, require_house
from copdns.web.wording import desk_wording


@dataclass(frozen=True, slots=True)
class PersonRequest(HouseRequest):
    """A request about one person."""

    profile: Profile

    @property
    def local(self) -> Household:
        """The household with this person's clock, for what is said about them."""
        return self.household.local_to(self.profile)

    @property
    def page(self) -> str:
        """The path of the page about the person's time."""
        return f"/guardian/time/{self.profile.id}"

    def require_may_edit(self, scope: str) -> None:
        """Raise HTTPForbidden for an actor who may not change what applies to others too."""
        if scope != self.profile.id and not may(self.actor, Permission.EDIT_HOUSEHOLD):
            raise web.HTTPForbidden(reason="You may not do this")

    def policy_and_today(self) -> tuple[Policy, Today]:
        """Return the person's policy and the state of their day, as the actor may know it."""
        view = self.time_view()
        return view.policy(self.profile.id), view.today(self.profile)


async def require_person(request: web.Request, permission: Permission) -> PersonRequest:
    """Return the request with the person in the path; raise as `require` does, or HTTPNotFound."""
    found = await require_house(request, permission)
    profile = found.household.profile(request.match_info["person"])
    if profile is None:
        raise web.HTTPNotFound(reason="There is nobody with this name here")
    if not may(found.actor, permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    return PersonRequest(request, found.context, found.actor, found.household, profile)


def template_values(house: HouseRequest) -> dict[str, Any]:
    """Return the values that all templates about time need."""
    household, library = house.household, house.context.snapshot().library
    local = house.local if isinstance(house, PersonRequest) else household
    own = (each.slug for each in household.services)
    return {
        "actor": house.actor,
        "household": household,
        **clock_values(house, local),
        "categories": sorted(library.categories),
        "services": sorted({*library.services, *own}),
        "day_words": DAY_WORDS,
        "mark_of": mark_of,
        "nights_of": nights_of,
        "clock_of": lambda profile: clock_values(house, household.local_to(profile)),
        "has_house_clock": lambda profile: profile.timezone in ("", household.timezone),
        "may": lambda permission: may(house.actor, Permission(permission)),
        "now": house.now,
    }


def clock_values(house: HouseRequest, local: Household) -> dict[str, Any]:
    """Return the values of `template_values` that tell times.  local: the household with the clock
    to tell them in."""
    zone, say = zone_of(local.timezone), desk_wording(house.request, local)
    return {
        "say": say,
        "when": say.soon,
        "wall": lambda at: f"{local_time(at, zone):%H:%M}",
        "this_week": local_time(house.now, zone).date().isocalendar().week,
    }


def unless_gone(edit: Edit) -> Edit:
    """Return an edit that changes nothing where its object is gone: the form was sent twice."""

    def twice(household: Household) -> Household:
        try:
            return edit(household)
        except HouseholdError:
            return household

    return twice
