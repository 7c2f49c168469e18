"""Tell home automation by MQTT how things stand, and pause whom it pauses.

`app/mqtt_state.py` decides what it may know, `events/mqtt_messages.py` how it reads, and
`events/mqtt_link.py` keeps the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from copdns.app.background import run_logged
from copdns.app.languages import speak_to_guardians
from copdns.app.mqtt_state import is_paused, people_shown
from copdns.app.time_chores import TimeChores
from copdns.events.mqtt_messages import EVERYONE, SwitchMessage, Topics, home_topics
from copdns.events.switch_pace import SwitchPace
from copdns.household.time_edits import pause, unpause_all
from copdns.model.events import Event
from copdns.model.household import Household
from copdns.policy.snapshot import Snapshot
from copdns.settings.mqtt import MqttSettings
from copdns.store.household_db.household import HouseholdStore
from copdns.time.clock import Clock
from copdns.time.moments import moment_text

if TYPE_CHECKING:
    from copdns.events.mqtt_link import MqttLink

AUTHOR = "home automation"  # in the history
FOLLOW = 1.0  # seconds between two looks at the settings, and at what was switched
MAX_SWITCHES = 100  # people whose switches wait; one person's last message counts


class MqttChores:
    """settings: those in force.  snapshot: likewise."""

    def __init__(
        self,
        settings: Callable[[], MqttSettings],
        snapshot: Callable[[], Snapshot],
        times: TimeChores,
        store: HouseholdStore,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._times = times
        self._store = store
        self._clock = clock
        self._link: MqttLink | None = None
        self._switched: dict[str, SwitchMessage] = {}
        # By child: minutes of the pause that was wanted last, as of a SwitchMessage.
        self._waiting: dict[str, int | None] = {}
        self._pace = SwitchPace()
        self._has_switches = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Tell whether a broker listens now; False where the settings name none."""
        return self._link is not None and self._link.is_connected

    @property
    def warning(self) -> str:
        """Return, for people, why home automation is told nothing; "" where it is."""
        trouble = self._link.trouble if self._link is not None else ""
        return trouble and f"home automation is told nothing: {trouble}"

    def on_event(self, event: Event) -> None:
        """Take an event from the bus."""
        if self._link is not None:
            self._link.on_event(event)

    async def run(self) -> None:
        """Follow the settings, until this is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            chosen: MqttSettings | None = None
            seen: MqttSettings | None = None
            running = None
            while True:
                # Compared only where they are other ones: that brings a library back into memory.
                settings, last = self._settings(), seen
                seen = settings
                if settings is not last and settings != chosen:
                    chosen = settings
                    if running is not None:
                        running.cancel()
                        await asyncio.wait([running])
                    self._link = await asyncio.to_thread(self._new_link, chosen)
                    running = tasks.create_task(self._link.run()) if self._link else None
                if self._switched or self._waiting:
                    await run_logged(self._apply)
                    await asyncio.sleep(FOLLOW)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._has_switches.wait(), FOLLOW)
                self._has_switches.clear()

    def _new_link(self, chosen: MqttSettings) -> MqttLink | None:
        if not chosen.host:
            return None
        from copdns.events.mqtt_link import MqttLink

        return MqttLink(chosen, partial(self._topics, chosen), self._note)

    async def _topics(self, chosen: MqttSettings) -> Topics:
        snapshot, now = self._snapshot(), self._clock().wall
        home = _only_home(snapshot)
        if home is None:
            return {}
        people = people_shown(
            home,
            self._times.snapshot_for_others(now),
            self._times.policy_inputs,
            partial(self._times.used_until, home.id),
            now,
        )
        speaks = await asyncio.to_thread(speak_to_guardians, snapshot.households, home.id)
        return home_topics(people, chosen, speaks)

    def _note(self, wanted: SwitchMessage) -> None:
        """Remember what a switch wants, until `_apply`."""
        if wanted.person == EVERYONE:
            self._switched.clear()
        if wanted.person in self._switched or len(self._switched) < MAX_SWITCHES:
            self._switched.pop(wanted.person, None)
            self._switched[wanted.person] = wanted
            self._has_switches.set()

    async def _apply(self) -> None:
        """Pause, and end pauses, as switches want it; raise StoreError and HouseholdError."""
        wanted, self._switched = self._switched, {}
        home = _only_home(self._snapshot())
        if home is None:
            return
        children = frozenset(each.id for each in home.profiles if each.band.is_child)
        for one in wanted.values():
            chosen = children if one.person == EVERYONE else children & {one.person}
            self._waiting |= dict.fromkeys(sorted(chosen), one.minutes)
        self._waiting = {each: self._waiting[each] for each in self._waiting if each in children}
        self._pace.keep_only(children)
        for child in [*self._waiting]:
            if self._pace.take(child, self._clock().mono):
                await self._switch(home, child, self._waiting.pop(child))

    async def _switch(self, home: Household, person: str, minutes: int | None) -> None:
        """Pause a person for so many minutes, 0 until somebody ends it; None ends the pause."""
        now = int(self._clock().wall)
        end = now + 60 * minutes if minutes else None
        what = f"pause of {person} ended"
        if minutes is not None:
            until = "somebody ends it" if end is None else moment_text(end, home.timezone, now)
            what = f"{person} paused until {until}"

        def edit(household: Household) -> Household:
            if minutes is None:
                return unpause_all(household, [person])
            if not minutes and is_paused(household, person, now):
                return household  # switched on once more: a pause with an end keeps it
            return pause(household, person, now, end, author=AUTHOR)

        await self._store.change(home.id, edit, author=AUTHOR, what=what, now=now)


async def try_broker(chosen: MqttSettings) -> str:
    """Log in at the broker as copdns does; return why that fails, for people, "" where it works."""
    from copdns.events.mqtt_link import MqttLink

    async def tell_nothing() -> Topics:
        return {}

    return await MqttLink(chosen, tell_nothing, lambda _switch: None).try_login()


def _only_home(snapshot: Snapshot) -> Household | None:
    """Return the home; None where there are several, as at a provider: a broker is of one."""
    homes = [*snapshot.households.values()]
    return homes[0] if len(homes) == 1 else None
