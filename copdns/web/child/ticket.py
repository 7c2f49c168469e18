"""Redeem a time ticket: a code from a guardian, worth minutes that begin now."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.codes import ticket_digest
from copdns.model.errors import HouseholdError, TooManyTriesError, UnknownCodeError
from copdns.model.times import Grant, Origin
from copdns.policy.decide import full_closure
from copdns.web.browser_input import fields_of
from copdns.web.child.page import (
    child_page,
    require_known_person,
    wait_until_in_force,
)
from copdns.web.context import context_of
from copdns.web.person import Person


async def form(request: web.Request) -> web.Response:
    """Show a field for the code, and what a redeemed ticket allows now."""
    return await _page(request, await require_known_person(request))


async def redeem(request: web.Request) -> web.Response:
    """Redeem the code; the next page is shown when the time is in force."""
    person, context = await require_known_person(request), context_of(request)
    typed = str((await fields_of(request)).get("code", ""))[:60]
    try:
        await context.store.redeem(
            person.household.id,
            ticket_digest(typed),
            person.profile.id,
            device=person.device,
            author=person.profile.name,
            now=int(context.now()),
        )
    except TooManyTriesError as error:
        return await _page(request, person, 429, "wait", typed, error.until)
    except UnknownCodeError:
        return await _page(request, person, 400, "unknown", typed)
    except HouseholdError:
        return await _page(request, person, 400, "over", typed)
    await wait_until_in_force(context, person.household.id)
    raise web.HTTPSeeOther("/ticket")


async def _page(
    request: web.Request,
    person: Person,
    status: int = 200,
    error: str = "",
    typed: str = "",
    until: int | None = None,
) -> web.Response:
    """Return the page.  until: when codes are taken again, after too many wrong ones."""
    now = context_of(request).now()
    grants = [] if error else await _redeemed_grants(request, person, now)
    opens_all = any(each.about is None for each in grants)
    return child_page(
        request,
        person,
        "ticket.html",
        status=status,
        error=error,
        typed=typed,
        until=until,
        taken=grants,
        closed=full_closure(person.client.policy, now) if opens_all else None,
    )


async def _redeemed_grants(request: web.Request, person: Person, now: float) -> list[Grant]:
    """Return the running grants of tickets as stored, which may be newer than what is in force."""
    stored = await context_of(request).store.household(person.household.id)
    return [
        each
        for each in (stored.grants if stored is not None else ())
        if each.origin is Origin.TICKET
        and each.profile == person.profile.id
        and each.start <= now < each.end
    ]
