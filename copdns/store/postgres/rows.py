"""Copy the rows of one household between a SQLite file and a PostgreSQL database.

The file has the tables of the newest schema, and nobody else's rows.  Ids that the database draws
are drawn anew in the one that a household comes to, where another household may have the same ones;
their order stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import NamedTuple

from copdns.store.connection import SqlConnection
from copdns.store.db import read_transaction
from copdns.store.postgres.connection import PostgresConnection
from copdns.store.schema_steps import SchemaSteps


class _Table(NamedTuple):
    """A table with rows of households.

    drawn: the column whose number the database draws; "" for none.  numbers: columns with such a
    number of another table, by name.  order: the column that has the order of rows; "" for none.
    """

    name: str
    columns: tuple[str, ...]
    drawn: str
    numbers: Mapping[str, str]
    order: str


def save_rows(
    source: PostgresConnection, household: str, into: sqlite3.Connection, steps: SchemaSteps
) -> None:
    """Make the tables in an empty SQLite database, and copy a household's rows of one moment."""
    steps.apply(into)
    with nullcontext() if source.in_transaction else read_transaction(source):
        for table in _tables(into):
            rows = source.execute(_select(table, table.columns), (household,)).fetchall()
            marks = ", ".join("?" for _ in table.columns)
            into.executemany(f'insert into "{table.name}" values ({marks})', rows)  # noqa: S608


def replace_rows(source: sqlite3.Connection, household: str, into: PostgresConnection) -> None:
    """Replace a household's rows by those of a SQLite database, in the caller's transaction."""
    tables = tuple(_tables(source))
    for table in reversed(tables):
        into.execute(f'delete from "{table.name}" where household = ?', (household,))  # noqa: S608
    drawn: dict[str, dict[int, int]] = {}
    for table in tables:
        drawn[table.name] = _insert(source, household, into, table, drawn)


def _insert(
    source: SqlConnection,
    household: str,
    into: PostgresConnection,
    table: _Table,
    drawn: Mapping[str, Mapping[int, int]],
) -> dict[int, int]:
    """Copy the rows of a table; return the new numbers by the old ones."""
    rows = source.execute(_select(table, table.columns), (household,)).fetchall()
    kept = [each for each in table.columns if each != table.drawn]
    places = [table.columns.index(each) for each in kept]
    new = [
        tuple(
            drawn[table.numbers[column]][row[place]] if column in table.numbers else row[place]
            for column, place in zip(kept, places, strict=True)
        )
        for row in rows
    ]
    columns = ", ".join(f'"{each}"' for each in kept)
    marks = ", ".join("?" for _ in kept)
    insert = f'insert into "{table.name}" ({columns}) values ({marks})'  # noqa: S608
    if not table.drawn:
        into.executemany(insert, new)
        return {}
    at = table.columns.index(table.drawn)
    numbers = {}
    for old, row in zip(rows, new, strict=True):
        (number,) = into.execute(f"{insert} returning {table.drawn}", row).fetchone()
        numbers[old[at]] = number
    return numbers


def _select(table: _Table, columns: tuple[str, ...]) -> str:
    listed = ", ".join(f'"{each}"' for each in columns)
    order = f" order by {table.order}" if table.order else ""
    return f'select {listed} from "{table.name}" where household = ?{order}'  # noqa: S608


def _tables(model: sqlite3.Connection) -> Iterator[_Table]:
    """Yield the tables that have households, those that others refer to first."""
    with_number = set()
    rows = model.execute("select name, sql from sqlite_master where type = 'table' order by rowid")
    for name, sql in rows.fetchall():
        # Number, name, type, not null, default, place in the primary key.
        found = model.execute(f'pragma table_info("{name}")').fetchall()
        columns = tuple(each[1] for each in found)
        if "household" not in columns:
            continue
        keys = [each for each in found if each[5]]
        drawn = keys[0][1] if len(keys) == 1 and keys[0][2].lower() == "integer" else ""
        if drawn:
            with_number.add(name)
        # Number, place, table, column here, column there.
        references = model.execute(f'pragma foreign_key_list("{name}")').fetchall()
        numbers = {each[3]: each[2] for each in references if each[2] in with_number}
        is_unordered = sql.lower().endswith("without rowid")
        order = drawn or ("" if is_unordered else "rowid")
        yield _Table(name, columns, drawn, numbers, order)
