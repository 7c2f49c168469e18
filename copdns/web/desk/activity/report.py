"""What the filter did in a month, in counts, for the family to read and to print."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.model.verdict import Reason
from copdns.privacy.report import SMALL, month_of
from copdns.web.context import context_of
from copdns.web.desk.page import house_of
from copdns.web.report import children_of, month_in, report_of
from copdns.web.session import require
from copdns.web.wording import desk_saying


async def month(request: web.Request) -> web.Response:
    """This month as far as it is, or the one that is asked for."""
    await require(request, Permission.SEE_APPEALS)
    actor, parts = await require(request, Permission.SEE_LOG), context_of(request)
    household, now = house_of(request, actor), parts.now()
    # The one thing that reading a page writes: the record that somebody looked.
    children, views = children_of(household, now), (ViewedPart.COUNTS, ViewedPart.USAGE)
    await parts.looks.note_all(actor, children, views, int(now))
    of = month_in(request.query.get("month", ""), household, now)
    report = await report_of(parts, household, of)
    return parts.pages.render(
        request,
        "desk/month.html",
        actor=actor,
        household=household,
        report=report,
        spoken_of=[each for each in report.lists if each.errors or each.percent is not None],
        before=month_of(of.first - timedelta(days=1), household.timezone),
        after=month_of(of.first + timedelta(days=31), household.timezone),
        reasons=tuple(Reason),
        budgets={each.id: each for each in household.budgets},
        small=SMALL,
        say=desk_saying(request, household),
        zone=household.timezone,
        now=now,
    )
