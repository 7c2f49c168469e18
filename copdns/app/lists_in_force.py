"""Which lists are in force while the program runs, and what is in the way of newer ones.

Lists that cannot be compiled change nothing: those of before stay, it is told why, and it is tried
again, at ever longer intervals.  Who asks swaps what comes back into the snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from copdns.config import ListFile
from copdns.list_files.index_store import IndexStore, LoadedLists
from copdns.list_files.load import own_files
from copdns.lists.catalogue import Catalogue
from copdns.lists.source import ListSource
from copdns.model.errors import ListError

log = structlog.get_logger("copdns")

FIRST_RETRY = 10.0  # seconds after a failed compile; then three times as long each time
LAST_RETRY = 600.0  # seconds, at most
STILL_COMPILING = "lists are being prepared; until they are ready, the previous ones stay active"


class ListsInForce:
    """fetched: lists of other people.  shelved: what is in force, all together."""

    shelved: LoadedLists

    def __init__(self, data: Path, monotonic: Callable[[], float]) -> None:
        self.fetched: tuple[ListSource, ...] = ()
        self._shelf = IndexStore(data)
        self._monotonic = monotonic
        self._why = ""  # those of before are in force, for people
        self._failures = 0  # in a row
        self._not_before = 0.0  # monotonic seconds

    @property
    def library(self) -> Catalogue:
        return self.shelved.library

    @property
    def warning(self) -> str:
        """Return why those of before are in force, for people; "" when they are not."""
        return "" if self.shelved.current else self._why or STILL_COMPILING

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to compile what is not in force."""
        return not self.shelved.current and self._monotonic() >= self._not_before

    async def begin(self, own: Iterable[ListFile]) -> None:
        """Put in force what is there without compiling: own lists, fetched ones, those that ship.

        Raise ConfigError or ListError for a bundled file.
        """
        self.shelved = await asyncio.to_thread(self._shelf.load_available, self._sources(own))
        for each in self.shelved.trouble:
            log.warning("a list index was ignored", error=each)
        if not self.shelved.current:
            log.warning(STILL_COMPILING)

    async def compiled(self, own: Iterable[ListFile]) -> LoadedLists:
        """Return what shall be in force, or what is, marked so, to be tried again later."""
        sources = self._sources(own)
        try:
            shelved = await self._shelf.compile(sources, self.shelved)
        except ListError as error:
            pause = self._put_off()
            waiting = await asyncio.to_thread(self._shelf.find_uncompiled, sources)
            said = str(replace(waiting, why=str(error)) if waiting else error)
            self._why = f"{said}; copdns will try again"
            log.error("the lists could not be compiled", error=said, again_in=f"{pause:g} s")
            self.shelved = replace(self.shelved, current=False)
            return self.shelved
        self._failures, self._not_before, self._why = 0, 0.0, ""
        return shelved

    async def tell(self) -> None:
        """Tell what is in force now, and remove what was compiled before."""
        await asyncio.to_thread(self._shelf.clear, self.shelved.key)
        infos = self.library.index.infos
        log.info("the lists are active", lists=len(infos), entries=sum(info.size for info in infos))

    def _sources(self, own: Iterable[ListFile]) -> tuple[ListSource, ...]:
        """Return the lists that are to be in force, besides those that ship."""
        return (*own_files(own), *self.fetched)

    def _put_off(self) -> float:
        """Return in how many seconds it is tried again."""
        pause = min(FIRST_RETRY * 3.0**self._failures, LAST_RETRY)
        self._failures += 1
        self._not_before = self._monotonic() + pause
        return pause
