"""The schema of a provider, changed in stages: first what only adds, at last what takes away.

A step that only adds is applied when the rollout of its version begins: the version before runs on
with it, so nodes get the new one stage by stage, and go back.  A step that contracts is applied
when all nodes are on the new version and a person says so; from then on there is no way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from copdns.model.errors import StoreError
from copdns.store.db import transaction
from copdns.store.household_db.family_codes import FAMILY_CODES
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.log_db.migrations import LOG
from copdns.store.postgres.connection import (
    APPLICATION,
    LOG_SCHEMA,
    SCHEMA,
    PostgresConnection,
    PostgresPool,
)
from copdns.store.postgres.lines import LINES
from copdns.store.postgres.outbox import OUTBOX
from copdns.store.postgres.schema import (
    keep_alone,
    prepare_record,
    read_applied,
    require_maker,
    run_step,
)
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_rights import grant_again
from copdns.store.schema_steps import SchemaSteps

_SETS: Final = {SCHEMA: (HOUSEHOLD, OUTBOX, LINES, FAMILY_CODES, PROVIDER), LOG_SCHEMA: (LOG,)}
# What a table that is in use is waited for: others wait behind.
_SHORT: Final = "set local lock_timeout = '3s'"

Chosen = Callable[[SchemaSteps, str], bool]


class OpenSteps(NamedTuple):
    """The steps that a database lacks, each as "set/name".

    expanding: those that only add.  contracting: those that wait for a person.  whole: all others,
    with which no program of before runs.
    """

    expanding: tuple[str, ...]
    whole: tuple[str, ...]
    contracting: tuple[str, ...]


def known_steps() -> frozenset[str]:
    """Return the steps without which this program does not run, each as "set/name"."""
    return frozenset(
        _name(steps, name) for sets in _SETS.values() for steps in sets for name in steps.essential
    )


def contracted_by(names: tuple[str, ...]) -> frozenset[str]:
    """Return the steps that programs have to know to run with these contracting ones."""
    return frozenset(
        _name(steps, steps.asks_for(name))
        for sets in _SETS.values()
        for steps in sets
        for name in steps.names
        if _name(steps, name) in names
    )


def read_open(conninfo: str) -> OpenSteps:
    """Return what a database lacks of this program's steps; blocks.

    Raises StoreError, also where this program does not run with what is there, or nothing is.
    """
    expanding, whole, contracting = [], [], []
    for connection, steps, _ in _each_set(conninfo):
        for name, _ in steps.missing(read_applied(connection, steps)):
            full = _name(steps, name)
            if name not in steps.essential:
                contracting.append(full)
            elif steps.expands(name):
                expanding.append(full)
            else:
                whole.append(full)
    return OpenSteps(tuple(expanding), tuple(whole), tuple(contracting))


def expand(conninfo: str, *, also_whole: bool = False) -> tuple[str, ...]:
    """Apply the steps that only add; return them; blocks.

    also_whole: also those with which no program of before runs; without it there must be none.
    Raises StoreError.
    """
    return _apply(
        conninfo,
        lambda steps, name: name in steps.essential and (also_whole or steps.expands(name)),
    )


def contract(conninfo: str) -> tuple[str, ...]:
    """Apply the contracting steps, after all others; return them; blocks.  StoreError."""
    return _apply(conninfo, lambda steps, name: name not in steps.essential)


def other_programs(conninfo: str) -> tuple[str, ...]:
    """Return the programs of other versions that are connected, for people; blocks.  StoreError."""
    with closing(PostgresPool(conninfo, most=1)) as pool, pool.connection() as connection:
        rows = connection.execute(
            """
            select application_name,
                   -- Of another role PostgreSQL does not tell from where it is connected.
                   coalesce(host(client_addr), case when usename = current_user
                       then 'this machine' else 'the role ' || usename end), count(*)
              from pg_stat_activity
             where datname = current_database() and application_name like 'copdns%'
               and application_name <> ?
             group by 1, 2 order by 1, 2
            """,
            (APPLICATION,),
        ).fetchall()
    return tuple(f"{name} of {where}" for name, where, _ in rows)


def _apply(conninfo: str, is_chosen: Chosen) -> tuple[str, ...]:
    done = []
    for connection, steps, schema in _each_set(conninfo):
        missing = steps.missing(read_applied(connection, steps))
        if not any(is_chosen(steps, name) for name, _ in missing):
            continue
        require_maker(connection, schema)
        with keep_alone(connection, schema), transaction(connection):
            connection.run_here(_SHORT)
            prepare_record(connection)
            for name, step in steps.missing(read_applied(connection, steps)):
                if is_chosen(steps, name):
                    run_step(connection, steps, name, step)
                    done.append(_name(steps, name))
            grant_again(connection)
    return tuple(done)


@contextmanager
def _connection_to(conninfo: str, schema: str) -> Iterator[PostgresConnection]:
    with closing(PostgresPool(conninfo, schema, most=1)) as pool, pool.connection() as connection:
        yield connection


def _each_set(conninfo: str) -> Iterator[tuple[PostgresConnection, SchemaSteps, str]]:
    """Yield each set of steps with a connection to its schema; a log that is not there is none."""
    for schema, sets in _SETS.items():
        with _connection_to(conninfo, schema) as connection:
            there = connection.execute("select to_regclass(?)", (f"{schema}.schema_step",))
            if there.fetchone() != (None,):
                for steps in sets:
                    yield connection, steps, schema
            elif schema == SCHEMA:
                raise StoreError(
                    "PostgreSQL: there are no tables yet; the first program that starts makes them"
                )


def _name(steps: SchemaSteps, name: str) -> str:
    return f"{steps.name}/{name}"
