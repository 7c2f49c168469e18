"""What a version stored is copied before a later one changes it, and can be put back."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from copdns.cli import main
from copdns.model.errors import BackupError, StoreError
from copdns.store.db import open_database
from copdns.store.household_db.household import HouseholdStore
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import QueryLog
from copdns.store.rollback import find_newer, roll_back
from tests.unit.store.later import upgrade
from tests.whole import choose

FILES = ("household.db", "log.db")
COUNTED = 1_000
WEEK = 7 * 86_400
LOOK = """
    insert into look (household, at, account, role, profile, view)
    values ('home', ?, 'ada', 'guardian', 'mia', 'counts')
"""


def copdns(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder), *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of this version: a person, a rule, a session, and a log."""
    data = tmp_path / "data"
    assert copdns(data, "profile", "add", "mia", "--band", "7-9").exit_code == 0
    assert copdns(data, "rule", "add", "block", "films.example", "--profile", "mia").exit_code == 0
    with closing(open_database(data / "log.db", LOG)) as log:
        log.executemany(
            "insert into lookup_count values ('home', 'mia', ?, 'block', 'rule', '', 1)",
            [(hour,) for hour in range(COUNTED)],
        )
    return data


def rules(folder: Path) -> str:
    return copdns(folder, "rule", "list", "--json").stdout


def counted(path: Path) -> int:
    with closing(sqlite3.connect(path)) as log:
        return int(log.execute("select sum(n) from lookup_count").fetchone()[0])


def test_both_databases_are_copied_before_a_later_version_changes_them(folder: Path) -> None:
    before = rules(folder)
    upgrade(folder)
    assert [each.name for each in find_newer(folder)] == [*FILES]
    for name in FILES:
        copy = folder / f"{name}.before-upgrade"
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    assert counted(folder / "log.db.before-upgrade") == COUNTED
    roll_back(folder)
    assert rules(folder) == before


def test_a_first_start_and_another_one_copy_nothing(folder: Path) -> None:
    assert rules(folder)
    assert not list(folder.glob("*.before-upgrade*"))


def test_what_was_changed_since_the_upgrade_is_undone_and_stays_beside(folder: Path) -> None:
    upgrade(folder)
    with closing(sqlite3.connect(folder / "log.db")) as log, log:
        log.execute("update lookup_count set n = 2")
    done = copdns(folder, "rollback", "--yes")
    assert done.exit_code == 0, done.output
    assert "films.example" in rules(folder)
    assert counted(folder / "log.db") == COUNTED
    assert counted(folder / "log.db.before-rollback") == 2 * COUNTED
    assert "start copdns again" in done.stdout
    with closing(sqlite3.connect(folder / "household.db")) as household:
        (said,) = household.execute("select what from change order by id desc limit 1").fetchone()
    assert said == "household.db put back as it was before an upgrade"


def test_settings_of_a_later_version_are_no_obstacle(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "copdns.yaml"
    settings.write_text("later: true\n")
    upgrade(folder)
    refused = CliRunner().invoke(main, ["-c", str(settings), "rollback", "--yes"])
    assert refused.exit_code == 78, "which folder?"
    done = CliRunner().invoke(
        main, ["-c", str(settings), "--data", str(folder), "rollback", "--yes"]
    )
    assert done.exit_code == 0, done.output
    assert "copdns.yaml:1:1: later" in done.stderr
    assert "correct the settings before you start copdns" in done.stderr
    assert "films.example" in rules(folder)


def test_a_version_that_can_read_the_databases_changes_nothing(folder: Path) -> None:
    before = {each.name: each.read_bytes() for each in folder.glob("*.db")}
    done = copdns(folder, "rollback")
    assert (done.exit_code, done.stdout) == (
        0,
        "this version can read the databases, so nothing was changed\n",
    )
    assert {each.name: each.read_bytes() for each in folder.glob("*.db")} == before


def test_the_older_version_says_how_to_go_back(folder: Path) -> None:
    upgrade(folder)
    with pytest.raises(StoreError, match="copdns rollback"):
        HouseholdStore.open(folder)


@pytest.mark.parametrize("name", FILES)
def test_without_one_of_the_copies_nothing_is_changed(folder: Path, name: str) -> None:
    upgrade(folder)
    (folder / f"{name}.before-upgrade").unlink()
    with pytest.raises(BackupError, match="no copy from before"):
        roll_back(folder)
    assert len(find_newer(folder)) == 2


def test_a_copy_of_a_later_version_too_is_not_put_back(folder: Path) -> None:
    upgrade(folder)
    shutil.copy(folder / "log.db", folder / "log.db.before-upgrade")
    with pytest.raises(BackupError, match="newer version of copdns too"):
        roll_back(folder)
    assert len(find_newer(folder)) == 2


def test_a_session_that_ended_since_the_upgrade_is_not_back(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "household.db")) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(one_time_code)")]
    upgrade(folder)
    with closing(sqlite3.connect(folder / "household.db.before-upgrade")) as copy, copy:
        copy.execute("pragma foreign_keys = off")
        marks = ", ".join("1" for _ in columns)
        copy.execute(f"insert into one_time_code values ({marks})")
    roll_back(folder)
    with closing(sqlite3.connect(folder / "household.db")) as connection:
        assert connection.execute("select count(*) from one_time_code").fetchone() == (0,)


def test_no_full_log_goes_on_and_no_look_is_hidden(folder: Path) -> None:
    now = int(time.time())
    path = folder / "household.db"
    span = (now - 60, now + WEEK)
    with closing(sqlite3.connect(path)) as household, household:
        household.execute("update profile set full_log_start = ?, full_log_end = ?", span)
        household.execute("insert into full_log_history values ('home', 'mia', ?, ?)", span)
        household.execute(LOOK, (now - 30,))
    (folder / "household.db.copy").unlink()  # which does not say this
    upgrade(folder)
    with closing(sqlite3.connect(path)) as household, household:
        household.execute("update profile set full_log_start = null, full_log_end = null")
        household.execute("alter table look add column later text")
        household.execute(LOOK, (now,))
    roll_back(folder)
    with closing(sqlite3.connect(path)) as household:
        spans = household.execute("select full_log_start, full_log_end from profile").fetchall()
        looks = household.execute("select at, account, profile from look order by id").fetchall()
        history = household.execute("select starts, ends from full_log_history").fetchall()
    assert spans == [(None, None)]
    assert looks == [(now - 30, "ada", "mia"), (now, "ada", "mia")]
    assert history == [span], "it counts for how often there may be one"
    assert "films.example" in rules(folder), "its copy is the same"


def test_looks_that_a_later_version_keeps_in_another_way_are_left(folder: Path) -> None:
    upgrade(folder)
    with closing(sqlite3.connect(folder / "household.db")) as household, household:
        household.execute("drop table look")
    roll_back(folder)
    assert "films.example" in rules(folder)


def test_a_stand_in_of_a_later_version_is_not_deleted(folder: Path) -> None:
    upgrade(folder)
    path = folder / "household.db"
    path.rename(folder / "household.db.stand-in")
    for damaged in (None, b"nonsense"):
        if damaged:
            path.write_bytes(damaged)
        done = copdns(folder, "rollback", "--yes")
        assert done.exit_code == 1
        assert "repair household.db there" in done.output
        assert (folder / "household.db.stand-in").exists()
        assert (folder / "household.db.before-upgrade").exists()
        assert not (folder / "log.db.before-rollback").exists()


def test_what_a_kill_left_of_a_copy_goes_too(folder: Path) -> None:
    for name in FILES:
        (folder / f"{name}.rolled-back").write_bytes(b"x")
    QueryLog(folder).purge_moved_aside(time.time())
    assert len(list(folder.glob("*.rolled-back"))) == 2
    QueryLog(folder).erase("home", "mia", time.time())
    assert not list(folder.glob("*.rolled-back"))


def test_the_copies_go_after_a_week(folder: Path) -> None:
    upgrade(folder)
    roll_back(folder)
    QueryLog(folder).purge_moved_aside(time.time())
    assert len(list(folder.glob("*.before-*"))) == 4
    QueryLog(folder).purge_moved_aside(time.time() + WEEK + 1)
    assert not list(folder.glob("*.before-*"))


def test_the_copies_go_when_a_log_is_deleted(folder: Path) -> None:
    upgrade(folder)
    roll_back(folder)
    QueryLog(folder).erase("home", "mia", time.time())
    assert not list(folder.glob("*.before-*"))


def test_no_room_for_a_copy_is_no_upgrade(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("copdns.store.db.copy_before_upgrade", refuse)
    with pytest.raises(StoreError, match="free some space"):
        upgrade(folder)
    assert find_newer(folder) == ()


def test_on_a_nearly_full_disk_the_copy_is_not_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum((folder / name).stat().st_size for name in FILES)
    usage = shutil.disk_usage(folder)._replace(free=size)  # room for them, and for nothing else
    monkeypatch.setattr("copdns.store.db.shutil.disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        upgrade(folder)
    assert find_newer(folder) == ()
    assert not list(folder.glob("*.before-upgrade*"))


# Calls by which something of an upgrade gets to the disk, and in how many of each it is killed.
WRITES = "pwrite64,fdatasync,fsync,rename,ftruncate"
KILLS = choose(12, 6)


@pytest.mark.tools
def test_an_upgrade_that_is_killed_anywhere_loses_nothing(
    folder: Path, tool: Callable[[str], str]
) -> None:
    """At moments from its first write to its last; then the next start does it again."""
    before = rules(folder)
    log = folder.with_name("trace")

    def upgrade_under(data: Path, *words: str) -> int:
        shutil.copytree(folder, data)
        strace = [tool("strace"), "-f", "-q", "-o", log, "-e", f"trace={WRITES}", *words]
        later = [sys.executable, "-m", "tests.unit.store.later", data]
        return subprocess.run([*strace, *later], check=False).returncode

    assert upgrade_under(folder.with_name("whole")) == 0
    calls = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    assert len(calls) > KILLS
    for number in range(0, len(calls), -(-len(calls) // KILLS)):
        data = folder.with_name(f"data-{number}")
        nth = calls[: number + 1].count(calls[number])  # strace counts each kind by itself
        kill = f"inject={calls[number]}:signal=SIGKILL:when={nth}"
        assert upgrade_under(data, "-e", kill) != 0, kill
        upgrade(data)  # as the next start does
        assert counted(data / "log.db") == COUNTED
        assert len(find_newer(data)) == 2
        roll_back(data)
        assert rules(data) == before
        assert counted(data / "log.db") == COUNTED
