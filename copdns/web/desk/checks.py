"""Does copdns protect this house?  The checks that the set-up ends with.

Until all pass, every page of the desk says so.  Looking takes a press of a button: it asks the
network for its resolvers, as a device does that comes new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aiohttp import web

from copdns.errors import HouseholdError
from copdns.model import Household
from copdns.offers import Offer, others
from copdns.probes import findings, is_childs
from copdns.roles import Permission
from copdns.setup import Check, Item, Progress, State
from copdns.web.parts import parts_of
from copdns.web.session import required


class Shown(NamedTuple):
    """A check as the page shows it.  item: None: never looked.  others: resolvers of others."""

    check: Check
    item: Item | None
    others: tuple[Offer, ...] = ()


async def checks(request: web.Request) -> web.Response:
    """What was found last."""
    actor, parts = await required(request, Permission.SEE_STATUS), parts_of(request)
    found = await parts.setups.progress(actor.household)
    infos = parts.live().library.index.infos
    return parts.pages.render(
        request,
        "desk/checks.html",
        actor=actor,
        household=parts.live().households[actor.household],
        progress=found,
        shown=[_shown(check, found.items.get(check)) for check in Check],
        lists=len(infos),
        names=sum(each.size for each in infos),
    )


async def look(request: web.Request) -> web.Response:
    """Look at everything now."""
    actor, parts = await required(request, Permission.EDIT_HOUSEHOLD), parts_of(request)
    now, home = int(parts.now()), parts.live().households[actor.household]
    before = await parts.setups.progress(home.id)
    around = await parts.look_around()
    for check, state, detail in (
        *_by_probes(request, home),
        _lists(request),
        (Check.ALONE, around.state, around.detail),
    ):
        if not _stays(check, before, state):
            await parts.setups.keep(home.id, check, state, now, detail=detail)
    raise web.HTTPSeeOther("/guardian/checks")


async def confirm(request: web.Request) -> web.Response:
    """Take a guardian's word for what the machine cannot see."""
    actor, parts = await required(request, Permission.EDIT_HOUSEHOLD), parts_of(request)
    now = int(parts.now())
    found = (await parts.setups.progress(actor.household)).items.get(Check.ALONE)
    if found is None or found.state is not State.UNKNOWN:
        raise HouseholdError("look first: what the machine can see itself goes before")
    await parts.setups.keep(actor.household, Check.ALONE, State.CONFIRMED, now, author=actor.name)
    raise web.HTTPSeeOther("/guardian/checks")


def _stays(check: Check, before: Progress, state: State) -> bool:
    """Tell whether what was found before counts on: what takes a device in somebody's hand was
    seen once, and a guardian's word stands where nothing can be seen."""
    if not before.done(check) or check is Check.LISTS:
        return False
    return state is State.UNKNOWN or (state is State.FAILED and check is not Check.ALONE)


def _by_probes(request: web.Request, home: Household) -> Iterator[tuple[Check, State, str]]:
    """Yield what devices showed that checked themselves just now."""
    parts = parts_of(request)
    now = parts.now()
    found = [findings(each) for each in parts.probes.all(home.id, now)]
    reached = any(each.away for each in found)
    child = any(is_childs(each, home.profile(each.profile), now) for each in found)
    yield Check.REACHED, State.PASSED if reached else State.FAILED, ""
    yield Check.CHILD, State.PASSED if child else State.FAILED, ""


def _lists(request: web.Request) -> tuple[Check, State, str]:
    lists = parts_of(request).lists()
    good = lists.chosen > 0 and not lists.missing
    return Check.LISTS, State.PASSED if good else State.FAILED, lists.missing


def _shown(check: Check, item: Item | None) -> Shown:
    failed = item is not None and check is Check.ALONE and item.state is State.FAILED
    return Shown(check, item, others(item.detail) if failed and item else ())
