"""A household moves between a file and PostgreSQL by a backup, and is the same there."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Role
from copdns.model.errors import BackupError
from copdns.store.backup import copy_databases, restore_household
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.looks import Looks, Notices
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_backup import copy_from_provider, restore_to_provider
from tests.household import family
from tests.unit.account_values import NOW, House
from tests.unit.store.test_household import HOME

NOT_MOVED = {"session", "browser", "one_time_code", "pairing_open", "guest_request"}
NOT_MOVED |= {"push_subscription", "_sqlite_migrations"}


@pytest.fixture
async def provider(postgres: str) -> AsyncIterator[ProviderStore]:
    """A provider's households; Bo's was there before, and has drawn ids."""
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(replace(family(), id="bos", name="Bo's"), "bo", NOW)
        bos = House(Path(), store, StoreThread(store))
        await bos.account("Bo", household="bos")
        yield store


async def lived_in(folder: Path) -> None:
    """Make a household with something in most tables, and more than one row in those with ids."""
    with HouseholdStore.open(folder) as store:
        await store.create(HOME, "first start", NOW)
        house = House(folder, store, StoreThread(store))
        ada = await house.person("Ada")
        await house.account("Bea", Role.REVIEWER)
        for view in ViewedPart:
            await Looks(house.thread).note(ada, "mia", view, NOW)
        notices = Notices(house.thread)
        await notices.mark_seen(
            "home", ada.id, [each.id for each in await notices.all("home")], NOW
        )
        await house.sessions.begin((await house.accounts.all("home"))[0], NOW)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables, those with drawn ids without them but in their order."""
    found = {}
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        for (table,) in tables.fetchall():
            columns = [each[1] for each in connection.execute(f"pragma table_info({table})")]
            kept = [f'"{each}"' for each in columns if each not in _drawn(table)]
            order = "order by id" if _drawn(table) == {"id"} else ""
            rows = connection.execute(f'select {", ".join(kept)} from "{table}" {order}')
            found[table] = rows.fetchall() if order else sorted(rows.fetchall(), key=repr)
    return {table: rows for table, rows in found.items() if table not in NOT_MOVED}


def _drawn(table: str) -> set[str]:
    if table == "notice_seen":
        return {"notice"}
    return {"id"} if table in {"change", "look", "notice", "ticket_attempt"} else set()


async def test_a_household_goes_to_a_provider_and_comes_back_as_it_was(
    tmp_path: Path, provider: ProviderStore
) -> None:
    for each in ("old", "to", "back", "new"):
        (tmp_path / each).mkdir()
    await lived_in(tmp_path / "old")
    before = contents(tmp_path / "old" / "household.db")
    assert len([table for table, rows in before.items() if rows]) >= 20
    copies = copy_databases(tmp_path / "old", tmp_path / "to", with_log=False)
    await restore_to_provider(provider, "home", copies["household.db"], NOW, NOW + 60)
    assert await provider.household("home") == replace(HOME, revision=2)
    assert await provider.household("bos") is not None
    copies = await copy_from_provider(provider, "home", tmp_path / "back")
    assert changed(before, contents(copies["household.db"])) == RESTORED
    restore_household(tmp_path / "new", copies["household.db"], NOW, NOW + 60)
    with HouseholdStore.open(tmp_path / "new") as store:
        assert await store.household("home") == replace(HOME, revision=3)


# The household's revision rises, and a line of the audit says that it was restored.
RESTORED = {"household", "change"}


def changed(
    one: dict[str, list[tuple[object, ...]]], other: dict[str, list[tuple[object, ...]]]
) -> set[str]:
    assert one.keys() == other.keys()
    return {table for table in one if one[table] != other[table]}


async def test_who_saw_which_notice_is_known_after_the_move(
    tmp_path: Path, provider: ProviderStore
) -> None:
    """Bo's notices have the numbers that Ada's had at home."""
    (tmp_path / "to").mkdir()
    await lived_in(tmp_path)
    with HouseholdStore.open(tmp_path) as store:
        there = await seen(StoreThread(store))
    copies = copy_databases(tmp_path, tmp_path / "to", with_log=False)
    await restore_to_provider(provider, "home", copies["household.db"], NOW, NOW + 60)
    assert await seen(StoreThread(provider)) == there
    assert await seen(StoreThread(provider), "bos") == []


async def seen(thread: StoreThread, household: str = "home") -> list[tuple[str, int]]:
    def read(connection: object) -> list[tuple[str, int]]:
        rows = connection.execute(  # type: ignore[attr-defined]
            """
            select notice.about, notice.at from notice_seen join notice on id = notice
             where notice.household = ? and account in (
                   select id from account where lower(name) = 'ada') order by id
            """,
            (household,),
        )
        return list(rows.fetchall())

    return await thread.read(read)


async def test_a_backup_over_a_household_keeps_what_stays(
    tmp_path: Path, provider: ProviderStore
) -> None:
    thread = StoreThread(provider)
    await provider.create(HOME, "ada", NOW)
    house = House(tmp_path, provider, thread)
    copies = await copy_from_provider(provider, "home", tmp_path)
    await house.account("Ada")
    await provider.change(
        "home", lambda home: replace(home, rules=()), author="ada", what="tried", now=NOW
    )
    await restore_to_provider(provider, "home", copies["household.db"], NOW, NOW + 60)
    restored = await provider.household("home")
    assert restored is not None
    assert restored.rules == HOME.rules
    assert [each.name for each in await house.accounts.all("home")] == ["Ada"]
    assert [each.what for each in await provider.changes("home")][-1].endswith("restored")


async def test_a_backup_of_another_household_is_refused(
    tmp_path: Path, provider: ProviderStore
) -> None:
    copies = await copy_from_provider(provider, "bos", tmp_path)
    with pytest.raises(BackupError, match="another household"):
        await restore_to_provider(provider, "home", copies["household.db"], NOW, NOW)
    assert await provider.households() == ("bos",)
    with pytest.raises(BackupError, match="no household 'home'"):
        await copy_from_provider(provider, "home", tmp_path)
