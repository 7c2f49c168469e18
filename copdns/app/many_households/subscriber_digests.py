"""Send weekly summaries by email to guardians of a provider's families, once it is time.

One program of all does it.  Nothing of a family is kept here: PostgreSQL is asked, time zone by
time zone, whose summary is due, and a household is read when its own is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from copdns.app.digest_chores import ONE_TRY, SummaryWriter
from copdns.model.errors import OddRowError
from copdns.privacy.digest import DigestChoice, digest_due, due_days
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.time.clock import Clock

log = structlog.get_logger("copdns")

AT_ONCE: Final = 200  # choices that are read by one statement
ZONES_FOR: Final = 3600.0  # seconds for which it is known in which time zones somebody chose one
REST: Final = 300.0  # seconds without a further try where one could not be sent


class SubscriberDigests:
    """Sends each summary once, whichever of the programs does the chores of all."""

    def __init__(
        self,
        store: HouseholdStore,
        thread: StoreThread,
        clock: Clock,
        writer: Callable[[], SummaryWriter | None],
    ) -> None:
        """writer: returns what sends them by the settings in force; None where nothing does."""
        self._store = store
        self._digests = Digests(thread)
        self._clock = clock
        self._writer = writer
        self._zones: tuple[str, ...] = ()
        self._zones_at = self._rests_until = 0.0  # seconds since the epoch

    async def send_due(self) -> None:
        """Send what is due now; raise StoreError.  A wrong clock says nothing of a day."""
        writer, now = self._writer(), self._clock().wall
        if writer is None or self._clock.is_wrong or now < self._rests_until:
            return
        if not 0 <= now - self._zones_at < ZONES_FOR:
            self._zones, self._zones_at = await self._digests.zones(), now
        for zone in self._zones:
            last: DigestChoice | None = None
            while some := await self._digests.due(zone, due_days(now, zone), last, AT_ONCE):
                for choice in some:
                    if await self._is_stuck(writer, choice, zone):
                        return
                last = some[-1]

    async def _is_stuck(self, writer: SummaryWriter, choice: DigestChoice, zone: str) -> bool:
        """Send one that may be due; tell whether that failed, and none should be tried for now."""
        now = self._clock().wall
        due = digest_due(choice, now, zone)
        # Noted first, by one of all: what fails, or is killed meanwhile, is not sent every minute.
        if due is None or not await self._digests.claim(choice, due):
            return False
        try:
            household = await self._store.household(choice.household)
        except OddRowError as error:
            log.error("a household cannot be read, so it gets no summary", error=str(error))
            return False
        if household is None:
            return False
        trouble = await writer.send(household, choice, now, ONE_TRY)
        await self._digests.note(choice, due, trouble)
        if trouble:
            self._rests_until = now + REST
        return bool(trouble)
