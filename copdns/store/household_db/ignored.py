"""Unknown devices that a guardian does not want to be shown any more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread


class Ignored:
    """Methods raise StoreError.  visitor: an id, as of a `Visitor`."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str) -> frozenset[str]:
        """Return the ids of visitors that a household wants to hear no more of."""

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            rows = connection.execute(
                "select id from ignored_visitor where household = ?", (household,)
            )
            return frozenset(each for (each,) in rows)

        return await self._thread.read(work)

    async def add(
        self, household: str, visitor: str, there: Iterable[str], author: str, now: int
    ) -> None:
        """Ignore a visitor, and forget those that are not there any more; twice is harmless.

        there: the ids of all visitors.
        """
        kept = json.dumps(list(there))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                """
                delete from ignored_visitor
                 where household = ? and id not in (select value from json_each(?))
                """,
                (household, kept),
            )
            done = connection.execute(
                "insert or ignore into ignored_visitor (household, id, at) values (?, ?, ?)",
                (household, visitor, now),
            )
            if done.rowcount:
                audit(connection, household, author, f"unknown device {visitor} ignored", now)

        await self._thread.write(work)

    async def remove(self, household: str, visitor: str, author: str, now: int) -> None:
        """Show a visitor again; twice is harmless."""

        def work(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "delete from ignored_visitor where household = ? and id = ?", (household, visitor)
            )
            if done.rowcount:
                audit(connection, household, author, f"unknown device {visitor} shown again", now)

        await self._thread.write(work)
