"""Soft ends: what was in use when something closed stays open for a while, new names do not.

So a match or a lesson is not cut in the middle.  The names become permissions that end by
themselves; nobody gave them and nobody keeps them.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from copdns.model.household import Household
from copdns.model.matchers import Match, Matcher
from copdns.model.times import Grant
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.policy.subjects import SubjectMatcher
from copdns.time.minutes import MINUTE, NO_MINUTES, Minutes
from copdns.time.plan import Closure

Who = tuple[str, str]
Used = Mapping[Who, Mapping[str, Minutes]]


class GracePeriod(NamedTuple):
    """Something that closes softly.  grace: seconds."""

    who: Who
    closure: Closure
    grace: int


def ending_schedules(live: Snapshot, start: float, end: float) -> Iterator[GracePeriod]:
    """Yield the schedules that close softly in (start, end]."""
    for who, policy, household in _timed(live):
        graces = {each.id: each.grace * MINUTE for each in household.schedules if each.grace}
        for closure in policy.time_rules.plan.closures if policy.time_rules and graces else ():
            grace = graces.get(closure.period, 0)
            if grace and closure.reason is Reason.SCHEDULE and start < closure.start <= end:
                yield GracePeriod(who, closure, grace)


def ended_budgets(live: Snapshot, before: Used, after: Used, now: float) -> Iterator[GracePeriod]:
    """Yield the budgets that were used up between two counts of their minutes."""
    for who, policy, household in _timed(live):
        graces = {each.id: each.grace * MINUTE for each in household.budgets if each.grace}
        for left in policy.time_rules.plan.remaining if policy.time_rules and graces else ():
            had = before.get(who, {}).get(left.id, NO_MINUTES).likely
            has = after.get(who, {}).get(left.id, NO_MINUTES).likely
            if graces.get(left.id) and left.minutes <= has - had:
                closure = Closure(Reason.BUDGET, now, left.end, left.about, left.id)
                yield GracePeriod(who, closure, graces[left.id])


def _timed(live: Snapshot) -> Iterator[tuple[Who, Policy, Household]]:
    for household in live.households.values():
        for profile in household.profiles:
            policy = live.policy(household.id, profile.id)
            if policy.time_rules is not None and policy.time_rules.plan.has_grace:
                yield (household.id, profile.id), policy, household


def grace_grants(policy: Policy, end: GracePeriod, names: Collection[str]) -> Iterator[Grant]:
    """Yield a permission for each name in use that the end would close."""
    closure = end.closure
    reach = SubjectMatcher(closure.about, policy.index.infos)
    for name in sorted(names):
        if not closure.about or reach.covers(name, policy.index.find(name)):
            start, until = closure.start, closure.start + end.grace
            about = Matcher(name, Match.EXACT)
            yield Grant(about, start, until, start, content=False, time=True)
