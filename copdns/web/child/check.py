"""Check a site: what would happen to a name on this device, before anybody goes there.

Leaves no trace, as nothing is looked up: the same decision as for DNS, made for this page alone.
"""

from __future__ import annotations

from aiohttp import web

from copdns.dns.records import A
from copdns.model.names import display, name_of
from copdns.policy.decide import decide, explain
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import person_of
from copdns.words.levels import Level, level_of


async def check(request: web.Request) -> web.Response:
    """A form; with a name in it also the answer, step by step for whoever reads much."""
    person, parts = await person_of(request), context_of(request)
    typed = request.query.get("name", "").strip()
    level = level_of(person.band)
    name, policy, now = name_of(typed), person.client.policy, parts.now()
    verdict = decide(policy, name, A, now) if name else None
    steps = explain(policy, name, A, now) if name and level is Level.FULL else ()
    return child_page(
        request,
        person,
        "check.html",
        typed=typed,
        name=name,
        shown=display(name),
        verdict=verdict,
        steps=[each for each in steps if each.verdict is not None],
    )
