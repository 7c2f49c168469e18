"""Unknown devices that a guardian ignores: the pages do not show them any more."""

from __future__ import annotations

import json
from collections.abc import Iterable

from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread


class IgnoredDevices:
    """The ignored devices of all households.  Methods raise StoreError.

    device: the id of an `UnknownDevice`.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str) -> frozenset[str]:
        """Return the ids of the unknown devices that a household ignores."""

        def work(connection: SqlConnection) -> frozenset[str]:
            rows = connection.execute(
                "select id from ignored_visitor where household = ?", (household,)
            )
            return frozenset(each for (each,) in rows)

        return await self._thread.read(work)

    async def add(
        self, household: str, device: str, there: Iterable[str], author: str, now: int
    ) -> None:
        """Ignore an unknown device, if it is not ignored already.

        there: the ids of all unknown devices; ignored ones that are not among them are deleted.
        """
        ids = json.dumps(list(there))

        def work(connection: SqlConnection) -> None:
            connection.execute(
                """
                delete from ignored_visitor
                 where household = ? and id not in (select value from json_each(?))
                """,
                (household, ids),
            )
            done = connection.execute(
                "insert into ignored_visitor (household, id, at) values (?, ?, ?)"
                " on conflict do nothing",
                (household, device, now),
            )
            if done.rowcount:
                audit(connection, household, author, f"unknown device {device} ignored", now)

        await self._thread.write(work, household)

    async def remove(self, household: str, device: str, author: str, now: int) -> None:
        """Stop ignoring an unknown device, if it is ignored."""

        def work(connection: SqlConnection) -> None:
            done = connection.execute(
                "delete from ignored_visitor where household = ? and id = ?", (household, device)
            )
            if done.rowcount:
                audit(connection, household, author, f"unknown device {device} shown again", now)

        await self._thread.write(work, household)
