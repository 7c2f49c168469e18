"""The time of a person: their week, the schedules and limits, what was used, what runs now."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission, may
from copdns.household.time_shape import day
from copdns.model.household import Household, Profile
from copdns.model.times import Bonus, Grant, PauseSpan
from copdns.model.verdict import Reason
from copdns.time.bedtime import bedtime_choices, tonights_bedtime
from copdns.time.budget import has_effect
from copdns.time.days import DAY_SECONDS, local_time, zone_of
from copdns.time.plan import Closure, in_scope, with_moved_bedtime
from copdns.time.preview import ClosedSpan, PreviewWeek, build_week, week_span
from copdns.time.schedule import closed_spans
from copdns.web.desk.form_mark import mark_of
from copdns.web.desk.house_request import require_house
from copdns.web.desk.time.page import PersonRequest, require_person, template_values
from copdns.web.desk.time.schedules import plan_suggested
from copdns.web.desk.time.week_bars import Chart, week_bars
from copdns.web.desk.waiting_requests import find_waiting, values_to_answer
from copdns.web.more_time import extra_past, more_time, time_mark

_AROUND = 2 * DAY_SECONDS  # seconds before and after the week that its bars can cover


async def people(request: web.Request) -> web.Response:
    """Show everybody's time, with links to the calendar and the tickets."""
    home = await require_house(request, Permission.SEE_PROFILES)
    view = home.time_view()
    return home.context.pages.render(
        request,
        "desk/times.html",
        **template_values(home),
        people=[(each, view.today(each)) for each in home.household.profiles],
    )


async def person(request: web.Request) -> web.Response:
    """Show all about one person's time."""
    them = await require_person(request, Permission.SEE_PROFILES)
    context, profile = them.context, them.profile
    policy, now = them.policy_and_today()
    sees_use = may(them.actor, Permission.SEE_LOG, profile)
    if sees_use and now.minutes:
        # The view is recorded, which the child can see; nothing else is written by a GET.
        await context.looks.note(them.actor, profile.id, ViewedPart.USAGE, them.now)
    first = _parse_first_day(them)
    chart, in_words = _week(them.household, profile, first)
    plan = plan_suggested(them)
    waiting = await find_waiting(context, them.actor, profile.id)
    bedtime = tonights_bedtime(them.household, profile, them.now)
    return context.pages.render(
        request,
        "desk/time.html",
        **template_values(them),
        **values_to_answer(waiting),
        profile=profile,
        reach=context.rules_reach(them.household, profile),
        offers_tokens=context.offers_tokens,
        first=first,
        earlier=first - timedelta(days=7),
        later=first + timedelta(days=7),
        today=now,
        chart=chart,
        week=in_words,
        schedules=in_scope(them.household.schedules, profile),
        budgets=in_scope(them.household.budgets, profile),
        minutes={each.budget.id: each for each in now.minutes},
        own_limits={each.id for each in now.own},
        idle={each.id for each in them.household.budgets if not has_effect(each.minutes)},
        sees_use=sees_use,
        bonuses=_bonuses(them),
        grants=_grants(them),
        pause=pause_of(them.household, profile.id, them.now),
        suggested=None if plan.changes_nothing and not plan.unused else plan,
        suggested_mark=mark_of(plan),
        more=more_time(them.household, profile, policy, now, them.context.now()),
        bedtime=bedtime,
        extra=extra_past(bedtime, them.household, profile.id, them.now),
        choices=bedtime_choices(bedtime, them.now) if bedtime is not None else (),
        mark=time_mark(them.household, profile.id),
    )


def _parse_first_day(them: PersonRequest) -> date:
    """Return the first date of the week to show: the one in the query, or today."""
    text = them.request.query.get("week", "")
    try:
        found = day(text) if text else None
    except ValueError:
        raise web.HTTPNotFound(reason="This is not a valid date") from None
    if found is not None and not 1971 < found.year < 9000:
        raise web.HTTPNotFound(reason="This date is too far away")
    return found or local_time(them.now, zone_of(them.local.timezone)).date()


def _week(household: Household, profile: Profile, first: date) -> tuple[Chart, PreviewWeek]:
    """Return a week as bars and in words, with a bedtime that was moved as it is in that night."""
    zone = zone_of(household.local_to(profile).timezone)
    start, end = week_span(zone, first)
    moved = next((each for each in household.moved_bedtimes if each.profile == profile.id), None)
    closures = (
        Closure(Reason.SCHEDULE, *span, schedule.about, schedule.id)
        for schedule in in_scope(household.schedules, profile)
        for span in closed_spans(schedule, household.calendar, zone, start - _AROUND, end + _AROUND)
    )
    closed = [
        ClosedSpan(each.period, each.start, each.end)
        for each in with_moved_bedtime(closures, moved)
    ]
    return week_bars(closed, zone, first), build_week(closed, zone, first)


def _bonuses(them: PersonRequest) -> tuple[Bonus, ...]:
    """Return the bonuses for today and later days."""
    today = local_time(them.now, zone_of(them.local.timezone)).date() - timedelta(days=1)
    return tuple(
        each
        for each in them.household.bonuses
        if each.profile == them.profile.id and each.day >= today
    )


def _grants(them: PersonRequest) -> tuple[Grant, ...]:
    """Return the grants that run or will, the next to end first."""
    grants = (each for each in them.household.grants if each.profile == them.profile.id)
    return tuple(sorted((e for e in grants if e.end > them.now), key=lambda each: each.end))


def pause_of(household: Household, profile_id: str, now: float) -> PauseSpan | None:
    """Return a person's pause that runs or will; None for none."""
    for each in household.pauses:
        if each.profile == profile_id and (each.end is None or each.end > now):
            return each
    return None
