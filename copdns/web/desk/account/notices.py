"""Notices: what guardians do is shown to the others, until each has seen it."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.model.sentences import sentence
from copdns.store.household_db.notes import CONSOLE
from copdns.web.browser_input import fields_of, whole_number
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.page import household_in_force
from copdns.web.session import require

NOTICES_SHOWN = 50


async def notices(request: web.Request) -> web.Response:
    """Show notices that are new to the reader, and earlier ones."""
    actor, context = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    unseen = await context.notices.unseen(actor.household, actor.id)
    new = {each.id for each in unseen}
    before = await context.notices.all(actor.household, NOTICES_SHOWN)
    return context.pages.render(
        request,
        "desk/notices.html",
        actor=actor,
        household=household_in_force(request, actor),
        unseen=unseen,
        seen=[each for each in before if each.id not in new],
        now=context.now(),
        console=CONSOLE,
    )


async def see(request: web.Request) -> web.Response:
    """Store that the reader has seen the notices of the form."""
    actor, context = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    fields = await fields_of(request)
    numbers = (whole_number(str(each), 17) for each in fields.getall("notice", []))
    ids = [each for each in numbers if each is not None]
    await context.notices.mark_seen(actor.household, actor.id, ids, int(context.now()))
    say_done(request, actor, sentence("you have seen these messages; they stay below"))
    raise web.HTTPSeeOther("/guardian/notices")
