"""What PostgreSQL is trusted with: the newest schema, one writer at a time, errors for people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from copdns.model.errors import HouseholdError, StoreError
from copdns.model.household import Household
from copdns.store.db import read_transaction, transaction
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.family_codes import FAMILY_CODES
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import SCHEMA, PostgresConnection, PostgresPool
from copdns.store.postgres.lines import LINES
from copdns.store.postgres.outbox import OUTBOX
from copdns.store.postgres.schema import apply_own_steps, migrate
from copdns.store.schema_steps import SchemaSteps
from tests.household import family
from tests.unit.account_values import NOW, House

Catalogue = list[tuple[object, ...]]


@contextmanager
def opened(conninfo: str, schema: str = SCHEMA) -> Iterator[PostgresPool]:
    pool = PostgresPool(conninfo, schema)
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture
def schema(postgres_server: str) -> Iterator[str]:
    """The name of a schema that is not there yet."""
    yield "aside"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("drop schema if exists aside cascade")


def steps_before(number: str) -> SchemaSteps:
    some = SchemaSteps("household")
    for name, step in HOUSEHOLD.missing(frozenset()):
        if name < number:
            some(name=name)(step)
    return some


def catalogue(conninfo: str, schema: str) -> Catalogue:
    """Return all columns, keys, indexes and functions of a schema."""
    asked = (
        """
        select table_name, column_name, data_type, column_default, is_nullable, collation_name
          from information_schema.columns where table_schema = %s order by 1, 2""",
        """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
         where connamespace = %s::regnamespace order by 1, 2""",
        "select indexname, indexdef from pg_indexes where schemaname = %s order by 1",
        "select proname, prosrc from pg_proc where pronamespace = %s::regnamespace order by 1",
        """
        select tgname, pg_get_triggerdef(pg_trigger.oid) from pg_trigger
          join pg_class on pg_class.oid = tgrelid
         where relnamespace = %s::regnamespace and not tgisinternal order by 1""",
    )
    with psycopg.connect(conninfo, options=f"-c search_path={schema}") as connection:
        found = [row for each in asked for row in connection.execute(each.encode(), (schema,))]
    return [tuple(str(cell).replace(f"{schema}.", "") for cell in row) for row in found]


def test_a_statement_for_many_rows_runs_once_for_each_and_for_none_asks_nothing(
    postgres_server: str,
) -> None:
    with psycopg.connect(postgres_server, autocommit=True) as own:
        connection = PostgresConnection(own)
        own.execute("create temporary table row_number (number integer)")
        put = "insert into row_number values (?)"
        for many in (0, 1, 2, 3):
            connection.execute("delete from row_number")
            rows = connection.executemany(put, ((each,) for each in range(many)))
            assert max(rows.rowcount, 0) == many
            found = connection.execute("select number from row_number order by number").fetchall()
            assert found == [(each,) for each in range(many)]
        connection.executemany("this is no SQL", [])
        for wrong in ([(1,)], [(1,), (2,)]):
            with pytest.raises(StoreError):
                connection.executemany("this is no SQL ?", wrong)


def test_the_steps_that_are_missing_lead_to_the_newest_schema(postgres: str, schema: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        # Other tests of this server may have left tables of a provider's own there.
        connection.execute(f"drop schema if exists {SCHEMA} cascade".encode())
    with opened(postgres) as pool, opened(postgres, schema) as other:
        migrate(pool, HOUSEHOLD)
        apply_own_steps(pool, OUTBOX)
        apply_own_steps(pool, LINES)
        apply_own_steps(pool, FAMILY_CODES)
        migrate(other, steps_before("0036"))
        apply_own_steps(other, OUTBOX)
        apply_own_steps(other, LINES)
        apply_own_steps(other, FAMILY_CODES)
        early = catalogue(postgres, schema)
        migrate(other, HOUSEHOLD)
    newest = catalogue(postgres, SCHEMA)
    assert catalogue(postgres, schema) == newest
    assert len(early) < len(newest)


def test_a_newer_schema_is_left_alone(postgres: str, schema: str) -> None:
    with opened(postgres, schema) as pool:
        migrate(pool, HOUSEHOLD)
        with pytest.raises(StoreError, match=r"newer version of copdns .*0045_device_tokens"):
            migrate(pool, steps_before("0045"))


async def test_two_that_start_at_once_make_one_schema(postgres: str, schema: str) -> None:
    with opened(postgres, schema) as one, opened(postgres, schema) as other:
        await asyncio.gather(
            *(asyncio.to_thread(migrate, each, HOUSEHOLD) for each in (one, other, one, other))
        )
        with one.connection() as connection:
            rows = connection.execute("select name from schema_step").fetchall()
    assert {name for (name,) in rows} == HOUSEHOLD.names


async def test_changes_of_several_programs_at_once_are_all_there(postgres: str) -> None:
    def named(number: int) -> Household:
        return Household(f"h{number}", "Home")

    with (
        ProviderStore.connect(PostgresPool(postgres)) as one,
        ProviderStore.connect(PostgresPool(postgres)) as other,
    ):
        await one.create(family(), "ada", NOW)

        def longer(home: Household) -> Household:
            return replace(home, protected=(*home.protected, f"n{home.revision}.example"))

        async def edit(store: ProviderStore) -> None:
            await store.change("home", longer, author="ada", what="", now=NOW)

        await asyncio.gather(*(edit(store) for store in (one, other) * 10))
        await asyncio.gather(*(other.create(named(each), "bo", NOW) for each in range(8)))
        home = await one.household("home")
        assert home is not None
        assert home.revision == 21
        assert {*home.protected} >= {f"n{number}.example" for number in range(1, 21)}
        assert len(await one.households()) == 9


async def test_whoever_waits_too_long_for_another_writer_is_told(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        with store.pool.connection() as one, store.pool.connection() as other:
            other.run_here("set lock_timeout = '20ms'")
            with (
                transaction(one),
                pytest.raises(StoreError, match="another program is using it; try again"),
            ):
                begin_and_end(other)
            begin_and_end(other)


def begin_and_end(connection: PostgresConnection) -> None:
    with transaction(connection):
        pass


async def test_a_household_is_read_as_of_one_moment(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        with store.pool.connection() as reader, read_transaction(reader):
            (before,) = reader.execute("select count(*) from change").fetchone()
            await store.note("home", "ada", "meanwhile", NOW)
            assert reader.execute("select count(*) from change").fetchone() == (before,)


async def test_what_is_half_written_is_not_there(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        with store.pool.connection() as connection:
            with pytest.raises(StoreError, match="duplicate key"):
                write_half(connection)
            assert not connection.in_transaction
        assert await store.household("home") == replace(family(), revision=1)


def write_half(connection: PostgresConnection) -> None:
    with transaction(connection):
        connection.execute("delete from profile")
        connection.execute("insert into household select * from household")


async def test_a_server_that_goes_away_is_told_and_found_again(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)

        def cut_off(_: object) -> None:
            with psycopg.connect(postgres, autocommit=True) as other:
                other.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where application_name like 'copdns %'"
                )

        def edit(home: Household) -> Household:
            cut_off(home)
            return replace(home, name="Lost")

        with pytest.raises(StoreError, match=r"PostgreSQL: .*terminat.*start it"):
            await store.change("home", edit, author="ada", what="", now=NOW)
        assert await store.household("home") == replace(family(), revision=1)


def test_a_machine_that_is_gone_is_noticed_unless_an_operator_says_when(postgres: str) -> None:
    with opened(f"{postgres} tcp_user_timeout=9000") as pool:
        said = conninfo_to_dict(pool.conninfo)
    assert (said["tcp_user_timeout"], said["keepalives_idle"]) == ("9000", "5")


async def test_nobody_at_the_address_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"PostgreSQL: .*start it, or correct how it is reached"):
        await asyncio.to_thread(PostgresPool, f"host={tmp_path} dbname=copdns")


async def test_refusing_to_write_leaves_reading(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        await store.refuse_writing()
        with pytest.raises(StoreError, match="read-only"):
            await store.note("home", "ada", "x", NOW)
        assert await store.households() == ("home",)


@pytest.mark.parametrize("text", ["half \udc80", "zero \0"])
async def test_a_text_that_is_none_is_refused(postgres: str, text: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        with pytest.raises((HouseholdError, StoreError)):
            await store.note("home", "ada", text, NOW)
        assert [each.what for each in await store.changes("home")] == ["created"]


async def test_the_case_of_letters_makes_no_other_account(postgres: str) -> None:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(family(), "ada", NOW)
        thread = StoreThread(store)
        ada = await House(Path(), store, thread).account("Ada")
        found = await Accounts(thread).credentials("home", "aDA")
        assert found is not None
        assert found.account == ada
        with store.pool.connection() as connection, pytest.raises(StoreError, match="account_once"):
            connection.execute(
                "insert into account select household, 'x', 'ADA', role, profile, password, totp,"
                " totp_used, made from account"
            )
