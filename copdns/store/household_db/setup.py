"""The state of each step of the set-up, and what its checks found last."""

from __future__ import annotations

from copdns.network.setup_steps import (
    Check,
    SetupItem,
    SetupProgress,
    SetupState,
    SetupStep,
    setup_progress,
)
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert


class Setups:
    """The set-ups of all households.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def progress(self, household: str) -> SetupProgress:
        """Return which steps and checks were done, and how they ended."""

        def work(connection: SqlConnection) -> SetupProgress:
            rows = connection.execute(
                "select item, state, detail, at from setup where household = ?", (household,)
            )
            return setup_progress(
                SetupItem(item, SetupState(state), detail, at)
                for item, state, detail, at in rows
                if state in set(SetupState)  # of a newer version
            )

        return await self._thread.read(work)

    async def save(
        self,
        household: str,
        what: SetupStep | Check,
        state: SetupState,
        now: int,
        *,
        detail: str = "",
        author: str = "",
    ) -> None:
        """Store the result of a step or a check.

        author: writes a line of the audit; "" where no person did it.
        """

        def work(connection: SqlConnection) -> None:
            connection.execute(
                upsert("setup", "household, item", "household, item, state, detail, at"),
                (household, what, state, detail, now),
            )
            if author:
                audit(connection, household, author, f"setup: {what} {state}", now)

        await self._thread.write(work, household)
