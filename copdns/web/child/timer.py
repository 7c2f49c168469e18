"""A timer that somebody starts for themselves, and can end at any moment."""

from __future__ import annotations

from aiohttp import web

from copdns.privacy.own_numbers import COUNTS_ONLY
from copdns.time.days import budget_day, zone_of
from copdns.time.own_timers import LENGTHS, SUBJECTS, OwnTimer, TimerKind, TimerTopic
from copdns.web.browser_input import fields_of, whole_number
from copdns.web.child.page import (
    child_page,
    require_known_person,
    require_proof,
)
from copdns.web.context import context_of
from copdns.web.person import Person

_USUAL = 30  # minutes


async def form(request: web.Request) -> web.Response:
    """Show the timer that runs, or what one can be."""
    person = await require_known_person(request)
    require_proof(person)
    return _page(request, person)


async def start(request: web.Request) -> web.Response:
    """Start a timer; one that runs already gives way."""
    person, fields = await require_known_person(request), await fields_of(request)
    require_proof(person)
    minutes = whole_number(str(fields.get("minutes", "")), 5)
    kind = next((each for each in TimerKind if each == fields.get("kind")), None)
    topic = next((each for each in TimerTopic if each == fields.get("topic")), None)
    if minutes not in LENGTHS or kind is None or topic is None:
        return _page(request, person, 400)
    context, home = context_of(request), person.household
    now = int(context.now())
    end = now + 60 * minutes
    day = budget_day(end, zone_of(home.timezone), home.day_starts)
    until = day.end if kind is TimerKind.STOP else end
    context.own_timers.start(_who(person), OwnTimer(kind, topic, now, end, until))
    raise web.HTTPSeeOther("/timer")


async def end(request: web.Request) -> web.Response:
    """End one's timer; without one nothing happens."""
    person = await require_known_person(request)
    require_proof(person)
    context_of(request).own_timers.end(_who(person))
    raise web.HTTPSeeOther("/timer")


def timer_of(request: web.Request, person: Person) -> OwnTimer | None:
    """Return the timer that runs for a person, for their own browser alone."""
    context = context_of(request)
    return context.own_timers.of(_who(person), context.now()) if person.is_proven else None


def _who(person: Person) -> tuple[str, str]:
    return person.household.id, person.profile.id


def _page(request: web.Request, person: Person, status: int = 200) -> web.Response:
    now = context_of(request).now()
    return child_page(
        request,
        person,
        "timer.html",
        status=status,
        timer=timer_of(request, person),
        lengths=LENGTHS,
        usual=_USUAL,
        kinds=tuple(TimerKind),
        topics=tuple(TimerTopic),
        subjects=SUBJECTS,
        is_seen=person.profile.privacy_at(now) not in COUNTS_ONLY,
        now=now,
    )
