"""Who gets a weekly summary by email: at most one choice an account, which goes with it."""

from __future__ import annotations

from copdns.privacy.digest import DigestChoice
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

_COLUMNS = "household, account, address, weekday, minute, language, since, trouble"


class Digests:
    """Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def all(self, household: str) -> tuple[DigestChoice, ...]:
        """Return all choices of a household."""

        def work(connection: SqlConnection) -> tuple[DigestChoice, ...]:
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

        def work(connection: SqlConnection) -> None:
            connection.execute(upsert("digest", "household, account", _COLUMNS), choice)
            audit(connection, choice.household, author, "weekly summary by email turned on", now)

        await self._thread.write(work, choice.household)

    async def stop(self, household: str, account: str, author: str, now: int) -> None:
        """Remove a choice; without one, nothing changes."""

        def work(connection: SqlConnection) -> None:
            gone = connection.execute(
                "delete from digest where household = ? and account = ?", (household, account)
            )
            if gone.rowcount:
                audit(connection, household, author, "weekly summary by email turned off", now)

        await self._thread.write(work, household)

    async def note(self, choice: DigestChoice, since: int, trouble: str) -> None:
        """Note that one was due, and why it was not sent; what was chosen anew meanwhile stays."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                """
                update digest set since = case when since > :since then since else :since end,
                       trouble = :trouble
                 where household = :household and account = :account and address = :address
                """,
                {
                    "since": since,
                    "trouble": trouble,
                    "household": choice.household,
                    "account": choice.account,
                    "address": choice.address,
                },
            )

        await self._thread.write(work, choice.household)
