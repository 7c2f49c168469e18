"""What home automation may know of the children of a home: no more than is recorded of them.

Home automation keeps what it is told, often for years, with the second.  So

- of somebody of whom nothing is recorded it gets the switch alone;
- limits whose minutes are the person's own are left out, and their ends too;
- minutes used are as they were at the last full hour, as counts are by hour: told each minute, they
  would say when somebody was there.  Only while a full log runs they are told each minute;
- adults are left out.

Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import NamedTuple

from copdns.accounts.roles import guardians_may_see
from copdns.events.mqtt_messages import ChildShown, LimitShown
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.verdict import Reason
from copdns.policy.snapshot import Snapshot
from copdns.policy.today import BudgetToday, Today, build_today
from copdns.privacy.own_numbers import hidden_limits, today_for_others
from copdns.time.plan import PolicyInputs

HOUR = 3600
NO_LIMITS: tuple[LimitShown, ...] = ()


class ShownUse(NamedTuple):
    """Minutes of a limit as they are told.  hour: of the look, since the epoch."""

    hour: int
    used: int


Shown = Mapping[tuple[str, str], ShownUse]  # by the ids of person and limit


def people_shown(
    household: Household, snapshot: Snapshot, inputs: PolicyInputs, shown: Shown, now: float
) -> tuple[tuple[ChildShown, ...], Shown]:
    """Return what is told of each child, and what is to be given as `shown` the next time.

    snapshot: as others may know it (`TimeChores.snapshot_for_others`).
    """
    after: dict[tuple[str, str], ShownUse] = {}
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
            used = {
                each.budget.id: _shown_use(
                    each, shown.get((profile.id, each.budget.id)), profile, now
                )
                for each in today.minutes
            }
            after.update({(profile.id, limit): use for limit, use in used.items()})
            limits = tuple(_limits(today.minutes, used))
        people.append(ChildShown(profile.id, profile.name, paused, state, limits))
    return tuple(people), after


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


def _shown_use(
    limit: BudgetToday, before: ShownUse | None, profile: Profile, now: float
) -> ShownUse:
    hour, used = int(now // HOUR), limit.used.likely
    is_same_hour = before is not None and before.hour == hour and before.used <= used
    if before is None or not is_same_hour or profile.privacy_at(now) is PrivacyMode.FULL:
        return ShownUse(hour, used)
    return before


def _limits(minutes: tuple[BudgetToday, ...], used: Mapping[str, ShownUse]) -> Iterator[LimitShown]:
    for each in minutes:
        there = used[each.budget.id].used
        yield LimitShown(each.budget.id, there, max(0, each.whole - there))
