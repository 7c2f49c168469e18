"""What holds for one profile today: what is closed now and until when, what is left, the day.

For people: the child's page and the desk draw it.  It is read off the policy that answers queries,
so that both say the same.  Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from copdns.dns.records import A
from copdns.model.household import Household, Profile
from copdns.model.times import DAY_MINUTES, Budget, Subject
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy, decide, full_closure
from copdns.policy.grant_ends import grant_ends, is_lifted, without_lifted
from copdns.time.budget import minutes_of_day
from copdns.time.closing_soon import THRESHOLDS
from copdns.time.days import DAY_SECONDS, budget_day, local_time, starts_at, zone_of
from copdns.time.minutes import NO_MINUTES, Minutes
from copdns.time.plan import NO_TIME_PLAN, Closure, PolicyInputs, TimePlan, budgets_in_force


class DaySpan(NamedTuple):
    """A part of the day in which everything is closed, in thousandths of it from its midnight."""

    reason: Reason
    start: int
    end: int


class PartialClosure(NamedTuple):
    """Something that is closed now, though not everything.  end: `inf`: until somebody opens it."""

    reason: Reason
    about: tuple[Subject, ...]
    period: str
    end: float


class BudgetToday(NamedTuple):
    """A budget of today, in minutes.  whole: with extra time; used: low, likely and high."""

    budget: Budget
    whole: int
    used: Minutes

    @property
    def left(self) -> int:
        return max(0, self.whole - self.used.likely)

    @property
    def percent(self) -> int:
        """How much of it is used, 0 to 100."""
        return 100 if self.whole <= 0 else min(100, 100 * self.used.likely // self.whole)


class ClosingSoon(NamedTuple):
    """Something that closes within a quarter of an hour.  minutes: until then, rounded up.

    reason: GRANTED where a permission ends.

    about: empty for everything.
    """

    reason: Reason
    about: tuple[Subject, ...]
    minutes: int


@dataclass(frozen=True, slots=True)
class Today:
    """What holds for a profile at a moment.

    closed: the verdict of `full_closure`; None: open.
    shut: what else is closed now.  minutes: the budgets.  day: when everything is closed.
    now: the moment, in thousandths of the day.  soon: what closes next, the nearest first.
    own: budgets of today whose minutes only the person sees, and the reader does not.
    """

    closed: Verdict | None
    shut: tuple[PartialClosure, ...]
    minutes: tuple[BudgetToday, ...]
    day: tuple[DaySpan, ...]
    now: int
    soon: tuple[ClosingSoon, ...] = ()
    own: tuple[Budget, ...] = ()


def build_today(
    household: Household, profile: Profile, policy: Policy, inputs: PolicyInputs, now: float
) -> Today:
    """Return what holds for a profile now."""
    household = household.local_to(profile)
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    zone = zone_of(household.timezone)
    date = local_time(now, zone).date()
    start, end = starts_at(date, 0, zone), starts_at(date, DAY_MINUTES, zone)
    closed, minutes = (
        full_closure(policy, now),
        tuple(_budgets_today(household, profile, inputs, now)),
    )
    # While all is closed, only the end of what is open all the same matters.
    soon = [*_grants_ending(policy, now), *(() if closed else _closing_soon(plan, minutes, now))]
    return Today(
        closed,
        tuple(_partial_closures(plan, now)),
        minutes,
        tuple(_day_spans(plan, start, end)),
        _share(now, start, end),
        tuple(sorted(soon, key=lambda each: each.minutes)),
    )


def closures_ahead(policy: Policy, now: float) -> Iterator[tuple[float, Verdict | None]]:
    """Yield the moments within a day at which everything may close or open, in their order, each
    with the verdict of `full_closure` from then on.

    A limit that may be used up by then is not foreseen.
    """
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    moments = [at for each in plan.closures if not each.about for at in (each.start, each.end)]
    moments += [at for each in plan.grants for at in (each.start, each.end)]
    for at in sorted(each for each in {*moments} if now < each <= now + DAY_SECONDS):
        yield at, full_closure(policy, at)


def next_opening_or_closing(policy: Policy, now: float) -> float | None:
    """Return when everything next closes or opens, within a day; None for never."""
    is_open = full_closure(policy, now) is None
    found = (at for at, closed in closures_ahead(policy, now) if (closed is None) is not is_open)
    return next(found, None)


def closes_at(policy: Policy, name: str, now: float) -> float | None:
    """Return when a name that is allowed is blocked next, within a day; None for never.

    A limit that may be used up by then is not foreseen.
    """
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    moments = {each.start for each in plan.closures} | {each.end for each in plan.grants}
    near = sorted(each for each in moments if now < each <= now + DAY_SECONDS)
    return next((at for at in near if decide(policy, name, A, at).blocks), None)


def _grants_ending(policy: Policy, now: float) -> Iterator[ClosingSoon]:
    for grant, about in grant_ends(policy, now, now + max(THRESHOLDS) * 60):
        yield ClosingSoon(Reason.GRANTED, about, ceil((grant.end - now) / 60))


def _closing_soon(
    plan: TimePlan, budgets: tuple[BudgetToday, ...], now: float
) -> tuple[ClosingSoon, ...]:
    """Return what closes soon, from the first warning about it on."""
    found = [
        ClosingSoon(each.reason, each.about, ceil((each.start - now) / 60))
        for each in plan.closures
        if each.reason is not Reason.BUDGET
        and each.start > now
        and not is_lifted(plan, each, each.start)
    ]
    found += [ClosingSoon(Reason.BUDGET, each.budget.about, each.left) for each in budgets]
    soon = [each for each in found if 0 < each.minutes <= max(THRESHOLDS)]
    return tuple(soon)


def _partial_closures(plan: TimePlan, now: float) -> Iterator[PartialClosure]:
    for each in plan.closures:
        if each.about and each.start <= now < each.end and not is_lifted(plan, each, now):
            yield PartialClosure(each.reason, each.about, each.period, each.end)


def _budgets_today(
    household: Household, profile: Profile, inputs: PolicyInputs, now: float
) -> Iterator[BudgetToday]:
    day = budget_day(now, zone_of(household.timezone), household.day_starts)
    who = household.id, profile.id
    used: Mapping[str, Minutes] = inputs.used.get(who, {})
    before: Mapping[str, Minutes] = inputs.used_before.get(who, {})
    for budget in budgets_in_force(household, profile):
        carried = before.get(budget.id)
        whole = minutes_of_day(budget, household, profile.id, day.day, carried)
        if whole is not None:
            yield BudgetToday(budget, whole, used.get(budget.id, NO_MINUTES))


def _day_spans(plan: TimePlan, start: float, end: float) -> Iterator[DaySpan]:
    """Yield what closes everything in the day, in the order in which it is drawn."""
    for each in plan.closures:
        if not each.about:
            yield from _spans_of(plan, each, start, end)


def _spans_of(plan: TimePlan, closure: Closure, start: float, end: float) -> Iterator[DaySpan]:
    for low, high in without_lifted(plan, closure):
        if low < end and high > start:
            low, high = max(low, start), min(high, end)
            yield DaySpan(closure.reason, _share(low, start, end), _share(high, start, end))


def _share(moment: float, start: float, end: float) -> int:
    return round(1000 * (moment - start) / (end - start))
