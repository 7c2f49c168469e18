"""Whether somebody can use a service now, why, and what comes next: read off the verdicts on its
names, so that pages and answers say the same.  Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from copdns.dns.records import A
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.decide import Policy, decide, explain
from copdns.time.plan import NO_TIME_PLAN

AHEAD = 86_400  # seconds that are looked ahead
_BELOW = "www"  # stands for all names below one that is not meant itself
_CATEGORIES = StepNumber.CATEGORIES
_BLOCKED = frozenset({Action.BLOCK, Action.REFUSE})


class Extent(StrEnum):
    """How much of a service is blocked."""

    OPEN = "open"
    PARTLY = "partly"
    BLOCKED = "blocked"


class ServiceState(NamedTuple):
    """What can be done with a service at a moment.

    verdict: on the name of it that the earliest step blocks; of an open one, on its first name.
    until: when that verdict gives way to another one, within a day; None: not by then.  Minutes of
    a limit that may be used up are not foreseen.  then: that other verdict.
    also: where a contact kind blocks it, the verdict of a category that would block it without.
    """

    extent: Extent
    verdict: Verdict
    until: float | None = None
    then: Verdict | None = None
    also: Verdict | None = None


def service_state(policy: Policy, names: Iterable[Matcher], now: float) -> ServiceState:
    """Return the state of a service.  names: all that it owns; at least one."""
    hosts = [_host_of(each) for each in names]
    verdicts = [decide(policy, each, A, now) for each in hosts]
    blocked = [place for place, each in enumerate(verdicts) if _is_off(each)]
    lead = min(blocked, key=lambda place: verdicts[place].step, default=0)
    extent = Extent.PARTLY if blocked else Extent.OPEN
    if len(blocked) == len(hosts):
        extent = Extent.BLOCKED
    until, then = _next_of(policy, hosts[lead], verdicts[lead], now)
    also = _category_of(policy, hosts[lead], now) if _is_by_contact(verdicts[lead]) else None
    return ServiceState(extent, verdicts[lead], until, then, also)


def name_state(policy: Policy, name: str, now: float) -> ServiceState:
    """Return the state of one name, in lower case and without the dot at its end."""
    return service_state(policy, (Matcher(name, MatchKind.EXACT),), now)


def stays_blocked(state: ServiceState) -> bool:
    """Tell whether all of it is blocked, and still is when what blocks it now ends."""
    return state.extent is Extent.BLOCKED and state.then is not None and state.then.blocks


def _is_by_contact(verdict: Verdict) -> bool:
    return verdict.blocks and verdict.reason is Reason.CONTACT


def _category_of(policy: Policy, host: str, now: float) -> Verdict | None:
    """Return the verdict of the step of categories, where that blocks a host too."""
    found = (each.verdict for each in explain(policy, host, A, now) if each.number is _CATEGORIES)
    return next((each for each in found if each is not None and each.blocks), None)


def _host_of(matcher: Matcher) -> str:
    is_below = matcher.match is MatchKind.BELOW
    return f"{_BELOW}.{matcher.name}" if is_below else matcher.name


def _next_of(
    policy: Policy, host: str, verdict: Verdict, now: float
) -> tuple[float | None, Verdict | None]:
    """Return when a host's verdict gives way to another one, and that one; None for never."""
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    moments = {at for each in plan.closures for at in (each.start, each.end)}
    moments |= {at for each in plan.grants for at in (each.start, each.end)}
    for at in sorted(each for each in moments if now < each <= now + AHEAD):
        then = decide(policy, host, A, at)
        if _essence(then) != _essence(verdict):
            return at, then
    return None, None


def _is_off(verdict: Verdict) -> bool:
    """Tell whether a name cannot be used: also one that a signal to devices says not to exist."""
    return verdict.action in _BLOCKED or verdict.reason is Reason.CANARY


def _essence(verdict: Verdict) -> tuple[object, ...]:
    """Return what people are told of a verdict: not by when it ends, which moves on by itself."""
    if not _is_off(verdict):
        return (False, verdict.is_exception)
    return True, verdict.reason, verdict.period
