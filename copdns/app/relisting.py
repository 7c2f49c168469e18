"""Put lists in force while questions are answered: those that came, or that could not be compiled.

Lists that cannot be compiled change nothing: those of before stay, and it is tried again
(`lists_in_force`).
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

LOOK = 2.0  # seconds between looks whether it is time to try again


class ListReloader:
    """one_by_one: held by whoever puts lists in force: the last one asked for counts.

    settings: gives those in force, which name the household's own lists.
    """

    def __init__(
        self,
        lists: ListsInForce,
        snapshots: SnapshotBuilder,
        resolver: Resolver,
        reminders: AppealChores,
        settings: Callable[[], Settings],
    ) -> None:
        self.one_by_one = asyncio.Lock()
        self._lists = lists
        self._snapshots = snapshots
        self._resolver = resolver
        self._reminders = reminders
        self._settings = settings

    async def reload(self, fetched: Sequence[ListSource]) -> None:
        """Put the lists in force as they are on disk now, or keep those of before and try again.

        fetched: those of other people.
        """
        async with self.one_by_one:
            self._lists.fetched = tuple(fetched)
            shelved = await self._lists.compiled(self._settings().lists)
            if shelved is self._lists.shelved:
                return
            before = self._lists.library
            async with self._snapshots.changing:
                live = await self._snapshots.build_for_lists(
                    self._resolver.snapshot, shelved.library
                )
                self._resolver.snapshot, self._lists.shelved = live, shelved
            await run_logged(lambda: self._reminders.tell_mistakes(before))
            await self._lists.tell()

    async def retry_forever(self) -> None:
        """Compile lists that were not at the start, or could not be compiled, once it is time."""
        while True:
            if self._lists.is_due:
                await run_logged(lambda: self.reload(self._lists.fetched))
            await asyncio.sleep(LOOK)
