"""When tonight's bedtime is: as the schedules say, and as somebody moved it for this night.

A bedtime is what turns everything off over the coming night, whichever schedules say so.  Pure;
moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from copdns.model.household import Household, Profile
from copdns.model.times import DAY_MINUTES, Schedule
from copdns.time.days import DAY_SECONDS, local_time, starts_at, zone_of
from copdns.time.plan import in_scope
from copdns.time.schedule import Span, closed_spans, merge_spans

NIGHT = 4 * 60  # minute of the day that every bedtime has in it: nobody's ends or begins then
MOST_MOVED = 4 * 3600  # seconds by which one night's bedtime can be moved
_LONGEST = 12 * 3600  # seconds before NIGHT at which a bedtime can begin; what is longer is none
_STEPS = (-60, -30, 30, 60)  # minutes from when it begins now


class Bedtime(NamedTuple):
    """Tonight's bedtime.  usual: when the schedules say; start: when it begins tonight; end:
    exclusive."""

    usual: int
    start: int
    end: int

    @property
    def is_moved(self) -> bool:
        return self.start != self.usual


def tonights_bedtime(household: Household, profile: Profile, now: float) -> Bedtime | None:
    """Return the bedtime that lasts now, or is the next to come within a day; None for none."""
    household = household.local_to(profile)
    for night in _nights_within_a_day(now, zone_of(household.timezone)):
        spans = _find_closed_spans(household, profile, night)
        found = next((each for each in spans if each[0] <= night < each[1]), None)
        if found is not None and night - _LONGEST <= found[0] < now + DAY_SECONDS:
            return _as_moved(household, profile, *map(int, found))
    return None


def _as_moved(household: Household, profile: Profile, start: int, end: int) -> Bedtime:
    """Return the bedtime of these schedules, as somebody moved it."""
    moved = next((e for e in household.moved_bedtimes if e.profile == profile.id), None)
    is_current = moved is not None and moved.start == start
    return Bedtime(start, moved.moved if moved is not None and is_current else start, end)


def is_bedtime(schedule: Schedule) -> bool:
    """Tell whether a schedule turns everything off over a night."""
    nights = NIGHT, NIGHT + DAY_MINUTES
    return (
        not schedule.about
        and not schedule.opens
        and any(
            each.start <= night < each.start + each.length
            for each in schedule.slots
            for night in nights
        )
    )


def bedtime_choices(tonight: Bedtime, now: float) -> tuple[int, ...]:
    """Return when it can begin instead: half an hour and an hour earlier and later than now said,
    and the usual time where it was moved; in order."""
    steps = (tonight.start + 60 * minutes for minutes in _STEPS)
    near = {e for e in steps if e < tonight.end and abs(e - tonight.usual) <= MOST_MOVED}
    usual = {tonight.usual} if tonight.is_moved else set[int]()
    return tuple(sorted(usual | {each for each in near if each > now}))


def moment_tonight(tonight: Bedtime, minute: int, zone: ZoneInfo) -> int:
    """Return the moment, of those at which the clock shows this minute of the day, that is nearest
    to tonight's usual bedtime."""
    day = local_time(tonight.usual, zone).date()
    moments = [int(starts_at(day + timedelta(days=n), minute, zone)) for n in (-1, 0, 1)]
    return min(moments, key=lambda each: abs(each - tonight.usual))


def _nights_within_a_day(now: float, zone: ZoneInfo) -> Iterator[float]:
    """Yield the coming night, and in the small hours, which are of the night before, also the one
    that begins in the evening of the same day."""
    today = local_time(now, zone).date()
    nights = (starts_at(today + timedelta(days=n), NIGHT, zone) for n in (0, 1))
    yield from (each for each in nights if each > now)


def _find_closed_spans(household: Household, profile: Profile, night: float) -> Iterator[Span]:
    """Yield when schedules turn everything off around a night."""
    zone, around = zone_of(household.timezone), (night - DAY_SECONDS, night + DAY_SECONDS)
    spans = (
        span
        for each in in_scope(household.schedules, profile)
        if not each.about
        for span in closed_spans(each, household.calendar, zone, *around)
    )
    yield from merge_spans(sorted(spans))
