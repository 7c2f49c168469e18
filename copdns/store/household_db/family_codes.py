"""The code by which a provider's household is told apart on its pages, where no address does it.

Whoever has it can see the rules of the household's unknown devices and ask for something; it opens
no account, and nothing that is kept of anybody.  It is stored as it is, to be shown to guardians.
"""

from __future__ import annotations

import json

from copdns.accounts.codes import family_code_key, make_family_code
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import PostgresConnection
from copdns.store.schema_steps import SchemaSteps

FAMILY_CODES = SchemaSteps("family_codes")


class FamilyCodes:
    """The codes of all households.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def find(self, code: str) -> str:
        """Return whose code it is, however it was typed; "" for nobody's."""
        key = family_code_key(code)

        def work(connection: SqlConnection) -> str:
            row = connection.execute(
                "select household from family_code where code = ?", (key,)
            ).fetchone()
            return "" if row is None else str(row[0])

        return await self._thread.read(work) if key else ""

    async def find_device(self, digest: str) -> str:
        """Return whose device has a token, by its digest; "" for nobody's."""

        def work(connection: SqlConnection) -> str:
            row = connection.execute(
                "select household from device where tokens <> '[]' and tokens::jsonb @> ?::jsonb",
                (json.dumps([digest]),),
            ).fetchone()
            return "" if row is None else str(row[0])

        return await self._thread.read(work)

    async def make(self, household: str) -> None:
        """Make the code of a household, where it has none; who does that need not read codes."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                f"{_ADD} on conflict (household) do nothing",
                (household, family_code_key(make_family_code())),
            )

        await self._thread.write(work, household)

    async def of(self, household: str) -> str:
        """Return the code of a household, made at the first call."""

        def work(connection: SqlConnection) -> str:
            row = connection.execute(
                "select code from family_code where household = ?", (household,)
            ).fetchone()
            return _store_new(connection, household) if row is None else str(row[0])

        return await self._thread.write(work, household)

    async def renew(self, household: str, author: str, now: int) -> str:
        """Return another code; who has the former one has nothing any more.

        author: in people's words, for the history.  now: seconds since the epoch.
        """

        def work(connection: SqlConnection) -> str:
            audit(connection, household, author, "family code changed", now)
            return _store_new(connection, household)

        return await self._thread.write(work, household)


_ADD = "insert into family_code (household, code) values (?, ?)"


def _store_new(connection: SqlConnection, household: str) -> str:
    code = family_code_key(make_family_code())
    connection.execute(
        f"{_ADD} on conflict (household) do update set code = excluded.code", (household, code)
    )
    return code


@FAMILY_CODES(name="0001_family_code")
def family_code(db: PostgresConnection) -> None:
    """A code for each household that asked for one."""
    db.run_here(
        """
        create table family_code (
            household text collate "C" primary key
                references household (household) on delete cascade,
            code text collate "C" not null unique
        )"""
    )
