"""What "15 more minutes" are for somebody at a moment: one button must mean what a parent means.

While everything is closed it opens for these minutes; a budget that is used up gets them; otherwise
the next closing of everything, a bedtime say, begins so much later.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from copdns.household.check import KnownIds
from copdns.household.time_edits import add_bonus, give_grant
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import Grant
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy
from copdns.policy.today import Today
from copdns.time.days import DAY_SECONDS, budget_day, zone_of
from copdns.time.plan import NO_TIME_PLAN, Closure

_SOON = DAY_SECONDS // 2  # seconds: a closing further away is not what is meant now
_TWICE = 60  # seconds within which the same again is a finger that slipped


class Kind(StrEnum):
    OPEN = "open"  # everything, from now on
    LATER = "later"  # what closes everything begins later
    MINUTES = "minutes"  # of budgets


@dataclass(frozen=True, slots=True)
class More:
    """start: from when on everything is open, a moment.  budgets: ids of those that get minutes."""

    kind: Kind
    start: float = 0.0
    budgets: tuple[str, ...] = ()


def more_time(
    household: Household, profile: Profile, policy: Policy, seen: Today, now: float
) -> More | None:
    """Return what more time is now; None where nothing closes that could close later.

    seen: how things stand now.
    """
    opened = _opened_until(household, profile.id, now)
    closed_by_clock = seen.closed is not None and seen.closed.reason is not Reason.BUDGET
    if closed_by_clock or opened > now:
        return More(Kind.OPEN, opened)
    if spent := tuple(each.budget.id for each in seen.minutes if not each.left):
        return More(Kind.MINUTES, budgets=spent)
    if (closing := _next_closing(policy, now)) is not None:
        start = _opened_until(household, profile.id, closing.start)
        return More(Kind.LATER, start) if start < closing.end else None
    rest = tuple(each.budget.id for each in seen.minutes)
    return More(Kind.MINUTES, budgets=rest) if rest else None


def give(
    household: Household,
    profile_id: str,
    more: More,
    minutes: int,
    known: KnownIds,
    *,
    author: str,
    now: int,
) -> Household:
    """Give these minutes to somebody."""
    if more.kind is not Kind.MINUTES:
        start = int(more.start)
        return give_grant(
            household,
            profile_id,
            None,
            known,
            start=start,
            end=start + minutes * 60,
            given=now,
            content=False,
            time=True,
            author=author,
        )
    day = budget_day(now, zone_of(household.timezone), household.day_starts).day
    return reduce(
        lambda home, budget: add_bonus(
            home, profile_id, budget, day, minutes, author=author, at=now
        ),
        more.budgets,
        household,
    )


def mark(household: Household, profile_id: str) -> str:
    """Return what changes whenever somebody is given time: a page is sent back with it."""
    return "-".join(
        max((each.id for each in given if each.profile == profile_id), key=_number, default="")
        for given in (household.grants, household.bonuses)
    )


def is_sent_twice(
    household: Household, profile_id: str, seen: str, author: str, now: float
) -> bool:
    """Tell whether a form was sent already, so that two taps do not give twice.

    seen: the `mark` of the page with the form; "": it has none.  Raise HouseholdError where
    somebody gave time since that page was made, and whoever sends it cannot have seen that.
    """
    if seen in ("", mark(household, profile_id)):
        return False
    if any(by == author and now - at < _TWICE for by, at in _given(household, profile_id)):
        return True
    raise HouseholdError("time was given since you opened the page; look at it again")


def _given(household: Household, profile_id: str) -> Iterator[tuple[str, float]]:
    """Yield who gave time, and when."""
    yield from ((e.author, e.given) for e in household.grants if e.profile == profile_id)
    yield from ((e.author, e.at) for e in household.bonuses if e.profile == profile_id)


def _number(key: str) -> int:
    digits = key[1:]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _opened_until(household: Household, profile_id: str, at: float) -> float:
    """Return until when everything is open by permissions that follow each other from a moment."""
    found = [each for each in household.grants if each.profile == profile_id and _opens_all(each)]
    for each in sorted(found, key=lambda grant: grant.start):
        if each.start <= at < each.end:
            at = each.end
    return at


def _opens_all(grant: Grant) -> bool:
    return grant.about is None and grant.time


def _next_closing(policy: Policy, now: float) -> Closure | None:
    """Return what closes everything next by the clock, within half a day."""
    timing = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    coming = [
        each
        for each in timing.closures
        if each.reason is Reason.SCHEDULE and not each.about and now < each.start <= now + _SOON
    ]
    return min(coming, key=lambda each: each.start, default=None)
