"""Put in force what is stored of the household, as soon as it changes or its time has come."""

from __future__ import annotations

from collections.abc import Callable

from copdns.app.account_chores import AccountChores
from copdns.app.household_source import HouseholdSource
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.events.bus import EventBus
from copdns.server.answer import Resolver

SET_BACK = 60.0  # seconds that a clock is set back before another day is worked out


class HouseholdInForce:
    """What is stored, as `resolver` answers by it.  All methods raise StoreError."""

    def __init__(
        self,
        stored: HouseholdSource,
        snapshots: SnapshotBuilder,
        resolver: Resolver,
        porter: AccountChores,
        events: EventBus,
        now: Callable[[], float],
    ) -> None:
        self._stored = stored
        self._snapshots = snapshots
        self._resolver = resolver
        self._porter = porter
        self._events = events
        self._now = now
        self._behind = False  # a change was seen that is not in force yet

    async def poll(self) -> None:
        """Take up what was changed, by whomever, and what is due by now."""
        if await self._stored.is_changed():
            self._behind = True  # until it is in force: a busy database is asked again
        if self._behind and not await self._concerns_answers():
            await self._porter.tell(self._events)
            self._behind = False
        now, live = self._now(), self._resolver.snapshot
        due = live.is_due(now) or self._porter.is_guest_due
        if self._behind or due or now < live.built_at - SET_BACK:
            await self.apply()
            await self._porter.tell(self._events)

    async def apply(self) -> None:
        """Put in force what is stored."""
        async with self._snapshots.changing:
            households = await self._porter.with_guests(await self._stored.households())
            before = self._resolver.snapshot
            self._resolver.snapshot = await self._snapshots.build(
                before, before.library, households
            )
            self._behind = False

    async def reopen(self) -> None:
        """Go back to the disk once it takes writing again."""
        if await self._stored.reopen(self._snapshots.changing):
            self._behind = True

    async def _concerns_answers(self) -> bool:
        """Tell whether what was stored may change an answer: a login, say, does not."""
        return await self._stored.revisions() != {
            each.id: each.revision for each in self._resolver.snapshot.households.values()
        }
