"""Chores for time, every second: count minutes, give grace periods, publish events and warnings.

`time/plan.py`, `time/ledger.py`, `app/time_events.py`, `app/grace_periods.py` and
`time/closing_soon.py` decide.  This module keeps their state, stores minutes once a minute, and has
the `policy_inputs` that policies are built from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import structlog

from copdns.app import time_events
from copdns.app.grace_periods import GracePeriod, ended_budgets, ending_schedules, grace_grants
from copdns.app.limit_days import LimitDays, note_own_limits, read_inputs
from copdns.app.time_events import TimeState
from copdns.events.bus import EventBus
from copdns.model.errors import StoreError
from copdns.model.events import ClockEvent, EventKind, TimeEvent
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.policy.build_snapshot import build_snapshot, profiles_of
from copdns.policy.snapshot import Snapshot
from copdns.privacy.own_numbers import hidden_limits, inputs_for_others
from copdns.store.log_db.usage import (
    UsageStore,
    close_days,
    load_clock,
    note_wrong_clock,
    save_clock,
)
from copdns.time.clock import Clock, LastSeen, continues_when_wrong
from copdns.time.closing_soon import WarningState, due_warnings
from copdns.time.days import DAY_SECONDS, budget_day, zone_of
from copdns.time.ledger import BudgetKey, UsageLedger
from copdns.time.minutes import (
    MINUTE,
    Usage,
    estimate,
)
from copdns.time.own_timers import OwnTimers
from copdns.time.plan import NO_INPUTS, PolicyInputs

log = structlog.get_logger("copdns")

AHEAD = 2.0  # seconds before a closure at which its grace period is prepared
IN_USE = 3  # minutes: a budget counts as in use for so long after its last minute
_ONE_DAY = timedelta(days=1)

Who = tuple[str, str]


class TimeChores:
    """The minutes of use, the clock and the time events of a running copdns.

    policy_inputs: another object as soon as policies have to be built again.
    ledger: the minutes of use.  own_timers: those that people start on their pages.
    """

    def __init__(
        self, folder: Path, snapshot: Callable[[], Snapshot], clock: Clock, events: EventBus
    ) -> None:
        self.policy_inputs = NO_INPUTS
        self.own_timers = OwnTimers()
        self._households: Mapping[str, Household] = {}
        self._limit_days = LimitDays(lambda each: self._households.get(each))
        self.ledger = UsageLedger(self._limit_days.day_of, self._limit_days.criteria_of)
        self._folder = folder
        self._snapshot = snapshot
        self._clock = clock
        self._events = events
        self._store = UsageStore(folder)
        self._minute = 0
        self._is_merged = False  # another box counted more since the last second
        self._recalled_on = date.min  # in UTC: when the stored minutes were read last
        self._used_at: dict[BudgetKey, float] = {}  # when each budget was used last
        self._time_state: TimeState | None = None
        self._warning_state = WarningState()
        self._for_others: tuple[Snapshot, PolicyInputs, Snapshot] | None = None
        self._failing = False
        self._begins_wrong = False

    async def begin(self, households: Iterable[Household]) -> None:
        """Continue from the last run; a log that cannot be read counts as empty."""
        self._set_households({each.id: each for each in households})
        try:
            last_seen = await asyncio.to_thread(load_clock, self._folder)
            now, wrong_since = self._begin_clock(last_seen)
            await self._recall(now)
            if wrong_since is not None:
                await asyncio.to_thread(note_wrong_clock, self._folder, wrong_since)
        except StoreError as error:
            now = self._clock().wall
            log.warning("usage minutes could not be read", error=str(error))
        self._minute = int(now) // MINUTE
        self.policy_inputs = replace(self._read_inputs(now), clock_is_wrong=self._clock.is_wrong)

    def _begin_clock(self, last_seen: LastSeen | None) -> tuple[float, float | None]:
        """Return the moment, and since when the clock is wrong (monotonic; None: it is right)."""
        wrong_since = self._clock.begin(last_seen, continues_when_wrong(self._households.values()))
        now = self._clock().wall
        self._begins_wrong = wrong_since is not None
        self._warning_state = WarningState(warned_until=last_seen.at if last_seen else 0.0)
        return now, wrong_since

    def set_missing(self, missing: frozenset[str]) -> bool:
        """Set the categories that lack a full list; tell whether they changed."""
        if missing == self.policy_inputs.missing_categories:
            return False
        self.policy_inputs = replace(self.policy_inputs, missing_categories=missing)
        return True

    def set_log_only(self, slugs: frozenset[str]) -> bool:
        """Set the lists that only count for now; tell whether they changed."""
        if slugs == self.policy_inputs.log_only:
            return False
        self.policy_inputs = replace(self.policy_inputs, log_only=slugs)
        return True

    async def run_second(self) -> bool:
        """Run the chores of a second; tell whether policies have to be built again."""
        snapshot, before = self._snapshot(), self.policy_inputs
        if self._begins_wrong:  # nobody who would tell it was there at the beginning
            self._begins_wrong = False
            self._events.publish(ClockEvent(EventKind.CLOCK_WRONG, self._clock().wall))
        if self._set_households(snapshot.households):
            note_own_limits(self.ledger, self._households.values(), self._clock().wall)
        if self._clock.recheck():
            self._events.publish(ClockEvent(EventKind.CLOCK_RIGHT, self._clock().wall))
        now = self._clock().wall
        ends = list(ending_schedules(snapshot, now, now + AHEAD))
        if int(now) // MINUTE != self._minute or self._is_merged:
            self._is_merged = False
            self._minute = int(now) // MINUTE
            self._note_closed(snapshot, now)
            await self._recall_daily(now)
            self._used_at |= dict.fromkeys(self.ledger.fold(now), now)
            self.policy_inputs = self._read_inputs(now)
            ends += ended_budgets(snapshot, before.used, self.policy_inputs.used, now)
            await self._save(now)
        self._add_grace(snapshot, ends, now)
        self.policy_inputs = replace(
            self.policy_inputs,
            clock_is_wrong=self._clock.is_wrong,
            own_timers=self.own_timers.running(now),
        )
        return self.policy_inputs != before

    def _note_closed(self, snapshot: Snapshot, now: float) -> None:
        """Note the budgets that were closed in the last minute."""
        last = now // MINUTE * MINUTE - 1
        for who, budgets in time_events.closed_budgets(snapshot, last):
            self.ledger.note_closed(*who, budgets, last)

    def tell(self) -> None:
        """Publish events of what happened since the last call, and warnings of what closes soon."""
        now = self._clock().wall
        snapshot = self.snapshot_for_others(now)
        after = time_events.time_state(snapshot, now)
        if self._time_state is not None:
            for event in time_events.time_events(self._time_state, after, now):
                self._events.publish(event)
        self._time_state = after
        recent = [
            used
            for used, at in self._used_at.items()
            if 0 <= now - at < IN_USE * MINUTE and not self._is_own(*used, now)
        ]
        warnings, self._warning_state = due_warnings(
            time_events.upcoming_closures(snapshot, recent, now), self._warning_state, now
        )
        for closing, minutes in warnings:
            self._events.publish(
                TimeEvent(
                    EventKind.TIME_WARNING,
                    closing.household,
                    closing.profile,
                    closing.reason,
                    closing.id,
                    closing.at,
                    minutes,
                    closing.closes_everything,
                )
            )

    def snapshot_for_others(self, now: float) -> Snapshot:
        """Return the snapshot as others may know it: events leave the person's own page.

        A second one is built only where something is hidden, and only after something changed.
        """
        snapshot, inputs = self._snapshot(), self.policy_inputs
        shown = inputs
        for household in snapshot.households.values():
            shown = inputs_for_others(household, profiles_of(household), shown, now)
        if shown is inputs:
            self._for_others = None
            return snapshot
        before = self._for_others
        if before is not None and before[0] is snapshot and before[1] == shown:
            return before[2]
        hidden = build_snapshot(
            snapshot if before is None else before[2],
            snapshot.library,
            snapshot.defaults,
            [*snapshot.households.values()],
            now,
            shown,
        )
        self._for_others = snapshot, shown, hidden
        return hidden

    def used_until(self, household: str, profile: str, budget: str, moment: float) -> int:
        """Return the minutes of a budget of today that were used until a moment; none where it is
        before today's start."""
        who = household, profile
        day = self._limit_days.day_of(*who, self._clock().wall)
        marks = self.ledger.marks(*who, budget, day).before(int(moment - day.start) // MINUTE)
        return estimate(marks, self._limit_days.criteria_of(*who, budget)).likely

    def _is_own(self, household: str, profile: str, budget: str, now: float) -> bool:
        """Tell whether the minutes of a budget are the person's alone to see."""
        home = self._households.get(household)
        person = next((e for e in profiles_of(home) if e.id == profile), None) if home else None
        if home is None or person is None:
            return False
        return budget in hidden_limits(home, person, self.policy_inputs, now)

    def merge(self, others: Iterable[Usage]) -> None:
        """Add the minutes of another box, as far as they are about limits that there are, today."""
        now = self._clock().wall
        limits = {
            (home.id, person.id, each.id)
            for home, person in self._profiles_with_budgets()
            for each in home.budgets
        }
        known = (
            each
            for each in others
            if (each.household, each.profile, each.budget) in limits
            and abs((each.day - _date(now)).days) <= 1
        )
        self._is_merged |= self.ledger.merge(known)

    def todays_usage(self) -> tuple[Usage, ...]:
        """Return the minutes of today, in any time zone, for another box."""
        today = _date(self._clock().wall)
        return self.ledger.usages_on([today - _ONE_DAY, today, today + _ONE_DAY])

    async def close(self) -> None:
        """Store what was counted so far."""
        now = self._clock().wall
        self.ledger.finish(now)
        await self._save(now)

    # --- what is read ---------------------------------------------------------------------------

    def _set_households(self, households: Mapping[str, Household]) -> bool:
        """Use these households from now on; tell whether they are others."""
        if households is self._households:
            return False
        self._households = households
        self._limit_days.clear()
        return True

    def _read_inputs(self, now: float) -> PolicyInputs:
        """Return the policy inputs with the minutes as they are now."""
        households = self._households.values()
        return read_inputs(self.ledger, self._limit_days, households, self.policy_inputs, now)

    def _profiles_with_budgets(self) -> Iterator[tuple[Household, Profile]]:
        for household in self._households.values():
            for profile in profiles_of(household) if household.budgets else ():
                yield household, profile

    async def _recall_daily(self, now: float) -> None:
        """Read the stored minutes again on another date.

        After the clock was set, the day may have been counted before, by an earlier run or by this
        one, which holds few days in memory.
        """
        if _date(now) == self._recalled_on:
            return
        await self._save(now)  # reading may drop a day from memory
        if self._failing:
            return  # the next minute tries again
        try:
            await self._recall(now)
        except StoreError as error:
            log.warning("usage minutes could not be read", error=str(error))

    async def _recall(self, now: float) -> None:
        """Read the stored minutes of today and yesterday, in any time zone.

        Not those of later days, which a wrong clock counted: they would drop yesterday from memory.
        """
        today = _date(now)
        stored = await asyncio.to_thread(self._store.load, today - 2 * _ONE_DAY)
        self.ledger.load(each for each in stored if each.day <= today + _ONE_DAY)
        self._recalled_on = today

    def _add_grace(self, snapshot: Snapshot, ends: Iterable[GracePeriod], now: float) -> None:
        """Add grants for the names in use to those that have not ended."""
        open_now = {
            who: {grant for grant in grants if grant.end > now}
            for who, grants in self.policy_inputs.in_use.items()
        }
        for end in ends:
            names = self.ledger.names_in_use(*end.who, now)
            grants = grace_grants(snapshot.policy(*end.who), end, names)
            open_now.setdefault(end.who, set()).update(grants)
        in_use = {who: tuple(sorted(each, key=str)) for who, each in open_now.items() if each}
        self.policy_inputs = replace(self.policy_inputs, in_use=in_use)

    # --- what is kept ---------------------------------------------------------------------------

    async def _save(self, now: float) -> None:
        """Store the minutes; where that fails, log it once and try again."""
        usages = self.ledger.take_unsaved()
        try:
            erased = await asyncio.to_thread(self._write, usages, now)
        except StoreError as error:
            self.ledger.put_back(usages)
            if not self._failing:
                log.warning("usage minutes could not be saved", error=str(error))
            self._failing = True
            return
        self._failing = False
        for who in erased:
            self.ledger.erase(*who)

    def _write(self, usages: Sequence[Usage], now: float) -> frozenset[Who]:
        """Write the minutes and the clock, and close past days; runs in a thread."""
        erased = self._store.save(usages)
        for household in self._households.values():
            people = profiles_of(household)
            counted = [each.id for each in people if each.privacy is not PrivacyMode.OFF]
            close_days(self._folder, household.id, _first_day(household, now), counted)
        if not self._clock.is_wrong:
            save_clock(self._folder, now)
        return erased


def _first_day(household: Household, now: float) -> date:
    """Return the earliest date that is today for anybody of a household."""
    homes = (household, *map(household.local_to, household.profiles))
    return min(budget_day(now, zone_of(each.timezone), each.day_starts).day for each in homes)


def _date(now: float) -> date:
    return date(1970, 1, 1) + int(now // DAY_SECONDS) * _ONE_DAY
