"""Something bad happened: whom to call, how to tell the grown-ups of the house, where to report.

Being here tells nobody and is noted nowhere.  A child who presses the button tells all guardians
that it wants to talk, and not why.
"""

from __future__ import annotations

from aiohttp import web

from copdns.web.child.help import lines_for
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, person_of


async def bad(request: web.Request) -> web.Response:
    """The page; whoever told somebody sees how far that is."""
    person = await person_of(request, quietly=True)
    told = None
    if person.is_proven:
        told = await context_of(request).notices.wanted_to_talk(
            person.household.id, person.profile.id
        )
    return _page(request, person, told)


async def tell(request: web.Request) -> web.Response:
    """Tell the guardians that this child wants to talk."""
    person, parts = await person_of(request), context_of(request)
    if not person.is_known or not person.band.is_child:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")
    now = int(parts.now())
    await parts.notices.want_to_talk(
        person.household.id, person.profile.id, person.profile.name, now
    )
    if person.is_proven:
        raise web.HTTPSeeOther("/bad")
    return _page(request, person, None, sent=True)


def _page(
    request: web.Request, person: Person, told: object, *, sent: bool = False
) -> web.Response:
    return child_page(
        request,
        person,
        "bad.html",
        told=told,
        sent=sent,
        can_tell=person.is_known and person.band.is_child,
        **lines_for(request, person),
    )
