"""A change is noticed, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.watch import Watcher

NOW = 1_800_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HouseholdStore]:
    with HouseholdStore.open(tmp_path) as store:
        yield store


@pytest.fixture
def watcher(tmp_path: Path, store: HouseholdStore) -> Iterator[Watcher]:
    with closing(Watcher(tmp_path)) as watcher:
        yield watcher


async def rename(store: HouseholdStore, name: str) -> None:
    await store.change(
        "home", lambda home: replace(home, name=name), author="ada", what="renamed", now=NOW
    )


async def test_a_change_is_told_once(store: HouseholdStore, watcher: Watcher) -> None:
    assert not watcher.has_changed()
    await store.create(Household("home", "Home"), "ada", NOW)
    assert watcher.has_changed()
    assert not watcher.has_changed()


async def test_a_change_by_another_store_is_told(
    tmp_path: Path, store: HouseholdStore, watcher: Watcher
) -> None:
    await store.create(Household("home", "Home"), "ada", NOW)
    watcher.has_changed()
    with HouseholdStore.open(tmp_path) as other:
        await rename(other, "Our home")
        assert watcher.has_changed()


async def test_an_edit_that_changes_nothing_wakes_nobody(
    store: HouseholdStore, watcher: Watcher
) -> None:
    await store.create(Household("home", "Home"), "ada", NOW)
    watcher.has_changed()
    await rename(store, "Home")
    assert not watcher.has_changed()


async def test_the_revision_is_read_without_the_household(
    store: HouseholdStore, watcher: Watcher
) -> None:
    assert watcher.revision("home") == 0
    await store.create(Household("home", "Home"), "ada", NOW)
    await rename(store, "Our home")
    assert watcher.revision("home") == 2
    assert watcher.revision("bos") == 0


async def test_wait_returns_after_the_next_change(store: HouseholdStore, watcher: Watcher) -> None:
    async with asyncio.timeout(30):
        waiting = asyncio.create_task(watcher.wait(interval=0.001))
        await store.create(Household("home", "Home"), "ada", NOW)
        await waiting
    assert watcher.revision("home") == 1


def test_a_folder_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "household.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"household\.db"):
        Watcher(tmp_path)


async def test_a_database_that_was_moved_away_or_replaced_is_noticed(
    store: HouseholdStore, watcher: Watcher, tmp_path: Path
) -> None:
    await store.create(Household("home", "Home"), "ada", NOW)
    assert not watcher.is_replaced()
    (tmp_path / "household.db").rename(tmp_path / "old.db")
    assert watcher.is_replaced()
    (tmp_path / "household.db").write_bytes(b"another")
    assert watcher.is_replaced()
