"""Whose is this?  For a device that nobody named: ask to be let in, or say by PIN who one is.

Nothing of the last person is shown to the next: a device is a new one each time, and the browser in
which somebody asked, or typed their PIN, is the only one that it is known by.
"""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from copdns.accounts.account import GUEST_LASTS, PERSON_LASTS, REQUEST_LASTS, Guest, GuestKind
from copdns.accounts.codes import secret
from copdns.model.errors import AccountError
from copdns.model.household import Profile
from copdns.web.child.in_force import in_force
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.logins import Login, Outcome
from copdns.web.person import GUEST_PAIRING, Person, person_of, requestor_of, set_pairing_cookie
from copdns.web.received import fields_of


async def whose(request: web.Request) -> web.Response:
    """Whose it is now, and what can be done about it."""
    return await _page(request, await person_of(request))


async def ask(request: web.Request) -> web.Response:
    """Ask the guardians to let this device in; they see it at their devices."""
    person, parts = await _anybodys(request), context_of(request)
    address, told, done = requestor_of(request).address, secret(), web.HTTPSeeOther("/whose")
    if await parts.guests.ask(person.household.id, address, int(parts.now()), browser=told):
        set_pairing_cookie(request, done, GUEST_PAIRING, told, REQUEST_LASTS + GUEST_LASTS)
    raise done


async def say(request: web.Request) -> web.Response:
    """Let somebody be who they are here for some hours, by their PIN."""
    person, parts = await _anybodys(request), context_of(request)
    fields, address = await fields_of(request), requestor_of(request).address
    meant = _named(person, str(fields.get("name", "")))
    home, pin = person.household.id, str(fields.get("pin", ""))
    # Looked at also where nobody is called so, and as long: names cannot be tried either.
    done = await parts.logins.is_pin(home, meant.id if meant else "", pin, address)
    if done.outcome is not Outcome.IN or meant is None:
        return await _page(request, person, done, str(fields.get("name", "")))
    kind, told, now = GuestKind.PERSON, secret(), int(parts.now())
    await parts.guests.approve(
        home, kind, address, meant.id, meant.name, now, PERSON_LASTS, browser=told
    )
    # Where that takes too long this page says that it is on its way.
    await in_force(parts, home)
    here = web.HTTPSeeOther("/whose")
    set_pairing_cookie(request, here, GUEST_PAIRING, told, PERSON_LASTS)
    raise here


async def end(request: web.Request) -> web.Response:
    """Be nobody here again."""
    person, parts = await person_of(request), context_of(request)
    if person.guest:
        with suppress(AccountError):  # over already, or ended twice: what was wanted is so
            await parts.guests.end(
                person.household.id, person.guest, person.profile.name, int(parts.now())
            )
        await in_force(parts, person.household.id)
    here = web.HTTPSeeOther("/whose")
    here.del_cookie(GUEST_PAIRING)
    raise here


async def guest_here(request: web.Request, person: Person) -> Guest | None:
    """Return who is let in here for a while, as it is stored: answers may not follow it yet."""
    parts, address = context_of(request), requestor_of(request).address
    guests = await parts.guests.of(person.household.id, int(parts.now()))
    by_id = next((each for each in guests if each.id == person.guest), None)
    return by_id or next((each for each in guests if each.address == address), None)


def is_nobodys(person: Person, guest: Guest) -> bool:
    """Tell whether somebody was let in with the rules of guests, which hold here anyhow."""
    return person.household.profile(guest.profile) is None


async def _page(
    request: web.Request, person: Person, done: Login | None = None, name: str = ""
) -> web.Response:
    parts, now = context_of(request), int(context_of(request).now())
    address, home = requestor_of(request).address, person.household.id
    asked = [each for each in await parts.guests.asking(home, now) if each.address == address]
    guest = await guest_here(request, person)
    status = 200 if done is None else 429 if done.outcome is Outcome.WAIT else 403
    return child_page(
        request,
        person,
        "whose.html",
        status=status,
        asked=bool(asked),
        guest=guest,
        nobodys=guest is not None and is_nobodys(person, guest),
        done=done,
        name=name,
    )


async def _anybodys(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_anybodys:
        raise web.HTTPForbidden(reason="This device already belongs to someone here")
    return person


def _named(person: Person, name: str) -> Profile | None:
    """Return who is called so; the name is typed, so that no stranger reads who lives here."""
    called = name.strip().casefold()
    people = person.household.profiles
    return next((each for each in people if called in (each.name.casefold(), each.id)), None)
