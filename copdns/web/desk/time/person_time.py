"""The time of one person: the week, what is written about it, what was used, what runs now."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission, may
from copdns.household.presets import Times
from copdns.household.time_shape import day
from copdns.list_files.load import bundled_presets
from copdns.model.household import Household, Profile
from copdns.model.times import Bonus, Grant, Pause
from copdns.time.days import DAY_SECONDS, local_time, zone_of
from copdns.time.plan import in_scope
from copdns.time.preview import Closed, Week, week, week_span
from copdns.time.schedule import closed_spans
from copdns.web.desk.time.page import Theirs, house, shown, stands, theirs
from copdns.web.desk.time.week_bars import Chart, week_bars
from copdns.web.more_time import mark, more_time

_AROUND = 2 * DAY_SECONDS  # seconds before and behind a week that its bars can reach into


async def people(request: web.Request) -> web.Response:
    """Whose time it is about; the calendar and the tickets of everybody."""
    home = await house(request, Permission.SEE_PROFILES)
    live = home.live()
    return home.parts.pages.render(
        request,
        "desk/times.html",
        **shown(home),
        people=[(each, stands(home, live, each)[1]) for each in home.household.profiles],
    )


async def person(request: web.Request) -> web.Response:
    """All about one person's time, on one page."""
    them = await theirs(request, Permission.SEE_PROFILES)
    parts, profile = them.parts, them.profile
    policy, now = them.stands()
    sees_use = may(them.actor, Permission.SEE_LOG, profile)
    if sees_use and now.minutes:
        # The one thing that a GET writes: that somebody looked, which the child can see.
        await parts.looks.note(them.actor, profile.id, ViewedPart.USAGE, them.now)
    first = _first_day(them)
    chart, said = _week(them.household, profile, first)
    return parts.pages.render(
        request,
        "desk/time.html",
        **shown(them),
        profile=profile,
        first=first,
        earlier=first - timedelta(days=7),
        later=first + timedelta(days=7),
        today=now,
        chart=chart,
        week=said,
        schedules=in_scope(them.household.schedules, profile),
        budgets=in_scope(them.household.budgets, profile),
        minutes={each.budget.id: each for each in now.minutes},
        sees_use=sees_use,
        bonuses=_bonuses(them),
        grants=_grants(them),
        pause=pause_of(them.household, profile.id, them.now),
        suggested=_suggested(them),
        more=more_time(them.household, profile, policy, now, them.parts.now()),
        mark=mark(them.household, profile.id),
    )


def _first_day(them: Theirs) -> date:
    """Return with which date the week begins: the one asked for, else today."""
    asked = them.request.query.get("week", "")
    try:
        found = day(asked) if asked else None
    except ValueError:
        raise web.HTTPNotFound(reason="This is not a valid date") from None
    if found is not None and not 1971 < found.year < 9000:
        raise web.HTTPNotFound(reason="This date is too far away")
    return found or local_time(them.now, zone_of(them.household.timezone)).date()


def _week(household: Household, profile: Profile, first: date) -> tuple[Chart, Week]:
    """Return a week as bars, and the same in words."""
    zone = zone_of(household.timezone)
    start, end = week_span(zone, first)
    closed = [
        Closed(schedule.id, *stretch)
        for schedule in in_scope(household.schedules, profile)
        for stretch in closed_spans(
            schedule, household.calendar, zone, start - _AROUND, end + _AROUND
        )
    ]
    return week_bars(closed, zone, first), week(closed, zone, first)


def _bonuses(them: Theirs) -> tuple[Bonus, ...]:
    """Return what was given on top today or for days to come."""
    today = local_time(them.now, zone_of(them.household.timezone)).date() - timedelta(days=1)
    return tuple(
        each
        for each in them.household.bonuses
        if each.profile == them.profile.id and each.day >= today
    )


def _grants(them: Theirs) -> tuple[Grant, ...]:
    """Return the permissions that hold or will, the next to end first."""
    theirs = (each for each in them.household.grants if each.profile == them.profile.id)
    return tuple(sorted((e for e in theirs if e.end > them.now), key=lambda each: each.end))


def pause_of(household: Household, profile_id: str, now: float) -> Pause | None:
    """Return the pause of somebody that runs or is to come."""
    for each in household.pauses:
        if each.profile == profile_id and (each.end is None or each.end > now):
            return each
    return None


def _suggested(them: Theirs) -> Times | None:
    """Return what is suggested for this age; None for nothing, or what is there already."""
    preset = bundled_presets().get(them.profile.band_at(them.now))
    found = preset.times(them.profile.id) if preset else Times((), ())
    there = {*them.household.schedules, *them.household.budgets}
    missing = {*found.schedules, *found.budgets} - there
    return found if missing else None
