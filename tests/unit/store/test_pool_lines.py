"""What a program's log has of PostgreSQL's pools while that is away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from copdns.model.errors import StoreError
from copdns.store.household_db import provider
from copdns.store.postgres import connection
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.pool_lines import EVERY, PoolFilter, PoolLines
from tests.postgres_server import PostgresServer, postgres_server

pytestmark = pytest.mark.once


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def test_an_outage_is_told_once_and_then_every_five_minutes_with_what_was_left_out() -> None:
    lines = PoolLines()
    assert lines.take_connection() is None, "there was no outage"
    told = [lines.take_trouble(second) for second in range(0, 1_000, 2)]
    assert [each for each in told if each is not None] == [0, 149, 149, 149]
    assert len(told) - 4 == 3 * 149 + (lines.take_connection() or 0), "each is told as a count"
    assert lines.take_connection() is None
    assert lines.take_trouble(1_000.0) == 0, "the next outage is told at once"


def test_what_is_no_outage_is_told_as_ever_and_the_count_stands_in_the_line() -> None:
    moments = [0.0]
    keep = PoolFilter(PoolLines(), lambda: moments[-1])

    def record(text: str, *args: object) -> logging.LogRecord:
        return logging.LogRecord("psycopg.pool", logging.WARNING, "", 0, text, args, None)

    away = "error connecting in %r: %s"
    assert keep.filter(record(away, "pool-1", "refused"))
    assert not keep.filter(record(away, "pool-2", "refused"))
    assert not keep.filter(record("reconnection attempt in pool %r failed after %s sec", "p", 5))
    assert keep.filter(record("rolling back returned connection: %s", "it"))
    moments.append(EVERY)
    last = record(away, "pool-1", "refused")
    assert keep.filter(last)
    assert last.getMessage() == (
        "error connecting in 'pool-1': refused (2 more such lines were left out)"
    )


def test_a_server_that_goes_and_comes_back_is_two_lines(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "WAIT", 0.5)
    # One connection, so that no other is just being made when the server goes or comes.
    with closing(PostgresPool(server.conninfo, most=1)) as pool:
        with pool.connection():
            pass
        with capture_logs() as logged, caplog.at_level(logging.WARNING, "psycopg.pool"):
            server.stop()
            for _ in range(3):
                with pytest.raises(StoreError), pool.connection():
                    pass
            server.start()
            with pool.connection():
                pass
    said = [each.getMessage() for each in caplog.records if each.name == "psycopg.pool"]
    assert len(said) == 1, said
    (back,) = logged
    assert back["event"] == "connections to PostgreSQL can be made again"
    assert back["lines_left_out"] >= 1


def test_a_pool_whose_tables_cannot_be_made_is_closed(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its threads would go on, and Python would throw it away at any moment."""

    def refuse(_pool: PostgresPool) -> None:
        raise StoreError("the tables are newer than this program")

    monkeypatch.setattr(provider, "make_tables", refuse)
    pool = PostgresPool(server.conninfo, most=1)
    with pytest.raises(StoreError, match="newer"):
        provider.ProviderStore.connect(pool)
    assert pool._pool.closed
