"""Put new lists in force while queries are answered, and try again those that did not compile.

Where lists cannot be compiled the earlier ones stay (`lists_in_force`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from copdns.app.appeal_chores import AppealChores
from copdns.app.background import run_logged
from copdns.app.lists_in_force import ListsInForce
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.config import Settings
from copdns.lists.source import ListSource
from copdns.server.answer import Resolver

CHECK_EVERY = 2.0  # seconds


class ListReloader:
    """one_by_one: the lock to hold while lists are put in force, so that the latest ones win.

    settings: returns those in force, which name the household's own lists.
    """

    def __init__(
        self,
        lists: ListsInForce,
        snapshots: SnapshotBuilder,
        resolver: Resolver,
        appeal_chores: AppealChores,
        settings: Callable[[], Settings],
    ) -> None:
        self.one_by_one = asyncio.Lock()
        self._lists = lists
        self._snapshots = snapshots
        self._resolver = resolver
        self._appeal_chores = appeal_chores
        self._settings = settings

    async def reload(self, fetched: Sequence[ListSource]) -> None:
        """Put the lists in force as they are on disk now, or keep the earlier ones and try again.

        fetched: the lists that were downloaded.
        """
        async with self.one_by_one:
            self._lists.fetched = tuple(fetched)
            loaded = await self._lists.compile(self._settings().lists)
            if loaded is self._lists.loaded:
                return
            before = self._lists.library
            async with self._snapshots.changing:
                snapshot = await self._snapshots.build_for_lists(
                    self._resolver.snapshot, loaded.catalogue
                )
                self._resolver.snapshot, self._lists.loaded = snapshot, loaded
            await run_logged(lambda: self._appeal_chores.tell_mistakes(before))
            await self._lists.tell()

    async def retry_forever(self) -> None:
        """Compile lists that are not in force, whenever it is time."""
        while True:
            if self._lists.is_due:
                await run_logged(lambda: self.reload(self._lists.fetched))
            await asyncio.sleep(CHECK_EVERY)
