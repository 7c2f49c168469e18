"""Ways around the tables by which the role of the staff's program could read what families have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from copdns.model.errors import StoreError
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.staff_role import grant_staff, read_rights
from tests.unit.store.staff_site import give_staff_role

pytestmark = pytest.mark.once

STAFF, STRANGER = "copdns_staff", "copdns_stranger"
# What is done as the families' role or as a superuser, and how it is undone.
WAYS = {
    "select on public.report": (
        f"create view public.report as select * from {SCHEMA}.household",
        "grant select on public.report to public",
        "drop view public.report",
    ),
    "the function public.tell, which runs as its owner": (
        f"create function public.tell() returns bigint language sql security definer"
        f" as 'select count(*) from {SCHEMA}.household'",
        "drop function public.tell()",
    ),
    "rights on what is made later (alter default privileges)": (
        f"alter default privileges in schema {SCHEMA} grant select on tables to {STAFF}",
        f"alter default privileges in schema {SCHEMA} revoke select on tables from {STAFF}",
    ),
    "membership of pg_read_all_stats": (
        f"grant pg_monitor to {STAFF}",
        f"revoke pg_monitor from {STAFF}",
    ),
    "create in the database": (
        "do $$ begin execute format('grant create on database %I to public', current_database());"
        " end $$",
        "do $$ begin execute format('revoke create on database %I from public',"
        " current_database()); end $$",
    ),
}


@pytest.fixture
def owner(postgres: str) -> Iterator[PostgresPool]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        apply_own_steps(store.pool, PROVIDER)
        give_staff_role(postgres, store.pool)
        yield store.pool


def run(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


@pytest.mark.parametrize("way", WAYS)
def test_a_way_around_the_tables_is_told_and_not_left_by_a_grant(
    owner: PostgresPool, postgres: str, way: str
) -> None:
    *done, undone = WAYS[way]
    run(postgres, *done)
    try:
        assert read_rights(owner, STAFF).has == (way,)
        with pytest.raises(StoreError, match="more than it needs"):
            grant_staff(owner, STAFF)
    finally:
        run(postgres, undone)
    assert read_rights(owner, STAFF).is_right


def test_what_the_role_gave_on_is_taken_with_it(owner: PostgresPool, postgres: str) -> None:
    run(
        postgres,
        f"drop role if exists {STRANGER}",
        f"create role {STRANGER}",
        f"grant select on {SCHEMA}.household to {STAFF} with grant option",
    )
    try:
        run(
            make_conninfo(postgres, user=STAFF),
            f"grant select on {SCHEMA}.household to {STRANGER}",
        )
        grant_staff(owner, STAFF)
        assert read_rights(owner, STAFF).is_right
        assert "select on household" not in read_rights(owner, STRANGER).has
    finally:
        run(postgres, f"drop owned by {STRANGER}", f"drop role {STRANGER}")


def test_who_connected_counts_and_not_whom_a_setting_has_it_act_as(
    owner: PostgresPool, postgres: str
) -> None:
    run(
        postgres,
        f"drop role if exists {STRANGER}",
        f"create role {STRANGER} login",
        f"grant copdns, {STAFF} to {STRANGER}",
        f"alter role {STRANGER} set role = {STAFF}",
    )
    try:
        with closing(PostgresPool(make_conninfo(postgres, user=STRANGER), most=1)) as pool:
            assert read_rights(pool).owns
    finally:
        run(postgres, f"drop role {STRANGER}")


@pytest.mark.parametrize("role", ['Ünï "x" %s ? $1 :role; --', "pg%'\\", "a" * 63])
def test_a_role_has_any_name_that_postgresql_takes(
    owner: PostgresPool, postgres: str, role: str
) -> None:
    name = sql.Identifier(role)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login").format(name))
        try:
            grant_staff(owner, role)
            assert read_rights(owner, role).is_right
            with closing(PostgresPool(make_conninfo(postgres, user=role), most=1)) as pool:
                assert read_rights(pool).role == role
        finally:
            connection.execute(sql.SQL("drop owned by {}").format(name))
            connection.execute(sql.SQL("drop role {}").format(name))
