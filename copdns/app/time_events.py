"""How things stand for every profile at a moment, and what happened between two moments.

Compared as values, so that an event is told once, whatever made it happen: the hour, a guardian,
minutes that were used up, or a clock that was set.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple, TypeVar

from copdns.model.events import Event, EventKind, GrantEvent, PauseEvent, TicketEvent, TimeEvent
from copdns.model.household import Household
from copdns.model.times import Grant, Origin, Pause, Ticket
from copdns.model.verdict import Reason
from copdns.policy.snapshot import Snapshot
from copdns.time.budget import RemainingBudget
from copdns.time.closing_soon import UpcomingClosure
from copdns.time.days import budget_day, zone_of
from copdns.time.minutes import MINUTE
from copdns.time.plan import NO_TIME_PLAN, Closure, TimePlan

Key = tuple[str, str]
Value = TypeVar("Value")

SOON = 16 * MINUTE  # seconds: what begins later is not warned of yet
_PLANNED = (Reason.SCHEDULE, Reason.BUDGET)


class ActiveClosure(NamedTuple):
    """Something that is closed now.  everything: all names."""

    reason: Reason
    id: str
    everything: bool


@dataclass(frozen=True, slots=True)
class TimeState:
    """What holds, by ids of household and profile."""

    shut: Mapping[Key, frozenset[ActiveClosure]] = field(default_factory=dict)
    pauses: Mapping[Key, Pause] = field(default_factory=dict)
    grants: Mapping[Key, Grant] = field(default_factory=dict)
    redeemed: Mapping[Key, Ticket] = field(default_factory=dict)


def time_state(live: Snapshot, now: float) -> TimeState:
    """Return how things stand.  Keys of grants and tickets are ids of household and their own."""
    shut: dict[Key, frozenset[ActiveClosure]] = {}
    pauses: dict[Key, Pause] = {}
    grants: dict[Key, Grant] = {}
    redeemed: dict[Key, Ticket] = {}
    for household in live.households.values():
        for who, timing in timings(live, household):
            found = frozenset(
                ActiveClosure(each.reason, each.period, not each.about)
                for each in timing.closures
                if each.reason in _PLANNED and each.start <= now < each.end
            )
            if found:
                shut[who] = found
        for pause in household.pauses:
            if pause.start <= now < (inf if pause.end is None else pause.end):
                pauses[household.id, pause.profile] = pause
        for grant in household.grants:
            if grant.start <= now < grant.end:
                grants[household.id, grant.id] = grant
        for ticket in household.tickets:
            if ticket.redeemed is not None:
                redeemed[household.id, ticket.id] = ticket
    return TimeState(shut, pauses, grants, redeemed)


def timings(live: Snapshot, household: Household) -> Iterator[tuple[tuple[str, str], TimePlan]]:
    """Yield what time adds to each profile of a household."""
    for profile in household.profiles:
        timed = live.policy(household.id, profile.id).time_rules
        yield (household.id, profile.id), timed.plan if timed else NO_TIME_PLAN


def closed_budgets(live: Snapshot, now: float) -> Iterator[tuple[Key, frozenset[str]]]:
    """Yield for each profile the budgets of which nothing can be used now: they are spent, or
    everything is closed."""
    for household in live.households.values():
        for who, timing in timings(live, household):
            shut = [each for each in timing.closures if each.start <= now < each.end]
            spent = {each.period for each in shut if each.reason is Reason.BUDGET}
            if any(not each.about for each in shut):
                spent |= {each.id for each in timing.remaining}
            if spent:
                yield who, frozenset(spent)


def time_events(before: TimeState, after: TimeState, now: float) -> Iterator[Event]:
    """Yield what happened between two moments; what ended first, then what began."""
    yield from _shut(EventKind.TIME_OPENED, before, after, now)
    yield from _shut(EventKind.TIME_CLOSED, after, before, now)
    for (household, profile), pause in _gone(before.pauses, after.pauses):
        yield PauseEvent(EventKind.PAUSE_ENDED, household, profile, now, now, pause.homework)
    for (household, profile), pause in _gone(after.pauses, before.pauses):
        yield PauseEvent(EventKind.PAUSE_BEGAN, household, profile, now, pause.end, pause.homework)
    for (household, _), grant in _gone(before.grants, after.grants):
        until = min(now, grant.end)
        yield GrantEvent(
            EventKind.GRANT_ENDED, household, grant.profile, grant.id, now, until, grant.origin
        )
    for (household, _), grant in _gone(after.grants, before.grants):
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
    for (household, _), ticket in _gone(after.redeemed, before.redeemed):
        yield TicketEvent(
            EventKind.TICKET_REDEEMED, household, ticket.redeemed_by, ticket.id, now, ticket.minutes
        )


def _shut(kind: EventKind, here: TimeState, there: TimeState, now: float) -> Iterator[TimeEvent]:
    """Yield what is shut here and not there."""
    for who, shut in here.shut.items():
        for each in sorted(shut - there.shut.get(who, frozenset())):
            yield TimeEvent(
                kind, *who, reason=each.reason, id=each.id, at=now, everything=each.everything
            )


def _gone(here: Mapping[Key, Value], there: Mapping[Key, Value]) -> list[tuple[Key, Value]]:
    """Return what is here and not there."""
    return [(key, value) for key, value in here.items() if key not in there]


def upcoming_closures(
    live: Snapshot, used_now: Iterable[tuple[str, str, str]], now: float
) -> Iterator[UpcomingClosure]:
    """Yield what closes soon, for warnings.

    used_now: budgets that were used in the minutes just past, by household, profile and id; a
    budget that nobody uses ends nowhere.
    """
    in_use = frozenset(used_now)
    for household in live.households.values():
        day = budget_day(now, zone_of(household.timezone), household.day_starts).start
        for who, timing in timings(live, household):
            yield from (
                UpcomingClosure(*who, each.reason, each.period, each.start, None, not each.about)
                for each in timing.closures
                if _is_soon(each, now)
            )
            yield from (
                _ending(who, each, day, now)
                for each in timing.remaining
                if (*who, each.id) in in_use
            )


def _is_soon(closure: Closure, now: float) -> bool:
    return closure.reason is not Reason.BUDGET and now < closure.start < now + SOON


def _ending(who: tuple[str, str], left: RemainingBudget, day: float, now: float) -> UpcomingClosure:
    at = now + left.minutes * MINUTE
    return UpcomingClosure(*who, Reason.BUDGET, left.id, at, day, not left.about)
