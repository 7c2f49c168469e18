"""The household's store, for what stands beside the household in its file.

Accounts, pairings and looks share its connection and its thread; none of it raises the household's
revision, since no answer depends on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from copdns.store.db import transaction
from copdns.store.household_db.household import HouseholdStore

T = TypeVar("T")


class StoreThread:
    """Methods raise StoreError, and what their work raises on purpose."""

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
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a query finds; what takes several belongs into a `snapshot`."""
        return await self._store.run(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a change gives, which is made whole or not at all."""

        def whole(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self.read(whole)
