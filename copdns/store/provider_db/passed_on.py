"""Which requests of a household were passed on to the reviewers, and as which of their cases.

It belongs to the household: the desk's tables have nothing of who asks.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool


class PassedOnRow(NamedTuple):
    """appeal: its id.  case: the number at the desk.  by: a guardian's name.  at: since 1970."""

    appeal: str
    case: int
    by: str
    at: int


class PassedOnRows:
    """Methods block, and raise StoreError.  pool: lent.  The tables (PROVIDER) must be there."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def of(self, household: str) -> tuple[PassedOnRow, ...]:
        """Return what a household passed on."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                """
                select appeal, desk_case, by, at from passed_on where household = ? order by at
                """,
                (household,),
            )
            return tuple(PassedOnRow(*row) for row in rows)

    def add(self, household: str, appeal: str, case: int, by: str, at: int) -> None:
        """Note that a request was passed on; the first time counts."""
        with self._pool.connection() as connection, transaction(connection, household):
            connection.execute(
                "insert into passed_on values (?, ?, ?, ?, ?) on conflict do nothing",
                (household, appeal, case, by, at),
            )
