"""Backups are made by the schedule, and it is told when that does not work."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from copdns.accounts.account import Account
from copdns.accounts.roles import Role
from copdns.app.backup_chores import TRY_AGAIN, BackupChores
from copdns.list_files.own_lists import OwnLists
from copdns.settings.backup import BackupSettings
from copdns.store.archive import unpack
from copdns.store.backup_schedule import backup_name
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.make_backup import ready_maker
from copdns.time.clock import Clock
from tests.household import MIA, family
from tests.web.pages import PASTED, PASTED_TEXT

DAY = 86_400.0


class Case:
    """A data folder with a household, a folder for backups, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.data, self.backups = folder / "data", folder / "backups"
        self.data.mkdir()
        self.backups.mkdir()
        self.now = 1_790_000_000.0
        self.settings = BackupSettings(folder=str(self.backups), keep=2)
        self.own = OwnLists(self.data)
        clock = Clock(lambda: self.now, lambda: self.now, lambda: True)
        self.clock = clock
        self.chores = BackupChores(self.data, lambda: self.settings, self.own, clock)

    @property
    def names(self) -> list[str]:
        return sorted(each.name for each in self.backups.iterdir())


@pytest.fixture
async def case(tmp_path: Path) -> Case:
    made = await new_machine(tmp_path)
    await add_account(made)
    return made


async def new_machine(folder: Path) -> Case:
    """Return the case of a household without an account, as at a first start."""
    made = Case(folder)
    store = HouseholdStore.open(made.data)
    await store.create(family(MIA), "test", int(made.now))
    store.close()
    return made


async def add_account(case: Case) -> None:
    thread = StoreThread.open(case.data)
    account = Account("home", "", "Ada", Role.OWNER, "")
    await Accounts(thread).add(account, None, int(case.now))
    thread.close()


async def test_one_is_made_each_day_and_old_ones_go(case: Case, tmp_path: Path) -> None:
    case.own.put(PASTED, PASTED_TEXT)
    (case.backups / "mine.backup").write_text("by hand")
    for _ in range(4):
        await case.chores.run_once()
        await case.chores.run_once()  # not due again
        case.now += DAY
    assert case.names[-1] == "mine.backup"
    assert len(case.names) == 3
    assert case.chores.warning == ""
    assert case.chores.age == DAY
    (tmp_path / "out").mkdir()
    found = unpack(case.backups / case.names[1], tmp_path / "out")
    assert set(found.parts) == {"household.db", "own-lists.json"}
    assert (case.backups / case.names[1]).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "out" / "household.db")) as connection:
        assert connection.execute("select name from profile").fetchall() == [("Mia",)]


async def test_a_machine_that_replaces_another_leaves_what_it_is_to_be_restored_from(
    case: Case, tmp_path: Path
) -> None:
    for _ in range(2):
        await case.chores.run_once()
        case.now += DAY
    there = case.names
    (tmp_path / "new").mkdir()
    new = await new_machine(tmp_path / "new")
    new.settings, new.now = case.settings, case.now + 30 * DAY
    await new.chores.run_once()
    assert case.names == there, "there is no account yet"
    assert (new.chores.age, new.chores.warning) == (0, "")
    await add_account(new)
    for _ in range(4):
        await new.chores.run_once()
        new.now += DAY
    assert set(there) < set(case.names)
    assert len(case.names) == 4, "two of each machine"


async def test_an_old_one_that_cannot_be_deleted_is_told_in_the_log_and_tried_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def stuck(path: Path, *, missing_ok: bool = False) -> None:
        if path.name == oldest:
            raise OSError(5, "Input/output error", str(path))
        unlink(path, missing_ok=missing_ok)

    case.settings = BackupSettings(folder=str(case.backups), keep=1)
    await case.chores.run_once()
    (oldest,) = case.names
    case.now += DAY
    with monkeypatch.context() as patch, structlog.testing.capture_logs() as said:
        patch.setattr(Path, "unlink", stuck)
        await case.chores.run_once()
    told = [each for each in said if each["log_level"] == "warning"]
    assert [(each["file"], each["error"]) for each in told] == [
        (str(case.backups / oldest), "Input/output error")
    ]
    assert case.chores.warning == "", "the new one was made"
    case.now += DAY
    await case.chores.run_once()
    assert len(case.names) == 1


async def test_a_name_by_hand_or_from_the_future_costs_no_real_backup(case: Case) -> None:
    await case.chores.run_once()
    (first,) = case.names
    maker = ready_maker(case.data)
    future = [backup_name(int(case.now + n * DAY), maker, is_sealed=False) for n in range(9, 12)]
    touched = backup_name(int(case.now + 60), maker, is_sealed=True)
    (case.backups / touched).touch()
    for each in future:  # by a wrong clock
        (case.backups / each).write_bytes((case.backups / first).read_bytes())
    case.now += DAY
    await case.chores.run_once()
    assert {first, touched, *future} < set(case.names)
    case.now += 60
    assert case.chores.age == 60
    assert len(case.names) == 6


async def test_what_a_kill_left_is_removed_after_a_day_and_nothing_of_others(case: Case) -> None:
    case.now = time.time()
    maker, now = ready_maker(case.data), int(case.now)
    file = backup_name(now, maker, is_sealed=False)
    ours = {f".copdns-{maker}-abc_def1", f".{file}.77.new"}
    others = {".copdns-89abcdef-abcdefgh", ".copdns-mine", f".{file}.new", f"{file}.77.new"}
    in_data = {".copdns-x1y2z3_4", f".copdns-{maker}-abcdefgh"}
    left = [
        *(case.data / each for each in in_data),
        *(case.backups / each for each in ours | others),
    ]
    for each in left:
        if each.name.endswith(".new"):
            each.write_text("a household")
        else:
            each.mkdir()
            (each / "household.db").write_text("a household")
    old, young = now - DAY - 60, now - DAY + 60
    for each in left:
        os.utime(each, (young, young))
    await case.chores.run_once()
    assert all(each.exists() for each in left), "a command may still work with them"
    for each in left:
        os.utime(each, (old, old))
    case.now += DAY
    await case.chores.run_once()
    assert {each.name for each in left if each.exists()} == others
    assert len(case.names) == len(others) + 2


async def test_a_wrong_clock_makes_none_and_deletes_none(case: Case) -> None:
    for _ in range(2):
        await case.chores.run_once()
        case.now += DAY
    there = case.names
    case.now += 90 * DAY
    case.clock.is_wrong = True
    await case.chores.run_once()
    assert case.names == there


async def test_without_a_folder_in_the_settings_none_is_made(case: Case) -> None:
    case.settings = BackupSettings()
    await case.chores.run_once()
    assert case.names == []
    assert (case.chores.age, case.chores.warning) == (0, "")


async def test_a_failed_one_is_told_and_tried_again_and_the_older_ones_stay(case: Case) -> None:
    await case.chores.run_once()
    there = case.names
    case.now += DAY
    case.backups.rename(case.backups.with_name("gone"))
    await case.chores.run_once()
    assert "the backup of the household could not be made" in case.chores.warning
    assert "backup.folder" in case.chores.warning
    await case.chores.run_once()
    assert case.chores.failures == 1, "not each minute"
    case.backups.with_name("gone").rename(case.backups)
    case.now += TRY_AGAIN
    await case.chores.run_once()
    assert case.chores.warning == ""
    assert set(there) < set(case.names)


async def test_a_full_disk_leaves_nothing_half_made(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("copdns.store.archive.os.fsync", full)
    await case.chores.run_once()
    assert "No space left" in case.chores.warning
    assert case.names == []


async def test_without_the_library_it_is_told_what_to_install_and_no_plain_one_is_made(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.store.sealed_backup.LIBRARY", "missing_library")
    key = f"age1{'q' * 58}"
    case.settings = BackupSettings(folder=str(case.backups), recipients=(key,))
    await case.chores.run_once()
    assert case.names == []
    assert "need the library pyrage" in case.chores.warning
    assert "install copdns[backup]" in case.chores.warning


async def test_an_encrypted_one_is_read_by_the_owner_of_the_key_only(
    case: Case, tmp_path: Path
) -> None:
    age = pytest.importorskip("pyrage")
    from copdns.model.errors import BackupError
    from copdns.store.sealed_backup import is_sealed, unseal

    key, other = age.x25519.Identity.generate(), age.x25519.Identity.generate()
    case.settings = BackupSettings(folder=str(case.backups), recipients=(str(key.to_public()),))
    await case.chores.run_once()
    (name,) = case.names
    file = case.backups / name
    assert is_sealed(file)
    assert b"household.db" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(each.name.startswith(".copdns-") for each in case.data.iterdir())
    for number, each in enumerate((other, key)):
        (tmp_path / f"key{number}").write_text(f"# created: today\n{each}\n")
    with pytest.raises(BackupError, match="cannot be decrypted"):
        unseal(file, tmp_path / "wrong", tmp_path / "key0")
    unseal(file, tmp_path / "plain", tmp_path / "key1")
    (tmp_path / "out").mkdir()
    assert "household.db" in unpack(tmp_path / "plain", tmp_path / "out").parts
