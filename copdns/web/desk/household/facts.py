"""The facts: which protected sites, helplines and services copdns knows, and what newer ones would
change."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.list_files.facts_updates import newest_made_at
from copdns.lists.facts import FactsChoice, HeldFact, HeldKind
from copdns.model.errors import HouseholdError
from copdns.model.sentences import Sentence, sentence
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.desk.change import say_done
from copdns.web.desk.page import household_in_force
from copdns.web.list_versions import decide_facts
from copdns.web.session import require
from copdns.web.step_up import require_step_up
from copdns.words.warnings import trouble

HERE = "/guardian/facts"


async def facts(request: web.Request) -> web.Response:
    """Show which facts are in force, and what waits."""
    actor, context = await require(request, Permission.SEE_STATUS), context_of(request)
    household, updates = household_in_force(request, actor), context.facts_updates
    await updates.refresh()
    state = updates.state.for_readers() if context.is_shared else updates.state
    return context.pages.render(
        request,
        "desk/facts.html",
        actor=actor,
        state=state,
        number=updates.number,
        made_at=newest_made_at(state),
        troubles=[] if context.is_shared else [trouble(each) for each in updates.warnings],
        waiting=_by_kind(state.waiting),
        kept=_by_kind(each for each in state.held if each.id in state.kept),
        asked=updates.is_fetch_requested,
        has_url=bool(context.settings().facts.url),
        is_ours=not context.is_shared,
        may_change=not context.is_shared and may(actor, Permission.EDIT_HOUSEHOLD),
        zone=household.timezone,
    )


def _by_kind(held: Iterable[HeldFact]) -> dict[str, list[HeldFact]]:
    found = list(held)
    return {str(kind): [each for each in found if each.kind is kind] for kind in HeldKind}


async def update(request: web.Request) -> web.Response:
    """Look for newer facts; it begins within seconds, and at most once a minute."""
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    if not context.settings().facts.url:
        raise HouseholdError(
            sentence(
                "newer ones cannot be looked for yet"
                " (technical: “facts.url” in the settings file is empty)"
            )
        )
    context.facts_updates.request_fetch()
    say_done(request, actor, sentence("newer ones are looked for now; until then these apply"))
    raise web.HTTPSeeOther(HERE)


async def accept(request: web.Request) -> web.Response:
    """Make the changes that wait or were kept."""
    await _decide(
        request,
        FactsChoice.ACCEPT,
        "version",
        sentence("the changes are made; you can go back to what was before"),
    )
    raise web.HTTPSeeOther(HERE)


async def keep(request: web.Request) -> web.Response:
    """Leave what waits as it is."""
    await _decide(
        request, FactsChoice.KEEP, "version", sentence("nothing changes; all of it stays as it was")
    )
    raise web.HTTPSeeOther(HERE)


async def rollback(request: web.Request) -> web.Response:
    """Go back to earlier facts."""
    await _decide(
        request,
        FactsChoice.ROLL_BACK,
        "digest",
        sentence("the earlier version is used now; newer ones wait for your decision"),
    )
    raise web.HTTPSeeOther(HERE)


async def _decide(request: web.Request, choice: FactsChoice, field: str, said: Sentence) -> None:
    actor, context = await require(request, Permission.EDIT_HOUSEHOLD), context_of(request)
    if choice is not FactsChoice.KEEP:  # help may lose what protects it
        await require_step_up(request, actor)
    version = str((await fields_of(request)).get(field, ""))[:64]
    await decide_facts(context, actor.household, actor.name, choice, version)
    say_done(request, actor, said)
