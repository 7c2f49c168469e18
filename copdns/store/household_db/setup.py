"""How far the set-up of a house is, and what its checks found last."""

from __future__ import annotations

import sqlite3

from copdns.network.setup_steps import Check, Item, Progress, State, Step, progress
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread


class Setups:
    """Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def progress(self, household: str) -> Progress:
        def work(connection: sqlite3.Connection) -> Progress:
            rows = connection.execute(
                "select item, state, detail, at from setup where household = ?", (household,)
            )
            return progress(
                Item(item, State(state), detail, at)
                for item, state, detail, at in rows
                if state in set(State)  # of a newer version
            )

        return await self._thread.read(work)

    async def keep(
        self,
        household: str,
        what: Step | Check,
        state: State,
        now: int,
        *,
        detail: str = "",
        author: str = "",
    ) -> None:
        """Keep what came of a step or a check.  author: for the audit, where a person said so."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                """
                insert or replace into setup (household, item, state, detail, at)
                values (?, ?, ?, ?, ?)
                """,
                (household, what, state, detail, now),
            )
            if author:
                audit(connection, household, author, f"setup: {what} {state}", now)

        await self._thread.write(work)
