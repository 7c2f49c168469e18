"""What applies to whoever's device asks, line by line, each with its reason."""

from __future__ import annotations

from aiohttp import web

from copdns.policy import scoped
from copdns.web.asker import person_of
from copdns.web.child import child_page
from copdns.web.news import news_of


async def rules(request: web.Request) -> web.Response:
    """What is open, what is closed and why, and who decides."""
    person = await person_of(request)
    return child_page(
        request,
        person,
        "rules.html",
        categories=sorted(person.profile.categories),
        rules=scoped(person.profile, person.household.rules),
        news=await news_of(request, person),
    )
