"""Find out whether any process changed the household's database."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from copdns.store.db import open_database, store_error
from copdns.store.household_copy import file_identity
from copdns.store.household_db.condition import current_path
from copdns.store.household_db.migrations import HOUSEHOLD


class Watcher:
    """A connection that only reads.  Make it before the first read of the household, so that no
    change in between is missed.

    A call takes some microseconds, but may wait for a lock, so it belongs in a thread.  Methods
    raise StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self.path = current_path(folder)
        self._connection = open_database(self.path, HOUSEHOLD)
        self._connection.execute("pragma query_only = on")
        self._seen = self._read_version()
        self._file = file_identity(self.path)

    def has_changed(self) -> bool:
        """Tell whether anything was committed since the last call."""
        version = self._read_version()
        seen, self._seen = self._seen, version
        return version != seen

    def is_replaced(self) -> bool:
        """Tell whether the path is another file now, or none."""
        return file_identity(self.path) != self._file

    def revision(self, household_id: str) -> int:
        """Return a household's revision; 0 where there is none."""
        row = self._read_row("select revision from household where household = ?", (household_id,))
        return 0 if row is None else int(row[0])

    def revisions(self) -> dict[str, int]:
        """Return the revision of each household by id; changes that affect answers raise it."""
        try:
            rows = self._connection.execute("select household, revision from household").fetchall()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        return {str(household): int(revision) for household, revision in rows}

    async def wait(self, interval: float = 0.1) -> None:
        """Return after the next change.  interval: seconds between two checks."""
        while not await asyncio.to_thread(self.has_changed):  # noqa: ASYNC110 - no Event spans processes
            await asyncio.sleep(interval)

    def close(self) -> None:
        """Close the connection; blocks."""
        self._connection.close()

    def _read_version(self) -> int:
        """Return a number that changes when any *other* connection commits; this one never does."""
        row = self._read_row("pragma data_version")
        assert row is not None
        return int(row[0])

    def _read_row(self, query: str, parameters: tuple[str, ...] = ()) -> tuple[int, ...] | None:
        try:
            row: tuple[int, ...] | None = self._connection.execute(query, parameters).fetchone()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        return row
