"""Look at devices once a minute: is one silent that is at home, and is that a sign of bypass?

`privacy/bypass_signs.py` decides; this module knows since when each device is silent, in memory
only, and stores what is kept.  Nothing else follows from a sign than that it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from copdns.app.background import in_slices
from copdns.events.bus import EventBus
from copdns.model.bypass_signs import OTHERS_HEARD, Habit, Heard, Sign, SignKind
from copdns.model.errors import StoreError
from copdns.model.events import EventKind, SignEvent
from copdns.model.household import Device, Household, Profile
from copdns.network.presence import ANSWERS_WITHIN, make_kernel_ask, neighbour_addresses
from copdns.policy.snapshot import HeardDevices, Snapshot
from copdns.privacy.bypass_signs import (
    LOOK_EVERY,
    Found,
    LocalHour,
    Presence,
    Quiet,
    Tick,
    due_events,
    kept_habits,
    look,
    new_sign,
    note_hour,
    note_longest,
)
from copdns.store.log_db.bypass_signs import ChangedSigns, KeptSigns, update_signs
from copdns.store.log_db.sign_rows import Device as Key
from copdns.time.clock import Clock, Moment
from copdns.time.days import local_time, zone_of

log = structlog.get_logger("copdns")

MAX_GAP = 180.0  # seconds between two looks: after more, nobody knows what devices asked
MAX_JUMP = 60.0  # seconds by which the wall clock may differ from the other one since the last look
_EPOCH = 719_163  # the ordinal of 1 January 1970
_UNKNOWN = Quiet()  # of each device that nobody looked at before


class Looked(NamedTuple):
    """A device with what a look at it found."""

    key: Key
    profile: Profile
    tick: Tick


class BypassChores:
    """What is known of the silences of devices, in memory: gone with the program."""

    def __init__(
        self,
        folder: Path,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        events: EventBus,
        ask: Callable[[Iterable[str]], None] = make_kernel_ask,
    ) -> None:
        """ask: makes the kernel ask whether somebody has an address."""
        self._folder = folder
        self._snapshot = snapshot
        self._clock = clock
        self._events = events
        self._ask = ask
        self._quiet: dict[Key, Quiet] = {}
        self._asked_for: dict[Key, float] = {}  # when the kernel was made to ask (monotonic)
        self._others_at = 0.0  # when somebody asked something last (monotonic)
        self._last: Moment | None = None
        self._is_empty = False  # nothing is stored
        self._failing = False

    async def run_once(self) -> None:
        """Look at all devices whose silences may be signs of bypass; to be called once a minute."""
        moment, snapshot = self._clock(), self._snapshot()
        before, self._last = self._last, moment
        begins_anew = self._clock.is_wrong or before is None or _is_gap(before, moment)
        if begins_anew:
            self._forget(snapshot.heard)
        if not snapshot.heard and self._is_empty:
            return
        if _has_somebody_asked(snapshot.heard):
            self._others_at = moment.mono
        looked = [] if begins_anew else await in_slices(self._look_at_all(snapshot, moment))
        self._quiet = {each.key: self._quiet.get(each.key, _UNKNOWN) for each in looked}
        due: list[Sign] = []
        # What is to be deleted is deleted whatever a clock shows.
        change = _leave if begins_anew else partial(self._change, looked, due, moment.wall)
        try:
            await asyncio.to_thread(update_signs, self._folder, {*snapshot.heard}, change)
        except StoreError as error:
            self._forget(snapshot.heard)
            if not self._failing:
                log.warning("signs of bypass could not be saved", error=str(error))
            self._failing = True
            return
        self._failing, self._is_empty = False, not snapshot.heard
        for each in due:
            self._events.publish(
                SignEvent(
                    EventKind.BYPASS_NOTICED,
                    each.household,
                    each.profile,
                    each.device,
                    each.tells or moment.wall,
                )
            )

    def _forget(self, heard: HeardDevices) -> None:
        """Begin anew: nobody knows when a device asked last."""
        self._quiet.clear()
        self._asked_for.clear()
        for each in (*heard.values(), OTHERS_HEARD):
            take(each)

    def _look_at_all(
        self, snapshot: Snapshot, moment: Moment
    ) -> Generator[None, None, list[Looked]]:
        """Look at one device after another, so that queries can be answered in between."""
        found = []
        homes = [snapshot.households[each] for each in {key[0] for key in snapshot.heard}]
        people = {(home.id, each.id): each for home in homes for each in home.profiles}
        devices = {(home.id, each.id): each for home in homes for each in home.devices}
        hours: dict[tuple[str, str], LocalHour] = {}  # it is the same for all devices of a person
        for key, heard in snapshot.heard.items():
            yield
            household, person, _ = key
            profile, device = people.get((household, person)), devices.get((household, key[2]))
            if profile is None or device is None:
                continue
            at = hours.get((household, person))
            if at is None:
                at = local_hour(snapshot.households[household], profile, moment.wall)
                hours[household, person] = at
            tick = self._look_at(key, device, heard, snapshot, moment, at)
            found.append(Looked(key, profile, tick))
        return found

    def _look_at(
        self,
        key: Key,
        device: Device,
        heard: Heard,
        snapshot: Snapshot,
        moment: Moment,
        at: LocalHour,
    ) -> Tick:
        """Return what a look at a device finds.  For a silent one the kernel is made to ask."""
        asked, way, proven = take(heard)
        others = moment.mono - self._others_at <= LOOK_EVERY
        tick = Tick(moment.mono, at, asked, way, proven, Presence.NOT_ASKED, others)
        quiet = self._quiet.get(key, Quiet())
        if asked or not quiet.is_due(moment.mono):
            self._asked_for.pop(key, None)
            return tick
        addresses = neighbour_addresses(device, snapshot.sightings.neighbours)
        asked_at = self._asked_for.get(key)
        if not addresses:
            self._asked_for.pop(key, None)
            return tick._replace(presence=Presence.AWAY)
        if asked_at is None:
            self._asked_for[key] = moment.mono
            self._ask(addresses)
            return tick
        if moment.mono - asked_at < ANSWERS_WITHIN:
            return tick
        del self._asked_for[key]
        return tick._replace(presence=Presence.HERE)

    def _change(
        self, looked: Iterable[Looked], due: list[Sign], now: float, stored: KeptSigns
    ) -> ChangedSigns:
        """Return what is to be stored after a look, and add to `due` what guardians are told now.

        Runs in a thread, while `run_once` waits.
        """
        habits: list[Habit] = []
        signs: list[Sign] = []
        weeks: dict[Key, list[Habit]] = {}
        for week in stored.habits:
            weeks.setdefault((week.household, week.profile, week.device), []).append(week)
        for each in looked:
            changed, found = learn(each, self._quiet[each.key], weeks.get(each.key, ()))
            habits += changed
            self._quiet[each.key] = found.quiet
            if found.sign is not None:
                earlier = [*stored.signs, *signs]
                band = each.profile.band_at(now)
                signs.append(
                    new_sign(each.key, found.sign, earlier, now, band, proven=found.proven)
                )
        told = [e._replace(told=True) for e in due_events([*stored.signs, *signs], now)]
        due += told
        new = {(*e[:3], e.at): e for e in (*signs, *told)}
        return ChangedSigns(habits, new.values())


def _leave(stored: KeptSigns) -> ChangedSigns:
    return ChangedSigns((), ())


def learn(looked: Looked, quiet: Quiet, weeks: Iterable[Habit]) -> tuple[tuple[Habit, ...], Found]:
    """Return the weeks of a device that a look changed, and what it found.  Pure.

    weeks: those of the device that are stored.
    """
    tick, key = looked.tick, looked.key
    habits = {each.week: each for each in kept_habits(weeks, tick.at.day)}
    changed: dict[int, Habit] = {}
    if tick.asked and (noted := note_hour((*habits.values(),), key, tick.at)) is not None:
        habits[noted.week] = changed[noted.week] = noted
    found = look(quiet, tick, (*habits.values(),))
    longest = note_longest((*habits.values(),), found.longest, tick.at.day)
    if longest is not None:
        changed[longest.week] = longest
    return (*changed.values(),), found


def _has_somebody_asked(heard: HeardDevices) -> bool:
    """Tell whether somebody at home asked something since the last call, besides this machine."""
    others = take(OTHERS_HEARD)[0]
    return others or any(each.lately for each in heard.values())


def take(heard: Heard) -> tuple[bool, SignKind | None, bool]:
    """Return what was heard of a device since the last call, and forget it."""
    found = heard.lately, heard.way, heard.proven
    heard.lately, heard.way, heard.proven = False, None, False
    return found


def local_hour(household: Household, profile: Profile, now: float) -> LocalHour:
    """Return the hour on a person's calendar.  now: seconds since the epoch."""
    here = local_time(now, zone_of(household.local_to(profile).timezone))
    return LocalHour(here.date().toordinal() - _EPOCH, here.hour)


def _is_gap(before: Moment, now: Moment) -> bool:
    """Tell whether time went by in which nobody looked, or a clock was set."""
    passed = now.mono - before.mono
    return passed > MAX_GAP or abs((now.wall - before.wall) - passed) > MAX_JUMP
