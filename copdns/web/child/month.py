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
from copdns.web.child.page import child_page, require_known_person
from copdns.web.context import context_of
from copdns.web.person import Person
from copdns.web.report import MonthData, parse_month, read_month, since_of


async def month(request: web.Request) -> web.Response:
    """This month as far as it is, or the one that is asked for."""
    person, context = await require_known_person(request), context_of(request)
    home, now = person.household, context.now()
    wanted = parse_month(request.query.get("month", ""), home, now)
    data = await read_month(context, home, wanted)
    return child_page(
        request,
        person,
        "month.html",
        month=wanted,
        before=month_of(wanted.first - timedelta(days=1), home.timezone),
        after=month_of(wanted.first + timedelta(days=31), home.timezone),
        since=since_of(context, wanted),
        until=min(wanted.end, now),
        all=lookups_of_children(home, data.over, wanted, now),
        all_asked=appeals_of_all(data.appeals, wanted),
        errors=sum(each.errors for each in data.lists),
        still=sum(each.still for each in data.lists),
        measured=[each for each in data.lists if each.percent is not None],
        reasons=tuple(Reason),
        budgets={each.id: each for each in home.budgets},
        now=now,
        **(
            _own_values(person, data, wanted, now)
            if person.is_proven
            else {"own": None, "own_asked": None}
        ),
    )


def _own_values(person: Person, data: MonthData, of: Month, now: float) -> dict[str, Any]:
    """Return the numbers of whoever looks; those of no adult are counted here."""
    who = person.profile.id
    people = people_of(person.household, data.counts, data.usages, of, now)
    mine = (each for each in data.appeals if each.ask.profile == who)
    return {
        "own": next((each for each in people if each.profile == who), None),
        "own_asked": appeals_of(mine, of),
    }
