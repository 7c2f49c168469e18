"""Who gets a weekly summary by email: at most one choice an account, which goes with it."""

from __future__ import annotations

import sqlite3

from copdns.privacy.digest import DigestChoice
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread

_COLUMNS = "household, account, address, weekday, minute, language, since, trouble"


class Digests:
    """Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def all(self, household: str) -> tuple[DigestChoice, ...]:
        """Return all choices of a household."""

        def work(connection: sqlite3.Connection) -> tuple[DigestChoice, ...]:
            rows = connection.execute(
                f"select {_COLUMNS} from digest where household = ? order by account",  # noqa: S608
                (household,),
            )
            return tuple(DigestChoice(*row) for row in rows)

        return await self._thread.read(work)

    async def of(self, household: str, account: str) -> DigestChoice | None:
        """Return an account's choice; None for none."""
        found = await self.all(household)
        return next((each for each in found if each.account == account), None)

    async def choose(self, choice: DigestChoice, author: str, now: int) -> None:
        """Store a choice in place of an earlier one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"insert or replace into digest ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                choice,
            )
            audit(connection, choice.household, author, "weekly summary by email turned on", now)

        await self._thread.write(work)

    async def stop(self, household: str, account: str, author: str, now: int) -> None:
        """Remove a choice; without one, nothing changes."""

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "delete from digest where household = ? and account = ?", (household, account)
            )
            if gone.rowcount:
                audit(connection, household, author, "weekly summary by email turned off", now)

        await self._thread.write(work)

    async def note(self, choice: DigestChoice, since: int, trouble: str) -> None:
        """Note that one was due, and why it was not sent; what was chosen anew meanwhile stays."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                """
                update digest set since = max(since, ?), trouble = ?
                 where household = ? and account = ? and address = ?
                """,
                (since, trouble, choice.household, choice.account, choice.address),
            )

        await self._thread.write(work)
