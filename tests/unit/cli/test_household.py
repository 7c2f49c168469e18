"""`copdns household` and `copdns config`: the whole family in and out, and the settings."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from copdns.household.time_edits import pause
from copdns.model.household import Household
from copdns.store.household_db.condition import FILE
from copdns.store.household_db.household import HouseholdStore
from tests.unit.calling import FAMILY, Home


def test_export_then_import_changes_nothing(home: Home) -> None:
    home.ok("rule", "add", "allow", "chess.example", "--tag", "children", "--note", "For: the club")
    home.ok("profile", "set", "tom", "--privacy", "full", "--days", "2", "--band", "10-12")
    before = home.json("household", "show")
    text = home.ok("household", "export")
    assert "no change" in home.ok("household", "import", "-", typed=text)
    assert home.json("household", "show") == before
    assert home.ok("household", "export") == text


def test_an_exported_file_is_its_owners_alone(home: Home) -> None:
    file = home.folder / "out.yaml"
    home.ok("household", "export", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == home.ok("household", "export", "-")


def test_an_import_into_an_empty_folder_makes_the_household(home: Home) -> None:
    home.set(household="")
    printed = home.ok(
        "household", "import", "-", typed="household: Ours\nprofiles:\n  bo: {band: adult}\n"
    )
    assert "profile bo added: bo, adult" in printed
    assert [each["id"] for each in home.json("profile", "list")] == ["bo"]


def test_an_import_says_in_short_what_is_different(home: Home) -> None:
    home.ok("rule", "add", "block", "old.example")
    family = FAMILY.replace("games.example", "newer.example").replace("10", "10")
    printed = home.ok("household", "import", "-", typed=family.replace("Mia\n", "Mia M.\n"))
    assert printed.splitlines() == [
        "profile mia: name: Mia -> Mia M.",
        "rule r2 removed: block old.example for everyone",
        "rule r1: target: games.example -> newer.example",
    ]


def test_an_import_with_a_mistake_changes_nothing(home: Home) -> None:
    before = home.ok("household", "export")
    result = home.call("household", "import", "-", typed=FAMILY.replace("7-9", "7-8"))
    assert result.exit_code == 78
    assert "stdin:7:5" in result.stderr
    assert home.ok("household", "export") == before


def test_another_household_does_not_take_the_place_of_this_one(home: Home) -> None:
    home.ok("rule", "add", "block", "old.example")
    result = home.call("household", "import", "-", typed="id: bos\n" + FAMILY)
    assert result.exit_code == 1
    assert "write `id: home`" in result.stderr


def test_an_import_keeps_the_list_of_changes_and_the_full_logs_that_were(home: Home) -> None:
    home.ok("profile", "set", "mia", "--privacy", "full")
    home.ok("household", "import", "-", typed=FAMILY)
    assert home.json("profile", "show", "mia")["full_log"] is None
    changes = home.json("household", "history")
    assert [each["what"] for each in changes] == [
        "created",
        "profile mia set: privacy full",
        "imported from stdin",
    ]
    assert [each["author"] for each in changes] == ["first start", "command line", "command line"]
    again = home.call("profile", "set", "mia", "--privacy", "full")
    assert again.exit_code == 1
    assert "once every 30 days" in again.stderr


def test_an_import_keeps_the_pauses_of_those_who_stay(home: Home) -> None:
    home.ok("household", "set", "--name", "We")

    async def paused(store: HouseholdStore) -> None:
        edit = partial(pause, start=0)
        for person in ("mia", "tom"):
            await store.change(
                "home", partial(edit, profile_id=person), author="ada", what="pause", now=0
            )

    with HouseholdStore.open(home.data) as store:
        asyncio.run(paused(store))
    without_tom = FAMILY.replace("  tom:\n", "  bo:\n")
    printed = home.ok("household", "import", "-", typed=without_tom)
    assert "pause tom removed: from 1970-01-01 01:00 until someone ends it" in printed
    assert "pause mia" not in printed


def test_what_is_no_text_is_told(home: Home) -> None:
    result = home.call("household", "import", "-", typed="\udcff\udcfe")
    assert (result.exit_code, "stdin: not a text file" in result.stderr) == (78, True)


def test_a_terminal_that_lacks_letters_gets_stand_ins_and_a_file_all_of_them(home: Home) -> None:
    home.ok("profile", "set", "mia", "--name", "Zo美")
    shown = home.process("profile", "list", PYTHONIOENCODING="latin-1").communicate()
    assert ("Zo\\u7f8e" in shown[0], shown[1]) == (True, "")
    for words in (["household", "export"], ["profile", "list", "--json"]):
        assert "Zo美" in home.process(*words, PYTHONIOENCODING="latin-1").communicate()[0]


@pytest.mark.parametrize("file", ["no-such.yaml", "."])
def test_a_file_that_cannot_be_read_is_told(home: Home, file: str) -> None:
    result = home.call("household", "import", file)
    assert result.exit_code == 78
    assert file in result.stderr
    assert home.call("household", "export", "no/such/folder.yaml").exit_code == 1


def test_a_service_cannot_be_protected_and_an_older_file_says_where_it_has_no_effect(
    home: Home,
) -> None:
    refused = home.call("household", "set", "--protect", "www.tiktok.com")
    assert refused.exit_code == 1
    assert "belongs to an app or service" in refused.stderr
    older = home.ok("household", "export", "-").replace("school.example", "tiktok.com")
    done = home.call("household", "import", "-", typed=older)
    assert done.exit_code == 0
    assert "tiktok.com: protecting it has no effect" in done.stderr
    assert "tiktok.com (no effect: service)" in home.ok("household", "show")


def test_the_household_itself_can_be_set(home: Home) -> None:
    printed = home.ok(
        *("household", "set", "--name", "We", "--timezone", "Asia/Tokyo", "--guest", "ada"),
        *("--language", "fr", "--country", "FR"),
        *("--protect", "Club.Example", "--unprotect", "school.example"),
    )
    assert printed.splitlines() == [
        "household: name: Example family -> We",
        "household: timezone: Europe/Paris -> Asia/Tokyo",
        "household: guest: none -> ada",
        "household: protected: + club.example, - school.example",
        "household: language: none -> fr",
        "household: country: none -> FR",
    ]
    shown = home.json("household", "show")
    assert (shown["guest"], shown["protected"]) == ("ada", ["club.example"])
    home.ok("household", "set", "--guest", "none")
    assert home.json("household", "show")["guest"] == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--timezone", "Paris"], 1),
        (["--guest", "bo"], 1),
        (["--unprotect", "other.example"], 1),
        (["--protect", "two words"], 2),
    ],
)
def test_what_cannot_be_set_is_told(home: Home, words: list[str], code: int) -> None:
    assert home.call("household", "set", *words).exit_code == code


def test_the_household_at_a_glance(home: Home) -> None:
    printed = home.ok("household", "show")
    for line in (
        "household:          Example family (home)",
        "unknown devices:    the built-in guest rules",
        "people:             Mia (7-9), Tom (13-15), Ada (adult)",
        "custom services:    clubchat",
    ):
        assert line in printed.splitlines()


def test_nothing_printed_can_steer_the_terminal(home: Home) -> None:
    """No name like this is taken any more, but one may be stored."""
    home.ok("household", "set", "--name", "Ours")
    with closing(sqlite3.connect(home.data / FILE)) as connection, connection:
        connection.execute("update profile set name = ? where id = 'mia'", ("Mia\x1b[2J\u202e",))
    for words in (["profile", "list"], ["profile", "show", "mia"], ["household", "show"]):
        printed = home.ok(*words)
        assert "\x1b" not in printed
        assert "\u202e" not in printed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("words", [["profile", "list"], ["log"], ["config", "check"]])
def test_a_folder_of_another_user_is_told_with_what_to_do(words: list[str]) -> None:
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.ok("household", "set", "--name", "Ours")
        home.folder.chmod(0o755)
        os.seteuid(65534)
        try:
            result = home.call(*words)
        finally:
            os.seteuid(0)
    assert result.exit_code == 1
    assert "make the user that runs copdns the owner of this folder" in result.stderr


def test_a_folder_with_two_households_is_refused_with_words(home: Home) -> None:
    home.ok("household", "set", "--name", "Ours")
    with HouseholdStore.open(home.data) as store:
        asyncio.run(store.create(Household("bos", "Bo's"), "test", 0))
    result = home.call("profile", "list")
    assert result.exit_code == 1
    assert "2 households (bos, home" in result.stderr


# --- settings -------------------------------------------------------------------------------------


def test_sound_settings_are_said_to_be_sound(home: Home) -> None:
    assert home.ok("config", "check") == f"{home.settings}: valid\n"


def test_settings_are_shown_as_they_are_in_force(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.set(upstreams={"servers": ["192.0.2.1", "system"]})
    monkeypatch.setenv("COPDNS_DNS__PORT", "5301")
    shown = home.json("config", "check")["settings"]
    assert shown["dns"]["port"] == 5301
    assert shown["upstreams"]["servers"] == ["192.0.2.1:53", "system"]
    assert shown["data"] == str(home.data)
    assert shown["dns"]["allow"][0] == "127.0.0.0/8"


def test_every_mistake_is_told_at_once(home: Home) -> None:
    home.settings.write_text("dns: {prt: 53}\nweb: {port: 0}\n")
    result = home.call("config", "check")
    assert result.exit_code == 78
    assert [line.split(" ")[0] for line in result.stderr.splitlines()] == [
        f"{home.settings}:1:7:",
        f"{home.settings}:2:7:",
    ]


def test_a_household_file_is_checked_before_the_first_start_only(home: Home) -> None:
    file = home.folder / "family.yaml"
    sound = file.read_text()
    file.write_text("profiles: 1")
    assert home.call("config", "check").exit_code == 78
    file.write_text(sound)
    home.ok("rule", "add", "block", "old.example")
    file.write_text("profiles: 1")
    home.ok("config", "check")


def test_a_broken_list_is_told_and_is_no_mistake_of_the_settings(home: Home) -> None:
    (home.folder / "boards.txt").unlink()
    result = home.call("config", "check")
    assert result.exit_code == 0
    assert "list boards is not loaded" in result.stderr
    assert "boards" in home.json("config", "check")["broken_lists"]


def test_the_schema_knows_every_section(home: Home) -> None:
    schema = json.loads(home.ok("config", "schema"))
    assert {"dns", "web", "upstreams", "log"} <= schema["properties"].keys()
