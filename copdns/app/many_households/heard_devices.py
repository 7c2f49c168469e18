"""Which devices of a provider's families were told apart, so that their pages can say so.

The way of a query only marks that a device asked (`Heard`).  A day of each is stored, and no
moment; nothing of people of whom nothing is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from copdns.model.bypass_signs import Heard
from copdns.model.household import Household, PrivacyMode
from copdns.policy.snapshot import HeardDevices
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.heard_rows import HeardDevice, HeardRows
from copdns.time.days import DAY_SECONDS

PART: Final = 200  # households, between which queries are answered


class DeviceMarks:
    """The marks of the devices of the households that are here."""

    def __init__(
        self,
        pool: PostgresPool,
        now: Callable[[], float],
        is_here: Callable[[str], bool],
        is_away: Callable[[], bool],
    ) -> None:
        """pool: lent.  now: seconds since the epoch.  is_here: tells whether a household is.

        is_away: tells whether PostgreSQL cannot be reached.
        """
        self._rows = HeardRows(pool)
        self._now = now
        self._is_here = is_here
        self._is_away = is_away
        self._marks: dict[str, HeardDevices] = {}
        self._noted: dict[tuple[str, str], int] = {}  # the day that is stored of a device

    def of(self, household: Household) -> HeardDevices:
        """Return the marks of a household's devices that can be told apart."""
        before, now = self._marks.get(household.id, {}), self._now()
        off = {e.id for e in household.profiles if e.privacy_at(now) is PrivacyMode.OFF}
        found: HeardDevices = {}
        for each in household.devices:
            if (each.tokens or each.macs) and each.profile not in off:
                key = household.id, each.profile, each.id
                found[key] = before.get(key) or Heard()
        if found:
            self._marks[household.id] = found
        else:
            self._marks.pop(household.id, None)
        return found

    async def note(self) -> None:
        """Store which devices asked since; raise StoreError, and then it is tried again."""
        if self._is_away():
            return
        today, heard = int(self._now()) // DAY_SECONDS, dict[HeardDevice, Heard]()
        for place, household in enumerate(tuple(self._marks)):
            if place % PART == PART - 1:
                await asyncio.sleep(0)
            for (_, _, device), mark in self._marks.get(household, {}).items():
                if mark.lately and self._noted.get((household, device)) != today:
                    heard[HeardDevice(household, device, today)] = mark
            if not self._is_here(household):
                self._marks.pop(household, None)
        if heard:
            await asyncio.to_thread(self._rows.note, heard, today)
        self._noted = {
            key: day for key, day in self._noted.items() if day == today and key[0] in self._marks
        }
        for each, mark in heard.items():
            mark.lately = False
            self._noted[each.household, each.device] = today

    async def days_of(self, household: str) -> Mapping[str, int]:
        """Return on which day each device was last told apart, at any node, in the last week."""
        return await asyncio.to_thread(self._rows.of, household, int(self._now()) // DAY_SECONDS)
