"""The unknown devices of `log.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

from copdns.network.unknown_devices import UnknownDevice, highest_number
from copdns.store.db import open_database, store_error, transaction
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import FILE


def load_unknown_devices(folder: Path) -> tuple[UnknownDevice, ...]:
    """Return the unknown devices of a data folder, the first seen first; raise StoreError.

    It makes no file: it may run as root, whose files the server could not write.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        with closing(open_database(path, LOG)) as connection:
            rows = connection.execute(
                """
                select household, id, device, mac, address, name, first, last
                  from visitor order by first, id
                """
            ).fetchall()
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    return tuple(UnknownDevice(*row) for row in rows)


def load_highest_numbers(folder: Path) -> dict[str, int]:
    """Return, by household, the highest number that an id of an unknown device ever had; raise
    StoreError."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        with closing(open_database(path, LOG)) as connection:
            return dict(connection.execute("select household, last from visitor_number"))
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def save_unknown_devices(folder: Path, devices: Iterable[UnknownDevice]) -> None:
    """Replace the stored unknown devices by these; raise StoreError."""
    path = folder / FILE
    stored = tuple(devices)
    rows = [astuple(each) for each in stored]
    try:
        with closing(open_database(path, LOG)) as connection, transaction(connection):
            connection.execute("delete from visitor")
            connection.executemany(
                """
                insert into visitor (household, id, device, mac, address, name, first, last)
                values (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                rows,
            )
            connection.executemany(
                """
                insert into visitor_number (household, last) values (?, ?)
                    on conflict (household) do update set last = excluded.last
                 where excluded.last > visitor_number.last
                """,
                [(each.household, highest_number([each.id])) for each in stored],
            )
    except sqlite3.Error as error:
        raise store_error(path, error) from error
