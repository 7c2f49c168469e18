"""Check a site: what would happen to a name on this device.

Leaves no trace: nothing is looked up or recorded, only decided as for DNS.  A request that waits
for an answer is shown beside what holds meanwhile.
"""

from __future__ import annotations

from aiohttp import web

from copdns.appeals.appeal import Appeal
from copdns.dns.records import A
from copdns.model.names import display
from copdns.policy.decide import decide, explain
from copdns.policy.today import closes_at
from copdns.policy.typed_site import apps_of, read_site
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, may_see_appeal, person_of
from copdns.words.levels import Level, level_of

APPEALS_READ = 50  # more than anybody may have waiting


async def check(request: web.Request) -> web.Response:
    """Show a form; with a name in it also the decision, and its steps for whoever reads much."""
    person, context = await person_of(request), context_of(request)
    typed = request.query.get("name", "").strip()
    level = level_of(person.band)
    policy, now = person.client.policy, context.now()
    apps = apps_of(person.household, context.snapshot().library)
    site = read_site(typed, apps, policy, now)
    name = site.name
    verdict = decide(policy, name, A, now) if name else None
    steps = explain(policy, name, A, now) if name and level is Level.FULL else ()
    return child_page(
        request,
        person,
        "check.html",
        typed=typed,
        is_word=site.is_word,
        name=name,
        shown=display(name),
        verdict=verdict,
        closes=closes_at(policy, name, now) if verdict and not verdict.blocks else None,
        steps=[each for each in steps if each.verdict is not None],
        waiting=await _waiting_appeal(request, person, name) if name else None,
    )


async def _waiting_appeal(request: web.Request, person: Person, name: str) -> Appeal | None:
    """Return the person's own request for a name that has no answer yet."""
    if not person.is_paired:
        return None
    appeals = await context_of(request).appeals.appeals(
        person.household.id, profile=person.profile.id, limit=APPEALS_READ
    )
    own = (each for each in appeals if may_see_appeal(person, each))
    return next((each for each in own if each.waits and each.ask.name == name), None)
