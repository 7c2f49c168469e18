"""The days of daily limits, and what policies need of the minutes that were used on them.

Whose household is meant says the caller: a home has one, a provider's program those that are here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from copdns.model.household import Household
from copdns.policy.build_snapshot import profiles_of
from copdns.privacy.own_numbers import own_limits
from copdns.time.days import BudgetDay, budget_day, zone_of
from copdns.time.ledger import UsageLedger
from copdns.time.minutes import NARROW, WIDE, DayStart, Minutes, UseCriteria
from copdns.time.plan import PolicyInputs, carried_budgets

Who = tuple[str, str]  # household and profile

MOST_DAYS: Final = 100_000  # of people, that are remembered


class LimitDays:
    """find: returns a household by its id; None where it is not here."""

    def __init__(self, find: Callable[[str], Household | None]) -> None:
        self._find = find
        self._days: dict[Who, BudgetDay] = {}

    def clear(self) -> None:
        """Forget the days: households are others, or have another clock."""
        self._days.clear()

    def forget(self, household: Household) -> None:
        """Forget the days of one household."""
        for each in profiles_of(household):
            self._days.pop((household.id, each.id), None)

    def day_of(self, household: str, profile: str, at: float) -> DayStart:
        """Return the day of somebody's limits that a moment belongs to, seconds since the epoch."""
        day = self._days.get((household, profile))
        if day is None or not day.start <= at < day.end:
            home = self._find(household)
            person = home.profile(profile) if home is not None else None
            if home is not None and person is not None:
                home = home.local_to(person)
            zone, starts = (home.timezone, home.day_starts) if home else ("UTC", 0)
            day = budget_day(at, zone_of(zone), starts)
            if home is not None:
                if len(self._days) >= MOST_DAYS:
                    self._days.clear()
                self._days[household, profile] = day
        return DayStart(day.day, int(day.start))

    def criteria_of(self, household: str, _profile: str, budget: str) -> UseCriteria:
        """Return what shows that a limit is in use."""
        home = self._find(household)
        found = next((each for each in home.budgets if each.id == budget), None) if home else None
        return NARROW if found is not None and found.about else WIDE


def note_own_limits(ledger: UsageLedger, households: Iterable[Household], now: float) -> None:
    """Note the limits whose minutes are a person's alone from now on, for today."""
    for household in households:
        for profile in profiles_of(household) if household.budgets else ():
            limits = own_limits(household, profile, now)
            ledger.note_own(household.id, profile.id, limits, now)


def read_inputs(
    ledger: UsageLedger,
    days: LimitDays,
    households: Iterable[Household],
    inputs: PolicyInputs,
    now: float,
) -> PolicyInputs:
    """Return what policies depend on, with the minutes of some households as they are now."""
    used: dict[Who, Mapping[str, Minutes]] = {}
    before: dict[Who, Mapping[str, Minutes]] = {}
    own: dict[Who, frozenset[str]] = {}
    limited = [each for each in households if each.budgets]
    note_own_limits(ledger, limited, now)
    for household in limited:
        for profile in profiles_of(household):
            who, carried = (household.id, profile.id), carried_budgets(household, profile)
            today = days.day_of(*who, now)
            if theirs := ledger.own_budgets(*who, today):
                own[who] = theirs
            ledger.begin_day(*who, carried, now)
            if found := ledger.minutes_by_budget(*who, today):
                used[who] = found
            if carried and (
                found := ledger.minutes_by_budget(*who, days.day_of(*who, today.start - 1))
            ):
                before[who] = found
    return replace(inputs, used=used, used_before=before, own=own)
