"""The lists in force while the program runs, and how new ones replace them while queries are
answered.

Where lists cannot be compiled the earlier ones stay, the reason is logged, and compiling is tried
again, at ever longer intervals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from copdns.app.background import run_logged
from copdns.app.snapshot_builder import SnapshotBuilder
from copdns.list_files.index_store import IndexStore, LoadedLists
from copdns.list_files.load import bundled_files, own_sources
from copdns.lists.catalogue import Catalogue
from copdns.lists.opened_lines import OpenedLine, open_catalogue
from copdns.lists.source import ListSource
from copdns.model.errors import ListError
from copdns.server.answer import Resolver
from copdns.settings.config import ListFile, Settings

log = structlog.get_logger("copdns")

FIRST_RETRY = 10.0  # seconds after a failed compile; then three times as long each time
LAST_RETRY = 600.0  # seconds, at most
CHECK_EVERY = 2.0  # seconds between two checks whether it is time to compile
DAMAGED = "the compiled lists were damaged on disk, so they are compiled again"
STILL_COMPILING = "lists are being prepared; until they are ready, the previous ones stay active"


class ListsInForce:
    """fetched: the lists that were downloaded.  loaded: the index of all lists in force."""

    loaded: LoadedLists

    def __init__(self, data: Path, monotonic: Callable[[], float]) -> None:
        self.fetched: tuple[ListSource, ...] = ()
        self._opened: frozenset[OpenedLine] = frozenset()  # by a provider's reviewers
        self._index_store = IndexStore(data)
        self._monotonic = monotonic
        self._reason = ""  # those of before are in force, for people
        self._failures = 0  # in a row
        self._not_before = 0.0  # monotonic seconds

    @property
    def library(self) -> Catalogue:
        return self.loaded.catalogue

    @property
    def warning(self) -> str:
        """Return why earlier lists are in force, for people; "" where the current ones are."""
        return "" if self.loaded.is_current else self._reason or STILL_COMPILING

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to compile lists that are not in force."""
        return not self.loaded.is_current and self._monotonic() >= self._not_before

    async def begin(self, own: Iterable[ListFile]) -> None:
        """Load what needs no compiling.  own: the lists of the settings.

        Raises ConfigError or ListError for a bundled file.
        """
        self.loaded = await asyncio.to_thread(self._index_store.load_available, self._sources(own))
        for each in self.loaded.problems:
            log.warning("a list index was ignored", error=each)
        if not self.loaded.is_current:
            log.warning(STILL_COMPILING)

    async def compile(self, own: Iterable[ListFile]) -> LoadedLists:
        """Return the compiled lists; after a failure those in force, marked as not current."""
        sources = self._sources(own)
        try:
            loaded = await self._index_store.compile(sources, self.loaded)
        except ListError as error:
            pause = self._schedule_retry()
            waiting = await asyncio.to_thread(self._index_store.find_uncompiled, sources)
            text = str(replace(waiting, why=str(error)) if waiting else error)
            self._reason = f"{text}; copdns will try again"
            log.error("the lists could not be compiled", error=text, again_in=f"{pause:g} s")
            self.loaded = replace(self.loaded, is_current=False)
            return self.loaded
        self._failures, self._not_before, self._reason = 0, 0.0, ""
        if loaded is self.loaded or not self._opened:
            return loaded
        return replace(loaded, catalogue=open_catalogue(loaded.catalogue, self._opened))

    def open_lines(self, lines: frozenset[OpenedLine]) -> LoadedLists:
        """Return the lists in force without these lines, which later ones do not have either."""
        self._opened = lines
        return replace(self.loaded, catalogue=open_catalogue(self.library, lines))

    async def check_file(self) -> None:
        """Let the lists be compiled anew where the file that is mapped was damaged on disk."""
        if await asyncio.to_thread(self._index_store.drop_damaged, self.loaded.key):
            self._reason, self._not_before = DAMAGED, 0.0
            self.loaded = replace(self.loaded, is_current=False)
            log.error(DAMAGED)

    async def tell(self) -> None:
        """Log what is in force now, and delete older indexes."""
        await asyncio.to_thread(self._index_store.clear, self.loaded.key)
        bundled_files.cache_clear()
        infos = self.library.index.infos
        log.info("the lists are active", lists=len(infos), entries=sum(info.size for info in infos))

    def _sources(self, own: Iterable[ListFile]) -> tuple[ListSource, ...]:
        """Return the lists to compile, besides those that ship."""
        return (*own_sources(own), *self.fetched)

    def _schedule_retry(self) -> float:
        """Set when compiling is tried again; return in how many seconds that is."""
        pause = min(FIRST_RETRY * 3.0**self._failures, LAST_RETRY)
        self._failures += 1
        self._not_before = self._monotonic() + pause
        return pause


class ListReloader:
    """one_by_one: the lock to hold while lists are put in force, so that the latest ones win.

    settings: returns those in force, which name the household's own lists.
    """

    def __init__(
        self,
        lists: ListsInForce,
        snapshots: SnapshotBuilder,
        resolver: Resolver,
        tell_mistakes: Callable[[Catalogue], Awaitable[None]],
        settings: Callable[[], Settings],
    ) -> None:
        """tell_mistakes: called with the lists that were in force before."""
        self.one_by_one = asyncio.Lock()
        self._lists = lists
        self._snapshots = snapshots
        self._resolver = resolver
        self._tell_mistakes = tell_mistakes
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
            await run_logged(lambda: self._tell_mistakes(before))
            await self._lists.tell()

    async def open_lines(self, lines: frozenset[OpenedLine]) -> None:
        """Put the lists in force without some lines, and with all that were left out before."""
        async with self.one_by_one, self._snapshots.changing:
            loaded = self._lists.open_lines(lines)
            snapshot = await self._snapshots.build_for_lists(
                self._resolver.snapshot, loaded.catalogue
            )
            self._resolver.snapshot, self._lists.loaded = snapshot, loaded

    async def retry_forever(self) -> None:
        """Compile lists that are not in force, whenever it is time."""
        while True:
            if self._lists.is_due:
                await run_logged(lambda: self.reload(self._lists.fetched))
            await asyncio.sleep(CHECK_EVERY)
