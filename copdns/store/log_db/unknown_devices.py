"""The unknown devices of `log.db`, which are forgotten like all that is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

from copdns.network.unknown_devices import UnknownDevice, highest
from copdns.store.db import open_database, store_error, transaction
from copdns.store.log_db.querylog import FILE
from copdns.store.migrations import LOG


def load_visitors(folder: Path) -> tuple[UnknownDevice, ...]:
    """Return those of a data folder, who was seen first before the others; raise StoreError.

    Asking makes no file: the first to ask may be root, whose files the server cannot write.
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


def load_numbers(folder: Path) -> dict[str, int]:
    """Return the highest number that a visitor of each household ever had; raise StoreError."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        with closing(open_database(path, LOG)) as connection:
            return dict(connection.execute("select household, last from visitor_number"))
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def save_visitors(folder: Path, visitors: Iterable[UnknownDevice]) -> None:
    """Put these in the place of those that were kept; raise StoreError."""
    path = folder / FILE
    kept = tuple(visitors)
    rows = [astuple(each) for each in kept]
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
                    on conflict do update set last = max(last, excluded.last)
                """,
                [(each.household, highest([each.id])) for each in kept],
            )
    except sqlite3.Error as error:
        raise store_error(path, error) from error
