"""Redeem a ticket: a code that a grown-up gave, worth minutes from now on."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.tickets import ticket_digest
from copdns.model.errors import HouseholdError, TooManyTriesError, UnknownCodeError
from copdns.model.times import Grant, Origin
from copdns.policy.decide import full_closure
from copdns.web.child.in_force import in_force
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, person_of
from copdns.web.received import fields_of


async def form(request: web.Request) -> web.Response:
    """A field for the code; and what was opened by one that counts now."""
    return await _page(request, await _known(request))


async def redeem(request: web.Request) -> web.Response:
    """Turn the code into time, which is open when the page tells it."""
    person, parts = await _known(request), context_of(request)
    fields = await fields_of(request)
    try:
        await parts.store.redeem(
            person.household.id,
            ticket_digest(str(fields.get("code", ""))[:60]),
            person.profile.id,
            device=person.device,
            author=person.profile.name,
            now=int(parts.now()),
        )
    except TooManyTriesError:
        return await _page(request, person, 429, "wait")
    except UnknownCodeError:
        return await _page(request, person, 400, "unknown")
    except HouseholdError:
        return await _page(request, person, 400, "over")
    await in_force(parts, person.household.id)
    raise web.HTTPSeeOther("/ticket")


async def _page(
    request: web.Request, person: Person, status: int = 200, error: str = ""
) -> web.Response:
    now = context_of(request).now()
    taken = [] if error else await _taken(request, person, now)
    opens_all = any(each.about is None for each in taken)
    return child_page(
        request,
        person,
        "ticket.html",
        status=status,
        error=error,
        taken=taken,
        closed=full_closure(person.client.policy, now) if opens_all else None,
    )


async def _taken(request: web.Request, person: Person, now: float) -> list[Grant]:
    """Return what was opened by codes, as it is stored: answers may not follow it yet."""
    stored = await context_of(request).store.household(person.household.id)
    return [
        each
        for each in (stored.grants if stored is not None else ())
        if each.origin is Origin.TICKET
        and each.profile == person.profile.id
        and each.start <= now < each.end
    ]


async def _known(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_known:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")
    return person
