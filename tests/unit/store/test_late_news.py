"""What the network tells late, or once more, after the program that was told has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.app.node.journal import JournalReader
from copdns.model.errors import StoreAwayError
from copdns.provider.bindings import REMEMBERED, SessionChange, SessionEvent
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import BindingStore, SessionRow
from tests.unit.account_values import NOW
from tests.unit.store.collectors import ADDRESS, HOUR, Times, collecting, end_lead, event, owner


@pytest.fixture
def pool(postgres: str) -> Iterator[PostgresPool]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store.pool


@pytest.mark.parametrize("is_same_machine", [True, False])
@pytest.mark.parametrize(
    "late", [event("l1", NOW - 1, SessionChange.UPDATE), event("l1", NOW - HOUR)]
)
async def test_after_a_start_what_is_late_begins_nothing_that_had_ended(
    pool: PostgresPool, tmp_path: Path, late: SessionEvent, is_same_machine: bool
) -> None:
    """A family that has left gets no address back, whichever program is told."""
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - HOUR)])
        await collector.take([event("l1", NOW, SessionChange.STOP)])
    async with collecting(pool, tmp_path if is_same_machine else tmp_path / "b", Times()) as other:
        await other.take([late])
        assert owner(pool) == ""
        await other.take([event("l1", NOW + 1)])  # its number is given again
        assert owner(pool) == "l1"
    async with collecting(pool, tmp_path, Times()):
        assert owner(pool) == "l1"


async def test_a_session_that_began_again_meanwhile_goes_on_for_who_knew_that_it_had_ended(
    pool: PostgresPool, tmp_path: Path
) -> None:
    times = Times()
    async with collecting(pool, tmp_path / "a", times) as collector:
        await collector.take([event("l1", NOW - HOUR), event("l1", NOW - 60, SessionChange.STOP)])
        end_lead(pool, collector)
        async with collecting(pool, tmp_path / "b", times) as other:
            await other.take([event("l1", NOW - 30)])
        times.now += 60
        await asyncio.to_thread(collector._follow)
        await collector.take([event("l1", NOW, SessionChange.UPDATE)])
        (session,) = BindingStore(pool).sessions()
        assert session.heard == NOW
        assert owner(pool) == "l1"


@pytest.mark.parametrize("knows_all", [True, False])
async def test_a_lost_start_is_certain_where_all_that_ended_before_is_known(
    pool: PostgresPool, tmp_path: Path, knows_all: bool
) -> None:
    """A program that began while PostgreSQL is away knows of no session that had ended."""
    times = Times()
    times.is_away = not knows_all
    async with collecting(pool, tmp_path, times) as collector:
        collector._note_away(StoreAwayError("away"))
        await collector.take([event("l1", NOW, SessionChange.UPDATE)])
        ((moved,),) = [each.moved for each in JournalReader(tmp_path).take()]
        assert moved == (ADDRESS, "l1", knows_all)


@pytest.mark.parametrize("has_begun", [True, False])
@pytest.mark.parametrize(
    ("news", "line"),
    [
        (event("l1", NOW, SessionChange.STOP), ""),
        (event("l1", NOW - 60), ""),  # it may have ended since
        (event("l1", NOW - 1), "l1"),
    ],
)
async def test_by_what_was_before_a_program_listened_no_family_has_an_address(
    pool: PostgresPool, tmp_path: Path, news: SessionEvent, line: str, has_begun: bool
) -> None:
    """So it is of one that does not write, on most machines with a node."""
    times, away = Times(), Times()
    away.is_away = not has_begun
    async with (
        collecting(pool, tmp_path / "one", times) as writer,
        collecting(pool, tmp_path / "two", away) as other,
    ):
        await writer.take([event("l1", NOW - HOUR)])
        other._note_away(StoreAwayError("away"))
        await other.take([news])
        ((moved,),) = [each.moved for each in JournalReader(tmp_path / "two").take()]
        assert moved == (ADDRESS, line, True)


async def test_a_stop_that_came_before_its_start_outlasts_the_program(
    pool: PostgresPool, tmp_path: Path
) -> None:
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW, SessionChange.STOP)])
    async with collecting(pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - HOUR)])
        assert owner(pool) == ""


async def test_that_a_session_ended_is_kept_for_a_day_without_its_line_and_addresses(
    pool: PostgresPool, tmp_path: Path
) -> None:
    times = Times()
    async with collecting(pool, tmp_path, times) as collector:
        await collector.take([event("l1", NOW - HOUR)])
        await collector.take([event("l1", NOW - 9, SessionChange.STOP)])
        for seconds, expected in ((0.0, True), (REMEMBERED - 1, True), (2.0, False)):
            times.now += seconds
            collector._follow()
            rows = [SessionRow("bng", "s l1", "", NOW - 9, NOW, ())] if expected else []
            assert list(BindingStore(pool).sessions()) == rows
