"""Apply the stored household when it changes, or when a new snapshot is due."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from copdns.app.account_chores import AccountChores
from copdns.app.household_source import HouseholdOrigin
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.events.bus import EventBus
from copdns.household.time_edits import end_future_break, filter_break_end_line
from copdns.privacy.recent_blocks import RecentBlocks, owned_devices
from copdns.server.answer import Resolver

MAX_AHEAD = 2.0  # seconds from now at which what another process began may begin
SET_BACK = 60.0  # seconds that a clock is set back before another day is worked out


class HouseholdInForce:
    """Keeps the snapshot of `resolver` up to date.  All methods raise StoreError."""

    def __init__(
        self,
        source: HouseholdOrigin,
        snapshots: SnapshotBuilder,
        resolver: Resolver,
        account_chores: AccountChores,
        events: EventBus,
        recent: RecentBlocks,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._snapshots = snapshots
        self._resolver = resolver
        self._account_chores = account_chores
        self._events = events
        self._recent = recent
        self._now = now
        self._is_behind = False  # there is a change that is not in force yet

    async def poll(self) -> None:
        """Apply what any process changed, and what is due by now."""
        if await self._source.is_changed():
            self._is_behind = True  # until it is applied: a busy database is read again next time
        if self._is_behind and not await self._concerns_answers():
            await self._tell()
            self._is_behind = False
        now, snapshot = self._now(), self._resolver.snapshot
        due = snapshot.is_due(now) or self._account_chores.is_guest_due
        if self._is_behind or due or now < snapshot.built_at - SET_BACK:
            await self.apply()
            await self._tell()
        await self._end_future_breaks(now)

    async def apply(self) -> None:
        """Build a snapshot of what is stored, and answer by it."""
        async with self._snapshots.changing:
            households = await self._account_chores.with_guests(await self._source.households())
            before = self._resolver.snapshot
            self._resolver.snapshot = await self._snapshots.build(
                before, before.library, households
            )
            if before.subscribers is None:  # those are not among these households
                self._recent.keep_only(lambda: owned_devices(households))
            self._is_behind = False

    async def reopen(self) -> None:
        """Use the database on the disk again once it can be written."""
        if await self._source.reopen(self._snapshots.changing):
            self._is_behind = True

    async def compare(self) -> None:
        """Find out whether the database is damaged, and work with its copy if it is."""
        async with self._snapshots.changing:
            await self._source.compare()

    async def repair(self) -> None:
        """Make the copy the new `household.db`; StoreError where nothing is damaged."""
        async with self._snapshots.changing:
            await self._source.repair()

    async def _tell(self) -> None:
        if self._source.does_chores:
            await self._account_chores.tell(self._events)

    async def _end_future_breaks(self, now: float) -> None:
        if not self._source.does_chores:
            return
        for home in [*self._resolver.snapshot.households.values()]:
            for one in home.filter_breaks:
                if one.start > now + MAX_AHEAD:
                    edit = partial(end_future_break, device_id=one.device, now=now)
                    what = filter_break_end_line(one.device)
                    await self._source.store.change(
                        home.id, edit, author="copdns", what=what, now=int(now)
                    )

    async def _concerns_answers(self) -> bool:
        """Tell whether a change may affect answers: a login, for example, does not."""
        return await self._source.revisions() != {
            each.id: each.revision for each in self._resolver.snapshot.households.values()
        }
