"""On which day a family's device was last told apart: by its token, or by its MAC address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool

KEPT_DAYS: Final = 7  # of which pages tell; after one more, a row is deleted


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
        """Store that devices were told apart, and delete what is too old.  today: as a day."""
        with self._pool.connection() as connection, transaction(connection, "=heard"):
            connection.executemany(
                """
                insert into device_heard (household, device, day) values (?, ?, ?)
                    on conflict (household, device) do update set day = excluded.day
                """,
                sorted(heard),  # in one order, so that no two programs wait for each other
            )
            connection.execute("delete from device_heard where day < ?", (today - KEPT_DAYS,))

    def of(self, household: str, today: int) -> Mapping[str, int]:
        """Return the day of each device of a household that was told apart lately, by its id."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                "select device, day from device_heard where household = ? and day > ?",
                (household, today - KEPT_DAYS),
            )
            return {str(device): int(day) for device, day in rows}
