"""The household's database of a running copdns: opened, followed, and done without for a while.

On a disk that takes no writing the household is a copy in memory: answering goes on by what stands
there.  As soon as the disk takes writing again, all go on with what is on it.
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
    """store: the same object for as long as the program runs, whatever it holds.

    unwritten: why it is a copy in memory, for people; "" when it is not.
    is_replaced: the file was moved away while it was open.
    """

    store: HouseholdStore

    def __init__(self, folder: Path, seed: Seed) -> None:
        """seed: makes the household of a first start, in a store that may have one."""
        self.read_only_reason = ""
        self.is_replaced = False
        self._folder = folder
        self._seed = seed
        self._watcher: Watcher | None = None  # None: the household is a copy in memory

    async def open(self) -> None:
        """Open the database, or a copy of it in memory where the disk takes no writing.

        Raise StoreError where it cannot be read, or is what no copdns made.
        """
        try:
            self._watcher = await asyncio.to_thread(Watcher, self._folder)
            self.store = await asyncio.to_thread(HouseholdStore.open, self._folder)
        except StoreError as error:
            self.store = await self._copy(error)

    async def seed(self) -> None:
        """Make the household at the first start: in memory only, where it cannot be kept."""
        try:
            await self._seed(self.store)
        except StoreError as error:
            copy = await self._copy(error)
            await asyncio.to_thread(self.store.become, copy)
            await self._seed(self.store)

    async def reopen(self, changing: asyncio.Lock) -> bool:
        """Go back to the disk if it takes writing again; tell whether that is so now.

        changing: held while the household is another one.
        """
        if not self.read_only_reason:
            return False
        with contextlib.suppress(StoreError):  # told already, and still so
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
        """Tell whether anything was written since this was asked last."""
        watcher = self._watcher
        if watcher is None:
            return False
        if not self.is_replaced and await asyncio.to_thread(watcher.is_replaced):
            self.is_replaced = True
            log.error(REPLACED)
        return await asyncio.to_thread(watcher.changed)

    async def households(self) -> Sequence[Household]:
        """Return all that is stored; raise StoreError while it cannot be read."""
        ids = await self.store.households()
        found = [await self.store.household(each) for each in ids]
        return [each for each in found if each is not None]

    async def revisions(self) -> Mapping[str, int]:
        """Return the revision of each household, as stored."""
        if self._watcher is not None:
            return await asyncio.to_thread(self._watcher.revisions)
        return {each.id: each.revision for each in await self.households()}

    async def close(self) -> None:
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
        await asyncio.to_thread(self.store.close)

    async def _copy(self, error: StoreError) -> HouseholdStore:
        """Return what can be read; raise the error when the disk is not what is at fault."""
        if self.read_only_reason or not is_unwritable(error):
            raise error
        copy = await asyncio.to_thread(HouseholdStore.copy, self._folder)
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
            self._watcher = None
        answering = UNWRITTEN if await copy.households() else UNREAD
        self.read_only_reason = f"{answering} ({error})"
        log.error(self.read_only_reason)
        return copy
