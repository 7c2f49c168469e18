"""What applies to whoever's device asks, line by line, each with its reason."""

from __future__ import annotations

from aiohttp import web

from copdns.policy import scoped
from copdns.web.asker import person_of
from copdns.web.door import level_of
from copdns.web.parts import parts_of


async def rules(request: web.Request) -> web.Response:
    """What is open, what is closed and why, and who decides."""
    person, parts = await person_of(request), parts_of(request)
    library = parts.live().library
    return parts.pages.render(
        request,
        "rules.html",
        person=person,
        level=level_of(person.band),
        categories=[library.categories[slug] for slug in sorted(person.profile.categories)],
        rules=scoped(person.profile, person.household.rules),
    )
