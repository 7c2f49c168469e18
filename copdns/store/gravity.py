"""Read the tables of a gravity.db, the database of Pi-hole, which may be hostile.

It is opened in memory or read-only, its views, triggers and functions are not trusted, and only the
columns of its own tables are read, up to a number of rows and steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from copdns.model.errors import MoveInError

TABLES: Final = (
    *("group", "client", "client_by_group", "domainlist", "domainlist_by_group"),
    *("adlist", "adlist_by_group"),
)
MAX_ROWS: Final = 100_000  # of one table
_MAX_STEPS: Final = 20_000  # of a thousand instructions of SQLite each
_MAX_LENGTH: Final = 1 << 20  # octets of a text
_HEADER: Final = 100  # octets
_VERSIONS: Final = slice(18, 20)  # in the header: 2 where a second file (WAL) belongs to it
_ALONE: Final = b"\x01\x01"

Row = Mapping[str, object]


def read_gravity(octets: bytes) -> dict[str, list[Row]]:
    """Return the rows of the tables of a database; raise MoveInError for one that is damaged."""
    if len(octets) < _HEADER:
        raise _damage_error()
    with _open(":memory:") as connection:
        connection.deserialize(octets[: _VERSIONS.start] + _ALONE + octets[_VERSIONS.stop :])
        return _read(connection)


def read_gravity_file(path: Path) -> dict[str, list[Row]]:
    """As `read_gravity`, for a file of any size, which is left as it is."""
    with _open(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1") as connection:
        return _read(connection)


@contextmanager
def _open(uri: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            yield connection
    except (sqlite3.Error, OverflowError, ValueError) as error:
        raise _damage_error() from error


def _damage_error() -> MoveInError:
    return MoveInError("this database is damaged, or none of Pi-hole; export it again", name="file")


def _read(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma cell_size_check = on")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_LENGTH)
    steps = iter(range(_MAX_STEPS))
    connection.set_progress_handler(lambda: int(next(steps, None) is None), 1000)
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")
    there = {
        name
        for (name,) in connection.execute(
            "select name from sqlite_master where type = 'table' and sql not like '%virtual%'"
        )
    }
    if not {"domainlist", "adlist"} & there:
        raise _damage_error()
    connection.set_authorizer(_authorize)
    return {name: _rows(connection, name) for name in TABLES if name in there}


def _authorize(action: int, table: str | None, *_: object) -> int:
    allowed = action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and table in TABLES)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    query = f'select * from "{table}" limit {MAX_ROWS + 1}'  # noqa: S608 - a name of TABLES
    found = connection.execute(query)
    names = [each[0] for each in found.description]
    rows: list[Row] = [dict(zip(names, row, strict=True)) for row in found]
    if len(rows) > MAX_ROWS:
        raise MoveInError(
            "this database has more than %(most)s rows in one table, so it is not from a family",
            name="file",
            most=MAX_ROWS,
        )
    return rows
