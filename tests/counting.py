"""Minutes of use as a running program keeps them: noted, folded each minute, stored, and read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from copdns.app.time_events import closed_budgets
from copdns.model.household import Household
from copdns.policy.snapshot import Snapshot
from copdns.time.days import BudgetDay, budget_day, zone_of
from copdns.time.ledger import UsageLedger
from copdns.time.minutes import MINUTE, NARROW, WIDE, DayStart, Minutes, Usage, UseCriteria
from copdns.time.plan import PolicyInputs, ProfileKey, carried_budgets

Place = tuple[str, str, str, date]  # household, profile, budget, day


class Counting:
    """Counts for one household, without a disk.

    house: to be replaced when it changes.  stored: what a disk would have by now.
    """

    def __init__(self, house: Household, stored: Iterable[Usage] = ()) -> None:
        self._house = house
        self.stored: dict[Place, Usage] = {}
        self._days: list[BudgetDay] = []  # the last two that were asked for
        self.ledger = UsageLedger(self._day_of, self._sense_of)
        self.ledger.load(stored)
        self._store(stored)

    @property
    def house(self) -> Household:
        return self._house

    @house.setter
    def house(self, house: Household) -> None:
        self._house = house
        self._days = []  # it may have another zone, or begin its days at another hour

    def fold(self, now: float, live: Snapshot) -> PolicyInputs:
        """Mark the minutes that are over, store them, and return what was used by now.

        live: what was in force in them.
        """
        last = now // MINUTE * MINUTE - 1
        for who, budgets in closed_budgets(live, last):
            self.ledger.note_closed(*who, budgets, last)
        self.ledger.fold(now)
        self._store(self.ledger.take_unsaved())
        return self.readings(now)

    def close(self, now: float) -> None:
        """Store everything, before a stop."""
        self.ledger.finish(now)
        self._store(self.ledger.take_unsaved())

    def _store(self, usages: Iterable[Usage]) -> None:
        for each in usages:
            self.stored[each.household, each.profile, each.budget, each.day] = each

    def readings(self, now: float) -> PolicyInputs:
        today = self.day(now)
        before = self.day(today.start - 1)
        for each in self.house.profiles:
            self.ledger.begin_day(self.house.id, each.id, carried_budgets(self.house, each), now)
        return PolicyInputs(self._used(today), self._used(before))

    def _used(self, day: BudgetDay) -> dict[ProfileKey, dict[str, Minutes]]:
        people = [(self.house.id, each.id) for each in self.house.profiles]
        found = {
            who: self.ledger.minutes_by_budget(*who, DayStart(day.day, int(day.start)))
            for who in people
        }
        return {who: used for who, used in found.items() if used}

    def day(self, at: float) -> BudgetDay:
        """Return the day of a moment; the last two are remembered, since weeks go by in minutes."""
        for each in self._days:
            if each.start <= at < each.end:
                return each
        day = budget_day(at, zone_of(self.house.timezone), self.house.day_starts)
        self._days = [*self._days[-1:], day]
        return day

    def _day_of(self, household: str, profile: str, at: float) -> DayStart:
        day = self.day(at)
        return DayStart(day.day, int(day.start))

    def _sense_of(self, household: str, profile: str, budget: str) -> UseCriteria:
        about = {each.id: each.about for each in self.house.budgets}
        return NARROW if about.get(budget) else WIDE
