"""What all pages of a device's own have in common: who it is, and how they are spoken to."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from copdns.web.context import context_of
from copdns.web.desk_access import Connection, desk_allowed
from copdns.web.notes import note_of
from copdns.web.person import Person, requestor_of
from copdns.web.wording import wording_for
from copdns.words.levels import level_of


def child_page(
    request: web.Request, person: Person, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Return a page; `mode` is for the sign on it that says what is kept, which every one has."""
    level, now, full = level_of(person.band), context_of(request).now(), person.profile.full_log
    return context_of(request).pages.render(
        request,
        template,
        status=status,
        person=person,
        level=level,
        mode=person.profile.privacy_at(now),
        announced=full.start if full is not None and now < full.start else None,
        say=wording_for(request, person.household, level),
        note_of=partial(note_of, person.household, person.profile),
        desk=_desk(request),
        **values,
    )


def _desk(request: web.Request) -> str:
    """Return where the desk is from here: at once, by HTTPS, or "" where it is closed to all but
    the machine itself."""
    chosen, connection = (
        context_of(request),
        Connection(request.secure, requestor_of(request).address),
    )
    if desk_allowed(connection, over_http=chosen.desk_over_http):
        return "/guardian/"
    port = chosen.settings().web.tls_port
    if not port:
        return ""
    return f"{request.url.origin().with_scheme('https').with_port(port)}/guardian/"
