"""Pass events on: to web servers (webhooks), to a program that the settings name, and to guardians
in plain words (notices).

`Targets.enqueue` only queues an event and never waits; `run` delivers, to each target one event
after another, as `ways.py` does it.  A target that is slow or gone does not delay the others: its
queue is bounded, and the oldest event is dropped.  Logs name webhooks and notices by their place in
the settings, since an address may be a secret.  docs/events.md says what each gets.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from typing import NamedTuple

import structlog

from copdns.events.notices import ENGLISH, Speaks
from copdns.events.ways import (
    DEFAULT_TIMES,
    DeliveryTimes,
    HouseholdLanguage,
    ToCommand,
    ToGuardian,
    ToWebhook,
    Way,
)
from copdns.model.errors import BusyError
from copdns.model.events import Event, EventKind
from copdns.model.hosts import desk_url
from copdns.settings.config import EventSettings

log = structlog.get_logger("copdns")

MAX_WAITING = 1000  # events in the queue of one target


class TargetStatus(NamedTuple):
    """A target as pages show it: without its address, which may be a secret.

    name: by its place in the settings, such as "webhook 1".  way: webhook, command, or the scheme
    of an apprise URL.  kinds: of the events that it gets.  waiting: events in its queue.  dropped:
    events that were never delivered.  trouble: why the last event was not delivered; "" where it
    was, or there was none.
    """

    name: str
    way: str
    kinds: tuple[EventKind, ...]
    waiting: int
    dropped: int
    trouble: str


def _english(_household: str) -> Speaks:
    return ENGLISH


class Targets:
    """All targets of the settings."""

    def __init__(
        self,
        settings: EventSettings,
        times: DeliveryTimes = DEFAULT_TIMES,
        desk: str = desk_url(80, 443),
        speaks: HouseholdLanguage = _english,
    ) -> None:
        """desk: the address of the guardians' pages, for notices.  speaks: how a household does."""
        self._desk = desk
        self._speaks = speaks
        self._times = times
        self._targets: tuple[_Target, ...] = ()
        self._dropped_by_gone = 0
        self._changed = asyncio.Event()
        self._closing = False
        self._is_testing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.configure(settings)

    @property
    def dropped_count(self) -> int:
        """How many events were dropped because too many waited."""
        return self._dropped_by_gone + sum(each.dropped for each in self._targets)

    @property
    def waiting(self) -> int:
        """How many events wait, of all targets; not those that are being delivered."""
        return sum(each.waiting for each in self._targets)

    @property
    def statuses(self) -> tuple[TargetStatus, ...]:
        return tuple(each.status for each in self._targets)

    async def send_test(self, name: str, event: Event) -> str:
        """Deliver an event to one target at once, without a second attempt; return what went wrong.

        Raises KeyError for an unknown target, and BusyError while another test runs.
        """
        target = {each.way.name: each for each in self._targets}[name]
        if self._is_testing:
            raise BusyError("another test is running; wait until it has finished")
        self._is_testing = True
        try:
            return await target.way.deliver_once(event)
        finally:
            self._is_testing = False

    def configure(self, settings: EventSettings) -> None:
        """Apply settings; a target that stays the same keeps its queue."""
        before = {each.way: each for each in self._targets}
        self._targets = tuple(before.get(way) or _Target(way) for way in self._ways(settings))
        gone = set(before.values()) - set(self._targets)
        self._dropped_by_gone += sum(each.dropped for each in gone)
        self._changed.set()

    def _ways(self, settings: EventSettings) -> list[Way]:
        ways: list[Way] = [
            ToWebhook(number, webhook, self._times)
            for number, webhook in enumerate(settings.webhooks, 1)
        ]
        if settings.command:
            kinds = frozenset(settings.command_kinds)
            ways.append(ToCommand(settings.command, kinds, self._times.command))
        kinds = frozenset(settings.notice_kinds)
        for number, url in enumerate(settings.notices, 1):
            way = ToGuardian(number, url, self._desk, self._speaks, kinds, self._times)
            ways.append(way)
        return ways

    def enqueue(self, event: Event) -> None:
        """Queue an event for all targets that get its kind."""
        for each in self._targets:
            each.enqueue(event)

    async def run(self) -> None:
        """Deliver events, until `close` is called or this is cancelled."""
        self._idle.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                running: dict[_Target, asyncio.Task[None]] = {}
                while not self._closing:
                    self._changed.clear()
                    for gone in running.keys() - set(self._targets):
                        running.pop(gone).cancel()
                    for new in set(self._targets) - running.keys():
                        running[new] = tasks.create_task(new.work())
                    await self._changed.wait()
                for task in running.values():
                    task.cancel()
        finally:
            self._idle.set()

    async def close(self) -> None:
        """End `run` and the deliveries under way; a program that runs is killed."""
        self._closing = True
        self._changed.set()
        await self._idle.wait()
        if self.waiting:
            log.warning("events were not sent before copdns stopped", events=self.waiting)


class _Target:
    """A way with its queue.

    dropped: how many events were dropped because more than `MAX_WAITING` waited.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        self.dropped = 0
        self._kinds = way.kinds
        self._queue: deque[Event] = deque(maxlen=MAX_WAITING)
        self._has_events = asyncio.Event()
        self._trouble = ""

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def status(self) -> TargetStatus:
        kinds = tuple(each for each in EventKind if each in self._kinds)
        way = self.way
        return TargetStatus(way.name, way.label, kinds, self.waiting, self.dropped, self._trouble)

    def enqueue(self, event: Event) -> None:
        if event.kind in self._kinds:
            self.dropped += len(self._queue) == MAX_WAITING
            self._queue.append(event)
            self._has_events.set()

    async def work(self) -> None:
        """Deliver what is queued, for ever."""
        while True:
            await self._has_events.wait()
            self._has_events.clear()
            try:
                async with self.way.open() as deliver:
                    while self._queue:
                        self._note(await deliver(self._queue.popleft()))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                error = traceback.format_exc()
                log.error("events could not be sent", target=self.way.name, traceback=error)

    def _note(self, trouble: str) -> None:
        """Log when an event is not delivered, and when one is again."""
        if trouble and not self._trouble:
            log.warning("events are not being accepted", target=self.way.name, error=trouble)
        elif self._trouble and not trouble:
            log.info("events are accepted again", target=self.way.name, dropped=self.dropped)
        self._trouble = trouble
