"""On which day a family's device was last told apart: by its token, or by its MAC address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.provider_db.rollout_messages import CLOCK_OF_ALL
from copdns.time.days import DAY_SECONDS

KEPT_DAYS: Final = 7  # of which pages tell; after one more, a row is deleted
# By PostgreSQL's clock: a program whose own is ahead would delete what others tell, and what it
# wrote itself would be told of long after the week.
_DAY_OF_ALL: Final = f"({CLOCK_OF_ALL} / {DAY_SECONDS})"


class HeardDevice(NamedTuple):
    """device: its id.  day: days since the epoch, in UTC."""

    household: str
    device: str
    day: int


class HeardRows:
    """Methods block, and raise StoreError.  pool: lent.  The tables (PROVIDER) must be there."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def note(self, heard: Iterable[HeardDevice], today: int) -> None:
        """Store that devices were told apart.  today: as a day."""
        with self._pool.connection() as connection, transaction(connection, "=heard"):
            connection.executemany(
                f"""
                insert into device_heard (household, device, day)
                values (?, ?, least(cast(? as bigint), {_DAY_OF_ALL}))
                    on conflict (household, device) do update set day = excluded.day
                """,  # noqa: S608 - texts of this module
                sorted(heard),  # in one order, so that no two programs wait for each other
            )
            _forget(connection, today)

    def forget(self, today: int) -> None:
        """Delete what is too old, also where nothing is told apart any more.  today: as a day."""
        with self._pool.connection() as connection, transaction(connection, "=heard"):
            _forget(connection, today)

    def of(self, household: str, today: int) -> Mapping[str, int]:
        """Return the day of each device of a household that was told apart lately, by its id."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "select device, day from device_heard where household = ? and day > ?",
                (household, today - KEPT_DAYS),
            )
            return {str(device): int(day) for device, day in rows}


def _forget(connection: PostgresConnection, today: int) -> None:
    connection.execute(
        f"delete from device_heard where day < least(cast(? as bigint), {_DAY_OF_ALL}) - ?",  # noqa: S608
        (today, KEPT_DAYS),
    )
