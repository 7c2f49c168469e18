"""The households of a provider: `HouseholdStore` over a PostgreSQL database, which many share.

Nothing lies beside it: the database is the truth, and its operator copies and repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from copdns.model.errors import OddRowError, StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.store.connection import SqlConnection
from copdns.store.db import read_transaction
from copdns.store.household_db.family_codes import FAMILY_CODES
from copdns.store.household_db.household import HouseholdStore, forget_nothing
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.moves import see_nothing
from copdns.store.household_db.tables import load, load_some, load_these
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import LINES
from copdns.store.postgres.outbox import OUTBOX
from copdns.store.postgres.schema import apply_own_steps, migrate
from copdns.store.statements import some_places

T = TypeVar("T")


READ_AT_ONCE: Final = 1_000  # households


class ProviderStore(HouseholdStore):
    """The households of a PostgreSQL database, in as many threads as the pool has connections.

    away: why the database cannot be reached, for people; "" if it can.  Whoever finds that out sets
    it, so that nothing else waits until it finds out too.
    """

    def __init__(self, pool: PostgresPool) -> None:
        self.path = Path(pool.schema)
        self.damage = ""
        self.see = see_nothing
        self.forget = forget_nothing
        self.pool = pool
        self.away = ""
        self._is_read_only = False
        self._thread = ThreadPoolExecutor(pool.most, thread_name_prefix="household-store")

    @classmethod
    def connect(cls, pool: PostgresPool) -> Self:
        """Return the store of a pool, making or migrating the tables where needed; blocks.

        Closing the store closes the pool, and so does an error here.
        """
        try:
            make_tables(pool)
        except BaseException:  # else its threads would go on
            pool.close()
            raise
        return cls(pool)

    async def revisions(self) -> dict[str, int]:
        """Return the revision of each household, by its id."""

        def read(connection: SqlConnection) -> dict[str, int]:
            rows = connection.execute("select household, revision from household")
            return {str(household): int(revision) for household, revision in rows}

        return await self.run(read)

    async def count(self) -> int:
        """Return how many households there are."""

        def read(connection: SqlConnection) -> int:
            ((number,),) = connection.execute("select count(*) from household")
            return int(number)

        return await self.run(read)

    async def settle(self) -> None:
        """Do nothing: there is no other file."""

    async def refuse_writing(self) -> None:
        """Let every later change fail with StoreError; reading goes on."""
        self._is_read_only = True

    def close(self) -> None:
        """Close the pool when what was begun is done; blocks."""
        self._thread.shutdown()
        self.pool.close()

    def _work(self, work: Callable[[SqlConnection], T]) -> T:
        if self.away:
            raise StoreAwayError(self.away)
        with self.pool.connection() as connection:
            if self._is_read_only:
                connection.execute("pragma query_only = on")
            return work(connection)

    def become(self, other: HouseholdStore) -> None:
        """Raise StoreError: a provider's households are in no file of this machine."""
        raise StoreError("the households are in PostgreSQL, not in a file")


def make_tables(pool: PostgresPool) -> None:
    """Make or migrate the tables where needed; blocks.  StoreError."""
    migrate(pool, HOUSEHOLD)
    apply_own_steps(pool, OUTBOX)
    apply_own_steps(pool, LINES)
    apply_own_steps(pool, FAMILY_CODES)


class Numbered(NamedTuple):
    """A household as of one moment.  number: in the outbox; None where it is just moving."""

    found: Household | OddRowError
    number: int | None


def read_numbered(pool: PostgresPool, household: str) -> Numbered | None:
    """Return a household with its number; None where there is none; blocks.

    Raises StoreError, and OddRowError for one that cannot be read.
    """
    with pool.connection() as connection, read_transaction(connection):
        found = load(connection, household)
        return None if found is None else Numbered(found, _numbers(connection, found.id)[found.id])


def read_these_numbered(pool: PostgresPool, households: Sequence[str]) -> dict[str, Numbered]:
    """Return some households with their numbers, by id, without those that are not there; blocks.

    Raises StoreError.  In place of one that cannot be read stands why.  All are as of one moment.
    """
    with pool.connection() as connection, read_transaction(connection):
        found = load_these(connection, households)
        places, wanted = some_places(households)
        rows = connection.execute(
            f"select household, number from outbox where household in ({places})",  # noqa: S608
            wanted,
        )
        numbers = {str(household): number for household, number in rows}
    return {each: Numbered(found[each], numbers.get(each)) for each in found}


def read_all_numbered(pool: PostgresPool) -> Iterator[Numbered]:
    """Yield all households in the order of their ids; blocks.  StoreError.

    In place of one that cannot be read stands why.  Some of them are as of one moment; those that
    move meanwhile are told by an `OutboxReader` that was made before.
    """
    after = ""
    while True:
        with pool.connection() as connection, read_transaction(connection):
            some, last = load_some(connection, after, READ_AT_ONCE)
            numbers = _numbers(connection, after, last) if some else {}
        if not some:
            return
        after = last
        for each in some:
            yield Numbered(each, numbers.get(each.id) if isinstance(each, Household) else None)


def _numbers(connection: SqlConnection, first: str, last: str = "") -> dict[str, int | None]:
    rows = connection.execute(
        "select household, number from outbox where household >= ? and household <= ?",
        (first, last or first),
    )
    return {str(household): number for household, number in rows}


def open_provider(conninfo: str) -> ProviderStore:
    """Open the households of a database, for one command; blocks."""
    return ProviderStore.connect(PostgresPool(conninfo, most=1))
