"""One copdns at a time serves a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.store.folder_lock import LOCK_FILE, hold_server_lock
from copdns.store.household_db.household import HouseholdStore

HOLDING = """
import sys
from pathlib import Path
from copdns.store.folder_lock import hold_server_lock
with hold_server_lock(Path(sys.argv[1])):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_told_who_serves(tmp_path: Path) -> None:
    with hold_server_lock(tmp_path):
        with (
            pytest.raises(StoreError, match=rf"another copdns \(process {os.getpid()}\)"),
            hold_server_lock(tmp_path),
        ):
            pass
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    with hold_server_lock(tmp_path):
        pass


def test_what_stands_in_the_file_is_shown_only_if_it_is_a_process(tmp_path: Path) -> None:
    with hold_server_lock(tmp_path):
        (tmp_path / LOCK_FILE).write_text("\x1b[2J of Bo")
        with pytest.raises(StoreError, match="another copdns is using"), hold_server_lock(tmp_path):
            pass


def test_a_killed_one_is_in_nobodys_way(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        with (
            pytest.raises(StoreError, match=rf"process {process.pid}\)"),
            hold_server_lock(tmp_path),
        ):
            pass
        process.kill()
    with hold_server_lock(tmp_path):
        pass


async def test_others_read_and_change_what_is_stored_meanwhile(tmp_path: Path) -> None:
    with hold_server_lock(tmp_path), HouseholdStore.open(tmp_path) as store:
        assert await store.household("home") is None


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with hold_server_lock(tmp_path / "var" / "copdns"):
        pass
    assert (tmp_path / "var" / "copdns").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var" / "copdns" / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o7777


@pytest.mark.parametrize("there", [(), ("lists", "household.db", "copdns.yaml")])
def test_a_folder_that_was_there_is_made_private(tmp_path: Path, there: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    for each in there:
        (data / each).touch() if "." in each else (data / each).mkdir()
    with hold_server_lock(data):
        assert mode(data) == 0o700


def test_a_folder_in_which_others_have_a_part_stays_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "srv"
    (data / "photos").mkdir(parents=True)
    data.chmod(0o755)
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with hold_server_lock(data), hold_server_lock(shared):
        assert (mode(data), mode(shared)) == (0o755, 0o1777)


def test_a_folder_that_cannot_be_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="choose another with --data DIR"),
        hold_server_lock(tmp_path / "file"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_folder_open_to_its_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with hold_server_lock(tmp_path):
        assert (tmp_path / LOCK_FILE).stat().st_uid == 12345
