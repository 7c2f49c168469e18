"""What a command, an import or a restored backup gives is told to whose device it is."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from copdns.accounts.claims import Claim, ClaimKind
from copdns.store.archive import pack, unpack
from copdns.store.household_db.claims import Claims
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.thread import StoreThread
from tests.unit.calling import Home

OWN = "192.0.2.77"  # of somebody else


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.ok("rule", "add", "allow", "chess.example", "--profile", "mia")  # so there is a household
    return made


def claims(home: Home) -> tuple[Claim, ...]:
    async def work() -> tuple[Claim, ...]:
        with StoreThread.open(home.data) as thread:
            return await Claims(thread).of("home", "mia", int(time.time()) + 1)

    return asyncio.run(work())


def told(home: Home) -> list[tuple[ClaimKind, str, str]]:
    return [(each.kind, each.device, each.author) for each in claims(home)]


def device_of_mia(home: Home) -> str:
    return next(each["id"] for each in home.json("device", "list") if each["profile"] == "mia")


def test_the_first_household_gives_nobody_anything(home: Home) -> None:
    assert told(home) == []


def test_a_command_is_told(home: Home) -> None:
    device = device_of_mia(home)
    home.ok("device", "set", device, "--address", OWN)
    assert told(home) == [(ClaimKind.ADDRESS, device, "command line")]


def test_a_token_is_told(home: Home) -> None:
    device = device_of_mia(home)
    home.ok("device", "token", "add", device)
    assert told(home) == [(ClaimKind.TOKEN, device, "command line")]


def test_an_import_is_told(home: Home) -> None:
    device = device_of_mia(home)
    text = home.ok("household", "export", "-")
    address = next(each["addresses"][0] for each in home.json("device", "list"))
    assert address in text
    home.ok("household", "import", "-", typed=text.replace(address, OWN, 1))
    assert told(home) == [(ClaimKind.ADDRESS, device, "command line")]


def test_a_backup_that_was_edited_is_told_and_makes_no_browser_a_proof(
    home: Home, tmp_path: Path
) -> None:
    device = device_of_mia(home)
    home.ok("account", "add", "Ada")
    file, folder = tmp_path / "a.backup", tmp_path / "edited"
    home.ok("backup", str(file))
    folder.mkdir()
    edit(file, folder, device)
    home.ok("restore", str(file), "--yes")
    assert told(home) == [(ClaimKind.ADDRESS, device, "command line")]

    async def work() -> tuple[object, ...]:
        with StoreThread.open(home.data) as thread:
            return await Pairings(thread).of("home")

    assert asyncio.run(work()) == (), "browsers stay as they are here"


def edit(file: Path, folder: Path, device: str) -> None:
    """Give a device of a backup another address, and a browser that is proof of person."""
    found = unpack(file, folder)
    with closing(sqlite3.connect(folder / "household.db", isolation_level=None)) as connection:
        connection.execute("update device set addresses = ? where id = ?", (f'["{OWN}"]', device))
        connection.execute(
            "insert into pairing values ('home', 'p1', 'digest', ?, 'mia', 0, ?, 0)",
            (device, int(time.time())),
        )
    pack(file, {name: folder / name for name in found.parts}, found.made, found.version)


# --- a device of Tom, who is 15, is not given to Mia behind his back ------------------------------

TOMS = "127.0.0.2"


def applies(home: Home) -> str:
    """Return whose rules and privacy apply to Tom's telephone."""
    return str(home.json("check", "www.example", "--client", TOMS)["profile"])


def test_a_command_moves_no_device_of_his_unannounced(home: Home) -> None:
    assert applies(home) == "tom"
    said = home.ok("device", "set", "phone", "--profile", "mia")
    assert "phone: still counts as tom's until 20" in said
    assert applies(home) == "tom"
    home.ok("device", "remove", "phone")
    home.ok("device", "add", "another", TOMS, "--profile", "mia")
    assert applies(home) == "tom"


def test_nor_does_an_import(home: Home) -> None:
    text = home.ok("household", "export", "-")
    without = text.replace(TOMS, "127.0.0.9").replace("192.0.2.0/28", TOMS)
    assert without != text
    home.ok("household", "import", "-", typed=without)
    assert applies(home) == "tom"


def test_nor_does_a_restored_backup(home: Home, tmp_path: Path) -> None:
    file, folder = tmp_path / "a.backup", tmp_path / "edited"
    home.ok("account", "add", "Ada")
    home.ok("backup", str(file))
    folder.mkdir()
    found = unpack(file, folder)
    with closing(sqlite3.connect(folder / "household.db", isolation_level=None)) as connection:
        connection.execute("update device set profile = 'mia'")
    pack(file, {name: folder / name for name in found.parts}, found.made, found.version)
    home.ok("restore", str(file), "--yes")
    assert applies(home) == "tom"


def test_nor_does_an_import_without_him(home: Home) -> None:
    text = yaml.safe_load(home.ok("household", "export", "-"))
    his = text["profiles"].pop("tom")["devices"]
    text["profiles"]["mia"].setdefault("devices", {}).update(his)
    home.ok("household", "import", "-", typed=yaml.safe_dump(text))
    assert applies(home) == "guest"
