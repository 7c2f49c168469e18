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
    actor, context = await require(request, Permission.SEE_STATUS), context_of(request)
    return context.pages.render(
        request,
        "desk/house.html",
        actor=actor,
        household=household_in_force(request, actor),
        is_line=context.door is not None,
        may=lambda word: may(actor, Permission(word)),
    )
