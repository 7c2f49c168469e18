"""One connection to `household.db`, and the one thread that uses it, off the event loop.

What stands beside the household in its file (accounts, pairings, looks) shares one of these; none
of it raises the household's revision, since no answer depends on it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from copdns.store.db import open_database, store_error, transaction
from copdns.store.household import FILE
from copdns.store.migrations import HOUSEHOLD

T = TypeVar("T")


class StoreThread:
    """Methods raise StoreError, and what their work raises on purpose."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="account-store")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the database of a data folder, making or migrating it where needed; blocks."""
        path = folder / FILE
        connection = open_database(path, HOUSEHOLD, durable=True)
        connection.execute("pragma cache_size = -256")  # KiB
        return cls(path, connection)

    def close(self) -> None:
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a query finds; what takes several belongs into a `snapshot`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work, self._connection)
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a change gives, which is made whole or not at all."""

        def whole(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self.read(whole)
