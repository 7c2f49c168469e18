"""How many minutes of a budget are left, and when it begins anew.

The minutes that were used come from `time/minutes.py`; what counts as use is docs/usage.md.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.times import DAY_MINUTES, Bonus, Budget, Calendar, Subject
from copdns.time.days import BudgetDay, budget_day, day_matches, zone_of
from copdns.time.minutes import MINUTE, MOST_ADDED, NO_MINUTES, Minutes

PLENTY = 30  # minutes: of more, it does not matter how many there are
GRID = 10 * MINUTE  # seconds: as long as there are plenty, a policy lasts that long at least
EARLY = 3 * MINUTE  # seconds before it is no longer sure that some are left: then look again
DAYS_AHEAD = 2  # besides today: a day without a minute is closed from its first moment on


@dataclass(frozen=True, slots=True)
class RemainingBudget:
    """A budget with minutes left.

    minutes: 1 and more; PLENTY for that many and more.  end: of its day.
    lasts: where there are plenty, a moment before which it surely has some left, however it is
        used.  It stays where it is while minutes are used, and so the same policy does.
    """

    id: str
    about: tuple[Subject, ...]
    minutes: int
    end: float
    sure_until: float = 0.0

    def earliest_end(self, now: float) -> float:
        """Return before when there surely are minutes left."""
        if not self.sure_until:
            return earliest_end(self.minutes, now, MOST_ADDED)
        return self.sure_until if now < self.sure_until else earliest_end(0, now, MOST_ADDED)


@dataclass(frozen=True, slots=True)
class SpentBudget:
    """A budget without a minute left, from start to the end of its day."""

    id: str
    about: tuple[Subject, ...]
    start: float
    end: float


def daily_limit(budget: Budget, calendar: Calendar, day: date) -> int | None:
    """Return the minutes of a date, before bonus and carry-over; None: there is no limit."""
    for word, minutes in budget.minutes:
        if day_matches((word,), calendar, day):
            return minutes
    return None


def bonus_minutes(bonuses: Iterable[Bonus], profile: str, budget: str, day: date) -> int:
    """Return the minutes that were given on top for a day."""
    return sum(
        each.minutes
        for each in bonuses
        if each.profile == profile and each.budget == budget and each.day == day
    )


def carries_over(budget: Budget, profile: Profile | None) -> bool:
    """Tell whether what is left is carried over; not where nothing stays of a day that is over."""
    off = profile is not None and profile.privacy is PrivacyMode.OFF
    return budget.carry_over and not off


def carried_minutes(
    budget: Budget, calendar: Calendar, day: date, used_before: Minutes | None
) -> int:
    """Return what was left the day before and is carried over: at most a day's minutes.

    used_before: None for a day on which the budget was not counted, so that nothing was left.
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
    """Return the minutes of a date, all included; None: there is no limit."""
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
    """Return today's budgets with minutes left, and the days that have none."""
    left: list[RemainingBudget] = []
    spent: list[SpentBudget] = []
    for budget in budgets:
        day = budget_day(now, zone_of(household.timezone), household.day_starts)
        before = used_before.get(budget.id)
        whole = minutes_of_day(budget, household, profile, day.day, before)
        if whole is not None:
            minutes = whole - used.get(budget.id, NO_MINUTES).likely
            if minutes > 0:
                left.append(_left(budget, minutes, now, day.end))
            else:
                # Not from now on, which is another moment at each look: nothing else changed.
                spent.append(SpentBudget(budget.id, budget.about, day.start, day.end))
        spent += _closed_days(budget, household, profile, day)
    return tuple(left), tuple(spent)


def _left(budget: Budget, minutes: int, now: float, end: float) -> RemainingBudget:
    if minutes < PLENTY:
        return RemainingBudget(budget.id, budget.about, minutes, end)
    lasts = earliest_end(minutes, now, MOST_ADDED) // GRID * GRID
    return RemainingBudget(budget.id, budget.about, PLENTY, end, lasts)


def _closed_days(
    budget: Budget, household: Household, profile: str, day: BudgetDay
) -> Iterable[SpentBudget]:
    """Yield the days to come that have no minute."""
    if budget.carry_over:
        return
    zone = zone_of(household.timezone)
    for _ in range(DAYS_AHEAD):
        day = budget_day(day.end, zone, household.day_starts)
        if minutes_of_day(budget, household, profile, day.day) == 0:
            yield SpentBudget(budget.id, budget.about, day.start, day.end)


def earliest_end(minutes: int, now: float, most_added: int) -> float:
    """Return before when a budget surely has minutes left.

    minutes: left by the minutes that are folded.  most_added: minutes that the one which runs
    can add at once, when it is folded.
    """
    sure = max(minutes - most_added, 0)
    return now // MINUTE * MINUTE + (1 + sure) * MINUTE
