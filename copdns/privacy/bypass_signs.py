"""Decide when a device that asks nothing is a sign that it does not use the filter.

A sign is a silence: the device is at home and, in hours in which it usually asks, asks nothing for
twice as long as it was ever silent in these hours of the last two or three weeks.  Nothing follows
from one but that it is told (docs/bypass.md), and a silence that happens often is soon a usual one.

`app/bypass_chores.py` looks once a minute and gives what it found as values.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from copdns.model.bypass_signs import Habit, Sign, SignKind
from copdns.model.household import Band, Household, Profile

MINUTE: Final = 60.0
DAY: Final = 86_400

LEAST_SILENCE: Final = 20.0 * MINUTE  # no shorter one is a sign
TIMES_LONGEST: Final = 2  # as long as the longest known one
LOOK_AFTER: Final = 10.0 * MINUTE  # of silence; then it is looked whether the device is at home
LOOK_EVERY: Final = 5.0 * MINUTE
WAY_BEFORE: Final = 5.0 * MINUTE  # a way around that was asked for so long before the silence

WEEKS_KEPT: Final = 3  # this week and the two before
FORTNIGHT: Final = 14  # days that a device is known before any of its silences is a sign
LEAST_DAYS: Final = 7  # on which it asked, of these

SIGNS_KEPT: Final = 14 * DAY  # for so long several signs count together, and are shown
NEXT_NOTICE: Final = 7 * DAY  # until the next notice about a device
BEFORE_GUARDIANS: Final = DAY  # for which the person alone has the notice ...
FIRST_FROM: Final = 13  # ... from this age on


class LocalHour(NamedTuple):
    """An hour on a person's calendar.  day: in days since the epoch.  hour: 0 to 23."""

    day: int
    hour: int


class Presence(Enum):
    """Whether a silent device is at home, as far as the network shows."""

    NOT_ASKED = "not asked"
    HERE = "here"
    AWAY = "away"  # or nobody knows


class Tick(NamedTuple):
    """What a look at a device found.

    mono: monotonic seconds, of the look.  asked: the device asked something since the last look.
    way, proven: the way around that it asked for since then, as `Heard` has it.
    others: somebody else asked something since the last look.
    """

    mono: float
    at: LocalHour
    asked: bool
    way: SignKind | None = None
    proven: bool = False
    presence: Presence = Presence.NOT_ASKED
    others: bool = True


@dataclass(frozen=True, slots=True)
class Quiet:
    """A device since it last asked.  All moments are monotonic seconds.

    since: the look at which it had asked last; None: it did not ask since copdns started, so that
        nobody knows how long it has been silent.
    looked: when its presence was last found out; here_until: when it was last found at home.
    is_over: this silence says nothing: the device was away, nobody else asked either, or it is not
        within waking hours.  is_told: it was a sign already.
    way, proven, way_at: of the last way around that it asked for.
    """

    since: float | None = None
    looked: float = 0.0
    here_until: float = 0.0
    is_over: bool = False
    is_told: bool = False
    way: SignKind | None = None
    proven: bool = False
    way_at: float = 0.0

    def is_due(self, mono: float) -> bool:
        """Tell whether it is time to find out whether the device is at home."""
        return (
            self.since is not None
            and not self.is_over
            and mono - self.since >= LOOK_AFTER
            and mono - self.looked >= LOOK_EVERY
        )


class Found(NamedTuple):
    """What follows from a look.

    longest: minutes of a silence in waking hours that is over or goes on; 0 for none.
    sign: the kind of a new sign; None for none.  proven: as of a Sign.
    """

    quiet: Quiet
    longest: int = 0
    sign: SignKind | None = None
    proven: bool = False


def waking_hours(habits: Sequence[Habit]) -> frozenset[int]:
    """Return the hours of the day in which a device asked on half of its days or more."""
    days = sum(each.days for each in habits)
    counts = [sum(int(each.hours[hour]) for each in habits) for hour in range(24)]
    return frozenset(hour for hour, n in enumerate(counts) if n and 2 * n >= days)


def sign_after(habits: Sequence[Habit], today: int) -> float | None:
    """Return after how many seconds a silence is a sign; None: the device is not known for long
    enough."""
    first = min((each.first for each in habits), default=today)
    days = sum(each.days for each in habits)
    if today - first < FORTNIGHT or days < LEAST_DAYS:
        return None
    longest = max(each.longest for each in habits)
    return max(LEAST_SILENCE, TIMES_LONGEST * longest * MINUTE)


def look(quiet: Quiet, tick: Tick, habits: Sequence[Habit]) -> Found:
    """Return what a look at a device means.  habits: its weeks, as `kept_habits` returns them."""
    awake = tick.at.hour in waking_hours(habits)
    if tick.asked:
        return _begin_again(quiet, tick, awake=awake)
    if quiet.since is None or quiet.is_over:
        return Found(quiet)
    if not awake:  # it sleeps, and what it did before says nothing
        return Found(replace(quiet, is_over=True))
    if tick.presence is Presence.NOT_ASKED:
        return Found(quiet)
    if tick.presence is Presence.AWAY or not tick.others:
        return Found(replace(quiet, is_over=True), _minutes(quiet))
    here = replace(quiet, looked=tick.mono, here_until=tick.mono)
    limit = sign_after(habits, tick.at.day)
    if quiet.is_told or limit is None or tick.mono - quiet.since < limit:
        return Found(here)
    recent = quiet.way is not None and quiet.since - quiet.way_at <= WAY_BEFORE
    sign = quiet.way if recent and quiet.way is not None else SignKind.SILENCE
    return Found(replace(here, is_told=True), 0, sign, recent and quiet.proven)


def _begin_again(quiet: Quiet, tick: Tick, *, awake: bool) -> Found:
    """Return a new silence after a query, and how long the last one was."""
    way, proven, way_at = quiet.way, quiet.proven, quiet.way_at
    if tick.mono - way_at > WAY_BEFORE:
        way, proven = None, False
    if tick.way is not None and (tick.proven or not proven):
        way, proven, way_at = tick.way, tick.proven, tick.mono
    longest = 0
    if awake and quiet.since is not None and not quiet.is_over and quiet.here_until:
        longest = int((tick.mono - quiet.since) // MINUTE)  # it was at home, and so all the while
    again = Quiet(tick.mono, is_over=not awake, way=way, proven=proven, way_at=way_at)
    return Found(again, longest)


def _minutes(quiet: Quiet) -> int:
    """Return for how long a device was surely at home and silent."""
    if quiet.since is None or not quiet.here_until:
        return 0
    return int((quiet.here_until - quiet.since) // MINUTE)


# --- habits ---------------------------------------------------------------------------------------


def kept_habits(habits: Iterable[Habit], today: int) -> tuple[Habit, ...]:
    """Return the weeks that still count, and none that a wrong clock dated ahead."""
    week = today // 7
    return tuple(each for each in habits if week - WEEKS_KEPT < each.week <= week)


def note_hour(habits: Sequence[Habit], who: tuple[str, str, str], at: LocalHour) -> Habit | None:
    """Return the week in which a device asked something in an hour; None where that is known.

    who: household, profile and device.  A day before the last one is not counted again: the clock
    was set back.
    """
    week = at.day // 7
    old = next((each for each in habits if each.week == week), None)
    bit = 1 << at.hour
    if old is None:
        return Habit(*who, week, at.day, at.day, 1, _count("0" * 24, at.hour), 0, bit)
    if at.day < old.day or (at.day == old.day and old.today & bit):
        return None
    hours = _count(old.hours, at.hour)
    if at.day == old.day:
        return old._replace(hours=hours, today=old.today | bit)
    return old._replace(day=at.day, days=old.days + 1, hours=hours, today=bit)


def _count(hours: str, hour: int) -> str:
    n = min(int(hours[hour]) + 1, 7)
    return f"{hours[:hour]}{n}{hours[hour + 1 :]}"


def note_longest(habits: Sequence[Habit], minutes: int, today: int) -> Habit | None:
    """Return the week with a silence in it; None where there was a longer one, or no such week."""
    old = next((each for each in habits if each.week == today // 7), None)
    return old._replace(longest=minutes) if old is not None and minutes > old.longest else None


# --- who is told ----------------------------------------------------------------------------------


def new_sign(
    who: tuple[str, str, str],
    kind: SignKind,
    earlier: Iterable[Sign],
    now: float,
    band: Band,
    *,
    proven: bool,
) -> Sign:
    """Return a new sign, which says from when guardians are told.

    One packet, which anybody at home and any page can forge, tells nobody: it takes a name that was
    asked over a transport that shows who asks, or signs of several kinds from different days.  From
    13 on the person has a day to read it first.
    who: household, profile and device.  earlier: all signs of that person that are kept.
    """
    at = int(now) // 3600 * 3600
    of_device = [each for each in earlier if each.device == who[2] and is_kept(each, now)]
    kinds = {each.kind for each in of_device if at - each.at >= DAY // 2}
    told = any(each.tells is not None and at - each.at < NEXT_NOTICE for each in of_device)
    tells = None
    if not told and (proven or kinds - {kind}):
        tells = int(now) + (BEFORE_GUARDIANS if band.age >= FIRST_FROM else 0)
    return Sign(*who, at, kind, proven, tells)


def is_kept(sign: Sign, now: float) -> bool:
    """Tell whether a sign still counts, and is shown."""
    return -DAY <= now - sign.at < SIGNS_KEPT


def notices_of_person(signs: Iterable[Sign], now: float) -> tuple[Sign, ...]:
    """Return what guardians are or will be told of, for the person; the newest first."""
    found = (each for each in signs if each.tells is not None and is_kept(each, now))
    return tuple(sorted(found, key=lambda each: -each.at))


def notices_for_guardians(signs: Iterable[Sign], now: float) -> tuple[Sign, ...]:
    """Return what guardians may know by now, the newest first."""
    return tuple(
        each
        for each in notices_of_person(signs, now)
        if each.tells is not None and each.tells <= now
    )


class BypassNotice(NamedTuple):
    """What guardians may know about a device.  device: what it is called."""

    profile: Profile
    device: str
    sign: Sign


def notices_about(
    household: Household, people: Iterable[Profile], signs: Iterable[Sign], now: float
) -> tuple[BypassNotice, ...]:
    """Return what guardians may know of some people's devices by now, the newest first."""
    noticed = {each.id: each for each in people if each.notices_signs_at(now)}
    names = {each.id: each.name or each.id for each in household.devices}
    return tuple(
        BypassNotice(noticed[each.profile], names.get(each.device, each.device), each)
        for each in notices_for_guardians(signs, now)
        if each.profile in noticed
    )


def due_events(signs: Iterable[Sign], now: float) -> tuple[Sign, ...]:
    """Return the notices of which guardians are to hear now."""
    return tuple(each for each in notices_for_guardians(signs, now) if not each.told)
