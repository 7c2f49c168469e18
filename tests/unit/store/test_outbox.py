"""Every change of a household is told to whoever follows, in one order, whatever was missed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from copdns.app import provider_source
from copdns.model.errors import StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.settings.provider import ProviderSettings
from copdns.store.connection import SqlConnection
from copdns.store.db import transaction
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres import outbox as outbox_module
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.outbox import (
    _READ,
    CHANNEL,
    LOOK_ANYWAY,
    MAX_BATCH,
    TRY_TO_LEAD,
    DatabaseChange,
    Moved,
    OutboxReader,
)
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import ready_roles
from tests.household import family
from tests.running import PATIENCE
from tests.unit.account_values import NOW


@pytest.fixture
def store(postgres: str) -> Iterator[ProviderStore]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        yield store


@contextmanager
def following(store: ProviderStore, position: int | None = None) -> Iterator[OutboxReader]:
    with closing(OutboxReader(store.pool, position)) as outbox:
        outbox.take()
        yield outbox


def renamed(name: str) -> Callable[[Household], Household]:
    return lambda home: replace(home, name=name)


async def edit(store: ProviderStore, household: str, name: str) -> None:
    await store.change(household, renamed(name), author="ada", what="", now=NOW)


async def test_each_change_is_told_once_with_the_newest_revision(store: ProviderStore) -> None:
    with following(store) as outbox:
        await store.create(family(), "ada", NOW)
        assert outbox.take() == (Moved("home", 1),)
        assert outbox.take() == ()
        await edit(store, "home", "One")
        await edit(store, "home", "Two")
        assert outbox.take() == (Moved("home", 3),)


async def test_a_node_numbers_where_nobody_leads_and_keeps_nobody_from_leading(
    store: ProviderStore,
) -> None:
    """Else nobody would do what the leader does besides: tell of requests, delete what is over."""
    with closing(OutboxReader(store.pool, leads=False)) as node:
        node.take()
        await store.create(family(), "ada", NOW)
        looks = [node.take() for _ in range(TRY_TO_LEAD)]
        assert [each for each in looks if each] == [(Moved("home", 1),)]
        with following(store) as leader:
            assert leader.is_leader
            await edit(store, "home", "One")
            leader.take()
            looks = [node.take() for _ in range(LOOK_ANYWAY)]  # what it is told may be under way
            assert [each for each in looks if each] == [(Moved("home", 2),)]
        assert not node.is_leader


async def test_nobody_hears_that_a_household_moved_who_may_not_read_it(
    store: ProviderStore, postgres: str
) -> None:
    with (
        following(store) as leader,
        closing(OutboxReader(store.pool, leads=False)) as node,
        psycopg.connect(postgres, autocommit=True) as stranger,
    ):
        stranger.execute(f"listen {CHANNEL}".encode())
        await store.create(family(), "ada", NOW)
        leader.take()
        assert list(stranger.notifies(timeout=PATIENCE, stop_after=1)), "with one role"
        ready_roles(postgres)
        for _ in range(LOOK_ANYWAY):  # both listen to the new name by then
            node.take()
            leader.take()
        await edit(store, "home", "One")
        assert leader.take() == node.take() == (Moved("home", 2),)
        assert list(stranger.notifies(timeout=0)) == []
    for duty, may_know in (
        *((each, True) for each in (RoleDuty.FAMILIES, RoleDuty.NODES)),
        *((each, False) for each in (RoleDuty.STAFF, RoleDuty.BINDINGS, RoleDuty.OPERATOR)),
    ):
        with psycopg.connect(make_conninfo(postgres, user=duty.role)) as connection:
            try:
                connection.execute("select name from copdns.outbox_channel")
            except psycopg.errors.InsufficientPrivilege:
                assert not may_know, duty
            else:
                assert may_know, duty


async def test_what_moves_no_revision_is_not_told(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as outbox:
        await store.note("home", "ada", "something else", NOW)
        assert outbox.take() == ()


async def test_whoever_was_away_reads_each_household_once(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    with following(store) as leader:
        for name in ("One", "Two", "Three"):
            await edit(store, "home", name)
        leader.take()
        with closing(OutboxReader(store.pool, 0)) as from_nothing:
            assert set(from_nothing.take()) == {Moved("home", 4), Moved("bos", 1)}
            assert from_nothing.position == leader.position


async def test_the_slower_of_two_writers_is_told_too(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    with following(store) as outbox, store.pool.connection() as slow:
        with transaction(slow, "home"):
            raise_revision(slow, "home")
            await edit(store, "bos", "Bo's home")
            assert outbox.take() == (Moved("bos", 2),)
        assert outbox.take() == (Moved("home", 2),)


async def test_what_was_taken_back_is_not_told(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as outbox, store.pool.connection() as connection:
        with contextlib.suppress(ZeroDivisionError), transaction(connection, "home"):
            raise_revision(connection, "home")
            raise ZeroDivisionError
        assert outbox.take() == ()


async def test_one_leads_and_another_takes_over(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as one, following(store) as other:
        assert (one.is_leader, other.is_leader) == (True, False)
        await edit(store, "home", "One")
        assert other.take() == ()  # not numbered yet
        assert one.take() == (Moved("home", 2),)
        assert [each for _ in range(20) for each in other.take()] == [Moved("home", 2)]
        kill(store, one)
        await edit(store, "home", "Two")
        found = [each for _ in range(20) for each in other.take()]
        assert other.is_leader
        assert found == [Moved("home", 3)]


async def test_a_notification_that_is_lost_loses_no_change(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as leader, following(store) as outbox:
        await edit(store, "home", "One")
        leader.take()
        with store.pool.connection() as connection:
            connection.run_here("select 1")
        list(outbox._connection.notifies(timeout=0))  # type: ignore[union-attr]  # lost
        assert Moved("home", 2) in [each for _ in range(60) for each in outbox.take()]


async def test_a_connection_that_was_cut_catches_up(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as leader, following(store) as outbox:
        kill(store, outbox)
        await edit(store, "home", "One")
        leader.take()
        found = take_again(outbox)
        assert found == (Moved("home", 2),)


async def test_an_older_database_is_read_anew(store: ProviderStore) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as outbox:
        await edit(store, "home", "One")
        outbox.take()
        with store.pool.connection() as connection:  # as a backup of yesterday would have it
            connection.run_here("update outbox set revision = 1, number = 1")
        outbox.close()
        assert outbox.take() == (Moved("home", 1),)


async def test_a_household_that_is_gone_is_told(store: ProviderStore) -> None:
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    with following(store) as outbox:
        with store.pool.connection() as connection, transaction(connection, "bos"):
            connection.execute("delete from change where household = ?", ("bos",))
            connection.execute("delete from household where household = ?", ("bos",))
        assert outbox.take() == (Moved("bos", 0),)


async def test_many_changes_come_in_batches_and_all_of_them_come(store: ProviderStore) -> None:
    with following(store) as outbox:
        with store.pool.connection() as connection:
            connection.run_here(
                f"""
                insert into outbox (household, revision)
                select 'h' || each, 1 from generate_series(1, {MAX_BATCH * 2 + 1}) as each"""
            )
        found = [outbox.take() for _ in range(4)]
    assert [len(each) for each in found] == [MAX_BATCH, MAX_BATCH, 1, 0]
    assert len({each.household for batch in found for each in batch}) == MAX_BATCH * 2 + 1


async def test_what_was_read_before_a_connection_broke_is_read_again(
    store: ProviderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as leader:
        await edit(store, "home", "One")
        leader.take()
        with closing(OutboxReader(store.pool, 0)) as outbox:
            run, calls = outbox._run, []

            def break_second(sql: bytes, parameters: tuple[object, ...] = ()) -> list[Any]:
                calls.extend([sql] if sql == _READ else [])
                if sql == _READ and len(calls) == 2:
                    raise psycopg.OperationalError("the connection is lost")
                return run(sql, parameters)

            monkeypatch.setattr(outbox, "_run", break_second)
            with pytest.raises(StoreError, match="lost"):
                outbox.take()
            assert outbox.take() == (Moved("home", 2),)


async def test_after_any_error_it_is_looked_at_anew_which_database_it_is(
    store: ProviderStore,
) -> None:
    """As where somebody puts back a backup: the tables are gone for a moment."""
    await store.create(family(), "ada", NOW)
    with following(store) as outbox:
        await edit(store, "home", "One")
        outbox.take()
        with store.pool.connection() as connection:
            connection.run_here("alter table outbox rename to away")
            with pytest.raises(StoreError, match="does not exist"):
                outbox.take()
            connection.run_here("alter table away rename to outbox")
            connection.run_here("update outbox set revision = 1, number = 1")
        assert outbox.take() == (Moved("home", 1),)


def bring_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the database say that it is another one, as where a dump was restored (tests/e2e)."""
    monkeypatch.setattr(outbox_module, "WHICH_DATABASE", b"select '7 7 00000001'")


async def test_where_a_backup_caught_up_a_follower_still_sees_that_it_is_another_database(
    store: ProviderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By numbers and revisions alone nobody could: the same ones were given again."""
    await store.create(family(), "ada", NOW)
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    with following(store) as outbox:
        await edit(store, "home", "Lost")
        assert outbox.take() == (Moved("home", 2),)
        assert outbox.take_change() is None
        position = outbox.position
        with store.pool.connection() as connection:  # as before the last change
            connection.run_here("update household set revision = 1 where household = 'home'")
            connection.run_here("update outbox set number = 0 where household = 'home'")
            connection.run_here(f"select setval('outbox_number', {position - 1})")
        bring_back(monkeypatch)
        outbox.close()
        await edit(store, "home", "Another")
        assert set(outbox.take()) == {Moved("home", 2), Moved("bos", 1)}
        assert outbox.take_change() == DatabaseChange(has_lost=True)
        assert (outbox.position, outbox.take_change()) == (position, None)


async def test_a_change_that_nobody_numbered_yet_is_no_sign_of_a_backup(
    store: ProviderStore,
) -> None:
    """The household of the newest number has none for a moment, or until a program is there."""
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    await store.create(family(), "ada", NOW)
    with following(store) as outbox:
        await edit(store, "home", "One")
        assert outbox.take() == (Moved("home", 2),)
        position = outbox.position
        outbox.close()
        await edit(store, "home", "Two")
        assert outbox.take() == (Moved("home", 3),)
        assert outbox.take_change() is None
        position, database = outbox.position, outbox.database
    await edit(store, "home", "Three")
    with closing(OutboxReader(store.pool)) as outbox:  # of a program that starts again
        outbox.go_on_after(position, database)
        assert outbox.take_change() is None
        assert outbox.take() == (Moved("home", 4),)


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_a_copy_with_more_or_fewer_changes_may_have_lost_some(
    store: ProviderStore, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    await store.create(family(), "ada", NOW)
    with following(store) as outbox:
        await edit(store, "home", "One")
        outbox.take()
        bring_back(monkeypatch)
        with store.pool.connection() as connection:
            connection.run_here(f"update outbox set number = number + {more}")
        outbox.close()
        assert outbox.take() == (Moved("home", 2),)
        assert outbox.take_change() == DatabaseChange(has_lost=bool(more))


async def test_pages_say_for_two_weeks_that_the_database_is_from_a_backup(
    store: ProviderStore, postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = await opened_source(postgres, tmp_path, monkeypatch)
    assert source.restored_text == ""
    forgotten: list[str] = []
    source.on_other_database = lambda: forgotten.append("all")
    await store.change("home", renamed("Lost"), author="ada", what="", now=NOW)
    assert await eventually_changed(source)
    bring_back(monkeypatch)
    with store.pool.connection() as connection:
        connection.run_here("update outbox set number = number - 1")
    assert source._outbox is not None
    source._outbox.close()
    assert await eventually_changed(source)
    assert forgotten == ["all"]
    assert not await source.find_known(["home"]), "what is kept may be what is lost"
    said = source.restored_text
    assert "brought back from a backup" in said
    source._write_at = 0.0
    await source.is_changed()
    await source.close()
    again = await opened_source_as_it_is(postgres, tmp_path)
    assert again.restored_text == said
    monkeypatch.setattr(again, "_now", lambda: time.time() + provider_source.RESTORED_TOLD + 1)
    assert again.restored_text == ""
    await again.close()


async def test_a_program_that_was_not_running_when_it_was_restored_notices_at_its_start(
    store: ProviderStore, postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = await opened_source(postgres, tmp_path, monkeypatch)
    await source.close()
    bring_back(monkeypatch)
    await edit(store, "home", "Another")
    with following(store):
        pass  # which numbers it
    again = await opened_source_as_it_is(postgres, tmp_path)
    assert "brought back from a backup" in again.restored_text
    assert not await again.find_known(["home"])
    await again.close()


async def test_a_server_that_is_stuck_counts_as_away_and_loses_no_change(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def seed(_: HouseholdStore) -> None:
        """Leave it as it is."""

    monkeypatch.setattr(provider_source, "TRY_AGAIN", 0.0)
    source = provider_source.ProviderSource(
        tmp_path, ProviderSettings(database=postgres), seed, time.time
    )
    moved: list[Moved] = []
    source.on_moved = moved.extend
    await source.open()
    await source.store.create(family(), "ada", NOW)
    assert await eventually_changed(source)
    assert source._outbox is not None
    connection = source._outbox._connection
    assert connection is not None
    pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(provider_source, "DEADLINE", 0.1)
            assert not await source.is_changed()
        assert "does not answer within" in source.read_only_reason
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await eventually_changed(source)
    moved.clear()
    await source.store.change("home", renamed("One"), author="ada", what="", now=NOW)
    assert await eventually_changed(source)
    assert moved == [Moved("home", 2)]
    assert not source.read_only_reason
    await source.close()


async def opened_source(
    postgres: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> provider_source.ProviderSource:
    monkeypatch.setattr(provider_source, "TRY_AGAIN", 0.0)
    source = await opened_source_as_it_is(postgres, folder)
    await source.store.create(family(), "ada", NOW)
    assert await eventually_changed(source)
    found = await source.store.household("home")
    assert found is not None
    source.note_read(found, inf)
    source._write_at = 0.0
    await source.is_changed()
    assert await source.find_known(["home"])
    return source


async def test_what_moved_just_before_postgresql_went_away_leaves_the_disk(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = await opened_source(postgres, tmp_path, monkeypatch)
    await source.store.change("home", renamed("One"), author="ada", what="", now=NOW)
    source._write_at = inf  # within a second after the last one
    assert await eventually_changed(source)
    assert await source.find_known(["home"])

    def fail() -> tuple[Moved, ...]:
        raise StoreAwayError("it was killed")

    monkeypatch.setattr(source, "_take_in_thread", fail)
    source._write_at = 0.0
    assert not await source.is_changed()
    assert not await source.find_known(["home"])
    await source.close()


async def test_what_a_call_found_that_was_cut_off_by_the_end_is_found_at_the_next_start(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = await opened_source(postgres, tmp_path, monkeypatch)
    await source.store.change("home", renamed("One"), author="ada", what="", now=NOW)
    while not await asyncio.to_thread(source._take_in_thread):
        pass  # what it found is told to nobody: the program ends
    await source.close()
    again = await opened_source_as_it_is(postgres, tmp_path)
    await again.is_changed()
    assert not await again.find_known(["home"])
    await again.close()


async def opened_source_as_it_is(postgres: str, folder: Path) -> provider_source.ProviderSource:
    async def seed(_: HouseholdStore) -> None:
        """Leave it as it is."""

    source = provider_source.ProviderSource(
        folder, ProviderSettings(database=postgres), seed, time.time
    )
    await source.open()
    return source


async def eventually_changed(source: provider_source.ProviderSource) -> bool:
    """Look until something changed, for a while."""
    async with asyncio.timeout(20):
        while not await source.is_changed():
            pass
    return True


async def test_it_looks_sooner_again_while_households_move(postgres: str, tmp_path: Path) -> None:
    source = await opened_source_as_it_is(postgres, tmp_path)
    try:
        await source.store.create(family(), "test", NOW)
        await eventually_changed(source)
        assert source.pause == provider_source.PAUSE_WHILE_MOVING
        await source.is_changed()
        assert source.pause == provider_source.PAUSE
    finally:
        await source.close()


# --- who writes ---------------------------------------------------------------------------------


async def test_two_households_are_written_at_once_and_one_is_not(store: ProviderStore) -> None:
    with store.pool.connection() as one, store.pool.connection() as other:
        other.run_here("set lock_timeout = '20ms'")
        with transaction(one, "home"):
            with transaction(other, "bos"):
                pass
            with pytest.raises(StoreError, match="another program is using it"):
                begin_and_end(other, "home")


async def test_chores_wait_for_every_household_and_every_household_for_them(
    store: ProviderStore,
) -> None:
    with store.pool.connection() as one, store.pool.connection() as other:
        other.run_here("set lock_timeout = '20ms'")
        for first, then in (("home", ""), ("", "home"), ("", "")):
            with (
                transaction(one, first),
                pytest.raises(StoreError, match="another program is using it"),
            ):
                begin_and_end(other, then)
        begin_and_end(other, "home")


async def test_a_change_waits_for_another_household_nowhere(store: ProviderStore) -> None:
    """While one household is being written, all that a page of another stores goes on."""
    await store.create(family(), "ada", NOW)
    await store.create(Household("bos", "Bo's"), "bo", NOW)
    with store.pool.connection() as busy, transaction(busy, "home"):
        await edit(store, "bos", "Bo's home")
        await store.note("bos", "bo", "", NOW)
        await StoreThread(store).write(
            lambda connection: raise_revision(connection, "bos"), household="bos"
        )
        bos = await store.household("bos")
        assert bos is not None
        assert (bos.name, bos.revision) == ("Bo's home", 3)
        assert [each.author for each in await store.changes("bos")] == ["bo", "ada", "bo"]


def raise_revision(connection: SqlConnection, household: str) -> None:
    connection.execute(
        "update household set revision = revision + 1 where household = ?", (household,)
    )


def begin_and_end(connection: SqlConnection, household: str) -> None:
    with transaction(connection, household):
        pass


def kill(store: ProviderStore, outbox: OutboxReader) -> None:
    """End a connection as the death of its process would."""
    assert outbox._connection is not None
    pid = outbox._connection.info.backend_pid
    with store.pool.connection() as connection:
        connection.run_here(f"select pg_terminate_backend({pid}, 5000)")


def take_again(outbox: OutboxReader) -> tuple[Moved, ...]:
    """Take until the connection is found to be gone, which is within a second; then once more."""
    with pytest.raises(StoreError, match="PostgreSQL"):
        take_often(outbox)
    return outbox.take()


def take_often(outbox: OutboxReader) -> None:
    for _ in range(TRY_TO_LEAD):
        assert outbox.take() == ()
