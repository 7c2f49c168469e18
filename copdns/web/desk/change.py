"""Every change that somebody makes on the dashboard: stored, told on the next page, undoable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from copdns.accounts.codes import make_short_id
from copdns.accounts.roles import Actor, Permission, may
from copdns.household.undo import UNDO_FOR
from copdns.lists.own_lists import OwnChange
from copdns.model.household import Household
from copdns.model.sentences import Sentence
from copdns.store.household_db.proposals import Proposal
from copdns.web.balance import balance_of
from copdns.web.context import context_of
from copdns.web.recent_actions import PERMISSION, RECENT, STEPPED_UP, DeskAction
from copdns.web.session import LOGGED_IN

Edit = Callable[[Household], Household]


async def change_household(
    request: web.Request,
    actor: Actor,
    edit: Edit,
    what: str,
    *,
    weighed: bool = False,
    person: str | None = None,
    plan: Proposal | None = None,
    lists: tuple[OwnChange, ...] = (),
    removable: bool = False,
    said: Sentence | None = None,
) -> Household:
    """Store a change; return the household.

    what: for the history.  weighed: a dispute between guardians is settled (`Balance`).  person:
    the id of whom it is about, "" for none; None: who stands in the path.  plan, lists, removable,
    said: as of DeskAction.
    """
    context, befores = context_of(request), list[Household]()
    links = await context.pairings.links(actor.household)

    def edit_found(before: Household) -> Household:
        befores.append(before)
        return edit(before)

    after = await context.store.change(
        actor.household,
        edit_found,
        author=actor.name,
        what=what,
        now=int(context.now()),
        balance=balance_of(actor) if weighed else None,
    )
    gone = {each.id for each in befores[-1].devices} - {each.id for each in after.devices}
    action = DeskAction(
        make_short_id(),
        actor.household,
        actor.id,
        int(context.now()),
        before=befores[-1],
        after=after,
        what=what,
        permission=request.get(PERMISSION, Permission.EDIT_HOUSEHOLD),
        profile=request.match_info.get("person", "") if person is None else person,
        step_up=request.get(STEPPED_UP, False),
        weighed=weighed,
        links=tuple(each for each in links if each.device in gone),
        plan=plan,
        lists=lists,
        removable=removable,
        said=said,
    )
    _tell(request, action)
    return after


def say_done(request: web.Request, actor: Actor, said: Sentence) -> None:
    """Tell on the next page what holds now, of what is no part of the household."""
    _tell(request, DeskAction("", actor.household, actor.id, int(context_of(request).now()), said))


def say_granted(
    request: web.Request,
    actor: Actor,
    households: tuple[Household, Household],
    what: str,
    profile: str,
    said: Sentence | None = None,
) -> None:
    """Tell on the next page what a yes to a request allows, for whom and until when; it can be
    undone, while the request keeps its answer.

    households: before and after it.  what: its line of the history.  profile: who asked.
    """
    action = DeskAction(
        # Undoing is for who may change settings; a reviewer answers, and no more.
        make_short_id() if may(actor, Permission.EDIT_PROFILES) else "",
        actor.household,
        actor.id,
        int(context_of(request).now()),
        said,
        *households,
        what=what,
        permission=request.get(PERMISSION, Permission.EDIT_HOUSEHOLD),
        profile=profile,
    )
    _tell(request, action)


def say_list_changed(
    request: web.Request,
    actor: Actor,
    household: Household,
    said: Sentence,
    what: str,
    own: OwnChange,
) -> None:
    """Tell on the next page what holds now of a list that was pasted, which can be undone.

    what: its line of the history.
    """
    action = DeskAction(
        make_short_id(),
        actor.household,
        actor.id,
        int(context_of(request).now()),
        said,
        after=household,
        what=what,
        step_up=request.get(STEPPED_UP, False),
        own=own,
    )
    _tell(request, action)


def _tell(request: web.Request, action: DeskAction) -> None:
    session = request.get(LOGGED_IN)
    if session is not None:  # a program reads its response
        recent = request.app[RECENT]
        recent.note(action, session.digest)
        if action.id:  # it holds what was there: not until somebody opens a page again
            asyncio.get_running_loop().call_later(UNDO_FOR, recent.forget, action.id)
