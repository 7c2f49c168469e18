"""By what somebody counts as a person: object to a browser or a PIN that is announced, and agree
that a device becomes somebody else's."""

from __future__ import annotations

from aiohttp import web

from copdns.web.browser_input import fields_of
from copdns.web.child.page import not_linked, require_proof, wait_until_in_force
from copdns.web.context import context_of
from copdns.web.person import PAIRING, person_of


async def object_(request: web.Request) -> web.Response:
    """Note that somebody at this device, or in one of its earlier browsers, does not know what is
    announced there; then it never counts as the person.  A second time is harmless."""
    person, context = await person_of(request), context_of(request)
    cookie, now = request.cookies.get(PAIRING, ""), int(context.now())
    if not person.claims:  # also for a stranger, who is told of none
        raise web.HTTPSeeOther("/")
    told = person.profile.id if person.is_known and not person.guest else ""
    await context.claims.object(person.household.id, told, now, cookie)
    raise web.HTTPSeeOther("/")


async def agree(request: web.Request) -> web.Response:
    """Let a device of this person become somebody else's at once; a second time is harmless."""
    person, context = await person_of(request), context_of(request)
    if not person.guest:
        require_proof(person)
    if not person.is_own:
        raise not_linked()
    move, name = str((await fields_of(request)).get("move", "")), person.profile.name
    home, profile = person.household.id, person.profile.id
    await context.claims.agree(home, profile, move, name, int(context.now()))
    await wait_until_in_force(context, home)
    raise web.HTTPSeeOther("/")
