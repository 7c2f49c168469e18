"""The state of times and grants at a moment, and the events between two states.

States are compared as values, so an event comes once, whatever caused it: the hour, a guardian,
minutes that were used up, or a clock that was set.  Pure.  Moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple, TypeVar

from copdns.model.events import Event, EventKind, GrantEvent, PauseEvent, TicketEvent, TimeEvent
from copdns.model.household import Household
from copdns.model.times import Grant, Origin, PauseSpan, Ticket
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy
from copdns.policy.grant_ends import grant_ends, is_lifted, opened_budgets
from copdns.policy.snapshot import Snapshot
from copdns.time.budget import RemainingBudget
from copdns.time.closing_soon import UpcomingClosure
from copdns.time.days import budget_day, zone_of
from copdns.time.minutes import MINUTE
from copdns.time.plan import NO_TIME_PLAN, Closure, TimePlan

Key = tuple[str, str]
Value = TypeVar("Value")

SOON = 16 * MINUTE  # seconds: there is no warning of what begins later
_PLANNED = (Reason.SCHEDULE, Reason.BUDGET)


class ActiveClosure(NamedTuple):
    """A schedule or budget that closes now.  id: its id.  everything: it closes all names."""

    reason: Reason
    id: str
    everything: bool


@dataclass(frozen=True, slots=True)
class TimeState:
    """What is closed, paused, granted and redeemed at a moment.

    closed, pauses: by ids of household and profile.  grants, redeemed: by ids of household and
    grant or ticket.
    """

    closed: Mapping[Key, frozenset[ActiveClosure]] = field(default_factory=dict)
    pauses: Mapping[Key, PauseSpan] = field(default_factory=dict)
    grants: Mapping[Key, Grant] = field(default_factory=dict)
    redeemed: Mapping[Key, Ticket] = field(default_factory=dict)


def time_state(snapshot: Snapshot, now: float) -> TimeState:
    """Return the state of all households at a moment."""
    closed: dict[Key, frozenset[ActiveClosure]] = {}
    pauses: dict[Key, PauseSpan] = {}
    grants: dict[Key, Grant] = {}
    redeemed: dict[Key, Ticket] = {}
    for household in snapshot.households.values():
        for who, plan in time_plans(snapshot, household):
            found = frozenset(
                ActiveClosure(each.reason, each.period, not each.about)
                for each in plan.closures
                if each.reason in _PLANNED and each.start <= now < each.end
            )
            if found:
                closed[who] = found
        for pause in household.pauses:
            if pause.start <= now < (inf if pause.end is None else pause.end):
                pauses[household.id, pause.profile] = pause
        for grant in household.grants:
            if grant.start <= now < grant.end:
                grants[household.id, grant.id] = grant
        for ticket in household.tickets:
            if ticket.redeemed is not None:
                redeemed[household.id, ticket.id] = ticket
    return TimeState(closed, pauses, grants, redeemed)


def time_plans(
    snapshot: Snapshot, household: Household
) -> Iterator[tuple[tuple[str, str], TimePlan]]:
    """Yield the time plan of each profile of a household."""
    for profile in household.profiles:
        time_rules = snapshot.policy(household.id, profile.id).time_rules
        yield (household.id, profile.id), time_rules.plan if time_rules else NO_TIME_PLAN


def closed_budgets(snapshot: Snapshot, now: float) -> Iterator[tuple[Key, frozenset[str]]]:
    """Yield for each profile the ids of budgets of which a silence is no use in the minute of a
    moment: they are used up, all names are closed, or a permission opens what they count."""
    for household in snapshot.households.values():
        for who, _ in time_plans(snapshot, household):
            if spent := closed_budgets_of(snapshot.policy(*who), now):
                yield who, spent


def closed_budgets_of(policy: Policy, now: float) -> frozenset[str]:
    """Return the same of one policy."""
    if policy.time_rules is None:
        return frozenset()
    plan = policy.time_rules.plan
    closed = [each for each in plan.closures if each.start <= now < each.end]
    spent = {each.period for each in closed if each.reason is Reason.BUDGET}
    if any(not each.about for each in closed):
        spent |= {each.id for each in plan.remaining}
    return frozenset(spent | opened_budgets(policy, now))


def time_events(before: TimeState, after: TimeState, now: float) -> Iterator[Event]:
    """Yield the events between two states: of each kind what ended, then what began."""
    yield from _closure_events(EventKind.TIME_OPENED, before, after, now)
    yield from _closure_events(EventKind.TIME_CLOSED, after, before, now)
    for (household, profile), pause in _only_in_first(before.pauses, after.pauses):
        yield PauseEvent(EventKind.PAUSE_ENDED, household, profile, now, now, pause.homework)
    for (household, profile), pause in _only_in_first(after.pauses, before.pauses):
        yield PauseEvent(EventKind.PAUSE_BEGAN, household, profile, now, pause.end, pause.homework)
    for (household, _), grant in _only_in_first(before.grants, after.grants):
        until = min(now, grant.end)
        yield GrantEvent(
            EventKind.GRANT_ENDED, household, grant.profile, grant.id, now, until, grant.origin
        )
    for (household, _), grant in _only_in_first(after.grants, before.grants):
        if grant.origin is not Origin.TICKET:
            yield GrantEvent(
                EventKind.GRANT_GIVEN,
                household,
                grant.profile,
                grant.id,
                now,
                grant.end,
                grant.origin,
            )
    for (household, _), ticket in _only_in_first(after.redeemed, before.redeemed):
        yield TicketEvent(
            EventKind.TICKET_REDEEMED, household, ticket.redeemed_by, ticket.id, now, ticket.minutes
        )


def _closure_events(
    kind: EventKind, here: TimeState, there: TimeState, now: float
) -> Iterator[TimeEvent]:
    """Yield an event for each closure that is in one state and not in the other."""
    for who, closed in here.closed.items():
        for each in sorted(closed - there.closed.get(who, frozenset())):
            yield TimeEvent(
                kind, *who, reason=each.reason, id=each.id, at=now, everything=each.everything
            )


def _only_in_first(
    here: Mapping[Key, Value], there: Mapping[Key, Value]
) -> list[tuple[Key, Value]]:
    """Return the items whose keys are only in the first mapping."""
    return [(key, value) for key, value in here.items() if key not in there]


def upcoming_closures(
    snapshot: Snapshot, used_now: Iterable[tuple[str, str, str]], now: float
) -> Iterator[UpcomingClosure]:
    """Yield what closes soon, for warnings.

    used_now: the budgets used in the last minutes, as ids of household, profile and budget; of
    others there is no warning.
    """
    in_use = frozenset(used_now)
    for household in snapshot.households.values():
        for who, plan in time_plans(snapshot, household):
            yield from (
                UpcomingClosure(*who, each.reason, each.period, each.start, None, not each.about)
                for each in plan.closures
                if _is_soon(each, now) and not is_lifted(plan, each, each.start)
            )
            for grant, about in grant_ends(snapshot.policy(*who), now, now + SOON):
                yield UpcomingClosure(*who, Reason.GRANTED, grant.id, grant.end, None, not about)
            used = [each for each in plan.remaining if (*who, each.id) in in_use]
            if used:  # else there is no need to look at a calendar for each person
                day = budget_day(now, zone_of(plan.zone), household.day_starts).start
                yield from (_budget_end(who, each, day, now) for each in used)


def _is_soon(closure: Closure, now: float) -> bool:
    return closure.reason is not Reason.BUDGET and now < closure.start < now + SOON


def _budget_end(
    who: tuple[str, str], remaining: RemainingBudget, day: float, now: float
) -> UpcomingClosure:
    at = now + remaining.minutes * MINUTE
    return UpcomingClosure(*who, Reason.BUDGET, remaining.id, at, day, not remaining.about)
