"""Undo what one did on the dashboard in the last ten minutes (`household/undo.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Actor, Permission, may
from copdns.household.announcements import newly_protected
from copdns.household.moving_in.plan import MOVED_IN
from copdns.household.undo import undo as undo_change
from copdns.lists.own_lists import OwnChange
from copdns.model.errors import HouseholdError
from copdns.model.household import Band, Household
from copdns.model.sentences import sentence
from copdns.model.undo_prefix import UNDONE
from copdns.web.browser_input import fields_of
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.app_rules import describe_app_rules
from copdns.web.desk.change import change_household, say_list_changed
from copdns.web.desk.page import page_to_show, stored_household
from copdns.web.desk.undo_lists import (
    put_back_lists,
    removed_sentence,
    require_unused_after,
    undo_own,
)
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
    if found.added_people:
        await _require_sure(request, actor, found)
    request[PERMISSION] = found.permission  # undoing this takes the same
    if found.own is not None:
        await _undo_own(request, actor, household, found, found.own)
    else:
        await _undo_of_household(request, actor, found)
    raise web.HTTPSeeOther(page_to_show(str((await fields_of(request)).get("back", ""))))


async def _require_sure(request: web.Request, actor: Actor, found: DeskAction) -> None:
    """Ask before people are removed with all that was recorded about them meanwhile."""
    if not all(may(actor, Permission.ERASE, each) for each in found.added_people):
        raise web.HTTPForbidden(reason="You may not do this")
    names = ", ".join(each.name for each in found.added_people)
    question = (
        sentence(
            "this takes away again all that came over, also %(names)s, with everything recorded "
            "about them since then",
            names=names,
        )
        if found.what.startswith(MOVED_IN)
        else sentence(
            "this removes %(names)s again, with everything recorded about them since then",
            names=names,
        )
    )
    await require_sure(request, question)


async def _undo_own(
    request: web.Request, actor: Actor, household: Household, found: DeskAction, own: OwnChange
) -> None:
    """Undo what was done to a list that somebody pasted."""
    context, what = context_of(request), f"{UNDONE}{found.what}"
    await undo_own(context, household, actor.name, own, what)
    request.app[RECENT].forget(found.id)
    back = OwnChange(own.after, own.before)
    if own.before is not None:
        said = sentence("the list %(list)s is back as it was", list=own.before[0].title)
    else:
        assert own.after is not None
        said = removed_sentence(own.after[0])
    say_list_changed(request, actor, household, said, what, back)


async def _undo_of_household(request: web.Request, actor: Actor, found: DeskAction) -> None:
    """Undo a change to the household."""
    context, recent = context_of(request), request.app[RECENT]
    back = tuple(OwnChange(each.after, each.before) for each in found.lists)
    came, gone = ([e for e in back if (e.after is None) is is_gone] for is_gone in (False, True))
    await put_back_lists(context, actor, came)
    assert found.before is not None
    assert found.after is not None
    await change_household(
        request,
        actor,
        partial(_undo, found, unused=partial(require_unused_after, context, gone)),
        f"{UNDONE}{found.what}",
        weighed=found.weighed,
        person=found.profile,
        lists=back,
        said=describe_app_rules(request, found.after, found.before),
    )
    recent.forget(found.id)
    await put_back_lists(context, actor, gone)
    for each in found.added_people:
        await asyncio.to_thread(context.log.erase, actor.household, each.id, context.now())
    await context.pairings.put_back(found.links, int(context.now()))
    await _put_back_plan(request, actor, found)


async def _put_back_plan(request: web.Request, actor: Actor, action: DeskAction) -> None:
    """End the plan that an announced age brought, and bring back the one that it ended; what was
    planned since stays."""
    proposals, profile = context_of(request).proposals, action.profile
    now = await proposals.of(actor.household, profile) if profile else None
    if now is not None and now.band is _announced_band(action):
        await proposals.drop(actor.household, profile)
        now = None
    if now is None and action.plan is not None:
        await proposals.propose(action.plan)


def _announced_band(action: DeskAction) -> Band | None:
    """Return the age group that an action announced; None for none."""
    assert action.before is not None
    assert action.after is not None
    before, after = (each.profile(action.profile) for each in (action.before, action.after))
    if before is None or after is None or after.band_change == before.band_change:
        return None
    return after.band_change.band if after.band_change is not None else None


def _protects(action: DeskAction) -> bool:
    """Tell whether undoing would protect names: protecting any asks for the password."""
    if action.own is not None:
        return False
    assert action.before is not None
    assert action.after is not None
    return bool(newly_protected(action.after, action.before))


def _undo(action: DeskAction, now: Household, *, unused: Callable[[Household], None]) -> Household:
    assert action.before is not None
    assert action.after is not None
    undone = undo_change(action.before, action.after, now)
    unused(undone)
    return undone
