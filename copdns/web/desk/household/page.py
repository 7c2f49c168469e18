"""Links to the pages about the household."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.web.context import context_of
from copdns.web.desk.page import household_in_force
from copdns.web.session import require


async def house(request: web.Request) -> web.Response:
    """Show links to devices, lists, log, statistics, changes and settings, as far as the reader may
    see them."""
    actor = await require(request, Permission.SEE_STATUS)
    return context_of(request).pages.render(
        request,
        "desk/house.html",
        actor=actor,
        household=household_in_force(request, actor),
        may=lambda word: may(actor, Permission(word)),
    )
