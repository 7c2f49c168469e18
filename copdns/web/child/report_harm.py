"""Something bad happened: whom to call, how to tell the guardians, where to report.

No visit is recorded or told to anybody.  A child who presses the button tells all guardians that it
wants to talk, and not why.
"""

from __future__ import annotations

from aiohttp import web

from copdns.web.child.help import helpline_values
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, person_of


async def bad(request: web.Request) -> web.Response:
    """Show the page; a child who told the guardians sees how far that is."""
    person = await person_of(request, quietly=True)
    wanted_at = None
    if person.is_proven:
        wanted_at = await context_of(request).notices.last_wish_to_talk(
            person.household.id, person.profile.id
        )
    return _page(request, person, wanted_at)


async def tell(request: web.Request) -> web.Response:
    """Tell the guardians that this child wants to talk."""
    person, context = await person_of(request), context_of(request)
    if not person.is_known or not person.band.is_child:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")
    now = int(context.now())
    await context.notices.note_wish_to_talk(
        person.household.id, person.profile.id, person.profile.name, now
    )
    if person.is_proven:
        raise web.HTTPSeeOther("/bad")
    return _page(request, person, None, sent=True)


def _page(
    request: web.Request, person: Person, wanted_at: object, *, sent: bool = False
) -> web.Response:
    return child_page(
        request,
        person,
        "bad.html",
        told=wanted_at,
        sent=sent,
        can_tell=person.is_known and person.band.is_child,
        **helpline_values(request, person),
    )
