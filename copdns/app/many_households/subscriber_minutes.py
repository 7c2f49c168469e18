"""Count the minutes of a provider's households that are here, together with the other nodes.

This program counts what it is asked itself, and goes on with that while PostgreSQL is away.  Each
finished minute goes to PostgreSQL at once, and what other nodes counted comes from there, so that a
limit that was used up in two places closes in both.  What PostgreSQL does not have yet while it is
away is in a file, so that a restart loses no more than the minute that ran.  Nothing here is told
to anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain, islice
from typing import Final, Protocol

import structlog

from copdns.app.grace_periods import grace_grants, used_up_budgets
from copdns.app.limit_days import LimitDays, note_own_limits, read_inputs
from copdns.app.many_households.minutes_journal import KeptUsage, MinutesJournal
from copdns.app.time_events import closed_budgets_of
from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.model.times import Grant
from copdns.policy.build_snapshot import profiles_of
from copdns.policy.decide import Policy
from copdns.privacy.own_numbers import hidden_limits
from copdns.store.log_db.provider_usage import AT_ONCE, ProviderUsage
from copdns.time.clock import Clock
from copdns.time.days import DAY_SECONDS
from copdns.time.ledger import UsageLedger
from copdns.time.minutes import (
    LONG_HOLD,
    MINUTE,
    NO_MARKS,
    NO_MINUTES,
    Usage,
    UseCriteria,
    estimate,
)
from copdns.time.plan import PolicyInputs

log = structlog.get_logger("copdns")

DAYS_BACK: Final = timedelta(days=2)  # yesterday, wherever on Earth
# Of people, days or households: what takes some milliseconds, so that queries are answered between.
PART: Final = 100
IN_USE: Final = 4  # minutes: the last one comes late from another node


class MinutesUser(Protocol):
    """What decides by minutes of use, for the households that are here."""

    def has(self, household: str) -> bool:
        """Tell whether a household is here."""

    def policies_of(self, household: str) -> Iterable[Policy]:
        """Return the policies that one of them has now."""

    def compile_again(self, household: str) -> None:
        """Make them anew before the next answer: its minutes are others."""


class SubscriberMinutes:
    """ledger: the minutes."""

    def __init__(
        self,
        database: str,
        most: int,
        clock: Clock,
        is_away: Callable[[], bool],
        journal: MinutesJournal,
    ) -> None:
        """database: how it is reached, as libpq takes it.  most: people whose minutes are kept.

        is_away: tells whether it cannot be reached now.
        """
        # Those with limits, and for as long as there may be minutes of theirs that are not stored.
        self._households: dict[str, Household] = {}
        self._days = LimitDays(self._households.get)
        self.ledger = UsageLedger(self._days.day_of, self._days.criteria_of, most)
        self._users: Sequence[MinutesUser] = ()
        began = clock().wall - MINUTE  # as clocks of two machines are not the same
        self._journal = journal
        found = journal.read()
        self._since = began if found is None else min(began, found.since)
        # Of an earlier run, until PostgreSQL has them; by household.  Also old ones: what is old,
        # this machine's clock alone does not say.
        self._earlier: dict[str, list[KeptUsage]] = {}
        for each in found.kept if found is not None else ():
            self._earlier.setdefault(each.usage.household, []).append(each)
        self._has_file = found is not None
        self._counted_minute = self._written_minute = 0  # the last that was added up, and written
        self._store = ProviderUsage(database, self._criteria_of, self._since)
        self._clock = clock
        self._is_away = is_away
        self._minute = int(clock().wall) // MINUTE
        self._used_in: dict[str, int] = {}  # the last minute of each household with use
        self._unread: set[str] = set()  # whose stored minutes are not known here yet
        self._closed_before = date.min
        # Of grace periods, by person: for names that were in use here when a limit was used up.
        self._grants: dict[str, dict[tuple[str, str], tuple[Grant, ...]]] = {}
        self._erasures = 0  # people whose records were deleted meanwhile
        self._is_failing = False  # PostgreSQL could not be used last

    def follow(self, *users: MinutesUser) -> None:
        """Tell some of what moves from now on."""
        self._users = users

    async def take(self, household: Household) -> None:
        """Know a household as it is now, with its stored minutes if they can be read."""
        if self._know(household):
            try:
                await self._recall([household.id])
            except StoreError as error:
                self._tell_failing(error)

    def inputs_of(self, household: Household, inputs: PolicyInputs) -> PolicyInputs:
        """Return what its policies depend on, with its minutes as they are now."""
        if not household.budgets:
            return inputs
        self._know(household)
        now = self._clock().wall
        inputs = read_inputs(self.ledger, self._days, [household], inputs, now)
        return replace(inputs, in_use=self._grants.get(household.id, {}))

    def limits_in_use(self, household: Household, now: float) -> list[tuple[str, str, str]]:
        """Return the limits of a household that were used in the last minutes, here or elsewhere,
        and that others may know of: ids of household, person and limit."""
        found = []
        for person in profiles_of(household) if household.budgets else ():
            who, inputs = (household.id, person.id), PolicyInputs()
            day = self._days.day_of(*who, now)
            own = self.ledger.own_budgets(*who, day)
            hidden = hidden_limits(household, person, replace(inputs, own={who: own}), now)
            recent = int(now - day.start) // MINUTE - IN_USE
            for limit in household.budgets:
                if limit.id not in hidden:
                    marks = self.ledger.marks(*who, limit.id, day)
                    criteria = self._days.criteria_of(*who, limit.id)
                    before = estimate(marks.before(recent), criteria)
                    if estimate(marks, criteria).likely > before.likely:
                        found.append((*who, limit.id))
        return found

    async def count(self) -> None:
        """Add up the minutes that are over, some at a time; called every second."""
        now = self._clock().wall
        if int(now) // MINUTE == self._minute:
            return
        self._minute = int(now) // MINUTE
        minute = self._minute
        await self._note_closed(now)
        self._end_grace(now)
        for changed in self.ledger.fold_in_parts(now, PART):
            used = {household for household, _, _ in changed}
            self._used_in |= dict.fromkeys(used, minute)
            for each in used:
                self._tell_changed(each)
            await asyncio.sleep(0)
        self._counted_minute = minute

    async def exchange(self) -> None:
        """Store what was counted here, and take what was counted elsewhere; called every second."""
        if self._is_away():
            await self._keep()
            return
        try:
            await self._save_earlier()
            await self._save()
            await self._take_moved()
        except StoreError as error:
            self._tell_failing(error)
            await self._keep()
            return
        self._since = self._clock().wall - MINUTE
        if self._has_file:
            self._has_file = not await asyncio.to_thread(self._journal.clear)
        if self._is_failing:
            log.info("minutes of use are stored again")
        self._is_failing = False

    async def tidy(self) -> None:
        """Close the days that are over everywhere on Earth, of all households."""
        now = self._clock().wall
        try:
            today = await asyncio.to_thread(self._store.earlier_date, _date(now))
            over = today - timedelta(days=1)  # days before this one
            await asyncio.to_thread(self._store.forget_moved, now)
            if over != self._closed_before:  # all rows are looked at: once a day
                await asyncio.to_thread(self._store.close_days, over)
                self._closed_before = over
        except StoreError as error:
            self._tell_failing(error)

    async def forget(self) -> None:
        """Let go of households that are not here any more, and of days that are over."""
        now = self._clock().wall
        for _ in self.ledger.forget_in_parts(now, PART):
            await asyncio.sleep(0)
        for place, household in enumerate(tuple(self._households.values())):
            if place % PART == PART - 1:
                await asyncio.sleep(0)
            if self._is_failing or self._is_away():
                return  # what is not stored yet must stay
            if self._households.get(household.id) is not household:
                continue  # it was read anew meanwhile
            is_here = any(each.has(household.id) for each in self._users)
            if is_here or household.id in self._used_in:
                continue
            people = [each.id for each in profiles_of(household)]
            if not any(self.ledger.names_in_use(household.id, each, now) for each in people):
                for each in people:
                    self.ledger.erase(household.id, each)
                self._days.forget(household)
                self._grants.pop(household.id, None)
                del self._households[household.id]

    async def close(self) -> None:
        """Store what was counted so far, if that is possible now, and close."""
        self.ledger.finish(self._clock().wall)
        self._counted_minute = -1  # the one that runs is added up
        await self.exchange()
        await asyncio.to_thread(self._store.close)

    def _know(self, household: Household) -> bool:
        """Tell whether it is one with limits that was not known before."""
        before = self._households.get(household.id)
        if household is before or not (household.budgets or before):
            return False
        self._days.forget(before or household)
        self._households[household.id] = household
        note_own_limits(self.ledger, [household], self._clock().wall)
        if before is None:
            self._unread.add(household.id)
            # Limits count what was used before a restart, also while PostgreSQL is away.
            self.ledger.merge([each.usage for each in self._earlier.get(household.id, ())])
        return before is None

    async def _note_closed(self, now: float) -> None:
        """Note the limits that were closed in the last minute, where that may matter."""
        last = now // MINUTE * MINUTE - 1
        recent = self._minute - LONG_HOLD - 1
        self._used_in = {each: at for each, at in self._used_in.items() if at >= recent}
        for place, household in enumerate(tuple(self._used_in)):
            if place % PART == PART - 1:
                await asyncio.sleep(0)
            for profile, policy in self._policies_of(household).items():
                if closed := closed_budgets_of(policy, last):
                    self.ledger.note_closed(household, profile, closed, last)

    def _criteria_of(self, household: str, profile: str, budget: str) -> UseCriteria:
        """As `LimitDays`; of a household that is not here, as it was when its minutes were kept."""
        if household not in self._households:
            for each in self._earlier.get(household, ()):
                if (each.usage.profile, each.usage.budget) == (profile, budget):
                    return each.criteria
        return self._days.criteria_of(household, profile, budget)

    async def _keep(self) -> None:
        """Write what is not stored into the file, once a minute."""
        if self._written_minute == self._counted_minute:
            return
        self._written_minute = self._counted_minute
        unsaved: list[Usage] = []
        try:
            while more := self.ledger.take_unsaved(PART):
                unsaved += more
                await asyncio.sleep(0)
        finally:
            self.ledger.put_back(unsaved)
        kept = {each.usage[:4]: each for some in self._earlier.values() for each in some}
        for place, each in enumerate(unsaved):
            if place % PART == PART - 1:
                await asyncio.sleep(0)
            if each.marks != NO_MARKS or each.minutes != NO_MINUTES:
                criteria = self._criteria_of(each.household, each.profile, each.budget)
                kept[each[:4]] = KeptUsage(each, criteria)
        if kept:
            await asyncio.to_thread(self._journal.write, self._since, tuple(kept.values()))
            self._has_file = True

    async def _save_earlier(self) -> None:
        """Store what an earlier run left behind."""
        if not self._earlier:
            return
        since = await asyncio.to_thread(self._store.earlier_date, _date(self._clock().wall))
        usages = [
            each.usage
            for some in self._earlier.values()
            for each in some
            if each.usage.day >= since - DAYS_BACK
        ]
        self._erase(await asyncio.to_thread(self._store.save, usages, self._clock().wall))
        self._unread |= self._earlier.keys() & self._households.keys()
        self._earlier = {}

    async def _save(self) -> None:
        while usages := self.ledger.take_unsaved(PART):
            try:
                while len(usages) < AT_ONCE and (more := self.ledger.take_unsaved(PART)):
                    usages += more
                    await asyncio.sleep(0)
                erased = await asyncio.to_thread(self._store.save, usages, self._clock().wall)
            except BaseException:  # also where the program stops meanwhile
                self.ledger.put_back(usages)
                raise
            self._erase(erased)

    async def _take_moved(self) -> None:
        moved = await asyncio.to_thread(self._store.take_moved)
        self._erase(moved.erased)
        known = self._households.keys()
        self._unread |= known if moved.households is None else moved.households & known
        if self._unread:
            await self._recall(self._unread)

    async def _recall(self, households: Collection[str]) -> None:
        """Read what is stored of some households."""
        if self._is_away():
            return
        since = _date(self._clock().wall) - DAYS_BACK
        rest = iter(tuple(households))
        while wanted := tuple(islice(rest, AT_ONCE)):  # in between, queries are answered
            found: dict[str, list[Usage]] = {each: [] for each in wanted}
            erasures = self._erasures
            for each in await asyncio.to_thread(self._store.load, wanted, since):
                found[each.household].append(each)
            if erasures != self._erasures:
                return  # some of it may be deleted by now: the next second reads it again
            for place, (household, stored) in enumerate(found.items()):
                if place % PART == PART - 1:
                    await asyncio.sleep(0)
                    if erasures != self._erasures:
                        return
                self._merge(household, stored)
            self._unread.difference_update(wanted)

    def _merge(self, household: str, stored: Iterable[Usage]) -> None:
        """Add what is about limits that there are; of older days first, of which few are kept."""
        home, today = self._households.get(household), _date(self._clock().wall)
        if home is None:
            return
        limits = {(person.id, each.id) for person in profiles_of(home) for each in home.budgets}
        known = [
            each
            for each in sorted(stored, key=lambda each: each.day)
            if (each.profile, each.budget) in limits and each.day <= today + timedelta(days=1)
        ]
        if self.ledger.merge(known):
            self._tell_changed(household)

    def _erase(self, erased: Iterable[tuple[str, str]]) -> None:
        for household, profile in erased:
            self._erasures += 1
            if household in self._earlier:
                some = self._earlier[household]
                self._earlier[household] = [each for each in some if each.usage.profile != profile]
            self._grants.get(household, {}).pop((household, profile), None)
            self.ledger.erase(household, profile)
            self._tell_changed(household)

    def _tell_changed(self, household: str) -> None:
        home = self._households.get(household)
        has_grace = home is not None and any(each.grace for each in home.budgets)
        before = self._policies_of(household) if has_grace else {}
        for user in self._users:
            user.compile_again(household)
        if home is not None and before:
            self._give_grace(home, before)

    def _give_grace(self, home: Household, before: dict[str, Policy]) -> None:
        """Leave open for a while what is in use where a limit was used up."""
        now, after = self._clock().wall, self._policies_of(home.id)
        for profile in before.keys() & after.keys():
            who = home.id, profile
            for end in used_up_budgets(home, before[profile], after[profile], now):
                names = self.ledger.names_in_use(*who, now)
                grants = tuple(grace_grants(after[profile], end, names))
                open_now = self._grants.setdefault(home.id, {})
                open_now[who] = (*open_now.get(who, ()), *grants)
        for user in self._users:
            user.compile_again(home.id)

    def _end_grace(self, now: float) -> None:
        """Forget the names that stayed open."""
        for household, people in list(self._grants.items()):
            if all(each.end <= now for grants in people.values() for each in grants):
                del self._grants[household]

    def _policies_of(self, household: str) -> dict[str, Policy]:
        """Return the policies of a household that are in use, by profile."""
        found = chain.from_iterable(each.policies_of(household) for each in self._users)
        return {each.profile: each for each in found}

    def _tell_failing(self, error: StoreError) -> None:
        if not self._is_failing:
            log.warning("minutes of use are counted here alone for now", error=str(error))
        self._is_failing = True


def _date(now: float) -> date:
    return date(1970, 1, 1) + timedelta(days=int(now // DAY_SECONDS))
