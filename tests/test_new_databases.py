"""A database that tests begin with is as a first start makes it."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from copdns.store.household_db import condition, household
from copdns.store.household_db.condition import FILE, STAND_IN, is_as_stored
from copdns.store.household_db.household import HouseholdStore
from tests import new_databases


def said(folder: Path) -> list[str]:
    """Return a database as SQL, without when its steps were applied."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("update _sqlite_migrations set applied_at = ''")
        return [*connection.iterdump()]


def test_a_copy_is_what_a_first_start_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, slow = tmp_path / "quick", tmp_path / "slow"
    assert household.settle is new_databases.settle_quickly
    HouseholdStore.open(quick).close()
    monkeypatch.setattr(household, "settle", condition.settle)
    HouseholdStore.open(slow).close()
    modes = [
        {each.name: stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir())}
        for folder in (quick, slow)
    ]
    assert [*modes[0].values()] == [*modes[1].values()]
    assert is_as_stored(quick / FILE)
    assert said(quick) == said(slow)


@pytest.mark.parametrize("name", [FILE, STAND_IN, f"{FILE}-wal", f"{FILE}.copy"])
def test_a_folder_with_anything_of_a_database_is_settled_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settled: list[Path] = []
    monkeypatch.setattr(new_databases, "settle", settled.append)
    (tmp_path / name).write_bytes(b"")
    new_databases.settle_quickly(tmp_path)
    assert settled == [tmp_path]
    assert [each.name for each in tmp_path.iterdir()] == [name]
