"""The household's database of a running copdns: opened, watched, and replaced by a copy if need be.

While its disk cannot be written, the household is a copy in memory, and queries are answered by it.
Once the disk can be written again, the database on it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.watch import Watcher
from copdns.store.read_only import is_unwritable

log = structlog.get_logger("copdns")

REPLACED = "household.db was moved or replaced; restart copdns to use the new one"
UNWRITTEN = (
    "household.db cannot be written: copdns keeps answering with the stored household, but "
    "nothing can be changed or recorded until this is fixed"
)
UNREAD = (
    "the disk cannot be written and contains no household: copdns keeps answering with the file in "
    "the setting household, or with guest rules, but nothing can be changed or recorded until "
    "this is fixed"
)

Seed = Callable[[HouseholdStore], Awaitable[object]]


class HouseholdSource:
    """store: the same object as long as the program runs; its connection may change.

    read_only_reason: why it is a copy in memory, for people; "" where it is not.
    is_replaced: the file was moved or replaced while it was open.
    """

    store: HouseholdStore

    def __init__(self, folder: Path, seed: Seed) -> None:
        """seed: makes the household of a first start, unless the store has one."""
        self.read_only_reason = ""
        self.is_replaced = False
        self._folder = folder
        self._seed = seed
        self._watcher: Watcher | None = None  # None: the household is a copy in memory

    async def open(self) -> None:
        """Open the database, or a copy of it in memory where its disk cannot be written.

        Raises StoreError where it cannot be read, or is no database of copdns.
        """
        try:
            self._watcher = await asyncio.to_thread(Watcher, self._folder)
            self.store = await asyncio.to_thread(HouseholdStore.open, self._folder)
        except StoreError as error:
            self.store = await self._copy(error)

    async def seed(self) -> None:
        """Make the household at the first start; in memory where it cannot be stored."""
        try:
            await self._seed(self.store)
        except StoreError as error:
            copy = await self._copy(error)
            await asyncio.to_thread(self.store.become, copy)
            await self._seed(self.store)

    async def reopen(self, changing: asyncio.Lock) -> bool:
        """Use the database on the disk again if it can be written; tell whether that was done.

        changing: the lock to hold while the store's connection is replaced.
        """
        if not self.read_only_reason:
            return False
        with contextlib.suppress(StoreError):  # it still cannot be written; logged already
            with await asyncio.to_thread(HouseholdStore.open, self._folder) as store:
                await self._seed(store)
            watcher = await asyncio.to_thread(Watcher, self._folder)
            there = await asyncio.to_thread(HouseholdStore.open, self._folder)
            async with changing:
                await asyncio.to_thread(self.store.become, there)
                self._watcher, self.read_only_reason = watcher, ""
            log.info("household.db can be written again")
            return True
        return False

    async def is_changed(self) -> bool:
        """Tell whether anything was written since the last call."""
        watcher = self._watcher
        if watcher is None:
            return False
        if not self.is_replaced and await asyncio.to_thread(watcher.is_replaced):
            self.is_replaced = True
            log.error(REPLACED)
        return await asyncio.to_thread(watcher.has_changed)

    async def households(self) -> Sequence[Household]:
        """Return all households; raise StoreError while they cannot be read."""
        ids = await self.store.households()
        found = [await self.store.household(each) for each in ids]
        return [each for each in found if each is not None]

    async def revisions(self) -> Mapping[str, int]:
        """Return the stored revision of each household, by id."""
        if self._watcher is not None:
            return await asyncio.to_thread(self._watcher.revisions)
        return {each.id: each.revision for each in await self.households()}

    async def close(self) -> None:
        """Close the database, in a thread."""
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
        await asyncio.to_thread(self.store.close)

    async def _copy(self, error: StoreError) -> HouseholdStore:
        """Return a copy in memory; raise the error again where the disk is not at fault."""
        if self.read_only_reason or not is_unwritable(error):
            raise error
        copy = await asyncio.to_thread(HouseholdStore.open_copy, self._folder)
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
            self._watcher = None
        answering = UNWRITTEN if await copy.households() else UNREAD
        self.read_only_reason = f"{answering} ({error})"
        log.error(self.read_only_reason)
        return copy
