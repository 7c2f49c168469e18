"""Files of strangers: too large, damaged, or made to do harm."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from contextlib import closing
from io import BytesIO
from pathlib import Path
from random import Random

import pytest

from copdns.household.moving_in.recognise import MAX_FILE, MAX_MEMBERS, read_file
from copdns.household.moving_in.wishes import Product
from copdns.model.errors import MoveInError
from copdns.store.gravity import read_gravity, read_gravity_file
from tests.household import family
from tests.unit.household.moving_in.files import (
    ADGUARD,
    GROUPS,
    HOSTS,
    PROFILE,
    gravity,
    plan_of,
    tar,
    teleporter_5,
    teleporter_6,
    zipped,
)

FILES = {
    "AdGuardHome.yaml": (Product.ADGUARD_HOME, ADGUARD.encode()),
    "5.tar.gz": (Product.PI_HOLE, teleporter_5()),
    "6.zip": (Product.PI_HOLE, teleporter_6()),
    "gravity.db": (Product.PI_HOLE, gravity()),
    "profile.json": (Product.NEXTDNS, json.dumps(PROFILE).encode()),
    "hosts": (Product.HOSTS, HOSTS.encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_what_is_in_it(name: str) -> None:
    product, octets = FILES[name]
    assert read_file(octets, "a-file", read_gravity).product is product


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(name: str) -> None:
    octets, random = FILES[name][1], Random(name)
    house = family()
    for _ in range(150):
        spoiled = bytearray(octets)
        for _ in range(random.randint(1, 8)):
            at = random.randrange(len(spoiled))
            match random.randrange(4):
                case 0:
                    spoiled[at] = random.randrange(256)
                case 1:
                    del spoiled[at : at + random.randint(1, 20)]
                case 2:
                    spoiled[at:at] = random.choice([b"[", b"{", b"\0", b"9" * 30, b": -", b"%s"])
                case 3:
                    spoiled[at:at] = spoiled[: random.randint(1, 60)]
        try:
            found = read_file(bytes(spoiled), name, read_gravity)
        except MoveInError:
            continue
        assert len(plan_of(found, house).outcomes) <= len(found.entries)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "cannot read this file"),
        (b"\xff\xfe\0", "no text"),
        (b"{", "damaged in line 1"),
        (b"[" * 100_000, "damaged"),
        (b"\x1f\x8b", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (b"SQLite format 3\0" + bytes(200), "damaged"),
        (b"x" * (MAX_FILE + 1), "larger than"),
        (tar({"a.txt": "x"}), "not from Pi-hole"),
        (tar({"group.json": "{"}), "group.json is damaged in line 1"),
        (tar({f"{number}.json": "[]" for number in range(MAX_MEMBERS + 1)}), "too many files"),
        (zipped({"etc/pihole/gravity.db": b"no database"}), "damaged"),
        (zipped({"etc/pihole/pihole.toml": b"\xff"}), "no text"),
    ],
    ids=str.split("empty octets json deep gzip zip sqlite large tar table many database toml"),
)
def test_what_cannot_be_read_is_describe(octets: bytes, said: str) -> None:
    with pytest.raises(MoveInError, match=said):
        read_file(octets, "f", read_gravity)


def test_an_archive_that_unpacks_to_very_much_is_refused() -> None:
    bomb = gzip.compress(bytes(70 << 20))
    with pytest.raises(MoveInError, match="too large"):
        read_file(bomb, "f", read_gravity)
    large = zipped({"group.json": b" " * (9 << 20)})
    with pytest.raises(MoveInError, match=r"group\.json in this archive is too large"):
        read_file(large, "f", read_gravity)


def test_an_archive_with_a_method_that_takes_memory_is_refused() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("group.json", "[]")
    with pytest.raises(MoveInError, match="damaged"):
        read_file(out.getvalue(), "f", read_gravity)


def test_paths_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    before = sorted(tmp_path.parent.iterdir())
    rows = json.dumps([{"id": 1, "domain": "games.example", "enabled": 1}])
    found = read_file(tar({"../../blacklist.exact.json": rows}), "f", read_gravity)
    assert found.product is Product.PI_HOLE
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_database_whose_views_and_triggers_do_harm_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "gravity.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            create table domainlist (id, type, domain, enabled, comment);
            insert into domainlist values (1, 1, 'games.example', 1, null);
            create view client as with recursive n(i) as (select 1 union all select i + 1 from n)
              select i as id, 'x' as ip from n;
            create table "group" (id, name, enabled generated always as (abs(-1)) virtual);
            """
        )
    octets = path.read_bytes()
    tables = read_gravity_file(path)
    assert [each["domain"] for each in tables["domainlist"]] == ["games.example"]
    assert "client" not in tables
    assert path.read_bytes() == octets
    assert sorted(each.name for each in tmp_path.iterdir()) == ["gravity.db"]


def test_a_database_that_waits_for_its_second_file_is_read() -> None:
    octets = bytearray(gravity())
    octets[18:20] = b"\x02\x02"
    assert read_gravity(bytes(octets)) == read_gravity(gravity())
    assert len(read_gravity(gravity())["client"]) == len(GROUPS["client"])
