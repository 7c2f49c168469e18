"""Follow the log for all browsers that look at it: one reader, whatever their number.

It looks once a second whether anything was written, reads that once, and hands the same rows to
everybody; what is shown is rendered once for all who see the same.  Nobody looks, nothing runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

import structlog

from copdns.model.errors import StoreError
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.rows import Logged

log = structlog.get_logger("copdns")

LOOK = 1.0  # seconds between two looks
MOST = 100  # rows of one look; of more the oldest are left out, as a page shows no more anyhow

Rows = tuple[Logged, ...]


class Following:
    """The readers of the log, one a household while somebody follows it."""

    def __init__(self, kept: QueryLog, every: float = LOOK) -> None:
        self._kept = kept
        self._every = every
        self._readers: dict[str, Reader] = {}

    @asynccontextmanager
    async def of(self, household: str) -> AsyncIterator[Reader]:
        """Give the reader of a household; the last who leaves ends it."""
        reader = self._readers.get(household)
        if reader is None:
            reader = self._readers[household] = Reader(self._kept, household, self._every)
        reader.followers += 1
        try:
            yield reader
        finally:
            reader.followers -= 1
            if not reader.followers:
                self._readers.pop(household, None)
                await reader.close()

    async def close(self) -> None:
        """Let everybody go, when copdns stops."""
        for reader in tuple(self._readers.values()):
            await reader.close()


class Reader:
    """followers: how many look.  ended: nothing comes any more."""

    def __init__(self, kept: QueryLog, household: str, every: float) -> None:
        self.followers = 0
        self.ended = False
        self._kept = kept
        self._household = household
        self._every = every
        self._rows: deque[Logged] = deque(maxlen=MOST)
        self._rendered: dict[Hashable, bytes] = {}
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def after(self, last: int, patience: float) -> Rows:
        """Return the rows after an id, the oldest first; () when none came within some seconds."""
        found = self._after(last)
        if found or self.ended:
            return found
        try:
            await asyncio.wait_for(self._news.wait(), patience)
        except TimeoutError:
            return ()
        return self._after(last)

    def shared(self, key: Hashable, render: Callable[[], bytes]) -> bytes:
        """Return what is rendered of the newest rows; the same key is the same page."""
        found = self._rendered.get(key)
        if found is None:
            found = self._rendered[key] = render()
        return found

    async def close(self) -> None:
        self.ended = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._news.set()

    def _after(self, last: int) -> Rows:
        return tuple(each for each in self._rows if each.id > last)

    async def _run(self) -> None:
        seen = -1
        while True:
            if self._kept.written != seen:
                seen = self._kept.written
                try:
                    await self._read()
                except StoreError as error:
                    log.warning("the log cannot be followed", error=str(error))
            await asyncio.sleep(self._every)

    async def _read(self) -> None:
        newest = await asyncio.to_thread(self._kept.rows, self._household, None, MOST)
        last = self._rows[-1].id if self._rows else 0
        more = [each for each in newest if each.id > last]
        if more:
            self._rows.extend(more)
            self._rendered.clear()
            news, self._news = self._news, asyncio.Event()
            news.set()
