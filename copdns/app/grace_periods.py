"""Grace periods: names that are in use when something closes stay open for a while; others do not.

So a match or a lesson is not cut off.  Each name gets a grant that ends by itself; these grants are
not stored.  Pure.  Moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from copdns.model.household import Household
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Grant
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.policy.subjects import SubjectMatcher
from copdns.time.minutes import MINUTE, NO_MINUTES, Minutes
from copdns.time.plan import Closure

Who = tuple[str, str]
MinutesByProfile = Mapping[Who, Mapping[str, Minutes]]


class GracePeriod(NamedTuple):
    """A closure with a grace period.  grace: seconds."""

    who: Who
    closure: Closure
    grace: int


def ending_schedules(snapshot: Snapshot, start: float, end: float) -> Iterator[GracePeriod]:
    """Yield the schedules with a grace period that close in (start, end]."""
    for who, policy, household in _profiles_with_grace(snapshot):
        graces = {each.id: each.grace * MINUTE for each in household.schedules if each.grace}
        for closure in policy.time_rules.plan.closures if policy.time_rules and graces else ():
            grace = graces.get(closure.period, 0)
            if grace and closure.reason is Reason.SCHEDULE and start < closure.start <= end:
                yield GracePeriod(who, closure, grace)


def ended_budgets(
    snapshot: Snapshot, before: MinutesByProfile, after: MinutesByProfile, now: float
) -> Iterator[GracePeriod]:
    """Yield the budgets with a grace period that were used up between two counts of minutes."""
    for who, policy, household in _profiles_with_grace(snapshot):
        graces = {each.id: each.grace * MINUTE for each in household.budgets if each.grace}
        for remaining in policy.time_rules.plan.remaining if policy.time_rules and graces else ():
            had = before.get(who, {}).get(remaining.id, NO_MINUTES).likely
            has = after.get(who, {}).get(remaining.id, NO_MINUTES).likely
            if graces.get(remaining.id) and remaining.minutes <= has - had:
                closure = Closure(Reason.BUDGET, now, remaining.end, remaining.about, remaining.id)
                yield GracePeriod(who, closure, graces[remaining.id])


def used_up_budgets(
    household: Household, before: Policy, after: Policy, now: float
) -> Iterator[GracePeriod]:
    """Yield the budgets with a grace period that had minutes left in one policy of a profile, and
    have none in the next."""
    if before.time_rules is None or after.time_rules is None:
        return
    graces = {each.id: each.grace * MINUTE for each in household.budgets if each.grace}
    left = {each.id for each in before.time_rules.plan.remaining}
    for each in after.time_rules.plan.closures:
        is_new = each.reason is Reason.BUDGET and each.start <= now < each.end
        if is_new and each.period in left and graces.get(each.period):
            closure = replace(each, start=now)
            yield GracePeriod((household.id, before.profile), closure, graces[each.period])


def _profiles_with_grace(snapshot: Snapshot) -> Iterator[tuple[Who, Policy, Household]]:
    for household in snapshot.households.values():
        for profile in household.profiles:
            policy = snapshot.policy(household.id, profile.id)
            if policy.time_rules is not None and policy.time_rules.plan.has_grace:
                yield (household.id, profile.id), policy, household


def grace_grants(policy: Policy, end: GracePeriod, names: Collection[str]) -> Iterator[Grant]:
    """Yield a grant for each name in use that the closure covers."""
    closure = end.closure
    matcher = SubjectMatcher(closure.about, policy.index.infos)
    for name in sorted(names):
        if not closure.about or matcher.covers(name, policy.find_entries(name)):
            start, until = closure.start, closure.start + end.grace
            about = Matcher(name, MatchKind.EXACT)
            yield Grant(about, start, until, start, content=False, time=True)
