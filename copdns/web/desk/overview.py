"""The first page of the desk: who there is, what waits, and what is not as it should be."""

from __future__ import annotations

from aiohttp import web

from copdns.appeal import WAITING
from copdns.roles import Permission
from copdns.today import today
from copdns.web.parts import parts_of
from copdns.web.session import required


async def overview(request: web.Request) -> web.Response:
    """How things stand for everybody."""
    actor, parts = await required(request, Permission.SEE_STATUS), parts_of(request)
    live, now = parts.live(), parts.now()
    household = live.households[actor.household]
    waiting = await parts.appeals.appeals(actor.household, states=WAITING)
    people = [
        (each, today(household, each, live.policy(household.id, each.id), parts.readings(), now))
        for each in household.profiles
    ]
    return parts.pages.render(
        request,
        "desk/overview.html",
        actor=actor,
        household=household,
        waiting=waiting,
        people=people,
        trouble=(*parts.readiness(), *parts.warnings()),
    )
