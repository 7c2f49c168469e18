"""Looks by commands: kept as those at the desk, so that the person sees them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from copdns.accounts.account import AccessRecord, ViewedPart
from copdns.accounts.roles import Role
from copdns.cli import home as cli_home
from copdns.cli.commands import log as log_module
from copdns.store.household_db.looks import Looks
from copdns.store.household_db.thread import StoreThread
from tests.unit.calling import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.ok("household", "set", "--timezone", "UTC")
    return made


def looks(home: Home, profile: str = "") -> list[AccessRecord]:
    with StoreThread.open(home.data) as thread:
        return list(asyncio.run(Looks(thread).of("home", profile)))


@pytest.mark.parametrize(
    ("words", "view"),
    [
        (("log",), ViewedPart.LOG),
        (("log", "counts"), ViewedPart.COUNTS),
        (("usage",), ViewedPart.USAGE),
    ],
)
def test_a_command_that_shows_what_is_kept_leaves_a_look(
    home: Home, words: tuple[str, ...], view: ViewedPart
) -> None:
    home.ok(*words, "--profile", "mia")
    (look,) = looks(home)
    assert (look.profile, look.view, look.role, look.account) == ("mia", view, Role.OWNER, "")
    assert abs(look.at - time.time()) < 60


def test_a_look_at_all_is_one_at_each_of_them_and_again_is_the_same(home: Home) -> None:
    home.ok("log")
    home.json("log")
    assert sorted(each.profile for each in looks(home)) == ["ada", "mia", "tom"]


def test_a_backup_with_the_log_is_all_of_it_as_a_file(home: Home) -> None:
    home.ok("backup", str(home.folder / "a.backup"))
    assert looks(home) == []
    home.ok("backup", str(home.folder / "b.backup"), "--with-log")
    assert {each.view for each in looks(home, "mia")} == {ViewedPart.EXPORT}


@pytest.mark.parametrize(
    "words",
    [
        ("profile", "show", "mia"),
        ("household", "export"),
        ("check", "games.example", "--profile", "mia"),
        ("appeal", "list"),
        ("lists", "status"),
    ],
)
def test_what_shows_nothing_that_was_looked_up_leaves_none(
    home: Home, words: tuple[str, ...]
) -> None:
    home.call(*words)
    assert looks(home) == []


def test_nobody_is_shown_to_whom_the_look_cannot_be_told(home: Home) -> None:
    """Before the first start there is nobody to be told, and no file is made."""
    home.data = home.folder / "elsewhere"
    assert home.json("log") == []
    assert not home.data.exists()


def test_whoever_follows_the_log_looks_as_long_as_that_lasts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = iter(range(0, 10_000, 400))  # seconds; more than a look lasts
    wall = iter(range(1_800_000_000, 1_800_010_000, 400))
    pauses = iter((False, False, True))

    def pause(_: float) -> None:
        if next(pauses):
            raise KeyboardInterrupt

    monkeypatch.setattr(log_module, "monotonic", lambda: next(minutes))
    monkeypatch.setattr(log_module.time, "sleep", pause)
    monkeypatch.setattr(cli_home.Home, "now", property(lambda _: next(wall)))
    home.ok("log", "-f", "--profile", "mia")
    assert len(looks(home)) > 1


def test_a_child_sees_that_its_appeal_was_looked_at(home: Home) -> None:
    appeal = home.file_appeal().id
    (before,) = home.json("appeal", "list")
    home.ok("appeal", "show", appeal)
    (after,) = home.json("appeal", "list")
    assert (before["state"], after["state"]) == ("open", "seen")
    assert after["seen"] is not None
