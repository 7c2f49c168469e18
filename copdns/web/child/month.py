"""The monthly report for a child: the child's own numbers, and totals of all.

Own numbers need the paired browser, as all that is recorded does.  Totals leave out what would give
away somebody else (`privacy/report.py`).  It records no view: the numbers are one's own.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from aiohttp import web

from copdns.model.verdict import Reason
from copdns.privacy.report import (
    Month,
    appeals_of,
    lookups_of_children,
    month_of,
    people_of,
    requests_of_children,
)
from copdns.web.child.page import child_page, require_known_person
from copdns.web.context import context_of
from copdns.web.person import Person
from copdns.web.report import MonthData, parse_month, read_month, since_of


async def month(request: web.Request) -> web.Response:
    """Show this month so far, or the month in the query."""
    person, context = await require_known_person(request), context_of(request)
    home, now = person.household, context.now()
    wanted = parse_month(request.query.get("month", ""), home, now)
    before = month_of(wanted.first - timedelta(days=1), home.timezone)
    data = await read_month(context, home, wanted)
    return child_page(
        request,
        person,
        "month.html",
        month=wanted,
        before=before,
        after=month_of(wanted.first + timedelta(days=31), home.timezone),
        before_days=_last_days(before, since_of(context, before)),
        since=since_of(context, wanted),
        until=min(wanted.end, now),
        all=lookups_of_children(home, data.over, wanted, now),
        all_asked=requests_of_children(home, data.appeals, wanted, now),
        errors=sum(each.errors for each in data.lists),
        still=sum(each.still for each in data.lists),
        measured=[each for each in data.lists if each.percent is not None],
        reasons=tuple(Reason),
        budgets={each.id: each for each in home.budgets},
        counts_days=context.settings().log.counts_days,
        answer_hours=context.settings().appeals.target_hours,
        now=now,
        **(
            _own_values(person, data, wanted, now)
            if person.is_proven
            else {"own": None, "own_asked": None}
        ),
    )


def _last_days(month: Month, since: float) -> int | None:
    """Return of how many of its last days there are numbers; None for the whole month.

    since: from when, in seconds since the epoch."""
    return None if since <= month.start else math.ceil(max(0, month.end - since) / 86_400)


def _own_values(person: Person, data: MonthData, of: Month, now: float) -> dict[str, Any]:
    """Return the person's own numbers; None for adults, who are not in the report."""
    who = person.profile.id
    people = people_of(person.household, data.counts, data.usages, of, now, exact=True)
    mine = (each for each in data.appeals if each.ask.profile == who)
    return {
        "own": next((each for each in people if each.profile == who), None),
        "own_asked": appeals_of(mine, of),
    }
