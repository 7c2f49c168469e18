"""Minutes of use as JSON objects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from copdns.model.household import Household, Profile
from copdns.model.times import Budget
from copdns.time.budget import minutes_of_day
from copdns.time.minutes import NO_MINUTES, Minutes, Usage
from copdns.time.plan import budgets_in_force


class BudgetUsage(NamedTuple):
    """The use of one budget by one person today.  profile: id.  used: minutes.

    total: the minutes of the day; None where it has no limit.
    """

    profile: str
    budget: Budget
    used: Minutes
    total: int | None

    @property
    def left(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.used.likely)


def lines(
    household: Household,
    person: Profile,
    day: date,
    used: Mapping[str, Minutes],
    before: Mapping[str, Minutes],
    hidden: Collection[str] = (),
) -> Iterator[BudgetUsage]:
    """Yield a person's budgets.  used, before: today's minutes and yesterday's, by budget.

    hidden: ids of those whose minutes the reader does not see; they are left out.
    """
    for budget in budgets_in_force(household, person):
        if budget.id in hidden:
            continue
        whole = minutes_of_day(budget, household, person.id, day, before.get(budget.id))
        yield BudgetUsage(person.id, budget, used.get(budget.id, NO_MINUTES), whole)


def line_json(line: BudgetUsage) -> dict[str, object]:
    """Return the use of a budget by a person, in minutes."""
    return {
        "profile": line.profile,
        "budget": line.budget.id,
        **line.used._asdict(),
        "total": line.total,
        "left": line.left,
    }


def usage_json(usage: Usage) -> dict[str, object]:
    """Return a day's use of a budget by a person as stored, in minutes."""
    return {
        "day": str(usage.day),
        "profile": usage.profile,
        "budget": usage.budget,
        **usage.minutes._asdict(),
    }
