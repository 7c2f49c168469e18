"""Looking a database over finds damage and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.store.db import open_database
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.read_only_access import find_damage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "household.db"
    open_database(path, HOUSEHOLD).close()
    return path


def test_a_whole_database_has_no_faults_and_stays_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    assert find_damage(path) == ()
    assert path.read_bytes() == before


def test_it_is_looked_at_beside_a_writer(path: Path) -> None:
    writer = open_database(path, HOUSEHOLD)
    writer.execute("begin immediate")
    assert find_damage(path) == ()
    writer.close()


def test_a_page_that_was_overwritten_is_a_fault(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[8192:12288] = b"\xff" * 4096
    path.write_bytes(octets)
    assert find_damage(path)


def test_a_file_of_something_else_is_told_with_its_place(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="not a copdns database"):
        find_damage(path)


def test_a_missing_file_is_not_made(path: Path) -> None:
    path.unlink()
    with pytest.raises(StoreError):
        find_damage(path)
    assert not path.exists()
