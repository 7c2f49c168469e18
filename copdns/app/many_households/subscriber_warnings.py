"""Tell browsers of a provider's families that something closes soon.

One program of all does it, for the households in which some browser asked for it.  Each is kept
with its times, and read again when it moves; its minutes of use come from all nodes.  Nothing of it
is on the bus of events, whose log and targets are the machine's: only browsers are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import structlog

from copdns.app.account_chores import AccountChores
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.app.time_events import SOON, time_plans, upcoming_closures
from copdns.model.errors import OddRowError, StoreError
from copdns.model.events import Event, EventKind, TimeEvent
from copdns.model.household import Household
from copdns.model.push import PushKind
from copdns.policy.build_snapshot import build_snapshot, profiles_of
from copdns.policy.chosen_filter import with_chosen_filter
from copdns.policy.decide import Policy
from copdns.policy.rules_reach import find_reach
from copdns.policy.snapshot import Snapshot
from copdns.privacy.own_numbers import inputs_for_others
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.push import PushStore
from copdns.store.postgres.outbox import Moved
from copdns.time.clock import Clock
from copdns.time.closing_soon import (
    ClosureWarning,
    UpcomingClosure,
    WarningState,
    due_warnings,
    take_back_warnings,
)
from copdns.time.plan import PolicyInputs

log = structlog.get_logger("copdns")

MOST: Final = 2000  # households with such a browser; of more, the rest is not told
LOOK_AGAIN: Final = 60.0  # seconds after which it is looked who asked for it
# Seconds without a look after which another program may have warned meanwhile.
TAKES_OVER: Final = 60.0
REST: Final = 3600.0  # seconds for which nothing is looked up of a household where nothing happens
ODD_FOR: Final = 60.0  # seconds after which a household is read again that could not be
PART: Final = 50  # households, between which queries are answered


@dataclass(slots=True)
class _Watched:
    """A household.  until: seconds since the epoch, when it is another.  people: those whose times
    hold for some device.  rests_until: nothing closes soon before.  snapshot: it has some 50 kB, so
    it is there while something closes soon; None: it is to be built."""

    home: Household
    until: float
    people: frozenset[str]
    rests_until: float = 0.0
    snapshot: Snapshot | None = None


class SubscriberWarnings:
    """tell: sends an event to the browsers that want it.  base: the snapshot that all share.
    has_macs_told: some routers tell the MAC addresses of devices."""

    def __init__(
        self,
        store: HouseholdStore,
        push: PushStore,
        account_chores: AccountChores,
        clock: Clock,
        base: Callable[[], Snapshot],
        policy_inputs: Callable[[], PolicyInputs],
        minutes: SubscriberMinutes,
        has_macs_told: Callable[[], bool],
        tell: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._store = store
        self._push = push
        self._account_chores = account_chores
        self._clock = clock
        self._base = base
        self._policy_inputs = policy_inputs
        self._minutes = minutes
        self._has_macs_told = has_macs_told
        self._tell = tell
        self._here: dict[str, _Watched] = {}
        self._odd: dict[str, float] = {}  # those that cannot be read, and until when they rest
        self._reading = ""  # what is being read now; "" also where it moved meanwhile
        self._wanted: tuple[str, ...] = ()
        self._state = WarningState()
        self._looked = self._last = 0.0  # seconds since the epoch
        self._is_full = False

    # --- what moves ---

    def has(self, household: str) -> bool:
        """Tell whether a household is here."""
        return household in self._here

    def policies_of(self, _household: str) -> tuple[Policy, ...]:
        """Return none: what is asked for has its policies elsewhere."""
        return ()

    def compile_again(self, household: str) -> None:
        """Build a household's times again: its minutes of use are others."""
        if (found := self._here.get(household)) is not None:
            found.snapshot, found.rests_until = None, 0.0

    def forget_after(
        self, other: Callable[[Sequence[Moved]], None]
    ) -> Callable[[Sequence[Moved]], None]:
        """Return what calls another function with what moved, and then has those read again."""

        def forget(moved: Sequence[Moved]) -> None:
            other(moved)
            for each in moved:
                self._odd.pop(each.household, None)
                if each.household == self._reading:
                    self._reading = ""
                if (found := self._here.get(each.household)) is not None:
                    found.until = 0.0

        return forget

    # --- what is told ---

    async def run_once(self) -> None:
        """Tell of what closes soon; raise StoreError."""
        now = self._clock().wall
        if self._clock.is_wrong:
            return
        if now - self._last > TAKES_OVER:  # also at the start: what is past was told of by others
            self._state = WarningState(warned_until=now)
        self._last = now
        await self._find_wanted(now)
        coming: list[UpcomingClosure] = []
        for place, household in enumerate(self._wanted):
            if place % PART == PART - 1:
                await asyncio.sleep(0)
            coming += await self._coming(household, now)
        before = self._state
        warnings, self._state = due_warnings(coming, before, now)
        for told, each in enumerate(warnings):
            try:
                await self._tell(_event_of(each))
            except StoreError:  # whom to tell cannot be looked up: the next look tells them
                self._state = take_back_warnings(warnings[told:], self._state, before)
                raise

    async def _find_wanted(self, now: float) -> None:
        if 0 <= now - self._looked < LOOK_AGAIN:
            return
        self._looked = now
        found: Sequence[str] = await self._push.households_wanting(PushKind.WARNINGS, MOST + 1)
        if len(found) > MOST and not self._is_full:
            log.warning("too many households want warnings: not all are told", most=MOST)
        self._is_full = len(found) > MOST
        self._wanted = tuple(found[:MOST])
        for gone in self._here.keys() - set(self._wanted):
            del self._here[gone]
        self._odd = {each: until for each, until in self._odd.items() if until > now}

    async def _coming(self, household: str, now: float) -> tuple[UpcomingClosure, ...]:
        """Return what closes soon for those whose times hold for a device."""
        watched = self._here.get(household)
        if watched is None or watched.until <= now:
            watched = await self._read_even_odd(household, now)
            if watched is None:
                return ()
        if now < watched.rests_until:
            return ()
        base, snapshot = self._base(), watched.snapshot
        if snapshot is None or snapshot.library is not base.library or snapshot.is_due(now):
            snapshot = watched.snapshot = self._build(watched.home, base, now)
            await asyncio.sleep(0)  # it took a millisecond
        used = self._minutes.limits_in_use(watched.home, now)
        closures = tuple(upcoming_closures(snapshot, used, now))
        if not (closures or used):
            watched.rests_until = min(_next_look(snapshot, watched.home, now), now + REST)
            watched.snapshot = None
        return tuple(each for each in closures if each.profile in watched.people)

    async def _read_even_odd(self, household: str, now: float) -> _Watched | None:
        """As `_read`; None also where it has rows that copdns does not write, which must hold up no
        warning of another family."""
        if self._odd.get(household, 0.0) > now:
            return None
        try:
            return await self._read(household)
        except OddRowError as error:
            log.error("a household cannot be read, so nobody there is warned", error=str(error))
            self._here.pop(household, None)
            self._odd[household] = now + ODD_FOR
            return None

    async def _read(self, household: str) -> _Watched | None:
        self._reading = household
        found = await self._store.household(household)
        if found is None:
            self._here.pop(household, None)
            return None
        admitted, until = await self._account_chores.with_own_guests(found)
        await self._minutes.take(admitted)
        told = self._has_macs_told()
        people = set()
        for each in found.profiles:
            reach = find_reach(found, each, has_macs_told=told)
            if reach.is_on and (reach.is_line or reach.devices):
                people.add(each.id)
        if self._reading != household:  # it moved while it was read: what is here may be old
            until = 0.0
        watched = _Watched(with_chosen_filter(admitted), until, frozenset(people))
        self._here[household] = watched
        return watched

    def _build(self, home: Household, base: Snapshot, now: float) -> Snapshot:
        """Return what holds, as others than the person may know it."""
        inputs = self._minutes.inputs_of(home, self._policy_inputs())
        shown = inputs_for_others(home, profiles_of(home), inputs, now)
        return build_snapshot(base, base.library, base.defaults, [home], now, shown)


def _event_of(warning: ClosureWarning) -> TimeEvent:
    closing = warning.closure
    return TimeEvent(
        EventKind.TIME_WARNING,
        closing.household,
        closing.profile,
        closing.reason,
        closing.id,
        closing.at,
        warning.minutes,
        closing.closes_everything,
    )


def _next_look(snapshot: Snapshot, home: Household, now: float) -> float:
    """Return when the first thing closes soon, or a permission ends soon, as far as is known."""
    plans = [plan for _, plan in time_plans(snapshot, home)]
    moments = [each.start for plan in plans for each in plan.closures]
    moments += [each.end for plan in plans for each in plan.grants]
    return min((each - SOON for each in moments if each > now), default=inf)
