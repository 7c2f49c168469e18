"""The log of a provider's households: `QueryLog` over PostgreSQL, which several machines share.

Its tables are in a schema of their own, to which no role has a right but that of copdns, and its
writers keep no writer of households waiting.  While PostgreSQL is away, what happens waits in the
same bounded buffers as for a full disk, and answering goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

from copdns.store.connection import SqlConnection
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.rows import last_erasure
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import migrate

SCHEMA: Final = "copdns_log"
ROWS_DAYS: Final = 1.0  # at most: what one family keeps at home, a provider has of all
CONNECTIONS: Final = 2
T = TypeVar("T")


class ProviderLog(QueryLog):
    """The log of all households of a database.

    path: of the machine's own `log.db`, which has its minutes of use.
    """

    def __init__(self, folder: Path, conninfo: str) -> None:
        """Nothing is asked of PostgreSQL before something is read or written."""
        super().__init__(folder)
        self._conninfo = conninfo
        self._pool: PostgresPool | None = None
        self._lent = ExitStack()

    def purge(self, now: float, rows_days: float = ROWS_DAYS, counts_days: float = 30) -> None:
        """Delete what is older; rows after a day, whatever the settings of a home allow."""
        super().purge(now, min(rows_days, ROWS_DAYS), counts_days)

    def stop(self) -> None:
        """Write what waits, if that is possible now, and close."""
        super().stop()
        if self._pool is not None:
            self._pool.close()

    def close(self) -> None:
        """Close what was opened to read, where nothing was started."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _run(self, work: Callable[[SqlConnection], T], nothing: T) -> T:
        with self._opened_pool().connection() as connection:
            return work(connection)

    def _open(self) -> SqlConnection:
        if self._connection is None:
            lent = self._lent.enter_context(self._opened_pool().connection())
            self._connection = lent
            self.erasures = last_erasure(lent)
        return self._connection

    def _close(self) -> None:
        self._connection = None
        self._lent.close()

    def _note_failure(self, error: Exception) -> None:
        super()._note_failure(error)
        self._close()  # the next batch begins with another connection

    def _opened_pool(self) -> PostgresPool:
        if self._pool is None:
            pool = PostgresPool(self._conninfo, SCHEMA, most=CONNECTIONS)
            migrate(pool, LOG)
            self._pool = pool
        return self._pool
