"""`copdns backup` and `copdns restore`: all of it comes back, and nothing that must not."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Actor, Role
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.folder_lock import hold_server_lock
from copdns.store.household_db.looks import Looks
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from tests.unit.calling import Home

DAY = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.ok("rule", "add", "allow", "chess.example", "--profile", "mia")
    return made


@pytest.fixture
def file(home: Home) -> Path:
    return home.folder / "saved.backup"


def sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Do to a database what no command does; return the rows of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(each).fetchall() for each in statements][-1]


def other_machine(home: Home, tmp_path: Path) -> Home:
    folder = tmp_path / "other"
    folder.mkdir()
    return Home(folder)


def logged(home: Home, name: str = "games.example") -> QueryLog:
    log, now = QueryLog(home.data), int(time.time())
    log.add(LogRow(now, "home", "mia", "", name, 1, "block", "category", "games", "", "", "", ""))
    log.count(CountKey("home", "mia", now // 3600, "block", "category", "games"))
    log.stop()  # which writes
    return QueryLog(home.data)


def looked(home: Home) -> None:
    actor = Actor("home", "a1", "Ada", Role.OWNER, "ada")
    with StoreThread.open(home.data) as thread:
        asyncio.run(Looks(thread).note(actor, "mia", ViewedPart.LOG, int(time.time())))


# --- there and back ---


def test_a_household_moves_to_another_machine_with_all_that_belongs_to_it(
    home: Home, file: Path, tmp_path: Path
) -> None:
    code = home.json("account", "add", "Ada", "--profile", "ada")["code"]
    assert code
    home.ok("account", "passwd", "Ada", "--stdin", typed="a long enough passphrase\n")
    appeal = home.file_appeal().id
    looked(home)
    before = home.ok("household", "export")
    home.ok("backup", str(file))
    other = other_machine(home, tmp_path)
    printed = other.ok("restore", str(file), "--yes")
    assert "restored" in printed
    assert other.ok("household", "export") == before
    assert [each["name"] for each in other.json("account", "list")] == ["Ada"]
    assert [each["id"] for each in other.json("appeal", "list")] == [appeal]
    assert sql(other.data / "household.db", "select view from look") == [("log",)]
    assert "restored" in other.json("household", "history")[-1]["what"]


def test_policy_goes_back_and_what_happened_since_stays(home: Home, file: Path) -> None:
    home.ok("account", "add", "Ada", "--profile", "ada")
    home.ok("backup", str(file))
    home.ok("rule", "add", "block", "later.example")
    home.ok("account", "passwd", "Ada", "--stdin", typed="a later passphrase than that\n")
    home.ok("account", "add", "Bea")
    appeal = home.file_appeal().id
    looked(home)
    kept = sql(home.data / "household.db", "select name, password from account order by name")
    home.ok("restore", str(file), "--yes")
    assert [each["target"] for each in home.json("rule", "list")] == [
        "games.example",
        "chess.example",
    ]
    now = home.data / "household.db"
    assert sql(now, "select name, password from account order by name") == kept
    assert [each["id"] for each in home.json("appeal", "list")] == [appeal]
    assert sql(now, "select view from look") == [("log",)]
    said = [each["what"] for each in home.json("household", "history")]
    assert any("later.example" in each for each in said)  # who did what is not undone
    assert said[-1].startswith("backup of")


def test_going_back_again_and_again_adds_nothing(home: Home, file: Path) -> None:
    home.file_appeal()
    looked(home)
    home.ok("backup", str(file))
    home.ok("restore", str(file), "--yes")
    once = sql(home.data / "household.db", "select count(*) from look")
    lines = len(home.json("household", "history", "--limit", "1000"))
    home.ok("restore", str(file), "--yes")
    assert sql(home.data / "household.db", "select count(*) from look") == once
    assert len(home.json("household", "history", "--limit", "1000")) == lines + 1


def test_the_revision_rises_so_that_whoever_follows_it_sees_it(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    home.ok("rule", "add", "block", "later.example")
    before = home.json("household", "show")["revision"]
    home.ok("restore", str(file), "--yes")
    assert home.json("household", "show")["revision"] > before


def test_what_was_here_stays_beside_it_for_a_week(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    home.ok("rule", "add", "block", "later.example")
    home.ok("restore", str(file), "--yes")
    beside = home.data / "household.db.before-restore"
    assert ("later.example",) in sql(beside, "select target from rule")
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    log = logged(home)
    log.purge_moved_aside(time.time())
    assert beside.exists()
    log.purge_moved_aside(time.time() + 8 * DAY)
    assert not list(home.data.glob("*.before-restore*"))


def test_erasing_somebody_takes_the_old_database_along(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    home.ok("restore", str(file), "--yes")
    logged(home)
    home.ok("log", "erase", "mia", "--yes")
    assert not list(home.data.glob("*.before-restore*"))


def test_a_broken_household_is_replaced_and_what_its_copy_has_since_stays(
    home: Home, file: Path
) -> None:
    home.ok("backup", str(file))
    home.file_appeal()
    (home.data / "household.db").write_bytes(b"no database at all" * 100)
    assert "cannot be read" not in home.ok("restore", str(file), typed="y\n")
    assert len(home.json("appeal", "list")) == 1
    assert not (home.data / "household.db.stand-in").exists()


def test_a_lost_household_is_replaced_and_what_its_copy_has_stays(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    home.file_appeal()
    (home.data / "household.db").unlink()
    home.ok("restore", str(file), "--yes")
    assert len(home.json("appeal", "list")) == 1


def test_a_broken_household_without_a_copy_is_replaced_and_it_is_said_what_that_costs(
    home: Home, file: Path
) -> None:
    home.file_appeal()
    home.ok("backup", str(file))
    (home.data / "household.db.copy").unlink()
    (home.data / "household.db").write_bytes(b"no database at all" * 100)
    assert home.call("restore", str(file), typed="n\n").exit_code == 1
    printed = home.ok("restore", str(file), typed="y\n")
    assert "cannot be read" in printed
    assert len(home.json("appeal", "list")) == 1


# --- what is in it ---


def test_the_log_goes_along_only_when_asked_for(home: Home, file: Path, tmp_path: Path) -> None:
    logged(home)
    home.ok("backup", str(file))
    assert home.json("backup", str(file), "--force")["parts"].keys() == {"household.db"}
    home.ok("backup", str(file), "--with-log", "--force")
    other = other_machine(home, tmp_path)
    other.ok("restore", str(file), "--yes")
    assert [each["name"] for each in other.json("log")] == ["games.example"]


def test_a_log_that_is_here_stays_so_that_nothing_erased_comes_back(home: Home, file: Path) -> None:
    logged(home)
    home.ok("backup", str(file), "--with-log")
    home.ok("log", "erase", "mia", "--yes")
    assert "stays" in home.ok("restore", str(file), "--yes")
    assert home.json("log") == []


def test_nobody_is_logged_in_by_a_backup(home: Home, file: Path, tmp_path: Path) -> None:
    home.ok("account", "add", "Ada", "--profile", "ada")  # with a one-time code
    home.ok("account", "passwd", "Ada", "--stdin", typed="a long enough passphrase\n")
    sql(
        home.data / "household.db",
        "insert into session select 'digest', 'home', id, '', 0, 0, 9e9, 0 from account",
    )
    home.ok("account", "code", "Ada")
    home.ok("backup", str(file))
    other = other_machine(home, tmp_path)
    other.ok("restore", str(file), "--yes")
    for table in ("session", "browser", "one_time_code"):
        assert sql(other.data / "household.db", f"select count(*) from {table}") == [(0,)], table
    assert b"digest" not in file.read_bytes()


def test_a_key_that_was_taken_away_since_does_not_work_again(home: Home, file: Path) -> None:
    home.ok("account", "add", "Ada", "--profile", "ada")
    home.ok("account", "token", "make", "Ada", "script", "--scope=see_status")
    home.ok("backup", str(file))
    (token,) = home.json("account", "token", "list")
    home.ok("account", "token", "remove", token["id"])
    home.ok("restore", str(file), "--yes")
    assert home.json("account", "token", "list") == []


def test_devices_keep_the_tokens_of_now_and_a_revoked_one_stays_wrong(
    home: Home, file: Path, tmp_path: Path
) -> None:
    home.ok("account", "add", "Ada", "--profile", "ada")
    lost = home.json("device", "token", "add", "tablet")["token"]
    home.ok("backup", str(file))
    home.ok("device", "token", "revoke", "tablet", lost)
    kept = home.json("device", "token", "add", "tablet")["token"]
    assert "device tablet: not restored from the backup: a revoked" in home.ok(
        "restore", str(file), "--yes"
    )
    assert [each["token"] for each in home.json("device", "token", "list")] == [kept]
    other = other_machine(home, tmp_path)
    other.ok("restore", str(file), "--yes")
    assert [each["token"] for each in other.json("device", "token", "list")] == [lost]


def test_what_belongs_to_whom_the_backup_does_not_know_goes(home: Home, file: Path) -> None:
    home.file_appeal()
    home.ok("account", "add", "Mum", "--profile", "ada")
    home.ok("backup", str(file))
    home.ok("profile", "add", "bea", "--band", "10-12")
    home.ok("account", "add", "Bea", "--role", "child", "--profile", "bea")
    home.ok("restore", str(file), "--yes")
    assert [each["name"] for each in home.json("account", "list")] == ["Mum"]
    assert sql(home.data / "household.db", "pragma foreign_key_check") == []


# --- the file ---


def test_only_its_owner_reads_it_and_nothing_is_written_over(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    saved = file.read_bytes()
    result = home.call("backup", str(file))
    assert (result.exit_code, "--force" in result.stderr) == (1, True)
    assert file.read_bytes() == saved
    home.ok("backup", str(file), "--force")


def test_nothing_is_left_beside_it(home: Home, file: Path) -> None:
    before = set(os.listdir(home.folder)), set(os.listdir(home.data))
    home.ok("backup", str(file))
    home.ok("restore", str(file), "--yes")
    added = {"saved.backup"}, {"household.db.before-restore", "server.lock"}
    assert set(os.listdir(home.folder)) - before[0] == added[0]
    assert set(os.listdir(home.data)) - before[1] <= added[1] | {"household.db-wal"}


def test_a_full_disk_keeps_the_older_backup(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    saved = file.read_bytes()

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    words = [sys.executable, "-c", _FULL, *home.start, "backup", str(file), "--force"]
    done = subprocess.run(words, preexec_fn=small, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes() == saved
    assert [each for each in os.listdir(home.folder) if "copdns-" in each or "new" in each] == []


# A limit on the size of files stands in for a full disk; its signal would end the process.
_FULL = """\
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from copdns.cli import main
main(prog_name="copdns")
"""


def test_a_missing_folder_and_an_empty_house_are_told(home: Home, tmp_path: Path) -> None:
    result = home.call("backup", str(tmp_path / "none" / "x.backup"))
    assert (result.exit_code, "not a folder" in result.stderr) == (1, True)
    other = other_machine(home, tmp_path)
    result = other.call("backup", str(tmp_path / "y.backup"))
    assert (result.exit_code, "nothing to back up" in result.stderr) == (1, True)


def test_a_restore_beside_a_running_copdns_is_refused(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    before = home.ok("household", "export")
    with hold_server_lock(home.data):
        home.ok("backup", str(file), "--force")  # saving needs no stop
        result = home.call("restore", str(file), "--yes")
    assert (result.exit_code, "stop it" in result.stderr) == (1, True)
    assert home.ok("household", "export") == before


def test_a_backup_made_while_somebody_writes_is_of_one_moment(home: Home, file: Path) -> None:
    """Two rows are always written together; a copy has both or none."""
    with closing(sqlite3.connect(home.data / "household.db", isolation_level=None)) as writer:
        writer.execute("begin immediate")
        for profile in ("mia", "tom"):
            writer.execute(
                "insert into full_log_history values ('home', ?, 1, 2)",
                (profile,),
            )
            if profile == "mia":
                home.ok("backup", str(file))
        writer.execute("commit")
    home.ok("restore", str(file), "--yes")
    beside = home.data / "household.db.before-restore"
    assert sql(beside, "select count(*) from full_log_history") == [(2,)]


# --- files of strangers ---


def changed(file: Path, tmp_path: Path, *statements: str) -> Path:
    """Return a backup whose household was edited by hand, and which is whole otherwise."""
    from copdns.store.archive import pack, unpack

    folder = tmp_path / f"edited{len(os.listdir(tmp_path))}"
    folder.mkdir()
    found = unpack(file, folder)
    sql(folder / "household.db", *statements)
    made = tmp_path / f"{folder.name}.backup"
    pack(made, {name: folder / name for name in found.parts}, found.made, found.version)
    return made


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            ["create trigger t after insert on look begin delete from look; end"],
            "tables of copdns",
        ),
        (["create view v as select * from account"], "tables of copdns"),
        (["drop table look"], "tables of copdns"),
        (["alter table account add column extra text"], "tables of copdns"),
        (["update _sqlite_migrations set name = '9999_later' where name = '0016_look'"], "newer"),
        (["update profile set band = 'ancient'"], "row 'mia'"),
        (["update device set profile = 'nobody'"], "incomplete"),
        (["update household set timezone = 'Nowhere/Land'"], "Nowhere/Land"),
        (["update household set revision = 1e308"], "invalid values in household.revision"),
        (["update rule set created = 1 << 60"], "invalid values in rule.created"),
        (["update profile set name = x'00ff'"], "invalid values in profile.name"),
        (
            ["insert into account values ('home', 'x', 'Eve', 'king', '', '', '', 0, 1)"],
            "invalid values in account.role",
        ),
    ],
)
def test_a_database_that_is_not_as_copdns_makes_it_changes_nothing(
    home: Home, file: Path, tmp_path: Path, statements: list[str], said: str
) -> None:
    home.ok("backup", str(file))
    before = home.ok("household", "export")
    result = home.call("restore", str(changed(file, tmp_path, *statements)), "--yes")
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert home.ok("household", "export") == before
    assert not list(home.data.glob("*.before-restore*"))


def test_an_account_that_was_planted_in_a_backup_is_not_let_in_on_a_machine_that_is_in_use(
    home: Home, file: Path, tmp_path: Path
) -> None:
    home.ok("account", "add", "Ada", "--role", "owner")
    home.ok("backup", str(file))
    eve = "insert into account values ('{0}', 'x', 'Eve', 'owner', '', '', '', 0, 1)"
    ghost = "insert into household (household, name, timezone, guest, protected, revision)"
    ghost += " values ('ghost', 'g', 'UTC', '', '[]', 1)"
    for statements in ([eve.format("home")], [ghost, eve.format("ghost")]):
        result = home.call("restore", str(changed(file, tmp_path, *statements)), "--yes")
        assert result.exit_code == (len(statements) > 1), result.output
        assert "Eve" not in home.ok("account", "list")
        assert "Ada" in home.ok("account", "list")


def test_an_older_schema_is_brought_up_to_date(home: Home, file: Path, tmp_path: Path) -> None:
    home.ok("backup", str(file))
    older = changed(
        file,
        tmp_path,
        "drop table guest_request",
        "delete from _sqlite_migrations where name = '0023_guest_request'",
    )
    home.ok("restore", str(older), "--yes")
    assert sql(home.data / "household.db", "select count(*) from guest_request") == [(0,)]


def test_lists_that_were_pasted_come_back(home: Home, file: Path, tmp_path: Path) -> None:
    home.ok("lists", "add", "Pasted", "--from", "-", typed="chess.example\n")
    home.ok("backup", str(file))
    other = other_machine(home, tmp_path)
    other.ok("lists", "add", "Gone", "--from", "-", typed="go.example\n")
    other.ok("restore", str(file), "--yes")
    assert [each["list"] for each in other.json("lists", "own")] == ["pasted"]
    assert other.json("lists", "lines", "pasted")["taken"] == 1


def test_a_backup_without_pasted_lists_leaves_those_that_are_here(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    home.ok("lists", "add", "Pasted", "--from", "-", typed="chess.example\n")
    said = home.ok("restore", str(file), "--yes")
    assert "the lists of your own on this machine stay" in said
    assert [each["list"] for each in home.json("lists", "own")] == ["pasted"]


# --- what it would change, and encrypted ones ---


def test_what_restoring_would_change_is_shown_and_changes_nothing(home: Home, file: Path) -> None:
    home.ok("backup", str(file))
    assert "nothing" in home.ok("backup", "diff", str(file))
    home.ok("rule", "add", "block", "bets.example", "--profile", "tom")
    home.ok("pause", "mia", "--for", "1h")
    before = home.json("household", "show")
    printed = home.ok("backup", "diff", str(file))
    assert "bets.example" in printed
    assert "pause" not in printed, "it ends by itself, and stays"
    (change,) = home.json("backup", "diff", str(file))["changes"]
    assert "bets.example" in change
    assert home.json("household", "show") == before
    home.ok("restore", str(file), "--yes")
    assert home.json("backup", "diff", str(file))["changes"] == []


def test_a_file_that_is_called_like_a_command_is_named_by_its_path(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.folder)
    home.ok("backup", "./diff")
    home.ok("backup", "save", "saved.backup")
    assert (home.folder / "diff").exists()
    assert "COMMAND" in home.ok("backup", "--help")


def test_a_damaged_backup_has_no_differences(home: Home, file: Path) -> None:
    file.write_bytes(b"nonsense")
    assert home.call("backup", "diff", str(file)).exit_code == 1


def test_an_encrypted_backup_comes_back_with_its_key_only(home: Home, file: Path) -> None:
    age = pytest.importorskip("pyrage")
    home.ok("backup", str(file))
    key = age.x25519.Identity.generate()
    sealed, keys = home.folder / "saved.backup.age", home.folder / "key.txt"
    age.encrypt_file(str(file), str(sealed), [key.to_public()])
    keys.write_text(f"# public key: {key.to_public()}\n{key}\n")
    home.ok("rule", "add", "block", "bets.example", "--profile", "tom")
    refused = home.call("restore", str(sealed), "--yes")
    assert refused.exit_code == 1
    assert "--identity" in refused.stderr
    assert "bets.example" in home.ok("backup", "diff", str(sealed), "--identity", str(keys))
    home.ok("restore", str(sealed), "--yes", "--identity", str(keys))
    assert "bets.example" not in home.ok("rule", "list")
    keys.write_text("nothing of the kind\n")
    assert home.call("restore", str(sealed), "--yes", "--identity", str(keys)).exit_code == 1
