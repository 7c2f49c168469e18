"""Which requests of a household were passed on to the reviewers, and as which of their cases.

It belongs to the household: the desk's tables have nothing of who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool


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
            return _of(connection, household)

    def add(
        self,
        household: str,
        appeal: str,
        by: str,
        at: int,
        find_case: Callable[[PostgresConnection, tuple[PassedOnRow, ...]], int | None],
    ) -> bool:
        """Note that a request was passed on, the first time; return False where `find_case` has no
        case for it.

        find_case: is given the transaction and what the household has passed on, which stays so
        until its end, and returns the number of a case.
        """
        with self._pool.connection() as connection, transaction(connection, household):
            there = _of(connection, household)
            if any(each.appeal == appeal for each in there):
                return True
            case = find_case(connection, there)
            if case is None:
                return False
            connection.execute(
                "insert into passed_on values (?, ?, ?, ?, ?)", (household, appeal, case, by, at)
            )
            return True


def _of(connection: PostgresConnection, household: str) -> tuple[PassedOnRow, ...]:
    rows = connection.execute(
        "select appeal, desk_case, by, at from passed_on where household = ? order by at, appeal",
        (household,),
    )
    return tuple(PassedOnRow(*row) for row in rows)
