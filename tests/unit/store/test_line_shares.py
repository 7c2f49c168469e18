"""A node that starts reads of most households what another node took, and gets the same tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.app.node import source as source_of_node
from copdns.app.node.copies import SHAPES_FILE, NodeCopies
from copdns.app.node.journal import BindingJournal, JournalEntry, JournalReader, MovedBlock
from copdns.app.node.source import StoreSource
from copdns.model.errors import StoreAwayError
from copdns.model.household import Band, Household
from copdns.store.household_db import tables
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import BindingRow, BindingStore, LineReader, LineRow
from copdns.store.postgres.outbox import LOOK_ANYWAY, OutboxReader
from tests.running import PATIENCE
from tests.unit.account_values import NOW
from tests.unit.store.nodes import (
    BLOCK,
    assert_begins_anew,
    fill,
    home,
    look_once,
    lose_connection,
    name_database,
    node,
    told,
    without,
)


@pytest.fixture
def store(postgres: str) -> Iterator[ProviderStore]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store


@pytest.fixture
async def homes(store: ProviderStore) -> tuple[Household, ...]:
    return await fill(store)


@pytest.fixture
def source(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path
) -> Iterator[StoreSource]:
    """A node that has read all of `homes`."""
    with node(store, tmp_path) as source:
        yield source


def assert_stays(source: StoreSource, expected: dict[str, object]) -> None:
    """Have a node look twice, of which neither may bring anything: what is in doubt stays so."""
    for _ in range(2):
        assert told(source.snapshot()) == expected
        assert look_once(source) == []


def put_back(store: ProviderStore, source: StoreSource, *changes: str) -> None:
    """Have the same database at an earlier moment, as after a snapshot of its disk."""
    with store.pool.connection() as connection:
        for each in (*changes, "update outbox set number = number - 1000"):
            connection.run_here(each)
    lose_connection(source)
    assert_begins_anew(source)
    assert "from a backup" in source.restored


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Tell which households were read since the last call."""
    read: list[str] = []
    load, load_some, load_these = tables.load, tables.load_some, tables.load_these

    def note(connection: object, household: str) -> object:
        read.append(household)
        return load(connection, household)  # type: ignore[arg-type]

    def note_some(connection: object, after: str, most: int) -> object:
        read.append("all")
        return load_some(connection, after, most)  # type: ignore[arg-type]

    def note_these(connection: object, households: Sequence[str]) -> object:
        read.extend(households)
        return load_these(connection, households)  # type: ignore[arg-type]

    monkeypatch.setattr("copdns.store.household_db.provider.load", note)
    monkeypatch.setattr("copdns.store.household_db.provider.load_these", note_these)
    monkeypatch.setattr("copdns.store.household_db.provider.load_some", note_some)

    def take() -> list[str]:
        found, read[:] = sorted(set(read)), []
        return found

    return take


@pytest.mark.usefixtures("homes")
async def test_a_new_node_gets_the_same_without_reading_what_another_has_read(
    store: ProviderStore, tmp_path: Path, counted: Callable[[], list[str]]
) -> None:
    with node(store, tmp_path) as first:
        wanted = told(first.snapshot())
    assert "all" in counted()
    with node(store, tmp_path) as second:
        assert told(second.snapshot()) == wanted
    assert counted() == ["h0", "h6"]  # one of each shape
    assert wanted["names"] == ["chess.example", "film.example"]
    assert wanted["192.0.2.7"] != wanted["192.0.2.0"] == wanted["192.0.2.5"]


@pytest.mark.usefixtures("homes")
async def test_a_node_that_starts_as_postgresql_is_back_knows_at_once_what_moved_meanwhile(
    store: ProviderStore, tmp_path: Path
) -> None:
    journal = BindingJournal(tmp_path / "told")
    journal.begin(NOW)
    journal.append(JournalEntry((), (MovedBlock("192.0.2.7", "l0", True),)))
    with node(store, tmp_path) as there:
        following = JournalReader(tmp_path / "told")
        new = StoreSource(store.pool, there._lists, there._copies, lambda: NOW, following)
        found = told(new.snapshot())  # PostgreSQL has the line of before still
        new.close()
    assert found["192.0.2.7"] == found["192.0.2.0"]


@pytest.mark.usefixtures("homes")
async def test_what_is_out_of_date_does_not_count(store: ProviderStore, tmp_path: Path) -> None:
    with node(store, tmp_path):
        pass
    # While no node runs: a household changes, one is another by the same id, and a grant is over.
    await store.change(
        "h3", lambda found: replace(found, rules=(BLOCK,)), author="ada", what="", now=NOW
    )
    await store.run(lambda c: c.execute("delete from household where household = 'h4'"))
    await store.create(replace(home(4), rules=(BLOCK,)), "ada", NOW)
    await store.run(lambda c: c.execute("delete from household where household = 'h5'"))
    with node(store, tmp_path, NOW + 600) as later:
        found = told(later.snapshot())
    own = {each for each, got in found.items() if isinstance(got, tuple) and got[2]}
    assert own == {"192.0.2.3", "192.0.2.4", "192.0.2.7"}
    assert "192.0.2.5" not in found
    assert found["192.0.2.8"] == found["192.0.2.0"]
    assert found["names"] == ["film.example"]


@pytest.mark.usefixtures("homes")
async def test_the_shape_of_a_household_that_is_deleted_leaves_the_disk(
    store: ProviderStore, tmp_path: Path
) -> None:
    def bands_kept() -> set[Band | None]:
        """Look for changes; return the bands of the shapes that are kept."""
        leader.take()
        for _ in range(LOOK_ANYWAY):  # what it is told may be under way
            assert source.changes_after(source._keeper.revision) is not None
        kept = NodeCopies(tmp_path).read_shapes().values()
        return {each.profiles[0].band for each, _ in kept if each.profiles}

    with closing(OutboxReader(store.pool)) as leader, node(store, tmp_path) as source:
        assert Band.TO_15 in bands_kept()
        await store.create(home(9, Band.TO_12), "ada", NOW)  # the newest shape, which stays
        bands_kept()
        await store.run(lambda c: c.execute("delete from household where household = 'h6'"))
        bands_kept()  # the tables lose the group
        assert bands_kept() & {Band.TO_9, Band.TO_12, Band.TO_15} == {Band.TO_9, Band.TO_12}


@pytest.mark.usefixtures("homes")
async def test_shapes_that_cannot_be_kept_hold_up_no_change_and_it_is_said(
    store: ProviderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_of_node, "COPY_AGAIN", 1)
    (tmp_path / "shapes.new").mkdir()  # so that nothing can be written there
    with node(store, tmp_path) as found:
        assert look_once(found) == []
        assert "nothing is kept" in found.copy_trouble
        assert not (tmp_path / SHAPES_FILE).exists()
        BindingStore(store.pool).put(bindings=[BindingRow("192.0.2.99", "l1")])
        (change,) = look_once(found)
        assert [each.address for each in change.subscribers] == [bytes([192, 0, 2, 99])]
        (tmp_path / "shapes.new").rmdir()
        for _ in range(2):  # it is tried again at every second look
            look_once(found)
        assert found.copy_trouble == ""
        assert (tmp_path / SHAPES_FILE).exists()


@pytest.mark.usefixtures("homes")
async def test_addresses_of_a_backup_are_nobodys_until_the_program_that_writes_them_looked(
    store: ProviderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "7 7 00000001"
    with node(store, tmp_path) as source:
        before = told(source.snapshot())
        name_database(monkeypatch, other)
        with store.pool.connection() as connection:
            for each in (
                "update line_address set line = 'l6' where block = '192.0.2.0'",
                "delete from household where household = 'h3'",
                "delete from outbox where household = 'h3'",
                "update outbox set number = number + 1000",
            ):
                connection.run_here(each)
        lose_connection(source)
        assert_begins_anew(source)
        found = told(source.snapshot())
        assert found == without(before, "192.0.2.0", "192.0.2.3")
        assert "from a backup" in source.restored
        assert look_once(source) == []
        # What comes of it later, where a running program sees a part of a restore.
        BindingStore(store.pool).put([BindingRow("192.0.2.1", "l6")])
        assert look_once(source) == []
        right = [BindingRow(f"192.0.2.{each}", f"l{each}") for each in range(2)]
        BindingStore(store.pool).put(right, database=other)
        assert look_once(source)
        found = without(before, "192.0.2.3")
        assert told(source.snapshot()) == found
    with node(store, tmp_path) as source:
        assert told(source.snapshot()) == found


async def test_of_a_database_that_came_within_a_look_nothing_is_taken(
    store: ProviderStore, source: StoreSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connections of a pool are new before the one that listens has noticed."""
    before = told(source.snapshot())
    name_database(monkeypatch, "7 7 00000003")
    BindingStore(store.pool).put([BindingRow("192.0.2.0", "l6")])
    assert look_once(source) == []
    assert source.is_away
    # Also where the one that listens stays: its server may go on beside the other one.
    assert_begins_anew(source)
    assert told(source.snapshot()) == without(before, "192.0.2.0")
    assert look_once(source) == []
    assert not source.is_away


async def test_a_disk_that_was_set_back_gives_no_address_to_the_line_of_before(
    store: ProviderStore, source: StoreSource
) -> None:
    """It has the name of the database that it was; only a later moment says that it was seen to."""
    writer = BindingStore(store.pool)
    writer.put(at=1.0, database=writer.database())
    look_once(source)
    before = told(source.snapshot())
    put_back(store, source, "update line_address set line = 'l6' where block = '192.0.2.0'")
    assert_stays(source, without(before, "192.0.2.0"))
    writer.put([BindingRow("192.0.2.0", "l0")], at=2.0)
    assert look_once(source)
    assert told(source.snapshot()) == before


async def test_a_disk_that_was_set_back_is_noticed_by_addresses_alone(
    store: ProviderStore, source: StoreSource
) -> None:
    """No household changed since, so the outbox has the number that it had."""
    writer = BindingStore(store.pool)
    writer.put(at=1.0, database=writer.database())
    writer.put([BindingRow("192.0.2.0", "l7")], at=2.0)
    assert look_once(source)
    before = told(source.snapshot())
    with store.pool.connection() as connection:
        connection.run_here(
            "update line_address set line = 'l0', number = 10 where block = '192.0.2.0'"
        )
        connection.run_here("update line_writer set at = 1.0")
    assert_begins_anew(source)
    assert "from a backup" in source.restored
    assert_stays(source, without(before, "192.0.2.0"))
    writer.put([BindingRow("192.0.2.0", "l7")], at=3.0)
    assert look_once(source)
    assert told(source.snapshot()) == before


async def test_a_standby_that_is_behind_for_a_moment_is_no_backup(
    store: ProviderStore, source: StoreSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers before it is promoted, and has all that there was by then."""
    before = told(source.snapshot())
    lose_connection(source)
    with monkeypatch.context() as behind, store.pool.connection() as connection:
        name_database(behind, "")
        connection.run_here("update outbox set number = number - 1000")
        for _ in range(2):
            assert look_once(source) == []
            assert source.is_away
        connection.run_here("update outbox set number = number + 1000")
    assert look_once(source) == []
    assert not source.is_away
    assert source.restored == ""
    assert told(source.snapshot()) == before


async def test_a_line_of_a_backup_is_not_the_family_of_before(
    store: ProviderStore, source: StoreSource
) -> None:
    """Whose it is was told after the backup, and is told again."""
    writer = BindingStore(store.pool)
    before = told(source.snapshot())
    writer.put(at=1.0, database=writer.database())
    put_back(store, source, "update line set household = 'h6' where line = 'l0'")
    writer.put(at=2.0)
    for _ in range(2):
        look_once(source)
        assert told(source.snapshot()) == without(before, "192.0.2.0")
    writer.put(lines=[LineRow("l0", "h0")])
    assert look_once(source)
    assert told(source.snapshot()) == before


async def test_a_node_that_starts_takes_no_address_of_a_backup_that_nobody_looked_at(
    store: ProviderStore, homes: tuple[Household, ...], tmp_path: Path
) -> None:
    writer = BindingStore(store.pool)
    writer.put(at=1.0, database="7 7 00000001")
    with node(store, tmp_path) as source:
        assert source.snapshot().revision
        assert list(told(source.snapshot())) == ["names"]
        writer.put(at=2.0, database=writer.database())
        assert look_once(source)
        assert len(told(source.snapshot())) == 1 + len(homes)


async def test_an_address_that_moved_stays_so_while_postgresql_has_not_all_of_the_journal(
    store: ProviderStore, source: StoreSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine writes, and this one's journal is not handed over yet."""
    writer, journal = BindingStore(store.pool), BindingJournal(tmp_path)
    other = "7 7 00000004"
    journal.begin(NOW)
    journal.append(JournalEntry((), (MovedBlock("192.0.2.0", "l7", True),)))
    assert look_once(source)
    moved = told(source.snapshot())
    assert moved["192.0.2.1"] != moved["192.0.2.0"] == moved["192.0.2.7"]
    name_database(monkeypatch, other)
    for looked_first in (False, True):
        if looked_first:
            writer.put(database=other)
        lose_connection(source)
        assert source._outbox is not None
        source._outbox.database = "7 7 00000003"
        assert_begins_anew(source)
        if not looked_first:
            assert "192.0.2.0" not in told(source.snapshot())
            writer.put(database=other)
            assert look_once(source)
        assert told(source.snapshot()) == moved


@pytest.mark.usefixtures("homes")
async def test_a_journal_that_no_program_keeps_any_more_gives_no_address_to_a_family(
    store: ProviderStore, tmp_path: Path
) -> None:
    """The program of that machine was stopped, and another one wrote since."""
    journal, writer = BindingJournal(tmp_path), BindingStore(store.pool)
    journal.begin(NOW - 9000)
    moved = (MovedBlock("192.0.2.0", "l7", True), MovedBlock("192.0.2.1", "l1", True))
    journal.append(JournalEntry((), moved))
    journal.touch(NOW - 9000)
    writer.put(at=NOW - 1, database=writer.database())
    with node(store, tmp_path) as source:
        found = told(source.snapshot())
        assert "192.0.2.0" not in found
        assert "192.0.2.1" in found
        writer.put([BindingRow("192.0.2.0", "l2")], at=NOW)
        assert look_once(source)
        assert told(source.snapshot())["192.0.2.0"] == found["192.0.2.1"]


def test_of_a_server_that_does_not_say_which_it_is_nothing_is_taken(
    store: ProviderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still being restored, or follows another one."""
    writer = BindingStore(store.pool)
    reader = LineReader(store.pool, writer.database())
    writer.put([BindingRow("192.0.2.0", "l6")])
    name_database(monkeypatch, "")
    with pytest.raises(StoreAwayError, match="another database"):
        reader.take()
    assert reader.position == 0


async def test_where_those_that_write_addresses_looked_first_a_node_takes_them_all(
    store: ProviderStore, source: StoreSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "7 7 00000002"  # a standby that took over
    name_database(monkeypatch, other)
    BindingStore(store.pool).put([BindingRow("192.0.2.0", "l7")], database=other)
    lose_connection(source)
    assert_begins_anew(source)
    found = told(source.snapshot())
    assert found["192.0.2.1"] != found["192.0.2.0"] == found["192.0.2.7"]


async def test_a_node_looks_as_soon_as_it_is_told_of_a_change(
    store: ProviderStore, source: StoreSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_of_node, "LOOK_EVERY", 10 * PATIENCE)
    with closing(OutboxReader(store.pool)) as outbox:
        waiting = asyncio.create_task(source.wait())
        await store.change(
            "h0", lambda home: replace(home, rules=(BLOCK,)), author="ada", what="rule", now=NOW
        )
        outbox.take()  # numbers it, and tells
        await asyncio.wait_for(waiting, PATIENCE)
        found = [
            each
            for _ in range(LOOK_ANYWAY)
            for change in look_once(source)
            for each in change.subscribers
        ]
        assert {each.address for each in found} == {bytes([192, 0, 2, 0])}
