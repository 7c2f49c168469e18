"""What closes when a permission ends, and what it keeps from closing until then.

A permission moves the moments at which time closes something: a bedtime that it lifts begins, for
the person, when it ends.  Warnings, the child's page and the drawing of the day ask here.  Pure;
moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from copdns.model.matchers import Matcher
from copdns.model.times import Grant, Subject, Topic
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy, decide_about
from copdns.policy.subjects import SubjectMatcher
from copdns.time.minutes import MINUTE
from copdns.time.plan import NO_TIME_PLAN, Closure, TimePlan


class GrantEnd(NamedTuple):
    """A permission whose end closes something.  about: what; empty for everything."""

    grant: Grant
    about: tuple[Subject, ...]


def is_lifted(plan: TimePlan, closure: Closure, at: float) -> bool:
    """Tell whether a permission opens all that a closure closes at a moment."""
    return any(_lifts(each, closure) and each.start <= at < each.end for each in plan.grants)


def _lifts(grant: Grant, closure: Closure) -> bool:
    if not grant.time or (closure.reason is Reason.PAUSED and grant.given < closure.start):
        return False
    return grant.about is None or closure.about == (grant.about,)


def grant_ends(policy: Policy, now: float, until: float) -> Iterator[GrantEnd]:
    """Yield the permissions that end after `now`, at `until` at the latest, and close something.

    Not those of grace periods, which somebody was told the end of already.
    """
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    for grant in plan.grants:
        if grant.id and now < grant.end <= until:
            about = _closed_by_end(policy, plan, grant)
            if about is not None:
                yield GrantEnd(grant, about)


def _closed_by_end(policy: Policy, plan: TimePlan, grant: Grant) -> tuple[Subject, ...] | None:
    """Return what the end of a permission closes, empty for everything; None: nothing."""
    if grant.about is not None:
        before = decide_about(policy, grant.about, max(grant.start, grant.end - 1))
        after = decide_about(policy, grant.about, grant.end)
        return (grant.about,) if after.blocks and not before.blocks else None
    closing = [
        each
        for each in plan.closures
        if each.start < grant.end < each.end
        and _lifts(grant, each)
        and not is_lifted(plan, each, grant.end)
    ]
    if not closing:
        return None
    if any(not each.about for each in closing):
        return ()
    return tuple(dict.fromkeys(subject for each in closing for subject in each.about))


def opened_budgets(policy: Policy, now: float) -> frozenset[str]:
    """Return the ids of budgets of which a permission opens some names in the minute of a moment.

    What it opens is not charged; a silence beside it may be that, so it is no use either.  Where
    two topics may share names, they count as sharing some: the estimate errs for the child.
    """
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    if not plan.remaining:
        return frozenset()
    minute = now // MINUTE * MINUTE
    grants = [
        each
        for each in plan.grants
        if each.time and each.start < minute + MINUTE and each.end > minute
    ]
    return frozenset(
        budget.id
        for budget in plan.remaining
        if any(_share_names(policy, budget.about, each.about) for each in grants)
    )


def _share_names(policy: Policy, counted: tuple[Subject, ...], opened: Subject | None) -> bool:
    """Tell whether some names may be both counted by a budget and opened by a permission."""
    if not counted or opened is None:
        return True
    if not isinstance(opened, Matcher):
        return any(isinstance(each, Topic) or _has(policy, opened, each) for each in counted)
    return any(
        _has(policy, each, opened)
        if isinstance(each, Topic)
        else each.covers(opened.name) or opened.covers(each.name)
        for each in counted
    )


def _has(policy: Policy, topic: Topic, matcher: Matcher) -> bool:
    entries = policy.find_entries(matcher.name)
    return SubjectMatcher((topic,), policy.index.infos).covers(matcher.name, entries)


def end_of_lift(policy: Policy, now: float) -> float | None:
    """Return when a pause or schedule that permissions lift now closes everything again, unless it
    ends before; None: nothing is lifted."""
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    starts = (
        start
        for each in plan.closures
        if not each.about and each.start <= now < each.end
        for start, _ in without_lifted(plan, each)
        if start > now
    )
    return min(starts, default=None)


def without_lifted(plan: TimePlan, closure: Closure) -> Iterator[tuple[float, float]]:
    """Yield the spans of a closure, start and end, in which no permission lifts it."""
    start = closure.start
    for grant in sorted(plan.grants, key=lambda each: each.start):
        if not _lifts(grant, closure) or grant.end <= start or grant.start >= closure.end:
            continue
        if grant.start > start:
            yield start, grant.start
        start = grant.end
    if start < closure.end:
        yield start, closure.end
