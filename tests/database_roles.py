"""The roles of a provider's database for tests: made on a server, with the rights of their duty."""

from __future__ import annotations

import contextlib
from contextlib import closing

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


def reach_as(postgres: str, duty: RoleDuty) -> str:
    """Return how a server is reached as the role of a duty, which is made where it answers now."""
    with contextlib.suppress(StoreAwayError), closing(PostgresPool(postgres, most=1)) as pool:
        give_roles(postgres, pool)
    return make_conninfo(postgres, user=duty.role)
