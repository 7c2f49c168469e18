"""The audit log: every change, and every view of what is recorded of somebody."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.model.household import Household
from copdns.model.sentences import Sentence
from copdns.store.household_db.audit_trail import AuditTrail
from copdns.store.household_db.notes import CONSOLE, FIRST_START
from copdns.web.browser_input import whole_number
from copdns.web.context import context_of
from copdns.web.desk.page import household_in_force
from copdns.web.session import require
from copdns.words.audit import line

LINES_SHOWN = 15  # lines of a page: below four screens of a phone, in French too
Said = Callable[[str, str], Sentence | None]  # what a line says, from it and its author


async def changes(request: web.Request) -> web.Response:
    """Show who changed and viewed what, the newest first."""
    actor, context = await require(request, Permission.SEE_AUDIT), context_of(request)
    household = household_in_force(request, actor)
    before = whole_number(request.query.get("before", ""), 12)
    lines = await AuditTrail(context.thread).entries(household.id, LINES_SHOWN, before)
    names = {each.id: each.name for each in household.profiles}
    devices = {each.id: each.name for each in household.devices if each.name}
    return context.pages.render(
        request,
        "desk/changes.html",
        actor=actor,
        household=household,
        lines=lines,
        said=build_teller(household),
        console=CONSOLE,
        first_start=FIRST_START,
        before=before,
        oldest=lines[-1].at if len(lines) >= LINES_SHOWN else 0,
        accounts={each.id: each.name for each in await context.accounts.all(household.id)},
        names=names,
        devices=devices,
        zone=household.timezone,
    )


def build_teller(household: Household) -> Said:
    """Return the function that tells a line of the history with the names of people and devices."""
    names = {each.id: each.name for each in household.profiles}
    devices = {each.id: each.name for each in household.devices if each.name}
    return lambda what, who: line(
        what.replace("this device", who), lambda key: names.get(key) or devices.get(key, key)
    )
