"""What was confirmed is in `household.db` and in its copy, and nothing that is neither is used."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.model.errors import DamagedHouseholdError, HouseholdError, StoreError
from copdns.model.household import Band, Household, Profile
from copdns.store import household_copy, page_records
from copdns.store.db import rewrite
from copdns.store.household_copy import HouseholdCopy
from copdns.store.household_db import condition
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.condition import FILE, STAND_IN, find_household_damage, repair
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.store.page_records import database_image
from tests.damaging import Damage, damages
from tests.whole import choose

NOW = 1_800_000_000
HOUSE = Household("home", "Example family", profiles=(Profile("mia", "Mia", Band.TO_9),))
PLACES = choose(50, 12)
DAMAGES = tuple(damages(PLACES))


def named(name: str) -> Callable[[Household], Household]:
    return lambda home: replace(home, name=name)


async def change(store: HouseholdStore, name: str) -> None:
    await store.change("home", named(name), author="ada", what=f"named {name}", now=NOW)


def run(folder: Path, name: str = "") -> str:
    """Open the store, change its name if one is given, and return the stored one."""

    async def work() -> str:
        with HouseholdStore.open(folder) as store:
            if name:
                await change(store, name)
            found = await store.household("home")
            return found.name if found else ""

    return asyncio.run(work())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which two changes were made since the copy was last written whole."""

    async def work() -> None:
        with HouseholdStore.open(tmp_path) as store:
            await store.create(HOUSE, "ada", NOW)
            await change(store, "Before")
            await change(store, "Last")

    asyncio.run(work())
    return tmp_path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("original")

    async def work() -> None:
        with HouseholdStore.open(made) as store:
            await store.create(HOUSE, "ada", NOW)
            await change(store, "Last")

    asyncio.run(work())
    return made


# --- each damage, at many places: what SQLite and our copy make of it no Python changes ---


@pytest.mark.once
@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_after_any_damage_to_household_db_what_was_saved_is_there_and_it_is_told(
    original: Path, tmp_path: Path, damage: Damage
) -> None:
    folder = Path(shutil.copytree(original, tmp_path / "data"))
    damage.apply(folder / FILE)
    told = find_household_damage(folder)
    if not told:  # then nothing that is read has changed
        assert image(folder / FILE) == image(original / FILE) or same_rows(folder, original)
    assert run(folder) == "Last"
    assert run(folder, "Later") == "Later"
    assert run(folder) == "Later"
    assert bool(find_household_damage(folder)) is bool(told)


@pytest.mark.once
@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_any_damage_to_the_copy_leaves_the_database_as_it_is(
    original: Path, tmp_path: Path, damage: Damage
) -> None:
    folder = Path(shutil.copytree(original, tmp_path / "data"))
    damage.apply(folder / household_copy.FILE)
    assert find_household_damage(folder) == ""
    assert run(folder) == "Last"
    (folder / FILE).write_bytes(b"")  # the copy was made anew, so it serves again
    assert run(folder) == "Last"


@pytest.mark.once
@pytest.mark.parametrize("damage", DAMAGES[:: len(DAMAGES) // PLACES], ids=str)
def test_after_any_damage_to_the_write_ahead_log_what_was_saved_is_there(
    folder: Path, damage: Damage
) -> None:
    with held_open(folder):
        run(folder, "In the log")
        shutil.copytree(folder, folder / "killed")
    killed = folder / "killed"
    assert (killed / f"{FILE}-wal").stat().st_size
    damage.apply(killed / f"{FILE}-wal")
    (killed / f"{FILE}-shm").unlink()
    assert run(killed) == "In the log"


def held_open(folder: Path) -> closing[sqlite3.Connection]:
    """Keep a database open, so that no other that closes it empties its -wal."""
    connection = sqlite3.connect(folder / FILE)
    connection.execute("select count(*) from household").fetchone()
    return closing(connection)


def image(path: Path) -> bytes:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return database_image(connection)
    except sqlite3.Error:
        return b""


def same_rows(one: Path, other: Path) -> bool:
    return page_records.same_content(image(one / FILE), image(other / FILE))


# --- which file is used ---


def test_an_ordinary_write_is_no_damage_and_nothing_is_made_beside_it(folder: Path) -> None:
    for name in ("One", "Two", "Three"):
        assert run(folder, name) == name
    assert find_household_damage(folder) == ""
    assert not (folder / STAND_IN).exists()


def test_the_copy_is_for_its_owner_only(folder: Path) -> None:
    (folder / FILE).unlink()
    run(folder)
    for name in (household_copy.FILE, STAND_IN):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_copy_a_damaged_file_is_told_and_no_household_is_made(
    folder: Path, is_there: bool
) -> None:
    if is_there:
        (folder / household_copy.FILE).write_bytes(b"")
    else:
        (folder / household_copy.FILE).unlink()
    (folder / FILE).write_bytes(b"")
    with pytest.raises(DamagedHouseholdError, match="it is empty"):
        HouseholdStore.open(folder)
    assert (folder / FILE).read_bytes() == b""


def test_a_lost_database_with_a_copy_is_no_first_start(folder: Path) -> None:
    (folder / FILE).unlink()
    assert run(folder) == "Last"
    assert find_household_damage(folder) == condition.MISSING


def test_a_first_start_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    copy = HouseholdCopy(tmp_path)
    with closing(copy), copy.hold():
        pass
    (tmp_path / FILE).touch()
    assert run(tmp_path) == ""


def test_a_database_of_an_older_version_gets_a_copy(folder: Path) -> None:
    (folder / household_copy.FILE).unlink()
    assert run(folder) == "Last"
    (folder / FILE).unlink()
    assert run(folder) == "Last"


def test_another_households_file_is_not_used_until_somebody_says_so(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")

    async def make() -> None:
        with HouseholdStore.open(other) as store:
            await store.create(Household("bo", "Bo's"), "bo", NOW)

    asyncio.run(make())
    shutil.copy(other / FILE, folder / FILE)
    assert find_household_damage(folder) == condition.FOREIGN
    assert run(folder) == "Last"
    condition.take_file(folder)
    assert find_household_damage(folder) == ""

    async def read() -> tuple[str, ...]:
        with HouseholdStore.open(folder) as store:
            return await store.households()

    assert asyncio.run(read()) == ("bo",)


def test_an_older_file_that_somebody_put_there_is_not_used_until_they_say_so(folder: Path) -> None:
    older = (folder / FILE).read_bytes()
    run(folder, "Newer")
    (folder / FILE).write_bytes(older)
    assert find_household_damage(folder) == condition.OLDER
    assert run(folder) == "Newer"
    condition.take_file(folder)
    assert (run(folder), find_household_damage(folder)) == ("Last", "")


def test_a_file_that_comes_back_as_it_was_is_used_again(folder: Path) -> None:
    (folder / FILE).rename(folder / "away")
    assert run(folder) == "Last"
    (folder / "away").rename(folder / FILE)
    assert run(folder) == "Last"
    assert not (folder / STAND_IN).exists()
    assert find_household_damage(folder) == ""


def test_what_only_moved_within_the_file_is_no_damage(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        connection.execute("pragma page_size = 8192")
        connection.execute("pragma journal_mode = delete")
        connection.execute("vacuum")
    assert find_household_damage(folder) == ""
    assert run(folder, "Later") == "Later"
    (folder / FILE).unlink()
    assert run(folder) == "Later"


def test_a_changed_cell_is_damage_though_the_database_is_sound(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        connection.execute("update household set name = 'Lasu'")
    assert find_household_damage(folder) == condition.DIFFERENT
    assert run(folder) == "Last"


# --- a yes ---


def test_a_yes_makes_the_new_file_and_keeps_the_damaged_one(folder: Path) -> None:
    (folder / FILE).write_bytes(b"no database" * 1000)
    run(folder, "Meanwhile")
    aside = repair(folder)
    assert aside is not None
    assert aside.read_bytes().startswith(b"no database")
    assert not (folder / STAND_IN).exists()
    assert (run(folder), find_household_damage(folder)) == ("Meanwhile", "")
    with pytest.raises(StoreError, match="not damaged"):
        repair(folder)


def test_a_yes_that_is_interrupted_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / FILE).write_bytes(b"")
    run(folder, "Meanwhile")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(condition, "write_whole", fail)
        with pytest.raises(StoreError):
            repair(folder)
    assert run(folder) == "Meanwhile"
    repair(folder)
    assert run(folder) == "Meanwhile"


async def test_who_works_with_the_stand_in_goes_on_with_the_new_file(folder: Path) -> None:
    (folder / FILE).write_bytes(b"")
    with HouseholdStore.open(folder) as store:
        await change(store, "Before the yes")
        repair(folder)
        await change(store, "After the yes")
        assert store.path == folder / FILE
    with HouseholdStore.open(folder) as store:
        found = await store.household("home")
    assert found is not None
    assert found.name == "After the yes"


async def test_a_writer_that_meets_damage_works_with_the_copy_at_once(folder: Path) -> None:
    with HouseholdStore.open(folder) as store, HouseholdStore.open(folder) as other:
        await change(other, "Seen by both")
        (folder / FILE).write_bytes(b"")
        (folder / FILE).unlink()
        await change(store, "By one")
        assert store.damage == condition.MISSING
        await change(other, "By the other")
        found = await store.household("home")
        assert found is not None
        assert found.name == "By the other"


# --- between the two writes ---


def test_what_was_not_committed_is_taken_back_from_the_copy(folder: Path) -> None:
    """As where the program is killed after the copy was written and before the commit."""
    dying = (
        "import asyncio, os, sys; from pathlib import Path;"
        "from copdns.store import household_copy as c;"
        "from copdns.store.household_db.household import HouseholdStore;"
        "from dataclasses import replace;"
        "append = c.HouseholdCopy.append\n"
        "def die(self, image):\n append(self, image); os._exit(9)\n"
        "c.HouseholdCopy.append = die\n"
        "async def work():\n"
        " with HouseholdStore.open(Path(sys.argv[1])) as store:\n"
        "  await store.change('home', lambda h: replace(h, name='Unsaid'), author='', what='',"
        " now=1)\n"
        "asyncio.run(work())"
    )
    done = subprocess.run([sys.executable, "-c", dying, folder], check=False)
    assert done.returncode == 9
    assert find_household_damage(folder) == ""
    assert run(folder) == "Last"
    assert run(folder, "Next") == "Next"
    (folder / FILE).unlink()
    assert run(folder) == "Next"


def test_half_a_record_is_no_damage(folder: Path) -> None:
    with (folder / household_copy.FILE).open("ab") as file:
        file.write(b"pagep" + bytes(100))
    assert find_household_damage(folder) == ""
    assert run(folder, "Next") == "Next"
    (folder / FILE).unlink()
    assert run(folder) == "Next"


async def test_a_change_that_the_copy_cannot_take_is_not_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with HouseholdStore.open(folder) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(StoreError, match="free some space"):
                await change(store, "Too much")
        found = await store.household("home")
        assert found is not None
        assert found.name == "Last"
        await change(store, "Room again")
    assert find_household_damage(folder) == ""


async def test_a_change_that_fails_is_not_in_the_copy(folder: Path) -> None:
    def fail(_: Household) -> Household:
        raise HouseholdError("no")

    before = (folder / household_copy.FILE).read_bytes()
    with HouseholdStore.open(folder) as store, pytest.raises(HouseholdError):
        await store.change("home", fail, author="", what="", now=NOW)
    assert (folder / household_copy.FILE).read_bytes() == before


# --- what is deleted ---


async def test_what_the_copy_would_miss_is_not_written(folder: Path) -> None:
    """A write outside a transaction would count as damage a minute later."""
    with HouseholdStore.open(folder) as store:
        with pytest.raises(StoreError):
            await store.run(lambda each: audit(each, "home", "Mia", "own log deleted", NOW))
        await store.note("home", "Mia", "own log deleted", NOW)


async def test_what_is_erased_is_gone_from_the_copy(folder: Path) -> None:
    secret = b"a-very-odd-word"
    with HouseholdStore.open(folder) as store:
        await store.note("home", "ada", secret.decode(), NOW)
        assert secret in (folder / household_copy.FILE).read_bytes()
        thread = StoreThread(store)
        await thread.write(
            lambda each: each.execute("delete from change where what = ?", (secret.decode(),))
        )
        await store.run(rewrite)
        for path in folder.iterdir():
            assert secret not in path.read_bytes()
    assert find_household_damage(folder) == ""


async def test_nobody_is_erased_while_a_damaged_file_may_still_hold_them(folder: Path) -> None:
    (folder / FILE).write_bytes(b"no database" * 1000)
    with HouseholdStore.open(folder) as store:
        with pytest.raises(StoreError, match="copdns household repair"):
            await AppealStore(store).erase("home", "mia")
        aside = repair(folder)
        await AppealStore(store).erase("home", "mia")
    assert aside is not None
    QueryLog(folder).erase("home", "mia", NOW)
    assert not aside.exists()


async def test_tidying_drops_old_pages_from_the_copy(folder: Path) -> None:
    secret = b"a-very-odd-word"
    with HouseholdStore.open(folder) as store:
        await store.note("home", "ada", secret.decode(), NOW)
        await StoreThread(store).write(
            lambda each: each.execute("delete from change where what = ?", (secret.decode(),))
        )
        assert secret in (folder / household_copy.FILE).read_bytes()
        await store.tidy(NOW)
        assert secret not in (folder / household_copy.FILE).read_bytes()
    assert find_household_damage(folder) == ""


def test_the_copy_stays_small_however_much_is_changed(folder: Path) -> None:
    async def work() -> None:
        with HouseholdStore.open(folder) as store:
            for number in range(200):
                await change(store, f"Name {number}")

    asyncio.run(work())
    size = (folder / FILE).stat().st_size
    assert (folder / household_copy.FILE).stat().st_size < 4 * size
    (folder / FILE).unlink()
    assert run(folder) == "Name 199"
