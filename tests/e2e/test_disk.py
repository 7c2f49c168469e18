"""A disk that takes no writing when the program starts: what stands there is answered by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.disk import Disk, disk
from tests.e2e.house import ROOT, House, eventually, house
from tests.list_server import list_server
from tests.running import READY

HOME = ROOT / "config" / "home.yaml"
BLOCKED = (17, "rule: films.example")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path / "data") as made:
        yield made


def used_before(folder: Path) -> None:
    """Let a family have lived here, who added a rule."""
    with house(folder, HOME) as home:
        home.command("rule", "add", "block", "films.example")
        home.program.stop()


def doctor(home: House) -> str:
    done = home.program.command("doctor")
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_full_disk_is_answered_from_and_followed_again_once_there_is_room(
    tmp_path: Path, small: Disk
) -> None:
    used_before(tmp_path)
    small.fill()
    with house(tmp_path, HOME) as home:
        assert home.ask("films.example").ede == BLOCKED
        assert "with the stored household" in home.program.get("/readyz")
        assert "0 MiB free" in doctor(home)
        assert "rule: films.example" in home.program.command("check", "films.example").stdout
        refused = home.program.command("rule", "add", "block", "music.example")
        assert refused.returncode == 1
        assert "full" in refused.stderr
        small.make_room()
        eventually(lambda: home.program.get("/readyz") == READY)
        home.command("rule", "add", "block", "music.example")
        eventually(lambda: home.ask("music.example").ede == (17, "rule: music.example"))
        code, said = home.program.stop()
    assert (code, "Traceback" in said) == (0, False)
    assert said.count("household.db cannot be written") == 1


def test_a_disk_that_is_mounted_read_only_is_answered_from(tmp_path: Path, small: Disk) -> None:
    used_before(tmp_path)
    small.allow_writing(False)
    with house(tmp_path, HOME) as home:
        assert home.ask("films.example").ede == BLOCKED
        assert "with the stored household" in home.program.get("/readyz")
        assert "mounted read-only" in doctor(home)
        code, said = home.program.stop()
    small.allow_writing(True)
    assert (code, "Traceback" in said) == (0, False)
    assert "mount that disk so that it can be written" in said


def test_what_a_killed_program_left_beside_the_database_is_read_as_well(
    tmp_path: Path, small: Disk
) -> None:
    with house(tmp_path, HOME) as home:
        home.command("rule", "add", "block", "films.example")
        home.program.process.kill()
        home.program.process.wait()
    small.allow_writing(False)
    with house(tmp_path, HOME) as home:
        assert home.ask("films.example").ede == BLOCKED
    small.allow_writing(True)


def test_at_the_first_start_on_a_full_disk_the_household_file_is_answered_by_until_it_is_kept(
    tmp_path: Path, small: Disk
) -> None:
    small.fill()
    with house(tmp_path, HOME) as home:
        assert home.ask("games.example").ede == (17, "rule: games.example")
        assert "contains no household" in home.program.get("/readyz")
        told = home.program.get("/readyz")  # by SQLite, or by the system
        full = ("the disk is full", "No space left on device")
        assert any(f"{each}; free some space" in told for each in full)
        small.make_room()
        eventually(lambda: home.program.get("/readyz") == READY)
        home.command("rule", "add", "block", "films.example")
        eventually(lambda: home.ask("films.example").ede == BLOCKED)
        code, said = home.program.stop()
    assert (code, "Traceback" in said) == (0, False)


def test_at_the_first_start_on_a_full_disk_without_a_household_file_all_are_guests(
    tmp_path: Path, small: Disk
) -> None:
    small.fill()
    with house(tmp_path) as home:
        assert home.ask("chess.example").data
        found = home.check("chess.example", "127.0.0.1")
        assert found["profile"] == "guest"


def test_a_list_that_has_no_room_is_not_asked_for_again_and_again(
    tmp_path: Path, small: Disk
) -> None:
    form = {"category": "games", "format": "domains", "match": "subtree"}
    family = {"profiles": {"mia": {"band": "7-9", "categories": ["games"]}}}
    small.fill()
    with list_server() as server:
        server.put("/toys", "chess.example\n")
        toys = {"slug": "toys", "url": server.url("/toys"), **form}
        with house(tmp_path, {"sources": {"own": [toys]}}, family) as home:
            eventually(lambda: home.metrics()["copdns_lists_failing"] == 1)
            small.make_room()  # which is seen by looks that are further apart than those at lists
            eventually(lambda: "cannot be written" not in home.program.get("/readyz"))
            assert [each.path for each in server.asked] == ["/toys"]
