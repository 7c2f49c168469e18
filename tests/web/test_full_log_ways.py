"""`full` cannot be turned on against the rules: by page, API, commands, import or restore.

Each way is tried for the same wishes, and for each the household is looked at as it is stored, and
as answers would be kept by it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.accounts.account import NoticeKind
from copdns.household.file import dump
from copdns.model.household import Band, FullLogSpan, Household, PrivacyMode, Profile
from copdns.store.archive import pack, unpack
from copdns.store.backup import restore_household
from copdns.store.household_db.household import HouseholdStore
from tests.home import Home
from tests.household import ADA, MIA, TOM, family
from tests.unit.calling import Home as Commands
from tests.web.programs import Caller, caller
from tests.web.site import Client, Site, send

pytestmark = pytest.mark.logged_in

DAY = 86_400
LIA = Profile("lia", "Lia", Band.TO_17)  # old enough to be asked
HOUSE = replace(family(MIA, TOM, ADA), profiles=(MIA, TOM, ADA, LIA))


@pytest.fixture
def site() -> Site:
    return Site(Home(HOUSE))


async def stored(site: Site) -> dict[str, Profile]:
    house = await site.store.household("home")
    assert house is not None
    return {each.id: each for each in house.profiles}


def is_watched(profile: Profile, now: float, days: int = 365) -> list[int]:
    """Return the days from now on, in the middle of which every name of somebody is kept."""
    noons = range(DAY // 2, days * DAY, DAY)
    return [at // DAY for at in noons if profile.privacy_at(now + at) is PrivacyMode.FULL]


# --- page ---


async def test_a_page_gives_no_more_than_the_rules(client: Client, site: Site) -> None:
    for who in ("mia", "tom", "lia"):
        await send(client, f"/guardian/people/{who}/kept", 400, mode="full")
        await send(client, f"/guardian/people/{who}/full-log", 400, days="8")
        await send(client, f"/guardian/people/{who}/full-log", days="7")  # Lia is only asked
        if who != "lia":  # once in 30 days
            await send(client, f"/guardian/people/{who}/full-log", 400, days="7")
    people = await stored(site)
    assert is_watched(people["mia"], site.now) == [*range(7)]
    assert is_watched(people["tom"], site.now) == [*range(1, 8)]  # announced a day before
    assert is_watched(people["lia"], site.now) == []


# --- API ---


async def test_the_api_gives_no_more_than_the_rules(client: Client, site: Site) -> None:
    program, person = await caller(client, site, name="Bea"), Caller(client)
    own = {"Origin": f"http://{client.host}:{client.port}"}
    for who in ("mia", "tom", "lia"):
        path = f"/profiles/{who}"
        await program("PATCH", path, 409, json={"privacy": "full"})
        await program("PATCH", path, 422, json={"full_log": {"start": 0, "end": 9_000_000_000}})
        # No token is for it, whatever it was given.
        await program("POST", f"{path}/full-log", 403, json={"days": 2})
        await person("POST", f"{path}/full-log", 422, headers=own, json={"days": 8})
        await person("POST", f"{path}/full-log", headers=own, json={"days": 7})
    people = await stored(site)
    assert is_watched(people["mia"], site.now) == [*range(7)]
    assert is_watched(people["tom"], site.now) == [*range(1, 8)]
    assert is_watched(people["lia"], site.now) == []


# --- commands ---


@pytest.fixture
def home(tmp_path: Path) -> Commands:
    made = Commands(tmp_path)
    made.ok("household", "import", "-", typed=dump(HOUSE))
    return made


def household(home: Commands) -> dict[str, Profile]:
    async def work() -> Household | None:
        with HouseholdStore.open(home.data) as store:
            return await store.household("home")

    found = asyncio.run(work())
    assert found is not None
    return {each.id: each for each in found.profiles}


def test_a_command_gives_no_more_than_the_rules(home: Commands) -> None:
    now = time.time()
    for who, code in (("mia", 0), ("tom", 0), ("lia", 1)):
        words = ("profile", "set", who, "--privacy", "full", "--days")
        assert home.call(*words, "8").exit_code == 2
        assert home.call(*words, "7").exit_code == code
        home.call("profile", "set", who, "--privacy", "counts")
        assert home.call(*words, "1").exit_code == 1  # once in 30 days, though it was stopped
    home.ok("device", "remove", "mia-phone")
    home.ok("profile", "remove", "mia")  # with all that was kept; then made again
    home.ok("profile", "add", "mia", "--band", "7-9")
    assert home.call("profile", "set", "mia", "--privacy", "full").exit_code == 1
    assert all(is_watched(each, now) == [] for each in household(home).values())


# --- import ---


def edited(*people: Profile) -> str:
    """Return a household file in which people are otherwise."""
    return dump(replace(HOUSE, profiles=people))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("privacy: full", "full cannot be set permanently"),
        ("full_log: {start: 0, end: 9000000000}", "at most 7 days"),
    ],
)
def test_an_import_of_what_can_never_be_is_refused_and_changes_nothing(
    home: Commands, line: str, said: str
) -> None:
    for who, band in (("mia", "7-9"), ("tom", "13-15"), ("lia", "16-17")):
        result = home.call(
            "household",
            "import",
            "-",
            typed=f"household: x\nprofiles:\n  {who}:\n    band: {band}\n    {line}\n",
        )
        assert result.exit_code != 0
        assert said in result.stderr or "16" in result.stderr
    people = household(home)
    assert all(is_watched(each, time.time()) == [] for each in people.values())


def test_an_import_of_what_may_be_keeps_to_the_announcement(home: Commands) -> None:
    now = int(time.time())
    week = FullLogSpan(now - DAY, now + 6 * DAY)
    home.ok("household", "import", "-", typed=edited(replace(MIA, full_log=week), TOM, ADA, LIA))
    home.ok("household", "import", "-", typed=edited(MIA, replace(TOM, full_log=week), ADA, LIA))
    result = home.call(
        "household", "import", "-", typed=edited(MIA, TOM, ADA, replace(LIA, full_log=week))
    )
    assert (result.exit_code, "consent" in result.stderr) == (1, True)
    people = household(home)
    assert is_watched(people["mia"], now) == []  # it was taken out again
    assert people["tom"].full_log is not None
    assert people["tom"].full_log.start >= now + DAY


# --- a database that was edited by hand: restored, or in its place ---

HAND = {
    "full as a mode": "update profile set privacy = 'full'",
    "for years": "update profile set full_log_start = 0, full_log_end = 9000000000",
    "a week from now": (
        "update profile set full_log_start = unixepoch(), full_log_end = unixepoch() + 604800"
    ),
    "with its history": """
        insert into full_log_history
        select household, id, full_log_start, full_log_end from profile
    """,
    "a young band": "update profile set band = '7-9' where id in ('tom', 'lia')",
    "a notice in the past": (
        "update profile set band_change_to = '7-9', band_change_at = 1000 where id <> 'mia'"
    ),
}


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for each in statements:
            connection.execute(each)


def restored(home: Commands, tmp_path: Path, *statements: str) -> str:
    """Restore a backup whose household was edited by hand; return what was said."""
    file, folder = tmp_path / "a.backup", tmp_path / "edited"
    home.ok("backup", str(file), "--force")
    folder.mkdir()
    found = unpack(file, folder)
    sql(folder / "household.db", *statements)
    pack(file, {name: folder / name for name in found.parts}, found.made, found.version)
    return home.ok("restore", str(file), "--yes")


def test_a_restore_of_full_as_a_mode_falls_back_to_the_mode_of_the_age(
    home: Commands, tmp_path: Path
) -> None:
    said = restored(home, tmp_path, HAND["full as a mode"])
    people = household(home)
    assert [people[each].privacy for each in ("mia", "tom", "lia")] == [
        PrivacyMode.BLOCKED,
        PrivacyMode.COUNTS,
        PrivacyMode.COUNTS,
    ]
    assert "mia: a full log lasts only a few days, so privacy is now `blocked`" in said
    assert "lia: a full log lasts only a few days, so privacy is now `counts`" in said
    profiles = home.json("profile", "list")
    assert "full" not in json.dumps([each["privacy"] for each in profiles])


def test_a_restore_of_years_of_it_is_none(home: Commands, tmp_path: Path) -> None:
    said = restored(home, tmp_path, HAND["for years"], HAND["with its history"])
    assert all(is_watched(each, time.time()) == [] for each in household(home).values())
    assert said.count("not restored from the backup: the full log (") == 4


def test_a_restore_of_a_week_of_it_keeps_to_the_age(home: Commands, tmp_path: Path) -> None:
    now = time.time()
    said = restored(home, tmp_path, HAND["a week from now"], HAND["with its history"])
    people = household(home)
    assert is_watched(people["mia"], now) == [*range(7)]  # below 13 it may begin at once
    assert is_watched(people["tom"], now) == [*range(1, 8)]
    assert is_watched(people["lia"], now) == is_watched(people["ada"], now) == []
    assert "tom: the full log runs from" in said
    assert "lia: not restored from the backup: the full log (from the age of 16" in said


def test_the_guardians_hear_of_one_that_a_restore_brings(home: Commands, tmp_path: Path) -> None:
    restored(home, tmp_path, HAND["a week from now"])
    with closing(sqlite3.connect(home.data / "household.db")) as connection:
        rows = connection.execute("select kind, about from notice order by about").fetchall()
    assert rows == [(NoticeKind.FULL_LOG, "mia"), (NoticeKind.FULL_LOG, "tom")]


def test_a_restore_makes_nobody_younger_to_watch_them(home: Commands, tmp_path: Path) -> None:
    now = time.time()
    said = restored(home, tmp_path, HAND["a young band"], HAND["a week from now"])
    people = household(home)
    assert (people["tom"].band, people["lia"].band) == (Band.TO_15, Band.TO_17)
    assert people["tom"].band_change is not None
    assert people["tom"].band_change.at >= now + DAY - 60
    assert is_watched(people["tom"], now)[:1] == [1]
    assert is_watched(people["lia"], now) == []
    assert "tom: the age group 7-9 is announced" in said


def test_a_notice_in_the_past_that_a_restore_brings_is_none(home: Commands, tmp_path: Path) -> None:
    restored(home, tmp_path, HAND["a notice in the past"])
    people = household(home)
    assert [people[each].band_at(time.time()) for each in ("tom", "lia", "ada")] == [
        Band.TO_15,
        Band.TO_17,
        Band.ADULT,
    ]


def test_a_restore_does_not_begin_a_full_log_anew(home: Commands, tmp_path: Path) -> None:
    """From before a full log, the once in 30 days is remembered all the same."""
    file = tmp_path / "before.backup"
    home.ok("backup", str(file))
    home.ok("profile", "set", "mia", "--privacy", "full", "--days", "1")
    home.ok("restore", str(file), "--yes")
    assert home.call("profile", "set", "mia", "--privacy", "full").exit_code == 1


def test_a_restore_on_an_empty_machine_is_no_way_either(home: Commands, tmp_path: Path) -> None:
    file, folder = tmp_path / "a.backup", tmp_path / "edited"
    home.ok("backup", str(file))
    folder.mkdir()
    unpack(file, folder)
    sql(folder / "household.db", HAND["full as a mode"], HAND["a week from now"])
    now = int(time.time())
    empty = tmp_path / "empty"
    empty.mkdir()
    restore_household(empty, folder / "household.db", now, now)
    found = Commands(tmp_path)
    found.data = empty
    people = household(found)
    assert all(each.privacy is not PrivacyMode.FULL for each in people.values())
    assert is_watched(people["tom"], now) == [*range(1, 8)]
    assert is_watched(people["lia"], now) == []


@pytest.mark.parametrize("how", ["full as a mode", "for years"])
def test_a_database_that_is_edited_in_its_place_watches_nobody(home: Commands, how: str) -> None:
    sql(home.data / "household.db", HAND[how])
    people = household(home)
    assert all(is_watched(each, time.time()) == [] for each in people.values())
    # An import, or any other change, finds and stores what is allowed.
    home.ok("household", "import", "-", typed=edited(replace(MIA, name="Mia M."), TOM, ADA, LIA))
    assert all(is_watched(each, time.time()) == [] for each in household(home).values())
