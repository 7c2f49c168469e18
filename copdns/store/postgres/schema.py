"""Make the tables in a schema of a PostgreSQL database, and bring them to the newest state.

A new schema begins at the newest state: what the steps add up to on SQLite is read from its
catalogue and said in PostgreSQL's words, so that no released step, some of which are SQLite's own,
needs to run here.  The steps that a schema lacks later run one by one, as on SQLite; those keep to
what `dialect.py` understands.

Beside each step stands which step a program has to know to run with it.  Where a provider has
nodes, no program applies steps when it starts: `store/schema_stages.py` does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from copdns.model.errors import StoreError
from copdns.provider.rollout.rollouts import NODE_KEPT
from copdns.store.db import transaction
from copdns.store.postgres.connection import SCHEMA, PostgresConnection, PostgresPool
from copdns.store.postgres.dialect import FUNCTIONS, schema_statements
from copdns.store.postgres.expanding import ExpandingConnection
from copdns.store.provider_db.role_rights import grant_again
from copdns.store.schema_steps import SchemaStep, SchemaSteps

_RECORD_TABLE = """
    create table if not exists schema_step (
        migration_set text not null,
        name text not null,
        asks_for text collate "C",
        applied_at timestamptz not null default now(),
        primary key (migration_set, name)
    )"""


def migrate(pool: PostgresPool, steps: SchemaSteps) -> None:
    """Make the tables of the steps in the pool's schema, or apply the steps that are missing.

    The role needs the right to make the schema, or the schema.  Raises StoreError, also where a
    newer copdns made the tables and this one does not run with them, and where steps are missing
    that nodes of a provider get in stages.
    """
    with pool.connection() as connection:
        if read_applied(connection, steps) >= steps.essential:
            return  # what many processes do at every start takes no lock
        require_maker(connection, pool.schema)
        with keep_alone(connection, pool.schema):
            connection.run_here(f"create schema if not exists {pool.schema}")
            with transaction(connection):
                _migrate(connection, steps)


def apply_own_steps(pool: PostgresPool, steps: SchemaSteps) -> None:
    """Apply what is missing of steps that PostgreSQL alone has, after `migrate`; StoreError."""
    with pool.connection() as connection:
        if read_applied(connection, steps) >= steps.essential:
            return
        require_maker(connection, pool.schema)
        with keep_alone(connection, pool.schema), transaction(connection):
            applied = read_applied(connection, steps)
            _refuse_with_nodes(connection, steps, applied)
            prepare_record(connection)
            for name, step in steps.missing(applied):
                run_step(connection, steps, name, step)
            grant_again(connection)


def require_maker(connection: PostgresConnection, schema: str) -> None:
    """Raise StoreError for a role that may not add to a schema that is there."""
    (role, may) = connection.execute(
        """
        select current_user, has_schema_privilege(n.oid, 'create')
          from (values (1)) as one left join pg_namespace n on n.nspname = ?
        """,
        (schema,),
    ).fetchone()
    if may is False:
        raise StoreError(
            f"PostgreSQL: tables that this copdns needs are missing, or the role {role} may not "
            "see which are there; run copdns provider roles grant of this version as the role that "
            "owns the tables, which adds them, and see copdns provider roles check"
        )


def _refuse_with_nodes(
    connection: PostgresConnection, steps: SchemaSteps, applied: frozenset[str]
) -> None:
    """Raise StoreError where there are nodes, which get a schema in stages."""
    if not has_nodes(connection):
        return
    lacking = ", ".join(sorted(steps.essential - applied))
    raise StoreError(
        f"PostgreSQL: this version of copdns needs steps of the schema that are not there "
        f"({lacking}), and nodes get a schema in stages: copdns provider rollout begin schema "
        "--label VERSION, with this version on one machine, adds them; or install the version "
        "before"
    )


def has_nodes(connection: PostgresConnection) -> bool:
    """Tell whether nodes told of themselves within the last week (`RolloutStore`)."""
    nodes = f"{SCHEMA}.fleet_node"
    if connection.execute("select to_regclass(?)", (nodes,)).fetchone() == (None,):
        return False
    since = f"extract(epoch from now()) - {NODE_KEPT}"
    found = connection.run_here(f"select 1 from {nodes} where seen > {since} limit 1")  # noqa: S608
    return found.fetchone() is not None


@contextmanager
def keep_alone(connection: PostgresConnection, schema: str) -> Iterator[None]:
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
    """Return the names of the steps applied so far, also of those unknown here that only add.

    Raises StoreError for one with which this program does not run.
    """
    if connection.run_here("select to_regclass('schema_step')").fetchone() == (None,):
        return frozenset()
    rows = connection.execute(_READ, (steps.name,)).fetchall()
    known = {*steps.names, ""}
    if newer := sorted(name for name, asks_for in rows if not {name, asks_for} & known):
        raise StoreError(
            f"PostgreSQL: this was made by a newer version of copdns ({', '.join(newer)}), and "
            "this one does not run with that; install that version again, or restore an older "
            "backup"
        )
    return frozenset(name for name, _ in rows)


# Before the column was there, each step asked for itself.
_READ = """
    select name, coalesce(to_jsonb(s) ->> 'asks_for', name) from schema_step s
     where migration_set = ?"""


def _migrate(connection: PostgresConnection, steps: SchemaSteps) -> None:
    applied = read_applied(connection, steps)
    if applied:
        _refuse_with_nodes(connection, steps, applied)
        prepare_record(connection)
    else:
        for statement in (*FUNCTIONS, _RECORD_TABLE):
            connection.run_here(statement)
        for statement in newest_schema(steps):
            connection.run_here(statement)
    for name, step in steps.missing(applied):
        if applied:
            run_step(connection, steps, name, step)
        else:
            _record(connection, steps, name)


def prepare_record(connection: PostgresConnection) -> None:
    """Add the column that says with which programs a step goes, where it is not there yet."""
    connection.run_here(
        'alter table schema_step add column if not exists asks_for text collate "C"'
    )


def run_step(
    connection: PostgresConnection, steps: SchemaSteps, name: str, step: SchemaStep
) -> None:
    """Apply a step, and note it; raise StoreError, also where it only adds and does more."""
    step(ExpandingConnection(connection) if steps.expands(name) else connection)
    _record(connection, steps, name)


def _record(connection: PostgresConnection, steps: SchemaSteps, name: str) -> None:
    connection.execute(
        "insert into schema_step (migration_set, name, asks_for) values (?, ?, ?)",
        (steps.name, name, steps.asks_for(name)),
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
