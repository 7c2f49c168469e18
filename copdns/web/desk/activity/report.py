"""The monthly report, in counts, to read and to print."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.appeals.life import HOUR
from copdns.model.verdict import Reason
from copdns.privacy.report import SMALL, month_of
from copdns.web.context import context_of
from copdns.web.desk.page import household_in_force, meanwhile_rule
from copdns.web.report import build_report, children_of, parse_month
from copdns.web.session import require
from copdns.web.wording import desk_wording


async def month(request: web.Request) -> web.Response:
    """Show this month so far, or the month in the query."""
    await require(request, Permission.SEE_APPEALS)
    actor, context = await require(request, Permission.SEE_LOG), context_of(request)
    household, now = household_in_force(request, actor), context.now()
    # The view is recorded; nothing else is written when a page is read.
    children, views = children_of(household, now), (ViewedPart.COUNTS, ViewedPart.USAGE)
    await context.looks.note_all(actor, children, views, int(now))
    wanted = parse_month(request.query.get("month", ""), household, now)
    report = await build_report(context, household, wanted)
    return context.pages.render(
        request,
        "desk/month.html",
        actor=actor,
        household=household,
        report=report,
        spoken_of=[each for each in report.lists if each.errors or each.percent is not None],
        before=month_of(wanted.first - timedelta(days=1), household.timezone),
        after=month_of(wanted.first + timedelta(days=31), household.timezone),
        reasons=tuple(Reason),
        budgets={each.id: each for each in household.budgets},
        counts_days=context.settings().log.counts_days,
        overdue_after=context.settings().appeals.target_hours * HOUR,
        meanwhile=meanwhile_rule(context),
        small=SMALL,
        say=desk_wording(request, household),
        zone=household.timezone,
        now=now,
    )
