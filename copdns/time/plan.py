"""What the clock adds to a profile's policy: when names are closed, what lifts that, what is left.

`timing_of` makes it from what the household wrote (`model/times.py`) and what was read off the
world (`Readings`), for a stretch of some days around a moment.  `policy/order.py` makes steps of
it, and `policy/course.py` finds the place of a moment in it.  Pure; moments are seconds since the
epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from typing import TypeVar
from zoneinfo import ZoneInfo

from copdns.model.household import Household, Profile
from copdns.model.times import Budget, Calendar, Grant, OnFailure, Pause, Schedule, Subject
from copdns.model.verdict import Reason
from copdns.time.budget import RemainingBudget, carries_over, split_budgets
from copdns.time.days import DAY_SECONDS, budget_day, zone_of
from copdns.time.minutes import Minutes
from copdns.time.schedule import closed_spans

BEFORE, AFTER = 2 * DAY_SECONDS, 9 * DAY_SECONDS  # seconds around today that are worked out


@dataclass(frozen=True, slots=True)
class Closure:
    """A stretch of time in which names do not resolve: a pause, a slot, or a spent budget.

    reason: PAUSED, SCHEDULE or BUDGET.  start, end: end exclusive, `inf` for one that lasts until
    somebody ends it.  about: empty: every name.  period: the id of the schedule or budget.
    """

    reason: Reason
    start: float
    end: float
    about: tuple[Subject, ...] = ()
    period: str = ""


@dataclass(frozen=True, slots=True)
class Homework:
    """A pause in which names for learning stay open, and take no minutes of a budget."""

    start: float
    end: float
    opens: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class TimePlan:
    """What a policy is asked about time.

    always: names that no pause, schedule or budget closes.  left: budgets with minutes left.
    soft: something closes softly, so that names in use stay open for a while.
    essential: names that are always open are allowed where nothing else is (docs/time.md).
    day_ends: of the day by which budgets count, where there are any, also such as have no limit
    today: of the next day nothing is known here.
    zone: in which the end of a closure is told.  until: nothing is worked out from then on.
    """

    closures: tuple[Closure, ...] = ()
    grants: tuple[Grant, ...] = ()
    always_open: tuple[Subject, ...] = ()
    remaining: tuple[RemainingBudget, ...] = ()
    homework: Homework | None = None
    has_grace: bool = False
    is_essential: bool = False
    zone: str = "UTC"
    until: float = inf
    day_ends: float = inf


NO_TIME_PLAN = TimePlan()

Who = tuple[str, str]  # ids of household and profile
Scoped = TypeVar("Scoped", bound=Schedule | Budget)


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """What policies depend on besides what was written.

    used, used_before: minutes of this budget day and of the one before, by budget.  A budget that
        is not among those of before was not counted then.
    in_use: names that were in use when something closed softly, as permissions that end soon.
    clock_is_wrong: it shows a time before one that was seen already.
    missing: categories of which no full list is here.
    """

    used: Mapping[Who, Mapping[str, Minutes]] = field(default_factory=dict)
    used_before: Mapping[Who, Mapping[str, Minutes]] = field(default_factory=dict)
    in_use: Mapping[Who, tuple[Grant, ...]] = field(default_factory=dict)
    clock_is_wrong: bool = False
    missing: frozenset[str] = frozenset()


NO_INPUTS = PolicyInputs()


def build_time_plan(
    household: Household, profile: Profile, now: float, readings: PolicyInputs = NO_INPUTS
) -> TimePlan:
    """Return what the clock adds to a profile; NO_TIMING itself where that is nothing."""
    who, zone = (household.id, profile.id), zone_of(household.timezone)
    budgets = in_scope(household.budgets, profile)
    schedules = in_scope(household.schedules, profile)
    if readings.clock_is_wrong and household.failures.clock is not OnFailure.LAST_KNOWN:
        budgets, schedules = (), ()
    pause = next((each for each in household.pauses if each.profile == profile.id), None)
    left, spent = split_budgets(
        budgets,
        household,
        profile.id,
        now,
        readings.used.get(who, {}),
        readings.used_before.get(who, {}),
    )
    timing = TimePlan(
        closures=(
            *_paused(pause),
            *_scheduled(schedules, household.calendar, zone, now // DAY_SECONDS * DAY_SECONDS),
            *(Closure(Reason.BUDGET, each.start, each.end, each.about, each.id) for each in spent),
        ),
        grants=(*_grants(household, profile, now), *readings.in_use.get(who, ())),
        always_open=profile.always,
        remaining=left,
        homework=_homework(pause, profile),
        has_grace=any(each.grace for each in schedules) or any(each.grace for each in budgets),
    )
    if not (timing.closures or timing.grants or budgets):
        return NO_TIME_PLAN
    day_ends = budget_day(now, zone, household.day_starts).end if budgets else inf
    return replace(_placed(timing, household.timezone, now), day_ends=day_ends)


def _placed(timing: TimePlan, zone: str, now: float) -> TimePlan:
    until = now // DAY_SECONDS * DAY_SECONDS + AFTER
    planned = timing.closures or timing.remaining
    return replace(timing, zone=zone, until=until if planned else inf)


def in_scope(each_of: tuple[Scoped, ...], profile: Profile) -> tuple[Scoped, ...]:
    """Return those that hold for a profile; scopes are those of rules."""
    scopes = {"", profile.id, *(f"#{tag}" for tag in profile.tags)}
    return tuple(each for each in each_of if each.scope in scopes)


def carried_budgets(household: Household, profile: Profile) -> tuple[str, ...]:
    """Return the budgets of a profile whose minutes are carried over, by id."""
    budgets = in_scope(household.budgets, profile)
    return tuple(each.id for each in budgets if carries_over(each, profile))


def _paused(pause: Pause | None) -> Iterator[Closure]:
    if pause is not None:
        period = "homework" if pause.homework else ""
        yield Closure(Reason.PAUSED, pause.start, _end(pause), (), period)


def _end(pause: Pause) -> float:
    return inf if pause.end is None else pause.end


def _homework(pause: Pause | None, profile: Profile) -> Homework | None:
    if pause is None or not pause.homework:
        return None
    return Homework(pause.start, _end(pause), profile.homework)


def _scheduled(
    schedules: tuple[Schedule, ...], calendar: Calendar, zone: ZoneInfo, today: float
) -> Iterator[Closure]:
    for each in schedules:
        yield from _closures(each, calendar, zone, today)


@lru_cache(maxsize=4096)
def _closures(
    schedule: Schedule, calendar: Calendar, zone: ZoneInfo, today: float
) -> tuple[Closure, ...]:
    """Return a schedule's closed stretches; those of many profiles are the same, and so objects."""
    return tuple(
        Closure(Reason.SCHEDULE, start, end, schedule.about, schedule.id)
        for start, end in closed_spans(schedule, calendar, zone, today - BEFORE, today + AFTER)
    )


def _grants(household: Household, profile: Profile, now: float) -> Iterator[Grant]:
    """Yield what is permitted now or later; what ended long ago could only come back with a clock
    that is set back by days."""
    for each in household.grants:
        if each.profile == profile.id and each.end > now - BEFORE:
            yield each
