"""Programs that take addresses in, for tests, and what becomes of their database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from copdns.app.node.collector import BindingCollector
from copdns.app.node.journal import BindingJournal
from copdns.model.errors import StoreAwayError
from copdns.provider.address_blocks import read_block
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.store.postgres import outbox as outbox_module
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import BindingStore
from tests.unit.account_values import NOW

ADDRESS = "192.0.2.7"
HOUR = 3600.0
_LOCKED = "select pid from pg_locks where locktype = 'advisory'"


class Times:
    """The clock of all programs, and whether PostgreSQL is away for those made with it."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.is_away = False

    def prepare(self) -> None:
        if self.is_away:
            raise StoreAwayError("away")


def event(line: str, at: float, kind: SessionChange = SessionChange.START) -> SessionEvent:
    return SessionEvent(kind, "bng", f"s {line}", line, at, (read_block(ADDRESS),))


@asynccontextmanager
async def collecting(
    pool: PostgresPool, folder: Path, times: Times
) -> AsyncIterator[BindingCollector]:
    """Run a program that looks for nothing while the test does not let it."""
    journal = BindingJournal(folder)
    collector = BindingCollector(pool, 3 * HOUR, lambda: times.now, journal, times.prepare)
    await collector.begin()
    pids = {_backend(collector)}
    writing = asyncio.create_task(collector._write_forever())
    try:
        yield collector
    finally:
        writing.cancel()
        pids.add(_backend(collector))  # it may have led anew
        collector.close()
        with pool.connection() as connection:
            for pid in pids - {0}:  # PostgreSQL ends a lock a moment after its connection
                connection.run_here(f"select pg_terminate_backend({pid}, 5000)")


def _backend(collector: BindingCollector) -> int:
    """Return which process of PostgreSQL has the lock of a program; 0 for none."""
    leading = collector._leading
    return leading.info.backend_pid if leading is not None and not leading.closed else 0


def owner(pool: PostgresPool) -> str:
    return BindingStore(pool).bindings().get(ADDRESS, "")


def refuse(**_: object) -> None:
    """Stand for what writes to a PostgreSQL that goes away just then."""
    raise StoreAwayError("away")


def bring_back(pool: PostgresPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make another database of it, with what was in it an hour before."""
    monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select '7 7 00000001'")
    blocks = f'["{ADDRESS}"]'
    with pool.connection() as connection:
        for each in (
            "update line_address set line = 'l1'",
            "delete from line_session",
            f"insert into line_session values ('bng', 's l1', 'l1', {NOW}, {NOW}, '{blocks}')",
        ):
            connection.run_here(each)


def end_lead(pool: PostgresPool, collector: BindingCollector) -> None:
    """Let PostgreSQL be away for a moment: the connection with the lock is lost."""
    assert collector._leading is not None
    pid = collector._leading.info.backend_pid
    with pool.connection() as connection:
        connection.run_here(f"select pg_terminate_backend({pid}, 5000)")


def end_locks(pool: PostgresPool) -> None:
    """Wait for the end of a lock, which is a moment after that of its connection."""
    with pool.connection() as connection:
        for (pid,) in connection.execute(_LOCKED).fetchall():
            connection.run_here(f"select pg_terminate_backend({pid}, 5000)")


async def set_back_later(
    pool: PostgresPool, collector: BindingCollector, times: Times
) -> Callable[[], None]:
    """Let an address go from one line to another within a minute; return what has the same database
    at the moment before that, as after a snapshot of its disk."""
    await collector.take([event("l1", NOW)])
    with pool.connection() as connection:
        rows = connection.execute("select * from line_session").fetchall()
    times.now += 60
    await collector.take([event("l2", times.now)])
    assert owner(pool) == "l2"

    def set_back() -> None:
        with pool.connection() as connection:
            connection.run_here("delete from line_session")
            connection.run_here("update line_address set line = 'l1'")
            connection.run_here(f"update line_writer set at = {NOW}")
            connection.executemany("insert into line_session values (?, ?, ?, ?, ?, ?)", rows)

    return set_back
