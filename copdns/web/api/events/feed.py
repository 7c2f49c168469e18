"""Find new appeals and log rows for all listeners, once a second.

Nothing runs without listeners.  `events/bus.py` decides who may hear what.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from copdns.appeals.appeal import Appeal
from copdns.model.errors import CopdnsError
from copdns.store.log_db.rows import StoredRow
from copdns.web.context import PARTS, AppContext

POLL_SECONDS = 1.0  # seconds between two polls
MAX_READ = 200  # appeals compared and rows read in one poll
MAX_WAITING = 1000  # news queued for a listener; a slower one is ended, and connects again

log = structlog.get_logger("copdns")

News = Appeal | StoredRow


@dataclass(eq=False)
class FeedListener:
    """A listener for one household.  rows: it hears of log rows; else of appeals.  ended: no more
    comes."""

    household: str
    rows: bool
    news: asyncio.Queue[News] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, news: Sequence[News]) -> None:
        """Queue news; a listener that is too slow for them is ended, and connects again."""
        for each in news:
            if self.news.full():
                self.ended.set()
                return
            self.news.put_nowait(each)


class Feed:
    """The listeners of an application, and the task that polls while there are some."""

    def __init__(self, context: AppContext) -> None:
        self._parts = context
        self._listeners: set[FeedListener] = set()
        self._task: asyncio.Task[None] | None = None
        self._appeals: dict[str, dict[str, Appeal]] = {}  # of the last poll, by household
        self._last: dict[str, int] = {}  # the newest row, by household

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    @contextmanager
    def listening(self, household: str, *, rows: bool) -> Iterator[FeedListener]:
        """Add a listener for the time of the context.  rows: see `FeedListener`."""
        listener = FeedListener(household, rows)
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def begin(self, listener: FeedListener) -> None:
        """Read the current state, so that only what comes later is news."""
        if listener.rows and listener.household not in self._last:
            await self._new_rows(listener.household)
        if not listener.rows and listener.household not in self._appeals:
            await self._new_appeals(listener.household)

    async def close(self, _app: web.Application) -> None:
        """End all listeners, so that the program can stop."""
        for each in self._listeners:
            each.ended.set()
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        try:
            while self._listeners:
                await self._poll()
                await asyncio.sleep(POLL_SECONDS)
        except Exception:  # noqa: BLE001 - the edge of the task: who listens comes again
            log.error("a bug in what is told of news", traceback=traceback.format_exc())
            for each in self._listeners:
                each.ended.set()
        finally:
            self._task = None
            self._appeals.clear()
            self._last.clear()

    async def _poll(self) -> None:
        for household in {each.household for each in self._listeners}:
            here = [each for each in self._listeners if each.household == household]
            try:
                if any(not each.rows for each in here):
                    _pass_on(here, await self._new_appeals(household), rows=False)
                if any(each.rows for each in here):
                    _pass_on(here, await self._new_rows(household), rows=True)
            except CopdnsError as error:  # such as a busy disk; the next poll reads it all
                log.warning("what is new could not be read", error=str(error))

    async def _new_appeals(self, household: str) -> list[Appeal]:
        found = await self._parts.appeals.appeals(household, limit=MAX_READ)
        before = self._appeals.get(household)
        self._appeals[household] = {each.id: each for each in found}
        if before is None:
            return []
        return [each for each in reversed(found) if before.get(each.id) != each]

    async def _new_rows(self, household: str) -> Sequence[StoredRow]:
        rows, last = self._parts.log.rows, self._last.get(household)
        if last is None:
            newest = await asyncio.to_thread(rows, household, None, 1)
            # Of two who ask at once, `begin` and the first poll, the one that ends first says from
            # where on rows are news: the other may have read later ones already.
            self._last.setdefault(household, max((each.id for each in newest), default=0))
            return ()
        found = await asyncio.to_thread(rows, household, None, MAX_READ, last)
        self._last[household] = max((each.id for each in found), default=last)
        return found


def _pass_on(listeners: Sequence[FeedListener], news: Sequence[News], *, rows: bool) -> None:
    for each in listeners:
        if each.rows is rows:
            each.hear(news)


FEED = web.AppKey("feed", Feed)


def add_feed(app: web.Application) -> None:
    """Give an application its feed, which ends with it."""
    app[FEED] = Feed(app[PARTS])
    app.on_shutdown.append(app[FEED].close)
