"""Does copdns protect this household?  The checks at the end of the setup.

Every page of the dashboard says so until all pass, but this one and the steps of the setup.  Only a
button runs them: they ask the network for its resolvers, as a new device does.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.model.sentences import Sentence, sentence
from copdns.network.other_resolvers import Offer, parse_offers
from copdns.network.setup_steps import Check, SetupItem, SetupState
from copdns.web.context import childs_page, context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.house_request import require_house
from copdns.web.desk.household.wizard import door_values
from copdns.web.desk.page import household_in_force
from copdns.web.desk.waiting_requests import asking_values, find_waiting
from copdns.web.device_setup.qr import qr
from copdns.web.house_checks import confirm_alone, run_checks
from copdns.web.session import require
from copdns.web.wording import desk_wording
from copdns.words.warnings import trouble


class CheckRow(NamedTuple):
    """A check as the page shows it.  item: None: it never ran.  others: other resolvers that were
    found."""

    check: Check
    item: SetupItem | None
    others: tuple[Offer, ...] = ()

    @property
    def missing(self) -> Sentence | None:
        """Return a sentence with the lists that are not in force; None where the check found
        another thing."""
        detail = self.item.detail if self.item and self.check is Check.LISTS else ""
        return trouble(detail) if detail else None


async def checks(request: web.Request) -> web.Response:
    """Show the last results, and who asks: the first request comes while a family tries it."""
    home = await require_house(request, Permission.SEE_STATUS)
    context, actor = home.context, home.actor
    found = await context.setups.progress(actor.household)
    infos = context.snapshot().library.index.infos
    return context.pages.render(
        request,
        "desk/checks.html",
        actor=actor,
        household=home.household,
        now=home.now,
        say=desk_wording(request, home.household),
        **door_values(request),
        here_code=qr(f"{childs_page(request)}protection"),
        **await asking_values(home, await find_waiting(context, actor)),
        progress=found,
        after_setup=bool(request.query.get("setup")),
        shown=[_check_row(check, found.items.get(check)) for check in Check],
        lists=len(infos),
        names=sum(each.size for each in infos),
    )


async def look(request: web.Request) -> web.Response:
    """Run all checks now."""
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    await run_checks(context, household_in_force(request, actor))
    say_done(request, actor, sentence("the checks ran now; this is what they found"))
    raise web.HTTPSeeOther("/guardian/checks")


async def confirm(request: web.Request) -> web.Response:
    """Store a guardian's statement about what the machine cannot find out."""
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    await confirm_alone(context, actor.household, actor.name)
    say_done(request, actor, sentence("your answer counts as this check from now on"))
    raise web.HTTPSeeOther("/guardian/checks")


def _check_row(check: Check, item: SetupItem | None) -> CheckRow:
    failed = item is not None and check is Check.ALONE and item.state is SetupState.FAILED
    return CheckRow(check, item, parse_offers(item.detail) if failed and item else ())
