"""What time adds to a profile's policy: closures, grants, and budgets with minutes remaining.

`build_time_plan` makes it for some days around a moment, from what the household wrote
(`model/times.py`) and from what is read elsewhere (`PolicyInputs`).  `policy/order.py` makes steps
of it; `policy/time_steps.py` finds what is closed at a moment.  Pure; moments are seconds since the
epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from copdns.model.household import Household, LocalName, Profile, Rule, SplitUpstream
from copdns.model.times import (
    Budget,
    Grant,
    MovedBedtime,
    OnFailure,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Subject,
)
from copdns.model.verdict import Reason
from copdns.time.budget import RemainingBudget, carries_over, has_effect, split_budgets
from copdns.time.days import DAY_SECONDS, budget_day, zone_of
from copdns.time.minutes import Minutes
from copdns.time.own_timers import OWN, OwnTimer
from copdns.time.schedule import closed_spans, merge_spans

# Seconds around today for which closures are computed.
BEFORE: Final = 2 * DAY_SECONDS
AFTER: Final = 9 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Closure:
    """A span of time in which names are closed: a pause, a slot of a schedule, or a spent budget.

    reason: PAUSED, SCHEDULE or BUDGET.  start, end: end is exclusive; `inf` for a pause that lasts
    until somebody ends it.  about: what is closed; empty for every name.
    period: the id of the schedule or budget; of a pause "homework" or "", of somebody's own timer
        OWN.
    no_minutes: of a budget that gives none on that day, rather than one that is used up.
    learning: of a schedule in which names for learning stay open.
    """

    reason: Reason
    start: float
    end: float
    about: tuple[Subject, ...] = ()
    period: str = ""
    no_minutes: bool = False
    learning: bool = False


@dataclass(frozen=True, slots=True)
class Homework:
    """A pause in homework mode.  opens: names that stay open and take no minutes of a budget."""

    start: float
    end: float
    opens: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class TimePlan:
    """What time adds to a policy.

    always_open: names that no pause, schedule or budget closes.
    remaining: budgets with minutes remaining.
    homework: the pause in homework mode; None for none.
    learning: names that stay open in a schedule for learning; None where there is none.
    has_grace: a schedule or budget has a grace period, in which names in use stay open.
    is_essential: names that are always open are allowed where nothing else is (docs/time.md).
    zone: of the profile, to write the end of a closure in.
    until: the moment from which closures are not computed.
    day_ends: when the day of the budgets ends, from which their minutes are not known; `inf` where
        the profile has no budget.
    """

    closures: tuple[Closure, ...] = ()
    grants: tuple[Grant, ...] = ()
    always_open: tuple[Subject, ...] = ()
    remaining: tuple[RemainingBudget, ...] = ()
    homework: Homework | None = None
    learning: tuple[Subject, ...] | None = None
    has_grace: bool = False
    is_essential: bool = False
    zone: str = "UTC"
    until: float = inf
    day_ends: float = inf


NO_TIME_PLAN: Final = TimePlan()

ProfileKey = tuple[str, str]  # ids of household and profile
Scoped = TypeVar("Scoped", bound=Schedule | Budget | Rule | LocalName | SplitUpstream)


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """What policies depend on besides the household.

    used, used_before: minutes of this budget day and of the day before, by budget.  A budget that
        is not in used_before was not counted then.
    in_use: grants of grace periods, for names that were in use when something closed.
    clock_is_wrong: it shows a time before one that was seen already (`time/clock.py`).
    missing_categories: those of which a chosen list is not in force.
    log_only: slugs of the lists that only count for now, and block nothing.
    own: budgets whose minutes of today are the person's alone to see, besides those that are so
        now (`privacy/own_numbers.py`); no policy depends on them.
    own_timers: those that people started for themselves, and that run.
    """

    used: Mapping[ProfileKey, Mapping[str, Minutes]] = field(default_factory=dict)
    used_before: Mapping[ProfileKey, Mapping[str, Minutes]] = field(default_factory=dict)
    in_use: Mapping[ProfileKey, tuple[Grant, ...]] = field(default_factory=dict)
    clock_is_wrong: bool = False
    missing_categories: frozenset[str] = frozenset()
    log_only: frozenset[str] = frozenset()
    own: Mapping[ProfileKey, frozenset[str]] = field(default_factory=dict)
    own_timers: Mapping[ProfileKey, OwnTimer] = field(default_factory=dict)


NO_INPUTS: Final = PolicyInputs()


def build_time_plan(
    household: Household, profile: Profile, now: float, inputs: PolicyInputs = NO_INPUTS
) -> TimePlan:
    """Return what time adds to a profile; NO_TIME_PLAN itself where that is nothing."""
    household = household.local_to(profile)
    who, zone = (household.id, profile.id), zone_of(household.timezone)
    budgets = budgets_in_force(household, profile)
    schedules = in_scope(household.schedules, profile)
    if inputs.clock_is_wrong and household.failures.clock is not OnFailure.LAST_KNOWN:
        budgets, schedules = (), ()
    pause = next((each for each in household.pauses if each.profile == profile.id), None)
    moved = next((each for each in household.moved_bedtimes if each.profile == profile.id), None)
    remaining, spent = split_budgets(
        budgets,
        household,
        profile.id,
        now,
        inputs.used.get(who, {}),
        inputs.used_before.get(who, {}),
    )
    plan = TimePlan(
        closures=(
            *_pause_closures(pause),
            *_timer_closures(inputs.own_timers.get(who)),
            *with_moved_bedtime(
                _schedules_closures(
                    schedules, household.calendar, zone, now // DAY_SECONDS * DAY_SECONDS
                ),
                moved,
            ),
            *(
                Closure(Reason.BUDGET, each.start, each.end, each.about, each.id, each.no_minutes)
                for each in spent
            ),
        ),
        grants=(*_grants(household, profile, now), *inputs.in_use.get(who, ())),
        always_open=profile.always,
        remaining=remaining,
        homework=_homework(pause, profile),
        learning=profile.homework if any(each.learning for each in schedules) else None,
        has_grace=any(each.grace for each in schedules) or any(each.grace for each in budgets),
    )
    if not (plan.closures or plan.grants or budgets):
        return NO_TIME_PLAN
    day_ends = budget_day(now, zone, household.day_starts).end if budgets else inf
    return replace(_with_bounds(plan, household.timezone, now), day_ends=day_ends)


def _with_bounds(plan: TimePlan, zone: str, now: float) -> TimePlan:
    until = now // DAY_SECONDS * DAY_SECONDS + AFTER
    planned = plan.closures or plan.remaining
    return replace(plan, zone=zone, until=until if planned else inf)


def in_scope(there: Iterable[Scoped], profile: Profile) -> tuple[Scoped, ...]:
    """Return the schedules, budgets, rules or names that apply to a profile, in their order.

    The scope of each is the id of a profile, `#` and a tag of profiles, or "" for the household.
    """
    scopes = {"", profile.id, *(f"#{tag}" for tag in profile.tags)}
    return tuple(each for each in there if each.scope in scopes)


def budgets_in_force(household: Household, profile: Profile) -> tuple[Budget, ...]:
    """Return the budgets that apply to a profile, without those that have no effect."""
    return tuple(e for e in in_scope(household.budgets, profile) if has_effect(e.minutes))


def carried_budgets(household: Household, profile: Profile) -> tuple[str, ...]:
    """Return the ids of a profile's budgets whose minutes are carried over."""
    budgets = budgets_in_force(household, profile)
    return tuple(each.id for each in budgets if carries_over(each, profile))


def _pause_closures(pause: PauseSpan | None) -> Iterator[Closure]:
    if pause is not None:
        period = "homework" if pause.homework else ""
        yield Closure(Reason.PAUSED, pause.start, _pause_end(pause), (), period)


def _timer_closures(timer: OwnTimer | None) -> Iterator[Closure]:
    """Yield what somebody turns off for themselves; a pause that others set comes before it."""
    if timer is not None:
        yield Closure(Reason.PAUSED, timer.off_from, timer.until, timer.about, OWN)


def _pause_end(pause: PauseSpan) -> float:
    return inf if pause.end is None else pause.end


def _homework(pause: PauseSpan | None, profile: Profile) -> Homework | None:
    if pause is None or not pause.homework:
        return None
    return Homework(pause.start, _pause_end(pause), profile.homework)


def _schedules_closures(
    schedules: tuple[Schedule, ...], calendar: SchoolCalendar, zone: ZoneInfo, today: float
) -> Iterator[Closure]:
    # Of closures that overlap the first counts: that for learning leaves more open.
    for learning in (False, True):
        for each in schedules:
            if each.learning is learning:
                yield from _schedule_closures(each, calendar, zone, today)


@lru_cache(maxsize=4096)
def _schedule_closures(
    schedule: Schedule, calendar: SchoolCalendar, zone: ZoneInfo, today: float
) -> tuple[Closure, ...]:
    """Return the closures of a schedule; cached, so profiles with equal schedules share objects."""
    return tuple(
        Closure(
            Reason.SCHEDULE, start, end, schedule.about, schedule.id, learning=schedule.learning
        )
        for start, end in closed_spans(schedule, calendar, zone, today - BEFORE, today + AFTER)
    )


def with_moved_bedtime(
    closures: Iterable[Closure], moved: MovedBedtime | None
) -> Iterator[Closure]:
    """Yield the closures of schedules as they are in a night whose bedtime was moved.

    Later: nothing that turns everything off in that night begins before the new time.  Earlier:
    what begins the night does so then.  Ends stay as they are.  Where the schedules have another
    bedtime by now, nothing is moved (`time/bedtime.py`).
    """
    there = tuple(closures)
    spans = merge_spans(sorted((int(e.start), e.end) for e in there if not e.about))
    if moved is not None and not any(start == moved.start for start, _ in spans):
        moved = None
    for each in there:
        if moved is None or each.about or not _is_moved(each, moved):
            yield each
        elif moved.moved < each.end:
            yield replace(each, start=float(moved.moved))


def _is_moved(closure: Closure, moved: MovedBedtime) -> bool:
    return closure.start == moved.start or moved.start < closure.start < moved.moved


def _grants(household: Household, profile: Profile, now: float) -> Iterator[Grant]:
    """Yield the grants of now and later, and those that ended up to BEFORE seconds ago.

    The clock may be set back by that much.
    """
    for each in household.grants:
        if each.profile == profile.id and each.end > now - BEFORE:
            yield each
