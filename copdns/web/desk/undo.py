"""Undo what one did on the dashboard in the last ten minutes (`household/undo.py`)."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.announcements import newly_protected
from copdns.household.undo import undo as undo_change
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.undone import UNDONE
from copdns.web.context import context_of
from copdns.web.desk.change import change_household
from copdns.web.desk.page import stored_household
from copdns.web.received import fields_of
from copdns.web.recent_actions import PERMISSION, RECENT, DeskAction
from copdns.web.session import require
from copdns.web.step_up import require_step_up


async def undo(request: web.Request) -> web.Response:
    """Undo an action of one's own; raise HouseholdError where others changed the same since."""
    actor = await require(request, Permission.EDIT_PROFILES)
    context, recent = context_of(request), request.app[RECENT]
    found = recent.find(actor.household, request.match_info["action"], context.now())
    if found is None:
        raise HouseholdError(
            "this can no longer be undone: that is possible for ten minutes, and once"
        )
    if found.account != actor.id:
        raise web.HTTPForbidden(reason="Only the person who did this can undo it")
    household = await stored_household(request, actor)
    profile = household.profile(found.profile) if found.profile else None
    if not may(actor, found.permission, profile):
        raise web.HTTPForbidden(reason="You may not do this")
    if found.step_up or _protects(found):
        await require_step_up(request, actor)
    request[PERMISSION] = found.permission  # undoing this takes the same
    await change_household(
        request,
        actor,
        partial(_undo, found),
        f"{UNDONE}{found.what}",
        weighed=found.weighed,
        person=found.profile,
    )
    recent.forget(found)
    raise web.HTTPSeeOther(_page(str((await fields_of(request)).get("back", ""))))


def _protects(action: DeskAction) -> bool:
    """Tell whether undoing would protect names: protecting any asks for the password."""
    assert action.before is not None
    assert action.after is not None
    return bool(newly_protected(action.after, action.before))


def _undo(action: DeskAction, now: Household) -> Household:
    assert action.before is not None
    assert action.after is not None
    return undo_change(action.before, action.after, now)


def _page(back: str) -> str:
    """Return the page that somebody came from, where it is one of the dashboard."""
    return back if back.startswith("/guardian/") and "\\" not in back else "/guardian/"
