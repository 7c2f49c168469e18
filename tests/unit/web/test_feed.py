"""What a listener hears of rows that come while it begins to listen."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

from copdns.privacy.retention import LogRow
from copdns.store.log_db.rows import StoredRow
from copdns.web.api.events.feed import Feed
from copdns.web.context import AppContext
from tests.running import PATIENCE

ROW = LogRow(300, "home", "mia", "", "a.example", 1, "block", "category", "games", "", "x", "x", "")


class SlowLog:
    """A log whose second reading, the first poll's, ends after a row that came meanwhile."""

    def __init__(self) -> None:
        self.kept: list[StoredRow] = []
        self.came = threading.Event()
        self._read = 0

    def rows(self, _household: str, _where: object, _most: int, after: int = 0) -> list[StoredRow]:
        self._read += 1
        if self._read == 2:
            assert self.came.wait(PATIENCE)
        return [each for each in self.kept if each.id > after]


async def test_a_row_that_comes_before_the_first_poll_ends_is_heard() -> None:
    log = SlowLog()
    feed = Feed(cast(AppContext, SimpleNamespace(log=log)))
    with feed.listening("home", rows=True) as listener:
        await feed.begin(listener)
        log.kept.append(StoredRow(1, ROW))
        log.came.set()
        heard: Any = await asyncio.wait_for(listener.news.get(), PATIENCE)
    assert heard == StoredRow(1, ROW)
