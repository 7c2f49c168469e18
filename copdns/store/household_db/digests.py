"""Who gets a weekly summary by email: at most one choice an account, which goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from copdns.privacy.digest import DigestChoice, DueDay
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

    async def zones(self) -> tuple[str, ...]:
        """Return the time zones of households in which somebody chose one."""

        def work(connection: SqlConnection) -> tuple[str, ...]:
            rows = connection.execute(
                """
                select distinct timezone from household
                 where household in (select household from digest) order by timezone
                """
            )
            return tuple(str(zone) for (zone,) in rows)

        return await self._thread.read(work)

    async def due(
        self, timezone: str, days: Sequence[DueDay], after: DigestChoice | None, most: int
    ) -> tuple[DigestChoice, ...]:
        """Return choices of a time zone that may be due on one of two days, in order.

        after: the last one that was returned before; None: from the first on.
        """

        def work(connection: SqlConnection) -> tuple[DigestChoice, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from digest
                 where household in (select household from household where timezone = :timezone)
                   and ((weekday = :weekday_0 and minute between :first_0 and :last_0
                         and since < :midnight_0 + minute * 60 + :slack_0)
                     or (weekday = :weekday_1 and minute between :first_1 and :last_1
                         and since < :midnight_1 + minute * 60 + :slack_1))
                   and (household > :household or (household = :household and account > :account))
                 order by household, account limit :most
                """,  # noqa: S608 - the names of columns
                {
                    "timezone": timezone,
                    "household": after.household if after else "",
                    "account": after.account if after else "",
                    "most": most,
                    **{
                        f"{name}_{place}": value
                        for place, day in enumerate(days)
                        for name, value in day._asdict().items()
                    },
                },
            )
            return tuple(DigestChoice(*row) for row in rows)

        return await self._thread.read(work)

    async def claim(self, choice: DigestChoice, due: int) -> bool:
        """Note that one is sent now; False where another program did so, or it is another by now.

        due: the moment for which it is.
        """

        def work(connection: SqlConnection) -> bool:
            done = connection.execute(
                """
                update digest set since = :due
                 where household = :household and account = :account and address = :address
                   and since < :due
                """,
                {
                    "due": due,
                    "household": choice.household,
                    "account": choice.account,
                    "address": choice.address,
                },
            )
            return bool(done.rowcount)

        return await self._thread.write(work, choice.household)

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
