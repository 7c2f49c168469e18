"""Follow the query log for all browsers that show it: one reader a household.

It checks each second whether rows were written, reads them once, and gives them to all followers.
Where other machines write to the log too, it asks for new rows each two seconds, whoever wrote
them.  What several browsers show is rendered once.  Without followers, nothing runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager

import structlog

from copdns.model.errors import StoreError
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.rows import StoredRow

log = structlog.get_logger("copdns")

POLL_SECONDS = 1.0  # seconds between two polls
SHARED_POLLS = 2  # of these polls, each second one reads a log that other machines write to
MAX_ROWS = 40  # of one poll; older ones are left out, since a page shows no more
MAX_PAGES = 100  # that are remembered until the next rows come; more are rendered each time

Rows = tuple[StoredRow, ...]


class LogFollowers:
    """The readers of the log: one a household, while somebody follows it."""

    def __init__(self, query_log: QueryLog, every: float = POLL_SECONDS) -> None:
        self._query_log = query_log
        self._every = every
        self._readers: dict[str, LogReader] = {}

    @asynccontextmanager
    async def follow(self, household: str) -> AsyncIterator[LogReader]:
        """Give the reader of a household; it ends with its last follower."""
        reader = self._readers.get(household)
        if reader is None:
            reader = self._readers[household] = LogReader(self._query_log, household, self._every)
        reader.followers += 1
        try:
            yield reader
        finally:
            reader.followers -= 1
            if not reader.followers:
                self._readers.pop(household, None)
                await reader.close()

    async def close(self) -> None:
        """End all readers; copdns stops."""
        for reader in tuple(self._readers.values()):
            await reader.close()


class LogReader:
    """Reads new rows of a household.  followers: how many use it.  ended: no more rows come."""

    def __init__(self, query_log: QueryLog, household: str, every: float) -> None:
        self.followers = 0
        self.ended = False
        self._query_log = query_log
        self._household = household
        self._every = every
        self._rows: deque[StoredRow] = deque(maxlen=MAX_ROWS)
        self._page_by_key: dict[Hashable, bytes] = {}
        self._settled: int | None = None  # the newest id of the last look; None before the first
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def after(self, last: int, patience: float) -> Rows:
        """Return the rows after an id, the oldest first; () where none comes within `patience`
        seconds."""
        found = self._after(last)
        if found or self.ended:
            return found
        try:
            await asyncio.wait_for(self._news.wait(), patience)
        except TimeoutError:
            return ()
        return self._after(last)

    def render_once(self, key: Hashable, render: Callable[[], bytes]) -> bytes:
        """Return the HTML of the newest rows; rendered once for each of MAX_PAGES keys."""
        found = self._page_by_key.get(key)
        if found is None:
            found = render()
            if len(self._page_by_key) < MAX_PAGES:
                self._page_by_key[key] = found
        return found

    async def close(self) -> None:
        """End the stream, and its task."""
        self.ended = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._news.set()

    def _after(self, last: int) -> Rows:
        return tuple(each for each in self._rows if each.id > last)

    async def _run(self) -> None:
        written = -1
        is_shared = self._query_log.is_shared
        while True:
            if is_shared or self._query_log.written != written:
                written = self._query_log.written
                try:
                    await (self._read_shared() if is_shared else self._read())
                except StoreError as error:
                    log.warning("the log cannot be followed", error=str(error))
            await asyncio.sleep(self._every * (SHARED_POLLS if is_shared else 1))

    async def _read(self) -> None:
        newest = await asyncio.to_thread(self._query_log.rows, self._household, None, MAX_ROWS)
        last = self._rows[-1].id if self._rows else 0
        self._take(each for each in newest if each.id > last)

    async def _read_shared(self) -> None:
        """Take what was there at the last look already.

        Two machines that write at the same time get their ids before they are done, so a row with
        a smaller id than the newest one can still come; a look later it is there.
        """
        last, settled = self._rows[-1].id if self._rows else None, self._settled
        found = await asyncio.to_thread(
            self._query_log.rows, self._household, None, MAX_ROWS, last or settled
        )
        self._settled = found[-1].id if found else settled or 0
        self._take(each for each in found if settled is None or each.id <= settled)

    def _take(self, found: Iterable[StoredRow]) -> None:
        more = list(found)
        if more:
            self._rows.extend(more)
            self._page_by_key.clear()
            news, self._news = self._news, asyncio.Event()
            news.set()
