"""What the overview tells of one person: how it stands, what comes next, minutes, day and devices.

Pure: built from a person's day, policy, requests and counts; moments are seconds since the epoch.
What somebody's privacy mode does not let be shown is None here, and the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from copdns.as_json.household import running_pause
from copdns.model.household import Device, Household, PrivacyMode, Profile
from copdns.model.times import Grant, PauseSpan
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy, full_closure
from copdns.policy.today import BudgetToday, Today, closures_ahead
from copdns.privacy.retention import CountKey
from copdns.time.bedtime import Bedtime, bedtime_choices, is_bedtime, tonights_bedtime
from copdns.time.days import local_time, zone_of
from copdns.time.own_timers import OWN
from copdns.time.plan import in_scope
from copdns.web.more_time import (
    MoreTime,
    extra_past,
    more_time,
    opened_until,
    opens_all,
    time_mark,
)

HOURS = 24
GRANTS_SHOWN = 3
EXTRA_MINUTES = 15  # what one tap gives
# Figures by hour are shown of those of whom names are recorded too: of anybody else the hours at
# which they looked something up would tell more than the mode promises (docs/privacy.md).
_WITH_HOURS = frozenset({PrivacyMode.BLOCKED, PrivacyMode.FULL})


class Standing(StrEnum):
    """How the internet is for somebody now."""

    ON = "on"
    OFF = "off"  # by a schedule
    HOMEWORK = "homework"
    PAUSED = "paused"
    OWN_TIMER = "own_timer"
    USED_UP = "used_up"
    NO_TIME = "no_time"


class Edge(NamedTuple):
    """The next moment at which it stands otherwise.  standing: how it does from then on."""

    at: float
    standing: Standing


class LimitLeft(NamedTuple):
    """What is left of a daily limit, in minutes and in percent of it."""

    today: BudgetToday
    percent: int


class DeviceSeen(NamedTuple):
    """A device of somebody.  last: when it last looked something up today, which only a full log
    records; None where it did not, or nobody recorded it."""

    device: Device
    last: int | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What was recorded of people today.  sites: lookups by profile and hour.  devices: the last
    moment by profile and device."""

    counts: Collection[tuple[CountKey, int]] = ()
    devices: Mapping[str, Mapping[str, int]] | None = None


NOTHING = Activity()


@dataclass(frozen=True, slots=True)
class PersonCard:
    """What the overview tells of a person.

    edge: None: nothing changes within a day.  limits: the one with the least left first; () for a
    reader who may not see minutes.  hours: lookups by the hour of the day in which they began; None
    where the mode or the reader's role does not let that be shown.  mode: what is recorded now.
    has_use: the mode records which device was used.  requests: that wait.  more: what 15 more
    minutes mean.  mark: of the form that gives them.  bedtime: tonight's.  choices: when it can
    begin instead.  has_bedtime: there is a bedtime on some night.
    grants: what is allowed for a while now, the first that ends first; extra time is one of them.
    extra: until when extra time keeps everything on, past tonight's bedtime; None where it does
    not.
    """

    profile: Profile
    today: Today
    standing: Standing
    edge: Edge | None
    limits: tuple[LimitLeft, ...]
    hours: tuple[int, ...] | None
    devices: tuple[DeviceSeen, ...]
    mode: PrivacyMode
    requests: int
    more: MoreTime | None
    mark: str
    pause: PauseSpan | None
    bedtime: Bedtime | None
    choices: tuple[int, ...]
    has_bedtime: bool
    grants: tuple[Grant, ...]
    extra: float | None

    @property
    def has_use(self) -> bool:
        return self.mode is PrivacyMode.FULL and self.hours is not None


def person_card(
    household: Household,
    profile: Profile,
    policy: Policy,
    today: Today,
    now: float,
    *,
    sees_use: bool,
    requests: int = 0,
    activity: Activity = NOTHING,
) -> PersonCard:
    """Return what the overview tells of a person.

    today, policy: as the reader may know them.  sees_use: the reader may see minutes and what is
    recorded.  requests: of this person that wait.
    """
    mode = profile.privacy_at(now)
    shows_hours = sees_use and mode in _WITH_HOURS
    bedtime = tonights_bedtime(household, profile, now)
    return PersonCard(
        profile,
        today,
        standing_of(today.closed),
        next_edge(policy, now),
        _limits_left(today.minutes) if sees_use else (),
        hours_of_day(household.local_to(profile), profile.id, activity.counts, now)
        if shows_hours
        else None,
        tuple(_devices(household, profile, activity if sees_use else NOTHING)),
        mode,
        requests,
        more_time(household, profile, policy, today, now),
        time_mark(household, profile.id),
        running_pause(household, profile.id, now),
        bedtime,
        bedtime_choices(bedtime, now) if bedtime is not None else (),
        any(map(is_bedtime, in_scope(household.schedules, profile))),
        _grants(household, profile, now),
        extra_past(bedtime, household, profile.id, now),
    )


def _grants(household: Household, profile: Profile, now: float) -> tuple[Grant, ...]:
    """Return what is allowed now.  Extra time that follows on from extra time is one here, with the
    end of the last: whoever gives 15 minutes twice looks for the later end."""
    found = [e for e in household.grants if e.profile == profile.id and e.start <= now < e.end]
    all_on = [each for each in found if opens_all(each)]
    shown = [each for each in found if not opens_all(each)]
    if all_on:
        shown.append(replace(all_on[0], end=int(opened_until(household, profile.id, now))))
    return tuple(sorted(shown, key=lambda each: each.end)[:GRANTS_SHOWN])


def standing_of(closed: Verdict | None) -> Standing:
    """Return how it stands by a verdict of `full_closure`; None is on."""
    if closed is None:
        return Standing.ON
    if closed.period == "homework" and closed.reason is Reason.PAUSED:
        return Standing.HOMEWORK
    if closed.reason is Reason.PAUSED:
        return Standing.OWN_TIMER if closed.period == OWN else Standing.PAUSED
    if closed.reason is Reason.BUDGET:
        return Standing.NO_TIME if closed.no_minutes else Standing.USED_UP
    return Standing.OFF


def next_edge(policy: Policy, now: float) -> Edge | None:
    """Return when it next stands otherwise, within a day; None for never.

    A limit that may be used up by then is not foreseen.
    """
    before = standing_of(full_closure(policy, now))
    for at, closed in closures_ahead(policy, now):
        standing = standing_of(closed)
        if standing is not before:
            return Edge(at, standing)
    return None


def _limits_left(minutes: Iterable[BudgetToday]) -> tuple[LimitLeft, ...]:
    found = [
        LimitLeft(each, 100 * min(each.left, each.whole) // each.whole if each.whole else 0)
        for each in minutes
    ]
    return tuple(sorted(found, key=lambda each: each.today.left))


def hours_of_day(
    household: Household, profile_id: str, counts: Iterable[tuple[CountKey, int]], now: float
) -> tuple[int, ...]:
    """Return somebody's lookups of today by the hour of the clock in which they were counted."""
    zone = zone_of(household.timezone)
    today, found = local_time(now, zone).date(), [0] * HOURS
    for key, number in counts:
        local = local_time(key.hour * 3600, zone)
        if key.profile == profile_id and local.date() == today:
            found[local.hour] += number
    return tuple(found)


def _devices(household: Household, profile: Profile, activity: Activity) -> Iterable[DeviceSeen]:
    seen = (activity.devices or {}).get(profile.id, {})
    for each in household.devices:
        if each.profile == profile.id:
            yield DeviceSeen(each, seen.get(each.id))


class Upcoming(NamedTuple):
    """Something that comes soon for somebody."""

    profile: Profile
    edge: Edge


def upcoming(cards: Iterable[PersonCard]) -> tuple[Upcoming, ...]:
    """Return what comes next for each, the soonest first."""
    found = [Upcoming(each.profile, each.edge) for each in cards if each.edge is not None]
    return tuple(sorted(found, key=lambda each: each.edge.at))
