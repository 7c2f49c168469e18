"""The log of a provider's households: written in batches, told apart, erased, and read by no one
else's role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from copdns.privacy.retention import CountKey
from copdns.store.household_db.provider import ProviderStore
from copdns.store.log_db.provider_log import SCHEMA, ProviderLog
from copdns.store.postgres.connection import PostgresPool
from tests.postgres_server import PostgresServer, empty, postgres_server
from tests.unit.store.test_log_sql import DAY, HOUR, NOW, row


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def log(server: PostgresServer, tmp_path: Path) -> Iterator[ProviderLog]:
    with closing(ProviderLog(tmp_path, server.conninfo)) as found:
        yield found
        found._close()
    empty(server.conninfo, SCHEMA)


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


def test_rows_are_kept_for_a_day_whatever_a_home_may_choose(log: ProviderLog) -> None:
    log.add(row("mia", "old.example", NOW - DAY - 60))
    log.add(row("mia", "chess.example"))
    log.flush()
    log.purge(NOW, rows_days=7)
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
    with ProviderStore.connect(PostgresPool(server.conninfo)):
        pass
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
    assert {"copdns_log.lookup", "copdns.device", "copdns.line_address"} <= {
        table for (table,) in tables
    }
