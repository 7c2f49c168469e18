"""By what somebody counts as a person: object to a browser or a PIN that is announced."""

from __future__ import annotations

from aiohttp import web

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
