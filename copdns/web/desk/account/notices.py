"""What no guardian does unseen by the others: each stays until its reader has seen it."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.store.household_db.notes import CONSOLE
from copdns.web.context import context_of
from copdns.web.received import fields_of
from copdns.web.session import require

SHOWN = 50


async def notices(request: web.Request) -> web.Response:
    """Those that are new to the reader, and the last ones of before."""
    actor, parts = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    unseen = await parts.notices.unseen(actor.household, actor.id)
    new = {each.id for each in unseen}
    before = await parts.notices.all(actor.household, SHOWN)
    return parts.pages.render(
        request,
        "desk/notices.html",
        actor=actor,
        household=parts.live().households[actor.household],
        unseen=unseen,
        seen=[each for each in before if each.id not in new],
        now=parts.now(),
        console=CONSOLE,
    )


async def see(request: web.Request) -> web.Response:
    """Keep that the reader has seen those that were shown."""
    actor, parts = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    fields = await fields_of(request)
    told = [str(each) for each in fields.getall("notice", [])]
    ids = [int(each) for each in told if _is_number(each)]
    await parts.notices.see(actor.household, actor.id, ids, int(parts.now()))
    raise web.HTTPSeeOther("/guardian/notices")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18
