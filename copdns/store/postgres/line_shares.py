"""What nodes of a provider took from each household, kept so that a new one need not read all.

Whatever node reads a household writes down what it took, with the number that the household had in
the outbox.  It counts only for as long as that is the number, so what is out of date is not used,
and whoever changes a household need not know of this.  Shapes stand here as checksums alone: one
household of each is read for what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.outbox import check_database

AT_ONCE: Final = 10_000  # rows that are taken from the server together
READ_AT_ONCE: Final = 1_000  # households


class ShareRow(NamedTuple):
    """What was taken from a household.

    shape: the checksum of its shape.  words: as `share_words` gives them.  until: seconds since
    1970; infinity for ever.
    """

    household: str
    shape: str
    asks_copdns: bool
    until: float
    words: str


class ShareStore:
    """The table.  made_by: the version of what makes the rows; those of others do not count.

    Methods block, and raise StoreError.
    """

    def __init__(self, pool: PostgresPool, made_by: str) -> None:
        self._pool = pool
        self._made_by = made_by

    def examples(self, now: float) -> dict[str, str]:
        """Return a household of each shape, by the checksum."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                f"select s.shape, min(s.household) {_VALID} where s.until > ? group by s.shape",
                (self._made_by, now),
            )
            return {str(shape): str(household) for shape, household in rows}

    def rows(self, now: float) -> Iterator[ShareRow | str]:
        """Yield what is known of each household; the id alone of one that has to be read."""
        sql = f"""
            select o.household, s.shape, s.asks, s.until, s.names {_ALL} where o.revision > 0"""
        with self._pool.connection() as connection:
            for household, shape, asks, until, names in connection.stream(
                sql, (self._made_by,), AT_ONCE
            ):
                if shape is None or until <= now:
                    yield household
                else:
                    yield ShareRow(household, shape, bool(asks), until, names)

    def put(self, rows: Iterable[tuple[int, ShareRow]], database: str = "") -> None:
        """Write down what was taken, each with the number that the household had then.

        database: of which these numbers are, as `OutboxReader.database`; "": of any.
        """
        with self._pool.connection() as connection:
            check_database(connection, database)
            connection.executemany(_PUT, [(*each, number, self._made_by) for number, each in rows])


_VALID = """
    from line_share s join outbox o on o.household = s.household and o.number = s.number
     and o.revision > 0 and s.made_by = ?"""
_ALL = """
    from outbox o left join line_share s on o.household = s.household and o.number = s.number
     and s.made_by = ?"""
# One that was deleted meanwhile has no row to belong to.
_PUT = """
    insert into line_share (household, shape, asks, until, names, number, made_by)
    select h.household, n.shape, n.asks, n.until, n.names, n.number, n.made_by
      from (select ? as household, ? as shape, ? as asks, ? as until, ? as names, ? as number,
                   ? as made_by) n
      join household h on h.household = n.household
        on conflict (household) do update
       set shape = excluded.shape, asks = excluded.asks, until = excluded.until,
           names = excluded.names, number = excluded.number, made_by = excluded.made_by"""
