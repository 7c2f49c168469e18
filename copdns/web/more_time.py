"""What "15 more minutes" means for a person at a moment, so that one button fits what parents mean.

While everything is off, it allows everything for these minutes.  A daily limit that is used up gets
them.  Otherwise the next schedule that turns everything off, such as a bedtime, begins that much
later.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from copdns.household.check import KnownIds
from copdns.household.edit_checks import require_profile
from copdns.household.time_edits import add_bonus, give_grant
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import Grant
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy
from copdns.policy.today import Today
from copdns.time.bedtime import Bedtime
from copdns.time.days import DAY_SECONDS, budget_day, zone_of
from copdns.time.plan import NO_TIME_PLAN, Closure

_SOON = DAY_SECONDS // 2  # seconds: a later schedule is not what parents mean
_SAME_TAP = 60  # seconds within which a second form is a double tap


class Kind(StrEnum):
    """What a tap on "more time" does now."""

    OPEN = "open"  # everything is allowed from `start` on
    LATER = "later"  # the next schedule begins later
    MINUTES = "minutes"  # budgets get minutes


@dataclass(frozen=True, slots=True)
class MoreTime:
    """What more time means now.  start: when the extra minutes begin, seconds since the epoch.
    budgets: ids of those that get minutes.  is_off: OPEN turns everything on; where extra time runs
    already, it keeps everything on."""

    kind: Kind
    start: float = 0.0
    budgets: tuple[str, ...] = ()
    is_off: bool = False


def more_time(
    household: Household, profile: Profile, policy: Policy, today: Today, now: float
) -> MoreTime | None:
    """Return what more time means now; None where neither a limit nor a schedule can give more.

    today: the state of the day now, as the giver may know it: limits whose minutes only the person
        sees get more whenever limits do, so that giving tells nothing.
    now: seconds since the epoch.
    """
    open_until = opened_until(household, profile.id, now)
    closed_by_clock = today.closed is not None and today.closed.reason is not Reason.BUDGET
    if closed_by_clock or open_until > now:
        return MoreTime(Kind.OPEN, open_until, is_off=open_until <= now)
    own = tuple(each.id for each in today.own)
    if spent := tuple(each.budget.id for each in today.minutes if not each.left):
        return MoreTime(Kind.MINUTES, budgets=(*spent, *own))
    if (closing := _next_closing(policy, now)) is not None:
        start = opened_until(household, profile.id, closing.start)
        return MoreTime(Kind.LATER, start) if start < closing.end else None
    rest = (*(each.budget.id for each in today.minutes), *own)
    return MoreTime(Kind.MINUTES, budgets=rest) if rest else None


def require_more_time(
    household: Household, profile: Profile, policy: Policy, today: Today, now: float
) -> MoreTime:
    """Return as `more_time`; raise HouseholdError where nothing can give more."""
    found = more_time(household, profile, policy, today, now)
    if found is None:
        raise HouseholdError(
            "no limit or schedule applies today or soon, so there is nothing to extend"
        )
    return found


def extra_until(household: Household, profile_id: str, now: float) -> float | None:
    """Return until when somebody's extra time keeps everything on, in seconds since the epoch; None
    where they have none now, nor any that is to come."""
    ends = (
        each.end
        for each in household.grants
        if each.profile == profile_id
        and each.about is None
        and each.time
        and not each.content
        and each.end > now
    )
    return max(ends, default=None)


def extra_past(
    bedtime: Bedtime | None, household: Household, profile_id: str, now: float
) -> float | None:
    """Return until when extra time keeps everything on past the begin of a bedtime; None where it
    does not."""
    until = extra_until(household, profile_id, now)
    if until is None or bedtime is None or not bedtime.start < until < bedtime.end:
        return None
    return until


def opened_until(household: Household, profile_id: str, at: float) -> float:
    """Return until when grants that follow each other allow everything from a moment on."""
    found = [each for each in household.grants if each.profile == profile_id and opens_all(each)]
    for each in sorted(found, key=lambda grant: grant.start):
        if each.start <= at < each.end:
            at = each.end
    return at


def opens_all(grant: Grant) -> bool:
    """Tell whether no limit and no schedule turns anything off while this lasts."""
    return grant.about is None and grant.time


def give_more_time(
    household: Household,
    profile_id: str,
    more: MoreTime,
    minutes: int,
    known: KnownIds,
    *,
    author: str,
    now: int,
) -> Household:
    """Return the household with these minutes given to a person."""
    if more.kind is not Kind.MINUTES:
        start = int(more.start)
        return give_grant(
            household,
            Grant(
                None,
                start=start,
                end=start + minutes * 60,
                given=now,
                content=False,
                time=True,
                author=author,
                profile=profile_id,
            ),
            known,
        )
    local = household.local_to(require_profile(household, profile_id))
    day = budget_day(now, zone_of(local.timezone), local.day_starts).day
    return reduce(
        lambda home, budget: add_bonus(
            home, profile_id, budget, day, minutes, author=author, at=now
        ),
        more.budgets,
        household,
    )


def time_mark(household: Household, profile_id: str) -> str:
    """Return a text that changes whenever somebody gives this person time; forms send it back."""
    return "-".join(
        max((each.id for each in given if each.profile == profile_id), key=_number, default="")
        for given in (household.grants, household.bonuses)
    )


def was_sent_before(
    household: Household, profile_id: str, mark: str, author: str, now: float
) -> bool:
    """Tell whether the same form was taken already, so that two taps do not give twice.

    mark: `time_mark` when the page with the form was made; "": the form has none.  Raises
    HouseholdError where somebody else gave time since, which the sender cannot have seen.
    """
    if mark in ("", time_mark(household, profile_id)):
        return False
    if any(by == author and now - at < _SAME_TAP for by, at in _gifts(household, profile_id)):
        return True
    raise HouseholdError("someone added time after you opened this page; reload it and check")


def _gifts(household: Household, profile_id: str) -> Iterator[tuple[str, float]]:
    """Yield who gave a person time, and when."""
    yield from ((e.author, e.given) for e in household.grants if e.profile == profile_id)
    yield from ((e.author, e.at) for e in household.bonuses if e.profile == profile_id)


def _number(key: str) -> int:
    digits = key[1:]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _next_closing(policy: Policy, now: float) -> Closure | None:
    """Return the schedule that turns everything off next, within half a day."""
    plan = policy.time_rules.plan if policy.time_rules else NO_TIME_PLAN
    coming = [
        each
        for each in plan.closures
        if each.reason is Reason.SCHEDULE and not each.about and now < each.start <= now + _SOON
    ]
    return min(coming, key=lambda each: each.start, default=None)
