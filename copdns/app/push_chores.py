"""Tell browsers of events by Web Push: look up whom, in which language, and not too often.

`events/push_message.py` says what, `store/household_db/push.py` whom, and
`events/push_sender.py` sends.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

from copdns.app.background import run_logged
from copdns.events.notices import NoticeThrottle, Speaks
from copdns.events.push_message import PUSHED, build_message, build_test
from copdns.events.push_result import PushResult
from copdns.events.push_sender import PushBounds, PushDelivery, PushSender
from copdns.model.events import AppealEvent, Event
from copdns.model.push import PushSubscription
from copdns.settings.config import PushSettings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.push import PushStore
from copdns.time.clock import Clock

MAX_WAITING = 200  # events; the oldest are dropped
MAX_PACED = 1000  # browsers whose pace is remembered

# Gives a language with its tag and its direction, by the name that a subscription has; in a thread.
SpeaksTo = Callable[[str], tuple[Speaks, str, str]]


class _CurrentBrowsers:
    """The browsers as they are stored at the moment; all methods raise StoreError."""

    def __init__(self, store: PushStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def is_current(self, subscription: PushSubscription) -> bool:
        return await self._store.is_current(subscription, int(self._clock().wall))

    async def forget(self, subscription: PushSubscription) -> None:
        await self._store.forget(subscription)


class PushChores:
    """sender: takes what is to be sent."""

    def __init__(
        self,
        store: PushStore,
        appeals: AppealStore,
        folder: Path,
        settings: Callable[[], PushSettings],
        clock: Clock,
        speaks: SpeaksTo,
        bounds: PushBounds = PushBounds(),  # noqa: B008 - a value
    ) -> None:
        self.sender = PushSender(
            folder,
            settings,
            _CurrentBrowsers(store, clock),
            lambda: clock().wall,
            lambda: clock().mono,
            bounds=bounds,
        )
        self._store = store
        self._appeals = appeals
        self._settings = settings
        self._clock = clock
        self._speaks = speaks
        self._queue: deque[Event] = deque(maxlen=MAX_WAITING)
        self._has_events = asyncio.Event()
        self._paces: OrderedDict[tuple[str, str], NoticeThrottle] = OrderedDict()

    def on_event(self, event: Event) -> None:
        """Take an event from the bus."""
        if event.kind in PUSHED and self._settings().enabled:
            self._queue.append(event)
            self._has_events.set()

    async def run(self) -> None:
        """Send until this is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sender.run())
            while True:
                await self._has_events.wait()
                self._has_events.clear()
                while self._queue:
                    event = self._queue.popleft()
                    await run_logged(lambda event=event: self.tell(event))  # type: ignore[misc]

    async def tell(self, event: Event) -> None:
        """Queue a message for each browser that wants to be told of an event; raise StoreError."""
        household = getattr(event, "household", "")
        profile = await self._whose(event, household)
        moment = self._clock()
        kind = PUSHED[event.kind]
        for each in await self._store.wanting(household, kind, profile, int(moment.wall)):
            if not self._pace_of(each).allows(event, moment.mono):
                continue
            language, tag, direction = await asyncio.to_thread(self._speaks, each.language)
            message = build_message(event, is_childs=bool(each.profile), language=language)
            text = message.text(tag, direction)
            self.sender.send(PushDelivery(each, kind, text, message.ttl, message.urgency))

    async def send_test(self, subscription: PushSubscription) -> PushResult:
        """Send a message to a guardian's browser now; return how that went.

        Raises StoreError and PushKeyError.
        """
        language, tag, direction = await asyncio.to_thread(self._speaks, subscription.language)
        message = build_test(language)
        text = message.text(tag, direction)
        return await self.sender.try_once(
            PushDelivery(subscription, message.kind, text, message.ttl, message.urgency)
        )

    async def _whose(self, event: Event, household: str) -> str:
        """Return the person whom an event is about; "" where it is for guardians only."""
        if isinstance(event, AppealEvent):  # it says so only where the settings let it
            found = await self._appeals.appeal(household, event.id)
            return found.ask.profile if found is not None else ""
        return str(getattr(event, "profile", ""))

    def _pace_of(self, subscription: PushSubscription) -> NoticeThrottle:
        key = subscription.household, subscription.id
        pace = self._paces.setdefault(key, NoticeThrottle())
        self._paces.move_to_end(key)
        while len(self._paces) > MAX_PACED:
            self._paces.popitem(last=False)
        return pace
