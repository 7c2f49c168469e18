"""Ways around the tables by which a role could read what is not of its duty."""

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
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import grant_duty, read_rights
from tests.database_roles import give_role

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
    # Of another role of copdns, and of a superuser, as of the owner.
    "select on public.of_families": (
        "grant create on schema public to copdns_families",
        f"set role copdns_families; create view public.of_families as select words from"
        f" {SCHEMA}.appeal; grant select on public.of_families to public; reset role",
        "drop view public.of_families; revoke create on schema public from copdns_families",
    ),
    "select on public.of_server": (
        "do $$ begin if not exists (select 1 from pg_roles where rolname = 'copdns_server') then"
        " create role copdns_server superuser; end if; end $$",
        f"set role copdns_server; create materialized view public.of_server as select words from"
        f" {SCHEMA}.appeal; grant select on public.of_server to public; reset role",
        "drop materialized view public.of_server",
    ),
    "the function public.as_families, which runs as its owner": (
        "grant create on schema public to copdns_families",
        "set role copdns_families; create function public.as_families(query text) returns setof"
        " record language plpgsql security definer as 'begin return query execute query; end';"
        " reset role",
        "drop function public.as_families; revoke create on schema public from copdns_families",
    ),
    "membership of pg_read_server_files": (
        f"grant pg_read_server_files to {STAFF}",
        f"revoke pg_read_server_files from {STAFF}",
    ),
    "replication, which copies the whole server": (
        f"alter role {STAFF} replication",
        f"alter role {STAFF} noreplication",
    ),
    "create in the schema copdns": (
        f"grant create on schema {SCHEMA} to public",
        f"revoke create on schema {SCHEMA} from public",
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
        for duty in (RoleDuty.STAFF, RoleDuty.FAMILIES):
            give_role(postgres, store.pool, duty)
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
        assert read_rights(owner, RoleDuty.STAFF, STAFF).has == (way,)
        with pytest.raises(StoreError, match="more than it needs"):
            grant_duty(owner, RoleDuty.STAFF, STAFF)
    finally:
        run(postgres, undone)
    assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right


def test_what_it_may_give_others_is_told_and_taken(owner: PostgresPool, postgres: str) -> None:
    run(
        postgres,
        f"grant select, update (due) on {SCHEMA}.desk_case to {STAFF} with grant option",
    )
    assert read_rights(owner, RoleDuty.STAFF, STAFF).has == (
        "the right to give others select on desk_case",
        "the right to give others update on desk_case",
    )
    grant_duty(owner, RoleDuty.STAFF, STAFF)
    assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right


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
        grant_duty(owner, RoleDuty.STAFF, STAFF)
        assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right
        assert "select on household" not in read_rights(owner, RoleDuty.STAFF, STRANGER).has
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
            assert read_rights(pool, RoleDuty.STAFF).owns
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
            grant_duty(owner, RoleDuty.STAFF, role)
            assert read_rights(owner, RoleDuty.STAFF, role).is_right
            with closing(PostgresPool(make_conninfo(postgres, user=role), most=1)) as pool:
                assert read_rights(pool, RoleDuty.STAFF).role == role
        finally:
            connection.execute(sql.SQL("drop owned by {}").format(name))
            connection.execute(sql.SQL("drop role {}").format(name))
