"""Programs that take addresses in, of which PostgreSQL was away for one or for all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copdns.app.node.collector import DEAF
from copdns.app.node.journal import FILE, JournalReader
from copdns.model.errors import StoreAwayError, StoreError
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres import outbox as outbox_module
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import BindingRow, BindingStore, LineRow, SessionRow, Writer
from tests.unit.account_values import NOW
from tests.unit.store.collectors import (
    ADDRESS,
    HOUR,
    Times,
    bring_back,
    collecting,
    end_lead,
    end_locks,
    event,
    owner,
    refuse,
    set_back_later,
)


@pytest.fixture
def pool(postgres: str) -> Iterator[PostgresPool]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store.pool


async def test_what_another_program_was_told_reaches_the_one_that_writes(
    pool: PostgresPool, tmp_path: Path
) -> None:
    here, there = Times(), Times()
    there.is_away = True
    async with (
        collecting(pool, tmp_path / "one", here) as writer,
        collecting(pool, tmp_path / "two", there) as other,
    ):
        await writer.take([event("l1", NOW - 60)])
        await other.take([event("l2", NOW)])
        with pytest.raises(StoreError, match="away"):
            await other.take(lines=[LineRow("l2", "bo")])
        assert owner(pool) == "l1"
        there.is_away = False
        await asyncio.to_thread(other._follow)
        await asyncio.to_thread(other._follow)
        assert len(BindingStore(pool).read_handed_over()) == 1  # and not once more
        # Else the node there would ask PostgreSQL, which has the line of before.
        assert (tmp_path / "two" / FILE).exists()
        await asyncio.to_thread(writer._follow)
        assert owner(pool) == "l2"
        assert BindingStore(pool).read_handed_over() == {}
        await asyncio.to_thread(other._follow)
        assert not (tmp_path / "two" / FILE).exists()
        with pytest.raises(StoreError, match="another program"):
            await other.take([event("l3", NOW)])


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (0.0, "l2"),
        (DEAF + 1, ""),  # what was told then may be lost, so each counts when it is heard of
    ],
)
async def test_after_an_hour_sessions_count_if_this_machine_listened_all_the_time(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap: float, expected: str
) -> None:
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW)])
        with monkeypatch.context() as away:
            away.setattr(collector._store, "put", refuse)
            times.is_away = True
            times.now += 60
            await collector.take([event("l2", times.now)])  # as PostgreSQL goes away
            assert owner(pool) == "l1"
            (moved,) = [each.moved for each in JournalReader(tmp_path).take()]
            assert (moved[0].block, moved[0].line, moved[0].is_certain) == (ADDRESS, "l2", True)
            times.now += HOUR
            collector._stay_away(StoreAwayError("away"))
    times.now += gap  # nothing runs meanwhile
    times.is_away = False
    async with collecting(pool, tmp_path, times) as collector:
        assert owner(pool) == expected
        assert not (tmp_path / FILE).exists()
        await collector.take([event("l2", times.now, SessionChange.UPDATE)])
        assert owner(pool) == "l2"


async def test_a_session_that_is_not_heard_of_ends_also_while_postgresql_is_away(
    pool: PostgresPool, tmp_path: Path
) -> None:
    times = Times()
    times.is_away = True
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW)])
        for hours, moved in ((2, []), (2, [(ADDRESS, "", True)])):
            reader = JournalReader(tmp_path)
            reader.take()
            times.now += hours * HOUR
            async with collector._one_by_one:
                collector._stay_away(StoreAwayError("away"))
            assert [one for each in reader.take() for one in each.moved] == moved


async def test_what_has_no_room_is_not_confirmed(pool: PostgresPool, tmp_path: Path) -> None:
    times = Times()
    times.is_away = True
    async with collecting(pool, tmp_path, times) as collector:
        collector._journal._most = 10
        with pytest.raises(StoreError, match="is full"):
            await collector.take([event("l1", NOW)])


@pytest.mark.parametrize(("restarts", "expected"), [(False, "l2"), (True, "")])
async def test_a_backup_gives_no_address_back_to_the_line_of_before(
    pool: PostgresPool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    restarts: bool,
    expected: str,
) -> None:
    """The program that wrote before knows whose it is; another one lets it be nobody's."""
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW)], [LineRow("l1", "ada"), LineRow("l2", "bo")])
        await collector.take([event("l1", NOW + 1, SessionChange.STOP), event("l2", NOW + 9)])
        assert owner(pool) == "l2"
        with monkeypatch.context() as away:
            away.setattr(collector._store, "put", refuse)
            times.is_away = True
            await collector.take([event("l2", NOW + 10, SessionChange.UPDATE)])
        bring_back(pool, monkeypatch)
        assert owner(pool) == "l1"
        times.is_away = False
        if not restarts:
            await asyncio.to_thread(collector._follow)
            assert owner(pool) == expected
            assert [each.line for each in BindingStore(pool).sessions()] == ["", "l2"]
            return
    times.now += 60
    async with collecting(pool, tmp_path, times) as collector:
        assert owner(pool) == expected
        await collector.take([event("l2", times.now, SessionChange.UPDATE)])
        assert owner(pool) == "l2"


@pytest.mark.parametrize("looks", [False, True])
async def test_a_backup_that_came_between_two_looks_is_noticed(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """By the next that is told, or by the next look."""
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW)], [LineRow("l1", "ada"), LineRow("l2", "bo")])
        await collector.take([event("l1", NOW + 1, SessionChange.STOP), event("l2", NOW + 9)])
        bring_back(pool, monkeypatch)
        end_lead(pool, collector)
        assert owner(pool) == "l1"
        if looks:
            await asyncio.to_thread(collector._follow)
        else:
            await collector.take(lines=[LineRow("l3", "bo")])
        assert owner(pool) == "l2"
        assert collector.is_leading


async def test_of_a_standby_that_took_over_only_what_it_has_not_is_written(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of sessions, and of those that are over, would keep the network waiting."""
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - 9), event("l1", NOW, SessionChange.STOP)])
        await collector.take([event("l2", NOW)])
        end_lead(pool, collector)
        monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select '7 7 00000001'")
        with pool.connection() as connection:
            connection.run_here("delete from line_session where session = 's l2'")
        written, put = [], collector._store.put

        def note(**told: Any) -> Writer:
            written.extend(told["sessions"])
            return put(**told)

        monkeypatch.setattr(collector._store, "put", note)
        await asyncio.to_thread(collector._follow)
        assert [each.line for each in written] == ["l2"]
        assert [each.line for each in BindingStore(pool).sessions()] == ["", "l2"]


async def test_what_the_one_before_was_told_as_its_lead_was_lost_is_read(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its write ends after this one has read, and before this one writes."""
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - 9)])
        end_lead(pool, collector)
        read = collector._store.sessions

        def read_first() -> Iterator[SessionRow]:
            found = list(read())
            BindingStore(pool).put(
                [BindingRow(ADDRESS, "l2")],
                [SessionRow("bng", "s l2", "l2", NOW, NOW, (ADDRESS,))],
                [("bng", "s l1")],
                at=NOW + 1.0,
            )
            return iter(found)

        with monkeypatch.context() as late:
            late.setattr(collector._store, "sessions", read_first)
            with pytest.raises(StoreAwayError, match="meanwhile"):
                await asyncio.to_thread(collector._follow)
        assert owner(pool) == "l2"
        end_locks(pool)
        await asyncio.to_thread(collector._follow)
        assert (collector.is_leading, owner(pool)) == (True, "l2")


async def test_who_lost_the_lock_for_a_moment_writes_nothing_beside_another_program(
    pool: PostgresPool, tmp_path: Path
) -> None:
    async with collecting(pool, tmp_path / "one", Times()) as collector:
        await collector.take([event("l1", NOW)])
        end_lead(pool, collector)
        async with collecting(pool, tmp_path / "two", Times()) as other:
            assert other.is_leading
            with pytest.raises(StoreError, match="another program"):
                await collector.take([event("l2", NOW + 9)])
            assert owner(pool) == "l1"
            assert not collector.is_leading


@pytest.mark.parametrize(("is_after", "expected"), [(True, "l2"), (False, "")])
async def test_what_another_program_wrote_is_not_written_over_after_a_backup(
    pool: PostgresPool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_after: bool,
    expected: str,
) -> None:
    """A program that could not reach PostgreSQL meanwhile knows less than that one did."""
    here, there = Times(), Times()
    async with collecting(pool, tmp_path / "one", here) as collector:
        await collector.take([event("l1", NOW)])
        here.is_away = True
        end_lead(pool, collector)
        collector._note_away(StoreAwayError("away"))
        if is_after:
            bring_back(pool, monkeypatch)
        there.now += 60
        async with collecting(pool, tmp_path / "two", there) as other:
            await other.take([event("l2", there.now)])
        if not is_after:
            monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select '7 7 00000001'")
        here.is_away = False
        here.now += 61
        await asyncio.to_thread(collector._follow)
        assert collector.is_leading
        assert owner(pool) == expected


async def test_a_disk_that_was_set_back_gives_no_address_to_the_line_of_before(
    pool: PostgresPool, tmp_path: Path
) -> None:
    """Within minutes, in which nobody would have missed anything: it is the same database."""
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        set_back = await set_back_later(pool, collector, times)
        end_lead(pool, collector)
        set_back()
        await asyncio.to_thread(collector._follow)
        assert owner(pool) == ""
        await collector.take([event("l2", times.now, SessionChange.UPDATE)])
        assert owner(pool) == "l2"


async def test_into_a_database_that_came_within_a_write_nothing_is_written(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one with the lock goes on beside it: what is told is kept until it is looked at."""
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW)])
        bring_back(pool, monkeypatch)
        times.now += 60
        await collector.take([event("l2", times.now)])
        assert not collector.is_leading
        assert owner(pool) == "l1"
        ((told,),) = [each.told for each in collector._journal.read()]
        assert told == event("l2", times.now)
        end_locks(pool)
        await asyncio.to_thread(collector._follow)
        assert owner(pool) == "l2"


async def test_a_program_that_did_not_write_before_notices_a_disk_that_was_set_back(
    pool: PostgresPool, tmp_path: Path
) -> None:
    times = Times()
    async with (
        collecting(pool, tmp_path / "one", times) as writer,
        collecting(pool, tmp_path / "two", times) as other,
    ):
        set_back = await set_back_later(pool, writer, times)
        times.now += 1
        await asyncio.to_thread(other._follow)
        other._note_away(StoreAwayError("away"))
        assert times.now == other._journal.since  # until then the other one took everything in
        end_lead(pool, writer)
        set_back()
        await asyncio.to_thread(other._follow)
        assert other.is_leading
        assert owner(pool) == ""


async def test_a_program_that_starts_with_a_journal_notices_a_disk_that_was_set_back(
    pool: PostgresPool, tmp_path: Path
) -> None:
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        set_back = await set_back_later(pool, collector, times)
        collector._note_away(StoreAwayError("away"))
    set_back()
    async with collecting(pool, tmp_path, times):
        assert owner(pool) == ""


async def test_onto_a_disk_that_was_set_back_within_a_write_nothing_is_written(
    pool: PostgresPool, tmp_path: Path
) -> None:
    """Else a node would take what it wrote for a sign that all addresses were looked at."""
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        set_back = await set_back_later(pool, collector, times)
        set_back()  # the connection with the lock stays, as if it had been asked just before
        times.now += 1
        await collector.take([event("l3", times.now, SessionChange.STOP)])
        assert BindingStore(pool).writer().at == NOW
        assert not collector.is_leading
        end_locks(pool)
        await asyncio.to_thread(collector._follow)
        assert owner(pool) == ""


async def test_a_standby_that_is_not_promoted_yet_lets_nothing_be_forgotten(
    pool: PostgresPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW)])
        times.now += 60
        end_lead(pool, collector)
        monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select ''")
        with pytest.raises(StoreAwayError, match="standby"):
            await asyncio.to_thread(collector._follow)
        monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select '7 7 00000002'")
        end_locks(pool)
        await asyncio.to_thread(collector._follow)
        assert collector.is_leading
        assert owner(pool) == "l1"


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_doubt_outlasts_a_program_and_a_moment_without_postgresql(
    pool: PostgresPool, tmp_path: Path, restarts: bool
) -> None:
    """A machine of the network began anew, and did not say so."""
    times, before = Times(), event("l1", NOW - 3000)
    some = [
        SessionEvent(SessionChange.START, "bng", f"{each}", f"{each}", NOW + each / 10, ())
        for each in range(30)
    ]
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([before])
        assert owner(pool) == "l1"
        await collector.take(some)
        assert owner(pool) == ""
        times.now += 5
        if not restarts:
            end_lead(pool, collector)
            await asyncio.to_thread(collector._follow)
            assert owner(pool) == ""
    async with collecting(pool, tmp_path, times) as collector:
        assert owner(pool) == ""
        await collector.take([before])  # told once more
        assert owner(pool) == ""
        await collector.take([event("l1", times.now, SessionChange.UPDATE)])
        assert owner(pool) == "l1"


async def test_after_a_moment_without_postgresql_what_is_late_begins_nothing_that_had_ended(
    pool: PostgresPool, tmp_path: Path
) -> None:
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - HOUR)])
        await collector.take([event("l1", NOW, SessionChange.STOP)])
        end_lead(pool, collector)
        await asyncio.to_thread(collector._follow)
        await collector.take([event("l1", NOW - 1, SessionChange.UPDATE)])
        assert owner(pool) == ""
        await collector.take([event("l1", NOW + 1)])
        assert owner(pool) == "l1"
