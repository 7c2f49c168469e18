"""Learn within moments that someone changed `household.db`: this process or another."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from copdns.store.db import open_database, store_error
from copdns.store.household_db.household import FILE
from copdns.store.migrations import HOUSEHOLD


class Watcher:
    """A connection that only looks.  Make it before the first read, so that no change between
    the two is missed.

    A look costs some microseconds, but may wait for a lock: it belongs in a thread.  Raises
    StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._connection = open_database(self.path, HOUSEHOLD)
        self._connection.execute("pragma query_only = on")
        self._seen = self._version()
        self._file = self._identity()

    def changed(self) -> bool:
        """Tell whether anything was committed since the last call."""
        version = self._version()
        seen, self._seen = self._seen, version
        return version != seen

    def is_replaced(self) -> bool:
        """Tell whether the path leads to another file now, or to none: ours is not seen there."""
        return self._identity() != self._file

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def revision(self, household_id: str) -> int:
        """Return the household's revision; 0 for one that is not stored."""
        row = self._one("select revision from household where household = ?", (household_id,))
        return 0 if row is None else int(row[0])

    def revisions(self) -> dict[str, int]:
        """Return the revision of every household, by id: what of a change concerns answers."""
        try:
            rows = self._connection.execute("select household, revision from household").fetchall()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        return {str(household): int(revision) for household, revision in rows}

    async def wait(self, interval: float = 0.1) -> None:
        """Return after the next change; interval: seconds between two looks."""
        while not await asyncio.to_thread(self.changed):  # noqa: ASYNC110 - no Event spans processes
            await asyncio.sleep(interval)

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        """`data_version` moves when any *other* connection commits, so this one never writes."""
        row = self._one("pragma data_version")
        assert row is not None
        return int(row[0])

    def _one(self, query: str, parameters: tuple[str, ...] = ()) -> tuple[int, ...] | None:
        try:
            row: tuple[int, ...] | None = self._connection.execute(query, parameters).fetchone()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        return row
