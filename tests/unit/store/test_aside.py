"""A database that cannot be written is read into memory, whole, and stays as it is."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.store.db import store_error
from copdns.store.household_db.condition import FILE
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.read_only_access import copy_to_memory, is_unwritable

NOW = 1_800_000_000


def octets(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def test_what_only_the_write_ahead_log_holds_is_copied_and_nothing_is_touched(
    tmp_path: Path,
) -> None:
    with HouseholdStore.open(tmp_path) as store:
        await store.create(Household("home", "Example family"), "ada", NOW)
        before = octets(tmp_path)
        assert before[f"{FILE}-wal"]
        with HouseholdStore.open_copy(tmp_path) as copy:
            assert await copy.households() == ("home",)
            await copy.create(Household("other", "Example family"), "ada", NOW)
        assert octets(tmp_path) == before
        assert await store.households() == ("home",)


async def test_where_there_is_no_file_the_copy_is_empty_and_none_is_made(tmp_path: Path) -> None:
    with HouseholdStore.open_copy(tmp_path / "nowhere") as copy:
        assert await copy.households() == ()
    assert octets(tmp_path) == {}


def test_a_file_from_an_unfinished_first_start_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with closing(copy_to_memory(tmp_path / FILE, HOUSEHOLD)) as copy:
        assert copy.execute("select count(*) from household").fetchone() == (0,)


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreError, match="restore a backup"):
        copy_to_memory(tmp_path / FILE, HOUSEHOLD)


@pytest.mark.parametrize(
    ("error", "unwritable"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError(errno.EACCES, "closed to this user"), False),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR | 19 << 8, True),  # SQLITE_IOERR_SHMSIZE: no room for the -shm file
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_BUSY, False),
    ],
)
def test_only_a_disk_at_fault_is_read_from_aside(error: OSError | int, unwritable: bool) -> None:
    if isinstance(error, int):
        code, error = error, sqlite3.OperationalError()
        error.sqlite_errorcode = code
    told = store_error(Path(FILE), error)
    told.__cause__ = error
    assert is_unwritable(told) is unwritable
