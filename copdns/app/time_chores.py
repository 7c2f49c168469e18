"""Beside the answering, every second: count minutes, let soft ends be soft, tell what happens.

What is decided stands in `time/plan.py`, `time/ledger.py`, `app/time_events.py` and
`time/closing_soon.py`; here it is kept between two looks, stored once a minute, and handed to
whoever builds policies, as `readings`.
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
from copdns.app.time_events import TimeState
from copdns.events.bus import EventBus
from copdns.model.errors import StoreError
from copdns.model.events import ClockEvent, EventKind, TimeEvent
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.policy.snapshot import Snapshot, profiles_of
from copdns.store.log_db.usage import (
    UsageStore,
    close_days,
    load_clock,
    note_wrong_clock,
    save_clock,
)
from copdns.time.clock import Clock, LastSeen, continues_when_wrong
from copdns.time.closing_soon import WarningState, due_warnings
from copdns.time.days import DAY_SECONDS, BudgetDay, budget_day, zone_of
from copdns.time.ledger import UsageLedger, Used
from copdns.time.minutes import MINUTE, NARROW, WIDE, Day, Minutes, Usage, UseCriteria
from copdns.time.plan import NO_INPUTS, PolicyInputs, carried_budgets

log = structlog.get_logger("copdns")

AHEAD = 2.0  # seconds before a soft end, in which what is in use is looked up
IN_USE = 3  # minutes: a budget that was used so recently is in use
_ONE_DAY = timedelta(days=1)

Who = tuple[str, str]


class TimeChores:
    """What time needs to be kept of, of a running copdns.

    readings: for building policies; another object as soon as they are to be built anew.
    """

    def __init__(
        self, folder: Path, live: Callable[[], Snapshot], clock: Clock, events: EventBus
    ) -> None:
        self.readings = NO_INPUTS
        self.ledger = UsageLedger(self._day_of, self._sense_of)
        self._folder = folder
        self._live = live
        self._clock = clock
        self._events = events
        self._store = UsageStore(folder)
        self._households: Mapping[str, Household] = {}
        self._days: dict[str, BudgetDay] = {}
        self._minute = 0
        self._recalled = date.min  # the date, in UTC, on which what is stored was read last
        self._used_at: dict[Used, float] = {}  # when each budget was used last
        self._standing: TimeState | None = None
        self._told = WarningState()
        self._failing = False

    async def begin(self, households: Iterable[Household]) -> None:
        """Take up where the last run left off; a log that cannot be read is none."""
        self._know({each.id: each for each in households})
        try:
            seen = await asyncio.to_thread(load_clock, self._folder)
            now, wrong_since = self._begin_clock(seen)
            await self._recall(now)
            if wrong_since is not None:
                await asyncio.to_thread(note_wrong_clock, self._folder, wrong_since)
        except StoreError as error:
            now = self._clock().wall
            log.warning("usage minutes could not be read", error=str(error))
        self._minute = int(now) // MINUTE
        self.readings = replace(self._read(now), clock_is_wrong=self._clock.is_wrong)

    def _begin_clock(self, seen: LastSeen | None) -> tuple[float, float | None]:
        """Return the moment, and since when the clock is wrong."""
        wrong_since = self._clock.begin(seen, continues_when_wrong(self._households.values()))
        now = self._clock().wall
        if wrong_since is not None:
            self._events.publish(ClockEvent(EventKind.CLOCK_WRONG, now))
        self._told = WarningState(before=seen.at if seen else 0.0)
        return now, wrong_since

    def set_missing(self, missing: frozenset[str]) -> bool:
        """Take over which categories lack a full list; tell whether that is another matter now."""
        if missing == self.readings.missing:
            return False
        self.readings = replace(self.readings, missing=missing)
        return True

    async def run_second(self) -> bool:
        """Do what a second brings; tell whether policies are to be built anew."""
        live, before = self._live(), self.readings
        self._know(live.households)
        if self._clock.recheck():
            self._events.publish(ClockEvent(EventKind.CLOCK_RIGHT, self._clock().wall))
        now = self._clock().wall
        ends = list(ending_schedules(live, now, now + AHEAD))
        if int(now) // MINUTE != self._minute:
            self._minute = int(now) // MINUTE
            self._note_closed(live, now)
            await self._keep_up(now)
            self._used_at |= dict.fromkeys(self.ledger.fold(now), now)
            self.readings = self._read(now)
            ends += ended_budgets(live, before.used, self.readings.used, now)
            await self._save(now)
        self._open_softly(live, ends, now)
        self.readings = replace(self.readings, clock_is_wrong=self._clock.is_wrong)
        return self.readings != before

    def _note_closed(self, live: Snapshot, now: float) -> None:
        """Note what was closed in the minute that is over."""
        last = now // MINUTE * MINUTE - 1
        for who, budgets in time_events.closed_budgets(live, last):
            self.ledger.note_closed(*who, budgets, last)

    def tell(self) -> None:
        """Tell what happened since this was called last, and what is soon to happen."""
        live, now = self._live(), self._clock().wall
        after = time_events.time_state(live, now)
        if self._standing is not None:
            for event in time_events.time_events(self._standing, after, now):
                self._events.publish(event)
        self._standing = after
        recent = [used for used, at in self._used_at.items() if 0 <= now - at < IN_USE * MINUTE]
        warnings, self._told = due_warnings(
            time_events.upcoming_closures(live, recent, now), self._told, now
        )
        for coming, minutes in warnings:
            self._events.publish(
                TimeEvent(
                    EventKind.TIME_WARNING,
                    coming.household,
                    coming.profile,
                    coming.reason,
                    coming.id,
                    coming.at,
                    minutes,
                    coming.everything,
                )
            )

    async def close(self) -> None:
        """Keep what was counted up to now."""
        now = self._clock().wall
        self.ledger.finish(now)
        await self._save(now)

    # --- what is read ---------------------------------------------------------------------------

    def _know(self, households: Mapping[str, Household]) -> None:
        if households is not self._households:
            self._households = households
            self._days.clear()

    def _day_of(self, household: str, profile: str, at: float) -> Day:
        known = self._days.get(household)
        if known is None or not known.start <= at < known.end:
            home = self._households.get(household)
            zone, starts = (home.timezone, home.day_starts) if home else ("UTC", 0)
            known = self._days[household] = budget_day(at, zone_of(zone), starts)
        return Day(known.day, int(known.start))

    def _sense_of(self, household: str, profile: str, budget: str) -> UseCriteria:
        home = self._households.get(household)
        found = next((each for each in home.budgets if each.id == budget), None) if home else None
        return NARROW if found is not None and found.about else WIDE

    def _read(self, now: float) -> PolicyInputs:
        """Return the readings with the minutes as they are now."""
        used: dict[Who, Mapping[str, Minutes]] = {}
        before: dict[Who, Mapping[str, Minutes]] = {}
        for household, profile in self._with_budgets():
            who = household.id, profile.id
            today = self._day_of(*who, now)
            self.ledger.begin_day(*who, carried_budgets(household, profile), now)
            if found := self.ledger.used(*who, today):
                used[who] = found
            if carried_budgets(household, profile) and (
                found := self.ledger.used(*who, self._day_of(*who, today.start - 1))
            ):
                before[who] = found
        return replace(self.readings, used=used, used_before=before)

    def _with_budgets(self) -> Iterator[tuple[Household, Profile]]:
        for household in self._households.values():
            for profile in profiles_of(household) if household.budgets else ():
                yield household, profile

    async def _keep_up(self, now: float) -> None:
        """Read again what is stored when another date begins: where the clock was set, an earlier
        run counted it already, or this one, which keeps few days in memory."""
        if _date(now) == self._recalled:
            return
        await self._save(now)  # what is read may push a day out of memory
        if self._failing:
            return  # the next minute tries again
        try:
            await self._recall(now)
        except StoreError as error:
            log.warning("usage minutes could not be read", error=str(error))

    async def _recall(self, now: float) -> None:
        """Read what is stored of today and yesterday, wherever on Earth that is.

        Not of days to come, which a wrong clock counted: they would push out yesterday.
        """
        today = _date(now)
        stored = await asyncio.to_thread(self._store.load, today - 2 * _ONE_DAY)
        self.ledger.load(each for each in stored if each.day <= today + _ONE_DAY)
        self._recalled = today

    def _open_softly(self, live: Snapshot, ends: Iterable[GracePeriod], now: float) -> None:
        """Let what is in use stay open for a while, beside what still does."""
        open_now = {
            who: {grant for grant in grants if grant.end > now}
            for who, grants in self.readings.in_use.items()
        }
        for end in ends:
            names = self.ledger.names_in_use(*end.who, now)
            grants = grace_grants(live.policy(*end.who), end, names)
            open_now.setdefault(end.who, set()).update(grants)
        in_use = {who: tuple(sorted(each, key=str)) for who, each in open_now.items() if each}
        self.readings = replace(self.readings, in_use=in_use)

    # --- what is kept ---------------------------------------------------------------------------

    async def _save(self, now: float) -> None:
        """Store the minutes; a disk that is full or busy is told of once, and tried again."""
        usages = self.ledger.take_unsaved()
        try:
            erased = await asyncio.to_thread(self._saved, usages, now)
        except StoreError as error:
            self.ledger.put_back(usages)
            if not self._failing:
                log.warning("usage minutes could not be saved", error=str(error))
            self._failing = True
            return
        self._failing = False
        for who in erased:
            self.ledger.erase(*who)

    def _saved(self, usages: Sequence[Usage], now: float) -> frozenset[Who]:
        """Write, in a thread: the minutes, what is over of days, and the clock."""
        erased = self._store.save(usages)
        for household in self._households.values():
            people = profiles_of(household)
            kept = [each.id for each in people if each.privacy is not PrivacyMode.OFF]
            day = budget_day(now, zone_of(household.timezone), household.day_starts).day
            close_days(self._folder, household.id, day, kept)
        if not self._clock.is_wrong:
            save_clock(self._folder, now)
        return erased


def _date(now: float) -> date:
    return date(1970, 1, 1) + int(now // DAY_SECONDS) * _ONE_DAY
