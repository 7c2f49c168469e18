"""The roles of a provider's database for tests: made on a server, with the rights of their duty."""

from __future__ import annotations

import contextlib
import threading
from contextlib import closing
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from copdns.model.errors import StoreAwayError
from copdns.store.household_db.provider import make_tables
from copdns.store.log_db.migrations import LOG
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps, migrate
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import grant_duty

OWNER = "copdns_owner"  # no superuser, as a provider's


def make_role(postgres: str, role: str) -> None:
    """Make a role that may log in, where there is none."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        there = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
        if there is None:
            connection.execute(f"create role {role} login".encode())


def give_role(postgres: str, owner: PostgresPool, duty: RoleDuty) -> str:
    """Make the role of a duty; return how the database is reached as it.

    The tables (PROVIDER) have to be there.
    """
    make_role(postgres, duty.role)
    with closing(PostgresPool(owner.conninfo, LOG_SCHEMA, most=1)) as pool:
        migrate(pool, LOG)
    grant_duty(owner, duty, duty.role)
    return make_conninfo(postgres, user=duty.role)


def give_roles(postgres: str, owner: PostgresPool) -> dict[RoleDuty, str]:
    """Make all tables and a role for each duty; return how the database is reached as each."""
    make_tables(owner)
    apply_own_steps(owner, PROVIDER)
    return {duty: give_role(postgres, owner, duty) for duty in RoleDuty}


_one_at_a_time = threading.Lock()


def reach_as(postgres: str, duty: RoleDuty) -> str:
    """Return how a server is reached as the role of a duty, which is made where it answers now."""
    # Nodes of a test start side by side: two that make the same role would get in each other's way.
    with _one_at_a_time, contextlib.suppress(StoreAwayError):
        ready_roles(postgres)
    return make_conninfo(postgres, user=duty.role)


def ready_roles(postgres: str) -> None:
    """Do as `give_roles`, as the server's own user; StoreAwayError.

    To give all rights takes some hundred statements, longer than most tests: where nobody changed
    tables or rights since this process gave them, only the rows are put back that say so.
    """
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(postgres) as connection:
        given = _given.get(postgres)
        if given is not None and _rights_now(connection) == given.rights:
            connection.execute(_PUT_BACK, (given.duties, given.channel))
            return
    with closing(PostgresPool(postgres, most=1)) as pool:
        give_roles(postgres, pool)
        with psycopg.connect(postgres) as connection:
            _given[postgres] = Given(_rights_now(connection), *connection.execute(_ROWS).fetchone())


class Given(NamedTuple):
    """What stood in a database when its roles had their rights.

    rights: all tables, steps, roles and rights, as one number.  duties: the rows of
    `database_role`, as JSON.  channel: the name in `outbox_channel`.
    """

    rights: str
    duties: str
    channel: str


_given: dict[str, Given] = {}  # by how the server is reached


def _rights_now(connection: psycopg.Connection[Any]) -> str:
    """Return a number that is another one when a table, a step, a role or a right is."""
    if connection.execute(_HAS_STEPS).fetchone() == (False,):
        return ""  # somebody dropped the tables, as tests of their making do
    return str(connection.execute(_RIGHTS).fetchone()[0])


_HAS_STEPS = """
    select to_regclass('copdns.schema_step') is not null
       and to_regclass('copdns_log.schema_step') is not null"""
_SCHEMAS = "n.nspname in ('copdns', 'copdns_log')"
_RIGHTS = f"""
    select md5(string_agg(line, E'\\n' order by line)) from (
        select concat_ws(' ', 'schema', n.oid, n.nspname, n.nspowner, n.nspacl) as line
          from pg_namespace n where n.nspname !~ '^pg_'
        union all
        select concat_ws(' ', 'table', c.oid, c.relname, c.relkind, c.relowner, c.relacl)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_SCHEMAS}
        union all
        select concat_ws(' ', 'column', a.attrelid, a.attname, a.attisdropped, a.attacl)
          from pg_attribute a join pg_class c on c.oid = a.attrelid
          join pg_namespace n on n.oid = c.relnamespace where {_SCHEMAS}
        union all
        select concat_ws(' ', 'function', p.oid, p.proowner, p.prosecdef, p.proacl)
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^pg_'
        union all
        select concat_ws(' ', 'role', to_jsonb(r)) from pg_roles r where r.rolname !~ '^pg_'
        union all
        select concat_ws(' ', 'member', to_jsonb(m)) from pg_auth_members m
        union all
        select concat_ws(' ', 'later', to_jsonb(d)) from pg_default_acl d
        union all
        select concat_ws(' ', 'database', d.oid, d.datdba, d.datacl) from pg_database d
        union all
        select concat_ws(' ', 'step', to_jsonb(s)) from copdns.schema_step s
        union all
        select concat_ws(' ', 'step of the log', to_jsonb(s)) from copdns_log.schema_step s
    ) as lines"""
_ROWS = """
    select (select jsonb_agg(to_jsonb(d))::text from copdns.database_role d),
           (select name from copdns.outbox_channel)"""
_PUT_BACK = """
    with duties as (
        insert into copdns.database_role
        select * from jsonb_populate_recordset(null::copdns.database_role, %s::jsonb)
            on conflict (role) do update set duty = excluded.duty
    )
    insert into copdns.outbox_channel (one, name) values (1, %s) on conflict (one) do nothing"""
