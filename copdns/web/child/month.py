"""What the filter did in a month, for a child: its own numbers, and what can be told of all.

Its own need the browser that its device is known by, as all does that is kept.  Sums are told only
as far as they give nobody else away (`privacy/report.py`).  It leaves no look: it is one's own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import web

from copdns.model.verdict import Reason
from copdns.privacy.report import (
    Month,
    appeals_of,
    appeals_of_all,
    lookups_of_children,
    month_of,
    people_of,
)
from copdns.web.child.page import child_page
from copdns.web.context import context_of
from copdns.web.person import Person, person_of
from copdns.web.report import Kept, kept_of, month_in, since_of


async def month(request: web.Request) -> web.Response:
    """This month as far as it is, or the one that is asked for."""
    person, parts = await person_of(request), context_of(request)
    if not person.is_known:
        raise web.HTTPForbidden(reason="We do not know whose device this is yet")
    home, now = person.household, parts.now()
    of = month_in(request.query.get("month", ""), home, now)
    kept = await kept_of(parts, home, of)
    return child_page(
        request,
        person,
        "month.html",
        month=of,
        before=month_of(of.first - timedelta(days=1), home.timezone),
        after=month_of(of.first + timedelta(days=31), home.timezone),
        since=since_of(parts, of),
        until=min(of.end, now),
        all=lookups_of_children(home, kept.over, of, now),
        all_asked=appeals_of_all(kept.appeals, of),
        errors=sum(each.errors for each in kept.lists),
        still=sum(each.still for each in kept.lists),
        measured=[each for each in kept.lists if each.percent is not None],
        reasons=tuple(Reason),
        budgets={each.id: each for each in home.budgets},
        now=now,
        **(_own(person, kept, of, now) if person.is_proven else {"own": None, "own_asked": None}),
    )


def _own(person: Person, kept: Kept, of: Month, now: float) -> dict[str, Any]:
    """Return the numbers of whoever looks; those of no adult are counted here."""
    who = person.profile.id
    people = people_of(person.household, kept.counts, kept.usages, of, now)
    mine = (each for each in kept.appeals if each.ask.profile == who)
    return {
        "own": next((each for each in people if each.profile == who), None),
        "own_asked": appeals_of(mine, of),
    }
