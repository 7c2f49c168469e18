"""Make the tables in a schema of a PostgreSQL database, and bring them to the newest state.

A new schema begins at the newest state: what the steps add up to on SQLite is read from its
catalogue and said in PostgreSQL's words, so that no released step, some of which are SQLite's own,
needs to run here.  The steps that a schema lacks later run one by one, as on SQLite; those keep to
what `dialect.py` understands.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from copdns.model.errors import StoreError
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.postgres.dialect import FUNCTIONS, schema_statements
from copdns.store.schema_steps import SchemaSteps

_RECORD_TABLE = """
    create table if not exists schema_step (
        migration_set text not null,
        name text not null,
        applied_at timestamptz not null default now(),
        primary key (migration_set, name)
    )"""


def migrate(pool: PostgresPool, steps: SchemaSteps) -> None:
    """Make the tables of the steps in the pool's schema, or apply the steps that are missing.

    The role needs the right to make the schema, or the schema.  Raises StoreError, also where a
    newer copdns made the tables.
    """
    with pool.connection() as connection:
        if read_applied(connection, steps) >= steps.names:
            return  # what many processes do at every start takes no lock
        with _alone(connection, pool.schema):
            connection.run_here(f"create schema if not exists {pool.schema}")
            with transaction(connection):
                _migrate(connection, steps)


def apply_own_steps(pool: PostgresPool, steps: SchemaSteps) -> None:
    """Apply what is missing of steps that PostgreSQL alone has, after `migrate`; StoreError."""
    with pool.connection() as connection:
        if read_applied(connection, steps) >= steps.names:
            return
        with _alone(connection, pool.schema), transaction(connection):
            for name, step in steps.missing(read_applied(connection, steps)):
                step(connection)
                _record(connection, steps, name)


@contextmanager
def _alone(connection: PostgresConnection, schema: str) -> Iterator[None]:
    """Keep others from migrating or writing a schema, also one that is not there yet.

    The lock is that of a transaction (`dialect.py`), which here begins before there is a schema.
    """
    connection.run_here(f"set lock_timeout = '{_PATIENCE}'")
    try:
        connection.run_here(f"select pg_advisory_lock(hashtext('{schema}'))")
        yield
    finally:  # it goes back to the pool, which knows nothing of locks
        connection.run_here("select pg_advisory_unlock_all(); reset lock_timeout")


_PATIENCE = "60s"  # all tables are made meanwhile, perhaps by another program


def read_applied(connection: PostgresConnection, steps: SchemaSteps) -> frozenset[str]:
    """Return the names of the steps applied so far; raise StoreError for one that is unknown."""
    if connection.run_here("select to_regclass('schema_step')").fetchone() == (None,):
        return frozenset()
    rows = connection.execute("select name from schema_step where migration_set = ?", (steps.name,))
    applied = frozenset(name for (name,) in rows)
    if newer := applied - steps.names:
        raise StoreError(
            f"PostgreSQL: this was made by a newer version of copdns ({', '.join(sorted(newer))}); "
            "install that version again, or restore an older backup"
        )
    return applied


def _migrate(connection: PostgresConnection, steps: SchemaSteps) -> None:
    applied = read_applied(connection, steps)
    if not applied:
        for statement in (*FUNCTIONS, _RECORD_TABLE):
            connection.run_here(statement)
        for statement in newest_schema(steps):
            connection.run_here(statement)
    for name, step in steps.missing(applied):
        if applied:
            step(connection)
        _record(connection, steps, name)


def _record(connection: PostgresConnection, steps: SchemaSteps, name: str) -> None:
    connection.execute(
        "insert into schema_step (migration_set, name) values (?, ?)", (steps.name, name)
    )


def newest_schema(steps: SchemaSteps) -> list[str]:
    """Return the statements that make all tables, indexes and triggers of some steps."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        for _, step in steps.missing(frozenset()):
            step(model)
        rows = model.execute(
            """
            select sql from sqlite_master
             where sql is not null and name not like 'sqlite~_%' escape '~' order by rowid
            """
        )
        return [statement for (sql,) in rows for statement in schema_statements(sql)]
