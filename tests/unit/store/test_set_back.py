"""A database that is at an earlier moment than before, whoever notices it first, and programs that
start while it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copdns.app.node.journal import BindingJournal, JournalEntry, MovedBlock
from copdns.app.node.source import StoreSource
from copdns.model.household import Household
from copdns.provider.bindings import SessionChange
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import UNKNOWN, BindingRow, BindingStore, LineRow, Writer
from tests.unit.account_values import NOW
from tests.unit.store.collectors import (
    Times,
    collecting,
    end_lead,
    event,
    owner,
    set_back_later,
)
from tests.unit.store.nodes import (
    fill,
    look_once,
    lose_connection,
    name_database,
    node,
    told,
    without,
)

OTHER = "7 7 00000001"


@pytest.fixture
def store(postgres: str) -> Iterator[ProviderStore]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store


@pytest.fixture
async def homes(store: ProviderStore) -> tuple[Household, ...]:
    return await fill(store)


@pytest.fixture
def run(store: ProviderStore) -> Callable[..., None]:
    def run(*statements: str) -> None:
        with store.pool.connection() as connection:
            for each in statements:
                connection.run_here(each)

    return run


def look(source: StoreSource) -> dict[str, object]:
    """Return what the tables have after a look, and after the next, which may read all."""
    for _ in range(2):
        look_once(source)
        source.snapshot()
    return told(source.snapshot())


# --- programs that take addresses in ---


async def test_of_two_programs_the_one_that_began_later_wrote_later_by_whatever_clock(
    store: ProviderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the other one would write over an address that moved, as it comes back."""
    here, there = Times(), Times()
    there.now -= 60
    async with collecting(store.pool, tmp_path / "one", here) as collector:
        await collector.take([event("l1", NOW - 90)])
        end_lead(store.pool, collector)
        async with collecting(store.pool, tmp_path / "two", there) as other:
            assert other.is_leading
            await other.take([event("l2", NOW - 60)])
            assert owner(store.pool) == "l2"
        name_database(monkeypatch, OTHER)
        await asyncio.to_thread(collector._follow)
        assert owner(store.pool) == ""
        await collector.take([event("l2", NOW, SessionChange.UPDATE)])
        assert owner(store.pool) == "l2"


async def test_a_clock_behind_makes_no_database_that_was_set_back(
    store: ProviderStore, tmp_path: Path
) -> None:
    here, there = Times(), Times()
    there.now -= 60
    async with collecting(store.pool, tmp_path / "one", here) as collector:
        await collector.take([event("l1", NOW - 90)])
        end_lead(store.pool, collector)
        async with collecting(store.pool, tmp_path / "two", there) as other:
            await other.take([event("l2", NOW - 60)])
        await asyncio.to_thread(collector._follow)
        assert owner(store.pool) == "l2"
        assert BindingStore(store.pool).writer().restored == 0


async def test_who_began_earlier_writes_nothing_after_the_one_that_began_later(
    store: ProviderStore, tmp_path: Path
) -> None:
    """It may not have noticed yet that another one leads; what it is told is kept."""
    async with collecting(store.pool, tmp_path, Times()) as collector:
        await collector.take([event("l1", NOW - 9)])
        writer = BindingStore(store.pool)
        writer.put([BindingRow("192.0.2.7", "l2")], at=NOW - 60, database=writer.database())
        await collector.take([event("l3", NOW)])
        assert owner(store.pool) == "l2"
        assert [each.told for each in collector._journal.read()] == [(event("l3", NOW),)]


async def test_a_program_that_starts_notices_a_disk_that_was_set_back_while_it_was_stopped(
    store: ProviderStore, tmp_path: Path
) -> None:
    """Also within minutes, in which nobody would have missed anything."""
    times = Times()
    async with collecting(store.pool, tmp_path, times) as collector:
        set_back = await set_back_later(store.pool, collector, times)
    set_back()
    times.now += 60
    async with collecting(store.pool, tmp_path, times) as collector:
        assert owner(store.pool) == ""
        await collector.take([event("l2", times.now, SessionChange.UPDATE)])
        assert owner(store.pool) == "l2"


async def test_a_look_at_a_disk_that_was_set_back_makes_no_program_forget_what_it_saw_before(
    store: ProviderStore, tmp_path: Path
) -> None:
    """The one that writes has not noticed it yet, and ends; then the other one writes."""
    times = Times()
    async with (
        collecting(store.pool, tmp_path / "one", times) as writer,
        collecting(store.pool, tmp_path / "two", times) as other,
    ):
        set_back = await set_back_later(store.pool, writer, times)
        await asyncio.to_thread(other._follow)
        set_back()
        await asyncio.to_thread(other._follow)
        end_lead(store.pool, writer)
        await asyncio.to_thread(other._follow)
        assert other.is_leading
        assert owner(store.pool) == ""


async def test_who_noticed_that_it_was_set_back_begins_a_later_era_than_any_that_it_knew(
    store: ProviderStore, tmp_path: Path, run: Callable[..., None]
) -> None:
    """And marks rows with a number that nobody saw before, also as it is set back once more."""
    pool, marks = store.pool, []
    async with collecting(pool, tmp_path, Times()) as collector:
        before = BindingStore(pool).writer()
        for _ in range(2):
            run(
                f"update line_writer set at = {NOW - 600}, era = {before.era}, restored = 0",
                "select setval('line_number', 1)",
            )
            end_lead(pool, collector)
            era = collector._wrote.era
            await asyncio.to_thread(collector._follow)
            found = BindingStore(pool).writer()
            assert found.era > era
            marks.append(found.restored)
        assert 0 < marks[0] < marks[1]


# --- nodes ---


async def test_a_node_learns_of_a_disk_that_was_set_back_from_the_program_that_noticed_it_first(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path, run: Callable[..., None]
) -> None:
    """What that one wrote has larger numbers than the node saw before."""
    writer = BindingStore(store.pool)
    before = writer.put(at=1.0, database=writer.database())
    with node(store, tmp_path) as source:
        writer.put([BindingRow("192.0.2.0", "l7")], at=2.0)
        found = look(source)
        assert found["192.0.2.0"] == found["192.0.2.7"]
        run(
            "update line_address set line = 'l0', number = 10 where block = '192.0.2.0'",
            "update line_writer set at = 1.0",
        )
        rows = [BindingRow(f"192.0.2.{each}", "") for each in range(3)]
        writer.put(rows, at=3.0, database=before.database, lost=before)
        assert source.restored == ""
        look(source)
        assert "from a backup" in source.restored
        writer.put([BindingRow("192.0.2.2", "l2")], at=4.0)
        assert look(source) == without(found, "192.0.2.0", "192.0.2.1")
    assert homes


async def test_a_line_that_was_told_again_before_a_node_looked_at_another_database_is_the_familys(
    store: ProviderStore,
    homes: tuple[Household, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., None],
) -> None:
    writer = BindingStore(store.pool)
    lost = writer.put(at=1.0, database=writer.database())
    with node(store, tmp_path) as source:
        before = look(source)
        run("update line set household = 'h6' where line in ('l0', 'l1')")
        run("update outbox set number = number - 1000")
        name_database(monkeypatch, OTHER)
        writer.put(at=2.0, database=OTHER, lost=lost)
        writer.put(lines=[LineRow("l0", "h6")], at=3.0)
        lose_connection(source)
        found = look(source)
        assert found["192.0.2.0"] == before["192.0.2.6"]
        assert "192.0.2.1" not in found
    assert homes


@pytest.mark.parametrize(("told_first", "household"), [(False, "h6"), (True, "h6"), (False, "h0")])
async def test_a_line_that_is_told_again_is_the_familys_also_if_the_backup_says_the_same(
    store: ProviderStore,
    homes: tuple[Household, ...],
    tmp_path: Path,
    run: Callable[..., None],
    told_first: bool,
    household: str,
) -> None:
    """told_first: before the node notices the backup."""
    writer = BindingStore(store.pool)
    lost = writer.put(at=1.0, database=writer.database())
    again = [LineRow("l0", household)]
    with node(store, tmp_path) as source:
        before = look(source)
        run(
            "update line set household = 'h6' where line in ('l0', 'l1')",
            "update outbox set number = number - 1000",
        )
        if told_first:
            writer.put(at=2.0, database=lost.database, lost=lost)
            writer.put(lines=again, at=3.0)
        lose_connection(source)
        assert "192.0.2.1" not in look(source)
        if not told_first:
            writer.put(at=2.0, database=lost.database, lost=lost)
            assert not {"192.0.2.0", "192.0.2.1"} & look(source).keys()
            writer.put(lines=again, at=3.0)
        writer.put(at=4.0)
        found = look(source)
        assert found["192.0.2.0"] == before[f"192.0.2.{household.removeprefix('h')}"]
        assert "192.0.2.1" not in found  # nobody told it again
    assert homes


@pytest.mark.parametrize("is_before_that", [False, True])
async def test_what_was_told_since_a_restore_before_is_told_since_no_later_one(
    store: ProviderStore,
    homes: tuple[Household, ...],
    tmp_path: Path,
    run: Callable[..., None],
    is_before_that: bool,
) -> None:
    """The program that writes may know nothing of what was lost, as one on a new machine."""
    writer = BindingStore(store.pool)
    lost = writer.put(at=1.0, database=writer.database(), lost=UNKNOWN)
    writer.put(lines=[LineRow("l0", "h6")], at=2.0)
    with node(store, tmp_path) as source:
        writer.put(lines=[LineRow("l0", "h0")], at=3.0)
        before = look(source)
        run(
            f"update line set household = 'h6', number = {lost.restored + 1} where line = 'l0'",
            f"update line_writer set restored = {0 if is_before_that else lost.restored}",
            "update outbox set number = number - 1000",
        )
        lose_connection(source)
        assert "192.0.2.0" not in look(source)
        writer.put(at=4.0, database=lost.database)
        assert look(source) == without(before, "192.0.2.0")
    assert homes


def test_lines_that_are_told_again_are_read_anew_once(store: ProviderStore) -> None:
    """A provider may tell all its lines each night."""
    writer, rows = BindingStore(store.pool), [LineRow("l1", "ada")]
    writer.put(lines=rows, at=1.0)
    writer.put(at=2.0, database="x", lost=UNKNOWN)

    def number() -> int:
        with store.pool.connection() as connection:
            return int(connection.execute("select number from line").fetchall()[0][0])

    before = number()
    writer.put(lines=rows, at=3.0)
    once = number()
    assert once > before
    writer.put(lines=rows, at=4.0)
    assert number() == once


async def test_a_node_that_starts_while_a_part_is_restored_takes_no_address(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path, run: Callable[..., None]
) -> None:
    """Without --single-transaction addresses come before the row that tells how old they are."""
    run("delete from line_writer")
    with node(store, tmp_path) as source:
        assert list(look(source)) == ["names"]
        run(f"insert into line_writer (one, at, place, era) values (1, 1.0, '{OTHER}', 3)")
        assert list(look(source)) == ["names"]
        writer = BindingStore(store.pool)
        writer.put(at=2.0, database=writer.database())
        assert len(look(source)) == 1 + len(homes)


async def test_a_node_follows_a_program_that_writes_for_the_first_time(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path, run: Callable[..., None]
) -> None:
    run("delete from line_writer", "delete from line_address")
    with node(store, tmp_path) as source:
        BindingStore(store.pool).put([BindingRow("192.0.2.0", "l0")])
        assert list(look(source)) == ["192.0.2.0", "names"]
    assert homes


async def test_a_node_that_starts_before_who_writes_looked_at_a_disk_that_was_set_back(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path, run: Callable[..., None]
) -> None:
    """It knows when it saw something written last."""
    writer = BindingStore(store.pool)
    writer.put(at=1.0, database=writer.database())
    with node(store, tmp_path) as source:
        writer.put([BindingRow("192.0.2.0", "l7")], at=20.0)
        before = look(source)
    run(
        "update line_address set line = 'l0', number = 10 where block = '192.0.2.0'",
        "update line_writer set at = 1.0",
    )
    tables = tmp_path / "tables"  # empty: they were in memory, and the machine started again
    with node(store, tmp_path, tables=tables) as source:
        assert list(look(source)) == ["names"]
    with node(store, tmp_path) as source:  # nor at the next start
        assert list(look(source)) == ["names"]
        lost = Writer(20.0, writer.database(), 1)
        rows = [BindingRow("192.0.2.0", "l7")]
        writer.put(rows, at=30.0, database=writer.database(), lost=lost)
        assert look(source) == before
    with node(store, tmp_path) as source:
        assert look(source) == before
    assert homes


async def test_what_a_program_is_told_first_gives_no_address_to_a_family_that_left(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path
) -> None:
    """It began while PostgreSQL is away, and does not know which sessions had ended."""
    writer, journal = BindingStore(store.pool), BindingJournal(tmp_path)
    writer.put([BindingRow("192.0.2.0", "")], at=1.0, database=writer.database())
    with node(store, tmp_path) as source:
        before = look(source)
        assert "192.0.2.0" not in before
        journal.begin(NOW)
        moved = ("192.0.2.0", "l0"), ("192.0.2.1", "l1"), ("192.0.2.2", "l6")
        late = tuple(MovedBlock(*each, is_certain=False) for each in moved)
        journal.append(JournalEntry((), late))
        assert look(source) == without(before, "192.0.2.2")
        journal.append(JournalEntry((), (MovedBlock("192.0.2.0", "l0", is_certain=True),)))
        assert look(source)["192.0.2.0"] == before["192.0.2.1"]
    assert homes


async def test_what_is_not_certain_of_a_part_leaves_it_to_nobody(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path
) -> None:
    """Of an address whose ports several lines have, and of a prefix within another line's."""
    ports, prefix = ("192.0.2.99:1024-2047", "192.0.2.99:2048-4095"), "2001:db8:0:100::/56"
    rows = [BindingRow(each, f"l{line}") for line, each in enumerate((*ports, prefix))]
    writer, journal = BindingStore(store.pool), BindingJournal(tmp_path)
    writer.put(rows, at=1.0, database=writer.database())
    with node(store, tmp_path) as source:
        before = look(source)
        journal.begin(NOW)
        for each in rows:
            journal.append(JournalEntry((), (MovedBlock(*each, is_certain=False),)))
        assert look(source) == before
        late = MovedBlock(ports[1], "l0", is_certain=False)  # which has the other ports
        journal.append(JournalEntry((), (late,)))
        found = look(source)
        (first,) = before.keys() - found.keys()
        late = MovedBlock("2001:db8:0:100::/64", "l0", is_certain=False)
        journal.append(JournalEntry((), (late,)))
        found = look(source)
        (second,) = before.keys() - found.keys() - {first}
        assert first != second
        writer.put(at=2.0)
        journal.clear()
        assert look(source) == before
    assert homes
