"""A family agreement to print: the rules of a child in force, in words for the child, and a card
with the address of the child's page."""

from __future__ import annotations

from functools import cache

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.model.household import RuleAction
from copdns.model.matchers import Matcher
from copdns.time.plan import in_scope
from copdns.web.context import childs_page, context_of
from copdns.web.desk.page import household_in_force
from copdns.web.desk.person.page import sort_categories
from copdns.web.device_setup.qr import Qr, qr
from copdns.web.notes import group_by_reason
from copdns.web.session import require
from copdns.web.wording import wording_for
from copdns.words.levels import level_of


async def agreement(request: web.Request) -> web.Response:
    """Show the agreement of one child."""
    actor, context = await require(request, Permission.SEE_PROFILES), context_of(request)
    household, now = household_in_force(request, actor), context.now()
    profile = household.profile(request.match_info["profile"])
    if profile is None or not profile.band_at(now).is_child:
        raise web.HTTPNotFound(reason="There is no child with this name here")
    level = level_of(profile.band_at(now))
    accounts = await context.accounts.all(household.id)
    log_settings = context.log_settings
    # Rules about addresses in answers mean nothing to a child: that there are some is told.
    rules = in_scope(household.rules, profile)
    blocked = [each for each in rules if each.action is RuleAction.BLOCK]
    about_names = [each for each in rules if isinstance(each.target, Matcher)]
    return context.pages.render(
        request,
        "desk/agreement.html",
        actor=actor,
        household=household,
        profile=profile,
        level=level,
        say=wording_for(request, household, level),
        categories=sort_categories(profile.categories, context.snapshot().library),
        closed=group_by_reason(each for each in about_names if each.action is RuleAction.BLOCK),
        blocks_addresses=any(not isinstance(each.target, Matcher) for each in blocked),
        opened=group_by_reason(each for each in about_names if each.action is RuleAction.ALLOW),
        schedules=in_scope(household.schedules, profile),
        budgets=in_scope(household.budgets, profile),
        privacy=profile.privacy_at(now),
        rows_days=log_settings.rows_days,
        counts_days=log_settings.counts_days,
        answer_hours=context.settings().appeals.target_hours,
        deciders=[each.name for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        card=_card(childs_page(request)),
        now=now,
        zone=household.timezone,
    )


@cache
def _card(door: str) -> Qr:
    return qr(door)
