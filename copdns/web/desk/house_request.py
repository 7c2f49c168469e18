"""What a handler of the dashboard begins with: who acts on which household, and what was sent."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from copdns.accounts.roles import Actor, Permission
from copdns.model.household import Household
from copdns.web.browser_input import fields_of
from copdns.web.context import AppContext, context_of
from copdns.web.desk.change import Edit, change_household
from copdns.web.desk.form import Form
from copdns.web.desk.page import stored_household
from copdns.web.session import require
from copdns.web.time_view import TimeView, time_view


@dataclass(frozen=True, slots=True)
class HouseRequest:
    """A request of somebody who may.  household: as stored, so pages show what was just changed."""

    request: web.Request
    context: AppContext
    actor: Actor
    household: Household

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self.context.now())

    async def change(self, what: str, edit: Edit) -> Household:
        """Store an edited household; raise HouseholdError.  what: for the audit log."""
        return await change_household(self.request, self.actor, edit, what)

    def time_view(self) -> TimeView:
        """Return the time of the stored household's people, as the actor may know it."""
        return time_view(self.context, self.household, self.actor)


async def require_house(request: web.Request, permission: Permission) -> HouseRequest:
    """Return the request with its household; raise as `require` does, or HTTPNotFound."""
    actor, context = await require(request, permission), context_of(request)
    return HouseRequest(request, context, actor, await stored_household(request, actor))


async def form_of(request: web.Request) -> Form:
    """Return the fields that were sent, without files."""
    fields = await fields_of(request)
    return Form({key: [str(each) for each in fields.getall(key)] for key in fields})
