"""Where the pages about the house are found."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.web.context import context_of
from copdns.web.desk.page import house_of
from copdns.web.session import require


async def house(request: web.Request) -> web.Response:
    """Devices, lists, the log, numbers, changes and settings, as far as somebody may see them."""
    actor = await require(request, Permission.SEE_STATUS)
    return context_of(request).pages.render(
        request,
        "desk/house.html",
        actor=actor,
        household=house_of(request, actor),
        may=lambda word: may(actor, Permission(word)),
    )
