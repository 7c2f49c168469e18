"""The log of a provider's households: written in batches, told apart, erased, and read by no one
else's role."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

from copdns.privacy.retention import CountKey
from copdns.store.household_db.provider import ProviderStore
from copdns.store.log_db import provider_log
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.web.desk.activity.live_log import LogFollowers
from tests.postgres_server import PostgresServer, empty, postgres_server
from tests.unit.store.test_log_sql import DAY, HOUR, NOW, row

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def log(server: PostgresServer, tmp_path: Path) -> Iterator[ProviderLog]:
    with closing(ProviderLog(tmp_path, server.conninfo)) as found:
        yield found
        found._close()
    empty(server.conninfo, LOG_SCHEMA)


def test_households_are_told_apart_and_erasing_one_person_reaches_every_machine(
    log: ProviderLog, server: PostgresServer, tmp_path: Path
) -> None:
    for household in ("home", "bos"):
        log.add(row("mia", "chess.example", household=household))
        log.count(CountKey(household, "mia", HOUR, "block", "category", "games"), 3)
    log.flush()
    assert (log.last_error, log.dropped_count, log.written) == ("", 0, 2)
    assert not (tmp_path / "log.db").exists()
    with closing(ProviderLog(tmp_path / "other", server.conninfo)) as other:
        assert [each.row.household for each in other.rows("home")] == ["home"]
        log.add(row("mia", "late.example"))  # was seen before she was deleted
        other.erase("home", "mia", NOW)
        log.flush()
        assert other.rows("home") == ()
        assert other.counts("home") == ()
        assert len(other.rows("bos")) == 1


def test_what_waited_while_postgresql_was_away_is_not_written_of_who_was_deleted_meanwhile(
    log: ProviderLog, server: PostgresServer, tmp_path: Path
) -> None:
    log.add(row("mia", "chess.example"))
    log.flush()
    with closing(ProviderLog(tmp_path / "other", server.conninfo)) as other:
        log.add(row("mia", "late.example"))
        log.add(row("tom", "late.example"))
        with psycopg.connect(server.conninfo, autocommit=True) as operator:
            operator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> "
                "pg_backend_pid() and backend_type = 'client backend'"
            )
        log.flush()
        assert (log.failures, log.written) == (1, 1), "the batch waits"
        other.erase("home", "mia", NOW)
        log.flush()
        assert [each.row.profile for each in other.rows("home")] == ["tom"]


async def test_whoever_follows_the_log_sees_what_another_machine_writes(
    log: ProviderLog, server: PostgresServer, tmp_path: Path
) -> None:
    with closing(ProviderLog(tmp_path / "other", server.conninfo)) as other:
        log.add(row("mia", "first.example"))
        log.flush()
        followers = LogFollowers(log, every=0.01)
        async with followers.follow("home") as reader:
            (first,) = await reader.after(0, 10)
            other.add(row("mia", "bos.example", household="bos"))
            other.add(row("mia", "chess.example"))
            other.flush()
            found = [each.row.qname for each in await reader.after(first.id, 10)]
        assert (first.row.qname, found) == ("first.example", ["chess.example"])
        other._close()


async def test_a_row_whose_writer_was_slower_is_not_left_out(
    log: ProviderLog, server: PostgresServer
) -> None:
    """A row has its id when it is written, and is seen when its transaction ends."""
    log.add(row("mia", "first.example"))
    log.flush()
    async with LogFollowers(log, every=3600).follow("home") as reader:
        (first,) = await reader.after(0, 10)
        with closing(psycopg.connect(server.conninfo)) as slower:
            values = row("mia", "slow.example")
            slower.execute(
                "insert into copdns_log.lookup (at, household, profile, device, qname, qtype, "
                "action, reason, category, service, list, rule, via) values ("
                + ", ".join(["%s"] * len(values))
                + ")",
                values,
            )
            log.add(row("mia", "quick.example"))
            log.flush()
            await reader._read_shared()
            slower.commit()
        await reader._read_shared()
        found = [each.row.qname for each in await reader.after(first.id, 10)]
    assert found == ["slow.example", "quick.example"]


def test_rows_are_kept_for_a_day_whatever_a_home_may_choose(log: ProviderLog) -> None:
    now = int(time.time())  # by PostgreSQL's clock, whatever that of a machine shows
    log.add(row("mia", "old.example", now - DAY - 60))
    log.add(row("mia", "chess.example", now))
    log.flush()
    for clock in (now, now + 40 * DAY, 0):
        log.purge(clock, rows_days=7)
        assert [each.row.qname for each in log.rows("home")] == ["chess.example"]


def test_what_happens_while_postgresql_is_away_is_written_afterwards(
    log: ProviderLog, server: PostgresServer
) -> None:
    log.flush()
    server.stop()
    log.add(row("mia", "chess.example"))
    log.flush()
    assert log.failures == 1
    server.start()
    log.flush()
    assert (log.last_error, log.dropped_count) == ("", 0)
    assert len(log.rows("home")) == 1


def test_no_other_role_of_the_database_reads_what_is_of_a_family(
    log: ProviderLog, server: PostgresServer
) -> None:
    log.flush()
    with ProviderStore.connect(PostgresPool(server.conninfo)) as store:
        apply_own_steps(store.pool, PROVIDER)
    with closing(psycopg.connect(server.conninfo, autocommit=True)) as connection:
        connection.execute("create role staff login")
        tables = connection.execute(
            "select schemaname || '.' || quote_ident(tablename) from pg_tables"
            " where schemaname like 'copdns%'"
        ).fetchall()
        connection.execute("set role staff")
        for (table,) in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select * from {table}".encode())
    assert {
        *("copdns_log.lookup", "copdns_log.usage", "copdns.usage_moved"),
        *("copdns.device", "copdns.line_address"),
    } <= {table for (table,) in tables}


def test_the_page_for_authorities_names_every_table(
    log: ProviderLog, server: PostgresServer
) -> None:
    log.flush()
    pool = PostgresPool(server.conninfo)
    with ProviderStore.connect(pool):
        apply_own_steps(pool, PROVIDER)
    with closing(psycopg.connect(server.conninfo)) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname like 'copdns%'"
        ).fetchall()
    page = (ROOT / "docs" / "authorities.md").read_text()
    told = set(re.findall(r"`([a-z_.]+)`", page))
    here = {f"{LOG_SCHEMA}.{table}" if of == LOG_SCHEMA else table for of, table in tables}
    assert {"desk_case", "register_entry", "line_address"} <= here
    assert here - told == set()
    assert {each for each in told if each.startswith(f"{LOG_SCHEMA}.")} <= here


def test_nobodys_rows_are_none(log: ProviderLog) -> None:
    """Of a household in which a guardian may see nobody, say: Bo lives alone."""
    log.add(row("mia", "chess.example"))
    log.flush()
    assert log.find("home", ()) == ()
    assert log.devices_seen("home", (), 0) == {}
    assert log.hour_lookups("home", (), 0) == ()
    assert [each.n for each in log.period_counts("home", (), [(0, NOW)])] == []


def test_two_threads_that_read_at_once_open_one_pool(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[PostgresPool] = []

    def open_pool(*args: Any, **options: Any) -> PostgresPool:
        opened.append(PostgresPool(*args, **options))
        return opened[-1]

    monkeypatch.setattr(provider_log, "PostgresPool", open_pool)
    with closing(ProviderLog(tmp_path, server.conninfo)) as log, ThreadPoolExecutor(2) as threads:
        begin = Barrier(2)
        both = [threads.submit(lambda: begin.wait() >= 0 and log._opened_pool()) for _ in range(2)]
        assert len({each.result() for each in both}) == 1
    assert len(opened) == 1
