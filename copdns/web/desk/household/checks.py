"""Does copdns protect this house?  The checks that the set-up ends with.

Until all pass, every page of the desk says so.  Looking takes a press of a button: it asks the
network for its resolvers, as a device does that comes new.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.model.sentences import Sentence
from copdns.network.other_resolvers import Offer, others
from copdns.network.setup_steps import Check, Item, State
from copdns.web.context import context_of
from copdns.web.house_checks import confirm_alone, look_at
from copdns.web.session import require
from copdns.words.warnings import trouble


class Shown(NamedTuple):
    """A check as the page shows it.  item: None: never looked.  others: resolvers of others."""

    check: Check
    item: Item | None
    others: tuple[Offer, ...] = ()

    @property
    def missing(self) -> Sentence | None:
        """Return which lists are not in force; None where that is not what was found."""
        detail = self.item.detail if self.item and self.check is Check.LISTS else ""
        return trouble(detail) if detail else None


async def checks(request: web.Request) -> web.Response:
    """What was found last."""
    actor, parts = await require(request, Permission.SEE_STATUS), context_of(request)
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
    actor, parts = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    await look_at(parts, parts.live().households[actor.household])
    raise web.HTTPSeeOther("/guardian/checks")


async def confirm(request: web.Request) -> web.Response:
    """Take a guardian's word for what the machine cannot see."""
    actor, parts = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    await confirm_alone(parts, actor.household, actor.name)
    raise web.HTTPSeeOther("/guardian/checks")


def _shown(check: Check, item: Item | None) -> Shown:
    failed = item is not None and check is Check.ALONE and item.state is State.FAILED
    return Shown(check, item, others(item.detail) if failed and item else ())
