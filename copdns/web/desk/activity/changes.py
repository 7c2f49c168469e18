"""The audit: every change, and every look at what is kept of somebody."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.store.household_db.audit_trail import Trail
from copdns.store.household_db.notes import CONSOLE, FIRST_START
from copdns.web.context import context_of
from copdns.web.desk.page import house_of
from copdns.web.session import require
from copdns.words.audit import line

SHOWN = 100  # lines of a page


async def changes(request: web.Request) -> web.Response:
    """Who changed what and who looked, the newest first."""
    actor, parts = await require(request, Permission.SEE_AUDIT), context_of(request)
    household = house_of(request, actor)
    before = _moment(request.query.get("before", ""))
    lines = await Trail(parts.thread).lines(household.id, SHOWN, before)
    names = {each.id: each.name for each in household.profiles}
    return parts.pages.render(
        request,
        "desk/changes.html",
        actor=actor,
        household=household,
        lines=lines,
        said=lambda what: line(what, lambda who: names.get(who, who)),
        console=CONSOLE,
        first_start=FIRST_START,
        before=before,
        oldest=lines[-1].at if len(lines) >= SHOWN else 0,
        accounts={each.id: each.name for each in await parts.accounts.all(household.id)},
        names=names,
        zone=household.timezone,
    )


def _moment(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 13 else None
