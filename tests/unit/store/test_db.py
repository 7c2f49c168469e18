"""Opening a database: private, migrated, and with a word on what to do when it cannot be."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from copdns.model.errors import StoreError
from copdns.store.db import (
    is_broken,
    lock_folder,
    open_database,
    read_transaction,
    store_error,
    transaction,
)
from copdns.store.schema_steps import SchemaSteps

STEPS = SchemaSteps("notes")


@STEPS(name="0001_note")
def note(db: sqlite3.Connection) -> None:
    db.execute("create table note (household text primary key, words text not null)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "notes.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(path, STEPS)) as connection:
        yield connection


def write(connection: sqlite3.Connection, household: str, words: str = "x") -> None:
    connection.execute("insert into note values (?, ?)", (household, words))


def households(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("select household from note order by 1")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_files_are_for_their_owner_alone(
    path: Path, connection: sqlite3.Connection
) -> None:
    write(connection, "home")
    assert mode(path.parent) == 0o700
    files = sorted(path.parent.iterdir())
    assert [each.name for each in files] == ["notes.db", "notes.db-shm", "notes.db-wal"]
    assert {mode(each) for each in files} == {0o600}


def test_a_loose_umask_opens_nothing(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(open_database(path, STEPS)):
            assert mode(path) == 0o600
            assert mode(path.parent) == 0o700
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 1),  # normal
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("busy_timeout", 5000),
    ],
)
def test_every_connection_has_our_settings(
    connection: sqlite3.Connection, pragma: str, value: str | int
) -> None:
    assert connection.execute(f"pragma {pragma}").fetchone() == (value,)


def test_a_durable_connection_waits_for_the_disk(path: Path) -> None:
    with closing(open_database(path, STEPS, durable=True)) as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)


def test_what_is_deleted_is_gone_from_the_file(path: Path, connection: sqlite3.Connection) -> None:
    write(connection, "home", "a secret of Mia" * 500)
    connection.execute("pragma wal_checkpoint(truncate)")
    assert b"a secret of Mia" in path.read_bytes()
    connection.execute("delete from note")
    connection.execute("pragma wal_checkpoint(truncate)")
    assert b"a secret of Mia" not in path.read_bytes()


def test_a_transaction_is_whole_or_nothing(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.executemany("insert into note values ('home', ?)", [("x",), ("taken",)])
    with transaction(connection):
        write(connection, "other")
    assert households(connection) == ["other"]


def test_a_snapshot_does_not_see_what_comes_after_its_first_read(
    path: Path, connection: sqlite3.Connection
) -> None:
    with closing(open_database(path, STEPS)) as other:
        with read_transaction(connection):
            assert households(connection) == []
            write(other, "home")
            assert households(connection) == []
        assert households(connection) == ["home"]


# What cannot be opened


def test_a_file_that_is_no_database_is_told_with_its_path_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"holiday photo " * 400)
    with pytest.raises(StoreError, match="move it away, or restore") as caught:
        open_database(path, STEPS)
    assert str(path) in str(caught.value)
    assert is_broken(caught.value)
    assert path.read_bytes().startswith(b"holiday photo")


def test_a_damaged_database_is_told_as_one(path: Path) -> None:
    with closing(open_database(path, STEPS)) as connection:
        write(connection, "home")
    octets = path.read_bytes()
    path.write_bytes(octets[:4096] + b"\xff" * (len(octets) - 4096))
    with pytest.raises(StoreError, match="damaged") as caught:
        open_database(path, STEPS)
    assert is_broken(caught.value)


def test_a_database_of_a_newer_copdns_is_left_alone(
    path: Path, connection: sqlite3.Connection
) -> None:
    newer = SchemaSteps("notes")
    newer(name="0001_note")(note)
    newer(name="0002_colour")(
        lambda db: db.execute("alter table note add column colour text not null default ''")
    )
    with closing(open_database(path, newer)):
        pass
    with pytest.raises(StoreError, match=r"newer version of copdns \(0002_colour\)") as caught:
        open_database(path, STEPS)
    assert not is_broken(caught.value)


def test_a_migration_that_fails_leaves_the_schema_before_it(path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("create table other (household text)")
        db.execute("create table note (household text)")

    failing = SchemaSteps("notes")
    failing(name="0001_note")(note)
    failing(name="0002_half")(half)
    with pytest.raises(StoreError, match="already exists"):
        open_database(path, failing)
    with closing(open_database(path, STEPS)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        assert {"note"} == {name for (name,) in tables if "sqlite" not in name}


def test_a_folder_that_cannot_be_made_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--data DIR"):
        open_database(tmp_path / "file" / "notes.db", STEPS)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (sqlite3.SQLITE_BUSY, "try again"),
        (sqlite3.SQLITE_FULL, "free some space"),
        (sqlite3.SQLITE_IOERR_FSYNC, "check it"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "--data DIR"),
        (sqlite3.SQLITE_ERROR, "restore a backup"),
    ],
)
def test_every_error_comes_with_a_remedy(code: int, remedy: str) -> None:
    error = sqlite3.OperationalError("it went wrong")
    error.sqlite_errorcode = code
    text = str(store_error(Path("/data/notes.db"), error))
    assert text.startswith("/data/notes.db: it went wrong; ")
    assert remedy in text


def test_a_name_with_odd_letters_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "what? 100% #1 é" / "notes.db"
    with closing(open_database(path, STEPS)):
        assert path.exists()


# Several at once

OPEN = """
import sys
from contextlib import closing
from pathlib import Path
from copdns.store.db import open_database
from copdns.store.household_db.migrations import HOUSEHOLD
sys.stdin.readline()
with closing(open_database(Path(sys.argv[1]), HOUSEHOLD)) as connection:
    print(connection.execute("select count(*) from household").fetchone()[0])
"""


def test_processes_that_start_together_make_one_database(path: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(path)]
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for each in starters:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.communicate()[0] for each in starters] == ["0\n"] * 4


def test_one_at_a_time_is_alone_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.store.db.BUSY", 0.0)
    with lock_folder(tmp_path), pytest.raises(StoreError, match="try again"), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


def test_sqlite_utils_knows_what_was_applied_and_ours_what_it_applied(path: Path) -> None:
    """It made the databases of earlier versions."""
    library = Migrations("notes")
    library(name="0001_note")(lambda db: note(db.conn))
    with closing(open_database(path, STEPS)) as connection:
        assert library.pending(Database(connection)) == []
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        library.apply(Database(connection))
    assert schema(other) == schema(path)
    with closing(open_database(other, STEPS)) as connection:
        assert STEPS.read_applied(connection) == STEPS.names


def schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("select name, sql from sqlite_master where sql is not null")
        return {name: "".join(sql.split()) for name, sql in found}
