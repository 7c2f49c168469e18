"""A family agreement to print: the rules of one child as they are in force, in the child's words,
and a card with the way to the door."""

from __future__ import annotations

from functools import cache

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.model.household import RuleAction
from copdns.model.matchers import Matcher
from copdns.policy.order import rules_in_scope
from copdns.time.plan import in_scope
from copdns.web.context import context_of
from copdns.web.desk.household.qr import Qr, qr
from copdns.web.desk.page import house_of
from copdns.web.desk.person.page import in_order
from copdns.web.notes import together
from copdns.web.session import require
from copdns.web.wording import wording_for
from copdns.words.levels import level_of


async def agreement(request: web.Request) -> web.Response:
    """One page for one child."""
    actor, parts = await require(request, Permission.SEE_PROFILES), context_of(request)
    household, now = house_of(request, actor), parts.now()
    profile = household.profile(request.match_info["profile"])
    if profile is None or not profile.band_at(now).is_child:
        raise web.HTTPNotFound(reason="There is no child of this name here")
    level = level_of(profile.band_at(now))
    accounts = await parts.accounts.all(household.id)
    kept = parts.settings().log
    # A network of answers is nothing that a child could mean to open.
    rules = rules_in_scope(profile, household.rules)
    named = [each for each in rules if isinstance(each.target, Matcher)]
    return parts.pages.render(
        request,
        "desk/agreement.html",
        actor=actor,
        household=household,
        profile=profile,
        level=level,
        say=wording_for(request, household, level),
        categories=in_order(profile.categories, parts.live().library),
        closed=together(each for each in named if each.action is RuleAction.BLOCK),
        opened=together(each for each in named if each.action is RuleAction.ALLOW),
        schedules=in_scope(household.schedules, profile),
        budgets=in_scope(household.budgets, profile),
        privacy=profile.privacy_at(now),
        rows_days=kept.rows_days,
        counts_days=kept.counts_days,
        answer_hours=parts.settings().appeals.target_hours,
        deciders=[each.name for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        card=_card(parts.pages.door),
        now=now,
        zone=household.timezone,
    )


@cache
def _card(door: str) -> Qr:
    return qr(door)
