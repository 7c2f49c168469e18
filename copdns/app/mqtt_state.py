"""What home automation may know of the children of a home: no more than is recorded of them.

Home automation keeps what it is told, often for years, with the second.  So

- of somebody of whom nothing is recorded it gets the switch alone;
- limits whose minutes are the person's own are left out, and their ends too;
- minutes used are as they were at the last full hour, as counts are by hour, also after a start:
  told each minute, they would say when somebody was there.  Only while a full log runs they are
  told each minute;
- adults are left out.

Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from copdns.accounts.roles import guardians_may_see
from copdns.events.mqtt_messages import ChildShown, LimitShown
from copdns.model.household import Household, PrivacyMode
from copdns.model.verdict import Reason
from copdns.policy.snapshot import Snapshot
from copdns.policy.today import BudgetToday, Today, build_today
from copdns.privacy.own_numbers import hidden_limits, today_for_others
from copdns.time.plan import PolicyInputs

HOUR = 3600
NO_LIMITS: tuple[LimitShown, ...] = ()


# Person, limit and moment: minutes of today until then.
UsedUntil = Callable[[str, str, float], int]


def people_shown(
    household: Household,
    snapshot: Snapshot,
    inputs: PolicyInputs,
    used_until: UsedUntil,
    now: float,
) -> tuple[ChildShown, ...]:
    """Return what is told of each child.

    snapshot: as others may know it (`TimeChores.snapshot_for_others`).
    """
    hour = now // HOUR * HOUR
    people = []
    for profile in filter(guardians_may_see, household.profiles):
        paused = is_paused(household, profile.id, now)
        state, limits = "", NO_LIMITS
        if profile.privacy_at(now) is not PrivacyMode.OFF:
            policy = snapshot.policy(household.id, profile.id)
            hidden = hidden_limits(household, profile, inputs, now)
            today = build_today(household, profile, policy, inputs, now)
            today = today_for_others(today, hidden)
            state = _state(today)
            is_full = profile.privacy_at(now) is PrivacyMode.FULL
            limits = tuple(
                _limit(each, None if is_full else used_until(profile.id, each.budget.id, hour))
                for each in today.minutes
            )
        people.append(ChildShown(profile.id, profile.name, paused, state, limits))
    return tuple(people)


def is_paused(household: Household, person: str, now: float) -> bool:
    """Tell whether a pause of a person runs at a moment."""
    return any(
        each.profile == person and each.start <= ceil(now) and (each.end is None or now < each.end)
        for each in household.pauses
    )


def _state(today: Today) -> str:
    if today.closed is None:
        return "open"
    return "paused" if today.closed.reason is Reason.PAUSED else "closed"


def _limit(each: BudgetToday, at_most: int | None) -> LimitShown:
    used = each.used.likely if at_most is None else min(at_most, each.used.likely)
    return LimitShown(each.budget.id, used, max(0, each.whole - used))
