"""The household's database of a running copdns: opened, watched, and replaced by a copy if need be.

While its disk cannot be written, the household is a copy in memory, and queries are answered by it.
Once the disk can be written again, the database on it is used.

While `household.db` is damaged, the stand-in that `store/household_db/condition.py` makes from its
copy is used; where there is no copy, all are guests, and nothing can be stored.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from copdns.app.seed import HOME
from copdns.model.errors import DamagedHouseholdError, StoreError
from copdns.model.household import Household
from copdns.store.db import is_broken
from copdns.store.household_db.condition import current_path, is_as_stored, repair
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import FIRST_START
from copdns.store.household_db.watch import Watcher
from copdns.store.read_only_access import is_unwritable

log = structlog.get_logger("copdns")

DAMAGED = (
    "household.db is damaged (%s): copdns works with its copy, in which everything that was saved "
    "is; a guardian can make the new file on the dashboard, or with copdns household repair"
)
WITHOUT_COPY = (
    "household.db is damaged (%s) and has no copy: everyone has the guest rules, and nothing can "
    "be changed or recorded until a backup is restored"
)
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


class HouseholdOrigin(Protocol):
    """Where the households of a running copdns come from: a file here, or `provider_source.py`.

    What the methods promise is told at those of `HouseholdSource`.
    does_chores: this program deletes what is over, and sends what is sent once for all.
    """

    store: HouseholdStore
    read_only_reason: str

    @property
    def restored_text(self) -> str: ...
    @property
    def damage(self) -> str: ...
    @property
    def has_household(self) -> bool: ...
    @property
    def does_chores(self) -> bool: ...
    async def open(self) -> None: ...
    async def seed(self) -> None: ...
    async def is_changed(self) -> bool: ...
    async def households(self) -> Sequence[Household]: ...
    async def revisions(self) -> Mapping[str, int]: ...
    async def reopen(self, changing: asyncio.Lock, /) -> bool: ...
    async def compare(self) -> None: ...
    async def repair(self) -> None: ...
    async def close(self) -> None: ...


class HouseholdSource:
    """store: the same object as long as the program runs; its connection may change.

    read_only_reason: why it is a copy in memory, for people; "" where it is not.
    damage: what is wrong with `household.db`, for people; "" for nothing.
    """

    store: HouseholdStore
    does_chores = True
    restored_text = ""  # of a provider's database

    def __init__(self, folder: Path, seed: Seed) -> None:
        """seed: makes the household of a first start, unless the store has one."""
        self.read_only_reason = ""
        self._without_copy = ""
        self._told = ""  # the damage that was logged last
        self._folder = folder
        self._seed = seed
        self._watcher: Watcher | None = None  # None: the household is a copy in memory

    @property
    def damage(self) -> str:
        return self._without_copy or (DAMAGED % self.store.damage if self.store.damage else "")

    @property
    def has_household(self) -> bool:
        """Tell whether the household is known: False where it is damaged and has no copy."""
        return not self._without_copy

    async def open(self) -> None:
        """Open the database; a copy where it is damaged, or its disk cannot be written.

        Raises StoreError where it cannot be read for another reason.
        """
        try:
            # In this order: opening makes the copy or a stand-in where needed.
            self.store = await asyncio.to_thread(HouseholdStore.open, self._folder)
            self._watcher = await asyncio.to_thread(Watcher, self._folder)
        except DamagedHouseholdError as error:
            await self._open_nothing(error)
        except StoreError as error:
            self.store = await self._copy(error)
        self._tell_damage()

    async def _open_nothing(self, error: DamagedHouseholdError) -> None:
        self.store = await asyncio.to_thread(HouseholdStore.open_nothing, self._folder)
        await self.store.create(Household(HOME, "Home"), FIRST_START, 0)
        await self.store.refuse_writing()  # it would be lost, or begin a new household
        self._without_copy = WITHOUT_COPY % error.why

    def _tell_damage(self) -> None:
        if self.damage != self._told:
            if self.damage:
                log.error(self.damage)
            else:
                log.info("household.db is as it was saved last")
        self._told = self.damage

    async def seed(self) -> None:
        """Make the household at the first start; in memory where it cannot be stored."""
        if self._without_copy:
            return
        try:
            await self._seed(self.store)
        except StoreError as error:
            copy = await self._copy(error)
            await asyncio.to_thread(self.store.become, copy)
            await self._seed(self.store)

    async def reopen(self, changing: asyncio.Lock) -> bool:
        """Use the database on the disk again if that is possible; tell whether that was done.

        changing: the lock to hold while the store's connection is replaced.
        """
        if not (self.read_only_reason or self._without_copy):
            return False
        if self._without_copy and not await asyncio.to_thread(current_path(self._folder).exists):
            return False  # that it is gone now is no reason to begin a new household
        with contextlib.suppress(StoreError):  # it still is not possible; logged already
            with await asyncio.to_thread(HouseholdStore.open, self._folder) as store:
                await self._seed(store)
            watcher = await asyncio.to_thread(Watcher, self._folder)
            there = await asyncio.to_thread(HouseholdStore.open, self._folder)
            async with changing:
                await asyncio.to_thread(self.store.become, there)
                self._watcher, self._without_copy = watcher, ""
            if self.read_only_reason:
                self.read_only_reason = ""
                log.info("household.db can be written again")
            self._tell_damage()
            return True
        return False

    async def is_changed(self) -> bool:
        """Tell whether anything was written since the last call."""
        watcher = self._watcher
        if watcher is None:
            return False
        if watcher.path != self.store.path:  # another database is worked with since then
            return await self._watch_again(watcher)
        try:
            # A command may have found damage first, and made a stand-in.
            if not await asyncio.to_thread(_is_left, watcher, self._folder):
                return await asyncio.to_thread(watcher.has_changed)
        except StoreError as error:
            if not is_broken(error):
                raise
        await self.store.settle()
        return await self._watch_again(watcher)

    async def _watch_again(self, watcher: Watcher) -> bool:
        self._watcher = await asyncio.to_thread(Watcher, self._folder)
        await asyncio.to_thread(watcher.close)
        self._tell_damage()
        return True

    async def compare(self) -> None:
        """Compare the database with what was stored last; work with its copy where they differ.

        It costs some milliseconds, in another thread.  Raises StoreError.
        """
        watcher = self._watcher
        if watcher is None or await asyncio.to_thread(is_as_stored, watcher.path):
            return
        await self.store.settle()

    async def repair(self) -> None:
        """Make what is worked with the new `household.db`; raise StoreError."""
        await asyncio.to_thread(repair, self._folder)
        await self.store.settle()

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
        if hasattr(self, "store"):
            await asyncio.to_thread(self.store.close)
        copy = await asyncio.to_thread(HouseholdStore.open_copy, self._folder)
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
            self._watcher = None
        answering = UNWRITTEN if await copy.households() else UNREAD
        self.read_only_reason = f"{answering} ({error})"
        log.error(self.read_only_reason)
        return copy


def _is_left(watcher: Watcher, folder: Path) -> bool:
    """Tell whether another file than the watched one is to be worked with."""
    return watcher.is_replaced() or current_path(folder) != watcher.path
