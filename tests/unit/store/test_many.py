"""Many households are read by few statements, and each is as when it is read alone; lines and
addresses are read, written and handed over by several programs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from copdns.model.errors import OddRowError
from copdns.model.household import Household
from copdns.provider.address_blocks import read_block
from copdns.store.connection import SqlConnection
from copdns.store.db import transaction
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.tables import load, load_some, load_these
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import (
    BindingRow,
    BindingStore,
    LineReader,
    LineRow,
    SessionRow,
    lead_bindings,
)
from tests.unit.store.conftest import OpenStore
from tests.unit.store.test_household import HOME, NOW

WAITING = "select 1 from pg_locks where locktype = 'advisory' and not granted"


async def test_some_at_once_are_as_each_alone(open_store: OpenStore) -> None:
    store = open_store()
    for number in range(5):
        await store.create(replace(HOME, id=f"h{number}"), "test", NOW)

    def read(connection: SqlConnection) -> None:
        found: list[Household | OddRowError] = []
        after = ""
        while True:
            some, after = load_some(connection, after, 2)
            if not some:
                break
            found += some
        assert found == [load(connection, f"h{number}") for number in range(5)]
        chosen = ["h4", "h1", "nobody", "h0"]
        assert load_these(connection, chosen) == {
            each: load(connection, each) for each in chosen if each != "nobody"
        }
        assert load_these(connection, []) == {}
        with transaction(connection):
            connection.execute("update profile set band = 'odd' where household = 'h3'")
        some, _ = load_some(connection, "", 9)
        assert [type(each) for each in some].count(OddRowError) == 1
        some_of_them = load_these(connection, ["h2", "h3"])
        kinds = {each: type(found) for each, found in some_of_them.items()}
        assert kinds == {"h2": Household, "h3": OddRowError}

    with store:
        await store.run(read)


@pytest.fixture
def pool(postgres: str) -> Iterator[PostgresPool]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store.pool


def test_a_reader_of_lines_misses_nothing_and_reads_nothing_twice(pool: PostgresPool) -> None:
    store, reader = BindingStore(pool), LineReader(pool)
    store.put([BindingRow("192.0.2.1", "l1")], lines=[LineRow("l1", "ada")])
    assert reader.take() == ([LineRow("l1", "ada", 1)], [BindingRow("192.0.2.1", "l1")])
    assert reader.take() == ([], [])
    store.put([BindingRow("192.0.2.1", "l1")], lines=[LineRow("l1", "ada")])  # nothing new
    assert reader.take() == ([], [])
    store.put([BindingRow("192.0.2.1", "")], lines=[LineRow("l1", "bo")])
    (line,), bindings = reader.take()
    assert (line[:2], bindings) == (("l1", "bo"), [BindingRow("192.0.2.1", "")])
    assert store.bindings() == {}
    assert len(LineReader(pool).take()[1]) == 1


def test_what_is_handed_over_as_another_program_does_so_is_not_forgotten(
    pool: PostgresPool,
) -> None:
    """The one that began first may end last, with smaller numbers."""
    store = BindingStore(pool)
    with pool.connection() as other:
        other.run_here("begin")
        other.run_here("insert into line_told (told) values ('slow')")
        number = store.hand_over(["quick"])
        taken = store.read_handed_over()
        assert taken == {number: "quick"}
        other.run_here("commit")
    store.put(taken=taken)
    assert list(store.read_handed_over().values()) == ["slow"]


def test_addresses_are_written_while_postgresql_tidies_up(pool: PostgresPool) -> None:
    """Its vacuum has such a lock, for minutes at times."""
    store = BindingStore(pool)
    with pool.connection() as other:
        other.run_here("begin")
        for each in ("line", "line_address", "line_session", "line_writer", "line_told"):
            other.run_here(f"lock table {each} in share update exclusive mode")
        store.put([BindingRow("192.0.2.1", "l1")], lines=[LineRow("l1", "ada")], taken=[1])
        other.run_here("rollback")
    assert store.bindings() == {"192.0.2.1": "l1"}


def test_of_two_that_write_at_once_the_second_waits_for_the_numbers_of_the_first(
    pool: PostgresPool,
) -> None:
    """Else a node that read the second would miss the first."""
    store = BindingStore(pool)
    with ThreadPoolExecutor() as threads, pool.connection() as other:

        def begin_second() -> Iterator[BindingRow]:
            second = threads.submit(store.put, [BindingRow("192.0.2.2", "l2")])
            while not (second.done() or other.run_here(WAITING).fetchall()):
                pass
            yield BindingRow("192.0.2.1", "l1")

        store.put(begin_second())
    with pool.connection() as connection:
        rows = connection.execute("select line from line_address order by number").fetchall()
    assert rows == [("l1",), ("l2",)]


def test_sessions_are_kept_for_the_next_start_and_one_program_writes(pool: PostgresPool) -> None:
    store = BindingStore(pool)
    kept = SessionRow("bng", "1", "l1", 10.0, 20.5, (str(read_block("2001:db8::/56")),))
    store.put(sessions=[kept, kept._replace(session="2", heard=11.0)], at=21.0)
    assert [each.session for each in store.sessions()] == ["2", "1"]
    store.put(ended=[("bng", "2")], at=22.0)
    assert list(store.sessions()) == [kept]
    assert store.writer() == (22.0, "", 0, 0)
    leading = lead_bindings(pool)
    assert leading is not None
    assert lead_bindings(pool) is None
    pid = leading.info.backend_pid
    leading.close()
    with pool.connection() as connection:  # PostgreSQL ends its lock a moment after the connection
        connection.run_here(f"select pg_terminate_backend({pid}, 5000)")
    again = lead_bindings(pool)
    assert again is not None
    again.close()
