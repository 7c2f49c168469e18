"""Redeem a ticket: a code that a grown-up gave, worth minutes from now on."""

from __future__ import annotations

from aiohttp import web

from copdns.errors import HouseholdError, TooManyTriesError, UnknownCodeError
from copdns.tickets import ticket_digest
from copdns.web.asker import Person, person_of
from copdns.web.child import child_page
from copdns.web.fields import fields_of
from copdns.web.parts import parts_of


async def form(request: web.Request) -> web.Response:
    """A field for the code."""
    return child_page(request, await _known(request), "ticket.html", error="")


async def redeem(request: web.Request) -> web.Response:
    """Turn the code into time; it is open within a second."""
    person, parts = await _known(request), parts_of(request)
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
        return child_page(request, person, "ticket.html", status=429, error="wait")
    except UnknownCodeError:
        return child_page(request, person, "ticket.html", status=400, error="unknown")
    except HouseholdError:
        return child_page(request, person, "ticket.html", status=400, error="over")
    raise web.HTTPSeeOther("/")


async def _known(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_known:
        raise web.HTTPForbidden(reason="Nobody knows yet whose device this is")
    return person
