"""The log of a provider's households: `QueryLog` over PostgreSQL, which several machines share.

Its tables are in a schema of their own, to which no role has a right but that of copdns, and its
writers keep no writer of households waiting.  While PostgreSQL is away, what happens waits in the
same bounded buffers as for a full disk, and answering goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from copdns.store.connection import SqlConnection
from copdns.store.log_db import rows as log_rows
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import QueryLog
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import migrate
from copdns.time.minutes import Usage

ROWS_DAYS: Final = 1.0  # at most: what one family keeps at home, a provider has of all
CONNECTIONS: Final = 2
_CLOCK: Final = "select cast(extract(epoch from clock_timestamp()) as bigint)"
T = TypeVar("T")


class ProviderLog(QueryLog):
    """The log of all households of a database.

    path: of the machine's own `log.db`, which has the minutes of use of households that are not
    read on demand.
    """

    is_shared = True
    most_rows_days = ROWS_DAYS

    def __init__(self, folder: Path, conninfo: str, *, has_minutes: bool = True) -> None:
        """Nothing is asked of PostgreSQL before something is read or written.

        has_minutes: those of use are in PostgreSQL as well (`ProviderUsage`).
        """
        super().__init__(folder)
        self._conninfo = conninfo
        self._has_minutes = has_minutes
        self._pool: PostgresPool | None = None
        self._opening = threading.Lock()
        self._lent = ExitStack()

    def usage(self, household: str, profile: str | None, since: date) -> tuple[Usage, ...]:
        """Return the minutes of use of a household, from where they are."""
        if not self._has_minutes:
            return QueryLog(self.path.parent).usage(household, profile, since)
        return super().usage(household, profile, since)

    def purge(self, now: float, rows_days: float = ROWS_DAYS, counts_days: float = 30) -> None:
        """Delete what is older; rows after a day, whatever the settings of a home allow.

        now: not asked.  PostgreSQL's own clock says what is old, since one machine whose clock is
        wrong would else delete what is recorded of all families.
        """
        del now
        days = min(rows_days, ROWS_DAYS)

        def work(connection: SqlConnection) -> None:
            (there,) = connection.execute(_CLOCK).fetchone()
            log_rows.purge(connection, float(there), days, counts_days)

        self._run(work, None)

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
            # `erasures` stays: what waited for this connection may be of who was erased meanwhile.
        return self._connection

    def _close(self) -> None:
        self._connection = None
        self._lent.close()

    def _note_failure(self, error: Exception) -> None:
        super()._note_failure(error)
        self._close()  # the next batch begins with another connection

    def _opened_pool(self) -> PostgresPool:
        with self._opening:  # of two threads at once, one would lose the pool of the other
            if self._pool is None:
                pool = PostgresPool(self._conninfo, LOG_SCHEMA, most=CONNECTIONS)
                try:
                    migrate(pool, LOG)
                except BaseException:  # else its threads would go on
                    pool.close()
                    raise
                self._pool = pool
            return self._pool
