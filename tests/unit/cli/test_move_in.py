"""`copdns household move-in`: a family comes from another program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.calling import Home
from tests.unit.household.moving_in.files import ADGUARD, HOSTS, PROFILE, gravity


@pytest.fixture
def file(home: Home) -> Path:
    path = home.folder / "AdGuardHome.yaml"
    path.write_text(ADGUARD)
    return path


def test_nothing_is_stored_before_somebody_says_yes(home: Home, file: Path) -> None:
    home.ok("rule", "add", "block", "old.example")
    before = home.json("household", "show")
    printed = home.ok("household", "move-in", str(file))
    assert "a rule that blocks games.example for everyone" in printed
    assert "To be added to the settings by hand:" in printed
    assert home.json("household", "show") == before
    assert home.json("lists", "own") == []


def test_with_yes_it_is_one_change_and_the_lists_are_there(home: Home, file: Path) -> None:
    home.ok("rule", "add", "block", "old.example")
    revision = home.json("household", "show")["revision"]
    home.ok("household", "move-in", str(file), "--yes")
    after = home.json("household", "show")
    assert after["revision"] == revision + 1
    assert {each["id"] for each in after["profiles"]} == {"mia", "tom", "ada", "everyone"}
    (own,) = home.json("lists", "own")
    mia = next(each for each in after["profiles"] if each["id"] == "mia")
    assert own["list"] in mia["categories"]
    lines = [each["what"] for each in home.json("household", "history")]
    assert lines[-2:] == ["moved in from AdGuard Home", f"own list {own['list']} added"]
    home.ok("household", "move-in", str(file), "--yes")
    assert len(home.json("lists", "own")) == 1


def test_a_first_household_can_begin_so(home: Home) -> None:
    home.set(household="")
    path = home.folder / "profile.json"
    path.write_text(json.dumps(PROFILE))
    home.ok("household", "move-in", str(path), "--yes", "--age", "Mia=7-9")
    (mia,) = home.json("profile", "list")
    assert (mia["id"], mia["band"]) == ("mia", "7-9")


def test_an_age_is_for_somebody_who_is_new(home: Home, file: Path) -> None:
    result = home.call("household", "move-in", str(file), "--age", "Bo=7-9")
    assert result.exit_code == 1
    assert "Bo" in result.stderr
    assert home.call("household", "move-in", str(file), "--age", "Mia").exit_code == 2


def test_json_has_each_line(home: Home, file: Path) -> None:
    found = home.json("household", "move-in", str(file))
    assert found["product"] == "AdGuard Home"
    assert sum(found["counts"].values()) == len(found["lines"])
    assert {"place", "text", "result", "said"} <= found["lines"][0].keys()


def test_a_gravity_db_of_any_size_is_read_where_it_is(home: Home) -> None:
    path = home.folder / "gravity.db"
    path.write_bytes(gravity())
    assert "Mia's tablet" in home.ok("household", "move-in", str(path))
    assert path.read_bytes() == gravity()


def test_what_is_no_such_file_is_said(home: Home) -> None:
    path = home.folder / "letter"
    path.write_text("Dear Bo\n")
    result = home.call("household", "move-in", str(path))
    assert result.exit_code == 1
    assert "cannot read this file" in result.stderr
    missing = home.call("household", "move-in", str(home.folder / "gone"))
    assert "No such file" in missing.stderr


def test_hosts_come_over(home: Home) -> None:
    path = home.folder / "hosts"
    path.write_text(HOSTS)
    home.ok("household", "move-in", str(path), "--yes")
    rules = [each["target"] for each in home.json("rule", "list")]
    assert "=ads.example" in rules
