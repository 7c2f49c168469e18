"""Transactions of the stores that share `household.db` with the household.

Accounts, pairings and looks use its connection and its thread.  What they write leaves the
household's revision alone, except for guests, on whom answers depend.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self, TypeVar

from copdns.store.connection import SqlConnection
from copdns.store.db import transaction
from copdns.store.household_db.household import HouseholdStore

T = TypeVar("T")


class StoreThread:
    """Runs work in the thread of a HouseholdStore.  Methods raise StoreError, and what the work
    raises."""

    def __init__(self, store: HouseholdStore) -> None:
        self._store = store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the database of a data folder, making or migrating it where needed; blocks."""
        return cls(HouseholdStore.open(folder))

    @property
    def path(self) -> Path:
        return self._store.path

    def close(self) -> None:
        """Close the database when what was begun is done; blocks."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def forgetting(
        self, connection: SqlConnection, household_id: str, now: int
    ) -> AbstractContextManager[None]:
        """Do as `HouseholdStore.forgetting`, inside a work."""
        return self._store.forgetting(connection, household_id, now)

    async def read(self, work: Callable[[SqlConnection], T]) -> T:
        """Return the result of a query; several of one moment need a `read_transaction`."""
        return await self._store.run(work)

    async def write(self, work: Callable[[SqlConnection], T], household: str = "") -> T:
        """Return the result of a change, in one transaction.

        household: whose rows alone it reads and writes; "" for several (`store.db.transaction`).
        """

        def in_transaction(connection: SqlConnection) -> T:
            with transaction(connection, household):
                return work(connection)

        return await self.read(in_transaction)
