"""Say whose an unknown device is: ask guardians to let it in, or type a PIN.

The next user sees nothing of the last one: each time the device is a new guest, recognised only by
the browser in which somebody asked or typed the PIN.
"""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from copdns.accounts.account import GUEST_LASTS, PERSON_LASTS, REQUEST_LASTS, Guest, GuestKind
from copdns.accounts.codes import make_secret
from copdns.model.errors import AccountError
from copdns.model.household import Profile
from copdns.web.browser_input import fields_of
from copdns.web.child.page import child_page, wait_until_in_force
from copdns.web.context import context_of
from copdns.web.logins import LoginResult, Outcome
from copdns.web.person import GUEST_PAIRING, Person, person_of, requestor_of, set_pairing_cookie


async def whose(request: web.Request) -> web.Response:
    """Show whose the device is now, and what its user can do about it."""
    return await _page(request, await person_of(request))


async def ask(request: web.Request) -> web.Response:
    """Ask the guardians to let this device in; they see it on the page of devices."""
    person, context = await _require_claimable(request), context_of(request)
    address, cookie, redirect = (
        requestor_of(request).address,
        make_secret(),
        web.HTTPSeeOther("/whose"),
    )
    if await context.guests.ask(person.household.id, address, int(context.now()), browser=cookie):
        set_pairing_cookie(request, redirect, GUEST_PAIRING, cookie, REQUEST_LASTS + GUEST_LASTS)
    raise redirect


async def enter_pin(request: web.Request) -> web.Response:
    """Let somebody use this device as themselves for some hours, by their PIN."""
    person, context = await _require_claimable(request), context_of(request)
    fields, address = await fields_of(request), requestor_of(request).address
    name = str(fields.get("name", ""))
    profile = _find_profile(person, name)
    home, pin = person.household.id, str(fields.get("pin", ""))
    # Also for an unknown name, just as slow and as often, so that nobody can find out names.
    who = profile.id if profile else ""
    result = await context.logins.check_pin(home, who, pin, address, name)
    if result.outcome is not Outcome.IN or profile is None:
        return await _page(request, person, result, name)
    kind, cookie, now = GuestKind.PERSON, make_secret(), int(context.now())
    await context.guests.approve(
        home, kind, address, profile.id, profile.name, now, PERSON_LASTS, browser=cookie
    )
    # Where that takes longer, the page says that it will apply soon.
    await wait_until_in_force(context, home)
    redirect = web.HTTPSeeOther("/whose")
    set_pairing_cookie(request, redirect, GUEST_PAIRING, cookie, PERSON_LASTS)
    raise redirect


async def end(request: web.Request) -> web.Response:
    """End the guest access of this device."""
    person, context = await person_of(request), context_of(request)
    if person.guest:
        with suppress(AccountError):  # it ended already
            await context.guests.end(
                person.household.id, person.guest, person.profile.name, int(context.now())
            )
        await wait_until_in_force(context, person.household.id)
    redirect = web.HTTPSeeOther("/whose")
    redirect.del_cookie(GUEST_PAIRING)
    raise redirect


async def guest_here(request: web.Request, person: Person) -> Guest | None:
    """Return the guest of this device as stored, which may be newer than what is in force."""
    context, address = context_of(request), requestor_of(request).address
    guests = await context.guests.of(person.household.id, int(context.now()))
    by_id = next((each for each in guests if each.id == person.guest), None)
    return by_id or next((each for each in guests if each.address == address), None)


def has_guest_rules(person: Person, guest: Guest) -> bool:
    """Tell whether a guest has the rules of guests, which apply to this device anyway."""
    return person.household.profile(guest.profile) is None


async def _page(
    request: web.Request, person: Person, result: LoginResult | None = None, name: str = ""
) -> web.Response:
    context, now = context_of(request), int(context_of(request).now())
    address, home = requestor_of(request).address, person.household.id
    requests = [
        each for each in await context.guests.requests(home, now) if each.address == address
    ]
    guest = await guest_here(request, person)
    status = 200 if result is None else 429 if result.outcome is Outcome.WAIT else 403
    return child_page(
        request,
        person,
        "whose.html",
        status=status,
        asked=bool(requests),
        guest=guest,
        nobodys=guest is not None and has_guest_rules(person, guest),
        done=result,
        name=name,
    )


async def _require_claimable(request: web.Request) -> Person:
    person = await person_of(request)
    if not person.is_anybodys:
        raise web.HTTPForbidden(reason="This device already belongs to someone here")
    return person


def _find_profile(person: Person, name: str) -> Profile | None:
    """Return the profile with this name or id.  People type it, so that no stranger can read who
    lives here."""
    wanted = name.strip().casefold()
    people = person.household.profiles
    return next((each for each in people if wanted in (each.name.casefold(), each.id)), None)
