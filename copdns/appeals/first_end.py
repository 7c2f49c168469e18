"""What ends a yes first: a schedule, a pause, a daily limit, or the permission's own end.

A yes to what lists or rules block leaves times as they are, so an hour can end after ten minutes at
bedtime, or when the limit of the day is used up.  Whoever answers, and whoever reads the answer, is
told so before.  Pure; moments are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from copdns.appeals.appeal import (
    TIME_RULES,
    WAITING,
    Appeal,
    AppealRequest,
    AppealState,
    WantedLength,
)
from copdns.appeals.opening import ends_at, local_household
from copdns.dns.records import A
from copdns.model.household import Household
from copdns.model.times import Grant
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy, charged_budgets, decide_with_grant
from copdns.policy.today import BudgetToday
from copdns.time.plan import NO_TIME_PLAN

_YES = frozenset({AppealState.GRANTED, AppealState.LIMITED})


class FirstEnd(NamedTuple):
    """What ends a yes first.

    reason: PAUSED, SCHEDULE or BUDGET, or GRANTED for the permission's own end.  id: of the
    schedule or budget.  at: when; None for a budget, whose minutes of use nobody can foresee.
    minutes: left of it.
    """

    reason: Reason
    id: str = ""
    at: float | None = None
    minutes: int = 0


def first_end_of(
    policy: Policy,
    household: Household,
    appeal: Appeal,
    budgets: Iterable[BudgetToday],
    now: float,
) -> FirstEnd | None:
    """Return what ends the yes that an appeal got, or would end the one that it waits for.

    budgets: those of today (`policy/today.py`).
    """
    if appeal.state in WAITING or appeal.state is AppealState.TALK:
        return end_of_a_yes(policy, household, appeal.ask, budgets, now)
    return end_of_the_yes(policy, appeal, budgets, now)


def end_of_a_yes(
    policy: Policy,
    household: Household,
    ask: AppealRequest,
    budgets: Iterable[BudgetToday],
    now: float,
) -> FirstEnd | None:
    """Return what would end a yes of the length that was asked for, or of today for ALWAYS.

    budgets: those of today (`policy/today.py`).  None: it would open nothing, or is about no name.
    """
    wanted = WantedLength.TODAY if ask.wanted is WantedLength.ALWAYS else ask.wanted
    time = ask.to.reason in TIME_RULES
    end = ends_at(wanted, local_household(household, ask.profile), int(now))
    yes = Grant(None, now, end, now, content=not time, time=time)
    return _first_end(policy, ask.name, yes, budgets, now)


def end_of_the_yes(
    policy: Policy, appeal: Appeal, budgets: Iterable[BudgetToday], now: float
) -> FirstEnd | None:
    """Return what ends the yes that an appeal got; None where it has no end, or is not open now."""
    answer = appeal.answer
    if answer is None or answer.until is None or appeal.state not in _YES:
        return None
    # The permissions that it made are in the policy; this one adds nothing to them.
    yes = Grant(None, answer.at, answer.until, answer.at, content=False)
    return _first_end(policy, appeal.ask.name, yes, budgets, now)


def _first_end(
    policy: Policy, name: str, yes: Grant, budgets: Iterable[BudgetToday], now: float
) -> FirstEnd | None:
    if not name or yes.end <= now:
        return None
    verdict = decide_with_grant(policy, name, A, yes, now)
    if verdict.blocks:
        return None
    ends = [FirstEnd(Reason.GRANTED, at=yes.end), *_closures(policy, name, yes, now)]
    first = min(ends, key=lambda each: each.at or yes.end)
    limit = None if yes.time else _limit(policy, name, verdict, budgets, now)
    if limit is not None and now + limit.minutes * 60 < (first.at or yes.end):
        return limit
    return first


def _closures(policy: Policy, name: str, yes: Grant, now: float) -> Iterable[FirstEnd]:
    """Yield the first pause or schedule that closes the name before the yes ends."""
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    starts = sorted({each.start for each in plan.closures if now < each.start < yes.end})
    for at in starts:
        verdict = decide_with_grant(policy, name, A, yes, at)
        if verdict.blocks and verdict.reason in TIME_RULES:
            yield FirstEnd(verdict.reason, verdict.period, at)
            return


def _limit(
    policy: Policy, name: str, verdict: Verdict, budgets: Iterable[BudgetToday], now: float
) -> FirstEnd | None:
    """Return the limit with the fewest minutes left of those that count the name."""
    counted = charged_budgets(policy, name, verdict, now) or ()
    left = [
        FirstEnd(Reason.BUDGET, each.budget.id, None, each.left)
        for each in budgets
        if each.budget.id in counted
    ]
    return min(left, key=lambda each: each.minutes, default=None)
