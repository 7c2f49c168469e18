"""What applies to whoever's device asks, line by line, each with its reason."""

from __future__ import annotations

from aiohttp import web

from copdns.library import bundled_presets
from copdns.policy import scoped
from copdns.roles import Permission, may
from copdns.timing import in_scope
from copdns.web.asker import person_of
from copdns.web.child import child_page
from copdns.web.news import news_of
from copdns.web.parts import parts_of


async def rules(request: web.Request) -> web.Response:
    """What is open, what is closed and why, and who decides."""
    person, parts = await person_of(request), parts_of(request)
    home, profile = person.household, person.profile
    # Who keeps this house is no business of a device that nobody knows.
    accounts = await parts.accounts.all(home.id) if person.is_known else ()
    return child_page(
        request,
        person,
        "rules.html",
        preset=bundled_presets()[person.band],
        profile=profile,
        categories=sorted(profile.categories),
        services=sorted(profile.services),
        rules=scoped(profile, home.rules) if person.is_known else (),
        schedules=in_scope(home.schedules, profile) if person.is_known else (),
        budgets=in_scope(home.budgets, profile) if person.is_known else (),
        deciders=[each for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        news=await news_of(request, person),
        now=parts.now(),
    )
