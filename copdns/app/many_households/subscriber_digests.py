"""Send weekly summaries by email to guardians of a provider's families, once it is time.

One program of all does it.  Nothing of a family is kept here: PostgreSQL is asked, time zone by
time zone, whose summary is due, and a household is read when its own is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
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
MOST_AHEAD: Final = 60.0  # seconds that the clock here may be ahead of the database's
REST: Final = 300.0  # seconds without a further try where nobody's can be sent; then twice as long
MOST_REST: Final = 3600.0  # seconds
# For those that are sent together: a server that hangs costs no more than that, and one recipient's
# that hangs holds up no other.
WITHIN: Final = 20.0  # seconds
# Households in a row whose could not be sent, after which that is so: else one guardian, with an
# address that the mail server refuses, would hold up all others for REST.
IN_A_ROW: Final = 3


class SubscriberDigests:
    """Sends each summary once, whichever of the programs does the chores of all."""

    def __init__(
        self,
        store: HouseholdStore,
        thread: StoreThread,
        clock: Clock,
        writer: Callable[[], SummaryWriter | None],
        now_of_all: Callable[[], int],
    ) -> None:
        """writer: returns what sends them by the settings in force; None where nothing does.

        now_of_all: reads the clock that all programs share, in seconds since the epoch; blocks.
        """
        self._store = store
        self._digests = Digests(thread)
        self._clock = clock
        self._writer = writer
        self._now_of_all = now_of_all
        self._is_ahead = False
        self._zones: tuple[str, ...] = ()
        self._zones_at = self._rests_until = 0.0  # seconds since the epoch
        self._rest = REST
        self._failed: frozenset[str] = frozenset()  # households, since the last one that was sent

    async def send_due(self) -> None:
        """Send what is due now; raise StoreError.  A wrong clock says nothing of a day.

        Nor does one that is ahead: none would be sent until what it took for now had come.
        """
        writer, now = self._writer(), self._clock().wall
        if writer is None or self._clock.is_wrong or now < self._rests_until:
            return
        if now > await asyncio.to_thread(self._now_of_all) + MOST_AHEAD:
            if not self._is_ahead:
                log.error("the clock is ahead of the database's, so no weekly summary is sent")
            self._is_ahead = True
            return
        self._is_ahead = False
        if not 0 <= now - self._zones_at < ZONES_FOR:
            self._zones, self._zones_at = await self._digests.zones(), now
        for zone in self._zones:
            last: DigestChoice | None = None
            while some := await self._digests.due(zone, due_days(now, zone), last, AT_ONCE):
                for together in self._parts(some):
                    if await self._is_stuck(writer, together, zone):
                        return
                last = some[-1]

    def _parts(self, some: Sequence[DigestChoice]) -> Iterator[Sequence[DigestChoice]]:
        """Yield those that are sent together: as many as may fail.  After a rest one is enough,
        until one was sent."""
        begin = 0
        while begin < len(some):
            end = begin + max(IN_A_ROW - len(self._failed), 1)
            yield some[begin:end]
            begin = end

    async def _is_stuck(
        self, writer: SummaryWriter, together: Sequence[DigestChoice], zone: str
    ) -> bool:
        """Send those that are due; tell whether that failed, and none should be tried for now."""
        sending = (self._send(writer, each, zone) for each in together)
        found = await asyncio.gather(*sending, return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        if False in found:
            self._failed, self._rest = frozenset(), REST
        tried = zip(together, found, strict=True)
        self._failed |= {choice.household for choice, has_failed in tried if has_failed}
        is_stuck = len(self._failed) >= IN_A_ROW
        if is_stuck:
            self._rests_until = self._clock().wall + self._rest
            self._rest = min(2 * self._rest, MOST_REST)
        return is_stuck

    async def _send(self, writer: SummaryWriter, choice: DigestChoice, zone: str) -> bool | None:
        """Send one that may be due; tell whether that failed, None where none was to be sent."""
        now = self._clock().wall
        due = digest_due(choice, now, zone)
        # Noted first, by one of all: what fails, or is killed meanwhile, is not sent every minute.
        if due is None or not await self._digests.claim(choice, due):
            return None
        try:
            household = await self._store.household(choice.household)
        except OddRowError as error:
            log.error("a household cannot be read, so it gets no summary", error=str(error))
            return None
        if household is None:
            return None
        trouble = await writer.send(household, choice, now, ONE_TRY._replace(notice=WITHIN))
        await self._digests.note(choice, due, trouble)
        return bool(trouble)
