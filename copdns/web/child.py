"""What all pages of a device's own have in common: who it is, and how they are spoken to."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from copdns.levels import level_of
from copdns.web.asker import Person
from copdns.web.parts import parts_of
from copdns.web.saying import saying


def child_page(
    request: web.Request, person: Person, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    level = level_of(person.band)
    return parts_of(request).pages.render(
        request,
        template,
        status=status,
        person=person,
        level=level,
        say=saying(request, person.household, level),
        **values,
    )
