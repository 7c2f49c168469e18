"""Compute how many minutes of a budget are left, and when its day ends.

The minutes used come from `time/minutes.py`; docs/usage.md says what counts as use.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.times import (
    DAY_MINUTES,
    EVERY_DAY,
    FREE_NIGHT,
    SCHOOL_NIGHT,
    WEEKDAYS,
    Bonus,
    Budget,
    DayType,
    SchoolCalendar,
    Subject,
)
from copdns.time.days import BudgetDay, budget_day, day_matches, zone_of
from copdns.time.minutes import MAX_ADDED, MINUTE, NO_MINUTES, Minutes

PLENTY: Final = 30  # minutes: where more are left, the exact number changes no policy
GRID: Final = (
    10 * MINUTE
)  # seconds: `sure_until` is a multiple, so that use alone makes no new policy
# Seconds before `sure_until` at which the policy is computed anew.
RECHECK_BEFORE: Final = 3 * MINUTE
SPENT_DAYS_AHEAD: Final = 2  # besides today: a day without minutes is closed from its start


@dataclass(frozen=True, slots=True)
class RemainingBudget:
    """A budget with minutes left today.

    about: what it counts; empty for every name.
    minutes: 1 to PLENTY; PLENTY also means more.
    end: of its day, seconds since the epoch.
    sure_until: seconds since the epoch until which it cannot be used up, on a GRID, so that use
        alone makes no new policy; 0 below PLENTY.
    """

    id: str
    about: tuple[Subject, ...]
    minutes: int
    end: float
    sure_until: float = 0.0

    def earliest_end(self, now: float) -> float:
        """Return the earliest moment at which it can be used up, seconds since the epoch."""
        if not self.sure_until:
            return earliest_end(self.minutes, now, MAX_ADDED)
        return self.sure_until if now < self.sure_until else earliest_end(0, now, MAX_ADDED)


@dataclass(frozen=True, slots=True)
class SpentBudget:
    """A budget with no minutes left on a day.

    start, end: of that day, seconds since the epoch.  no_minutes: it gives none on that day, rather
        than that they are used up.
    """

    id: str
    about: tuple[Subject, ...]
    start: float
    end: float
    no_minutes: bool = False


@lru_cache(maxsize=256)
def has_effect(minutes: tuple[tuple[str, int], ...]) -> bool:
    """Tell whether the minutes of a budget, by days, can ever be used up.

    They cannot where each date that can be, with its day of the week, its type and the next day's,
    has a whole day of them.  Such a budget would only measure, so it counts nothing.
    """
    limits = (
        _first_limit(minutes, {day, kind, *before, EVERY_DAY})
        for day in WEEKDAYS
        for kind in map(str, DayType)
        for before in ((FREE_NIGHT,), (SCHOOL_NIGHT,))
    )
    return any(limit is not None and limit < DAY_MINUTES for limit in limits)


def _first_limit(minutes: tuple[tuple[str, int], ...], words: set[str]) -> int | None:
    """Return the minutes of a day that these words fit; None where it has no limit."""
    return next((limit for word, limit in minutes if word in words), None)


def daily_limit(budget: Budget, calendar: SchoolCalendar, day: date) -> int | None:
    """Return the minutes of a date, without bonus and carry-over; None where it has no limit."""
    for word, minutes in budget.minutes:
        if day_matches((word,), calendar, day):
            return minutes
    return None


def bonus_minutes(bonuses: Iterable[Bonus], profile: str, budget: str, day: date) -> int:
    """Return the bonus minutes of a budget for a day."""
    return sum(
        each.minutes
        for each in bonuses
        if each.profile == profile and each.budget == budget and each.day == day
    )


def carries_over(budget: Budget, profile: Profile | None) -> bool:
    """Tell whether unused minutes are carried over to the next day.

    Never where the profile's log is off: then no minutes of a past day are kept.
    """
    off = profile is not None and profile.privacy is PrivacyMode.OFF
    return budget.carry_over and not off


def carried_minutes(
    budget: Budget, calendar: SchoolCalendar, day: date, used_before: Minutes | None
) -> int:
    """Return the minutes carried over from the day before: at most the minutes of today.

    used_before: minutes used the day before; None where the budget was not counted then, so that
        nothing is carried over.
    """
    if not budget.carry_over or used_before is None:
        return 0
    before = daily_limit(budget, calendar, day - timedelta(days=1))
    today = daily_limit(budget, calendar, day)
    if before is None or today is None:
        return 0
    return max(0, min(before - used_before.likely, today))


def minutes_of_day(
    budget: Budget,
    household: Household,
    profile: str,
    day: date,
    used_before: Minutes | None = None,
) -> int | None:
    """Return the minutes of a date with bonus and carry-over; None where it has no limit."""
    limit = daily_limit(budget, household.calendar, day)
    if limit is None:
        return None
    whole = limit + bonus_minutes(household.bonuses, profile, budget.id, day)
    if carries_over(budget, household.profile(profile)):
        whole += carried_minutes(budget, household.calendar, day, used_before)
    return min(whole, 2 * DAY_MINUTES)


def split_budgets(
    budgets: Iterable[Budget],
    household: Household,
    profile: str,
    now: float,
    used: Mapping[str, Minutes],
    used_before: Mapping[str, Minutes],
) -> tuple[tuple[RemainingBudget, ...], tuple[SpentBudget, ...]]:
    """Return today's budgets with minutes left, and the days on which a budget has none.

    now: seconds since the epoch.  used, used_before: minutes by budget, of today and of the day
    before.
    """
    left: list[RemainingBudget] = []
    spent: list[SpentBudget] = []
    for budget in budgets:
        day = budget_day(now, zone_of(household.timezone), household.day_starts)
        before = used_before.get(budget.id)
        whole = minutes_of_day(budget, household, profile, day.day, before)
        if whole is not None:
            minutes = whole - used.get(budget.id, NO_MINUTES).likely
            if minutes > 0:
                left.append(_remaining_budget(budget, minutes, now, day.end))
            else:
                # Not from now on: each call would then make a new policy.
                spent.append(SpentBudget(budget.id, budget.about, day.start, day.end, whole == 0))
        spent += _spent_days(budget, household, profile, day)
    return tuple(left), tuple(spent)


def _remaining_budget(budget: Budget, minutes: int, now: float, end: float) -> RemainingBudget:
    if minutes < PLENTY:
        return RemainingBudget(budget.id, budget.about, minutes, end)
    sure_until = earliest_end(minutes, now, MAX_ADDED) // GRID * GRID
    return RemainingBudget(budget.id, budget.about, PLENTY, end, sure_until)


def _spent_days(
    budget: Budget, household: Household, profile: str, day: BudgetDay
) -> Iterable[SpentBudget]:
    """Yield the next days on which a budget has no minutes."""
    if budget.carry_over:
        return
    zone = zone_of(household.timezone)
    for _ in range(SPENT_DAYS_AHEAD):
        day = budget_day(day.end, zone, household.day_starts)
        if minutes_of_day(budget, household, profile, day.day) == 0:
            yield SpentBudget(budget.id, budget.about, day.start, day.end, no_minutes=True)


def earliest_end(minutes: int, now: float, max_added: int) -> float:
    """Return the earliest moment at which a budget can be used up, seconds since the epoch.

    minutes: left, by the finished minutes.  max_added: minutes of use that the current minute can
    add once it is finished.
    """
    sure = max(minutes - max_added, 0)
    return now // MINUTE * MINUTE + (1 + sure) * MINUTE
