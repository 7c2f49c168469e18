"""The file of a backup: what is packed comes back, and nothing of a stranger's file is believed."""

from __future__ import annotations

import json
import os
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copdns.model.errors import BackupError
from copdns.store import archive
from copdns.store.archive import ABOUT, FORMAT, pack, unpack
from tests.whole import examples

HOUSE = b"a household" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    (tmp_path / "household.db").write_bytes(HOUSE)
    pack(tmp_path / "a.backup", {"household.db": tmp_path / "household.db"}, 1_800_000_000, "1.0")
    return tmp_path / "a.backup"


def about(**changed: object) -> str:
    part = {"octets": len(HOUSE), "sha256": sha256(HOUSE).hexdigest()}
    found = {"format": FORMAT, "copdns": "1.0", "made": 1, "parts": {"household.db": part}}
    return json.dumps({**found, **changed})


def written(path: Path, *members: tuple[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, octets in members:
            out.writestr(name, octets)
    return path


def test_what_is_packed_comes_back(packed: Path, folder: Path) -> None:
    found = unpack(packed, folder)
    assert (found.made, found.version) == (1_800_000_000, "1.0")
    assert (folder / "household.db").read_bytes() == HOUSE
    assert (folder / "household.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["../household.db", "/etc/passwd", "household.db/../../x", "sub/household.db", "a.txt"]
)
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, folder: Path, name: str) -> None:
    hostile = written(tmp_path / "h", (ABOUT, about()), ("household.db", HOUSE), (name, b"x"))
    with pytest.raises(BackupError, match="not a backup of copdns"):
        unpack(hostile, folder)
    assert list(folder.iterdir()) == []


def test_more_than_it_says_is_not_unpacked(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_BLOCK", 1 << 10)
    bomb = written(tmp_path / "h", (ABOUT, about()), ("household.db", bytes(50 << 20)))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(BackupError, match="changed or damaged"):
        unpack(bomb, folder)
    assert (folder / "household.db").stat().st_size <= len(HOUSE)


@pytest.mark.parametrize("octets", [-1, (512 << 20) + 1, 1 << 60])
def test_a_size_that_no_household_has_is_refused(tmp_path: Path, folder: Path, octets: int) -> None:
    parts = {"household.db": {"octets": octets, "sha256": "0"}}
    hostile = written(tmp_path / "h", (ABOUT, about(parts=parts)), ("household.db", HOUSE))
    with pytest.raises(BackupError, match="other parts"):
        unpack(hostile, folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (about(format=2), "format 2"),
        (about(parts={}), "other parts"),
        (about(parts=None), "not written by copdns"),
        ("[]", "not written by copdns"),
        ("{", "incomplete or damaged"),
        ("[" * 60_000, "backup"),
        (about(made=10**30), "not written by copdns"),
        (about(made=1 << 37), "not written by copdns"),
        (about(made=-1), "not written by copdns"),
        (about(made=float("inf")), "incomplete or damaged"),
        (
            about(parts={"household.db": {"octets": float("inf"), "sha256": ""}}),
            "incomplete or damaged",
        ),
    ],
)
def test_one_that_says_odd_things_of_itself_is_refused(
    tmp_path: Path, folder: Path, text: str, said: str
) -> None:
    with pytest.raises(BackupError, match=said):
        unpack(written(tmp_path / "h", (ABOUT, text), ("household.db", HOUSE)), folder)


def test_a_part_that_was_changed_is_refused(tmp_path: Path, folder: Path) -> None:
    hostile = written(tmp_path / "h", (ABOUT, about()), ("household.db", HOUSE[::-1]))
    with pytest.raises(BackupError, match="changed or damaged"):
        unpack(hostile, folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60))
@given(st.data())
def test_one_that_was_cut_or_damaged_is_whole_or_refused(packed: Path, data: st.DataObject) -> None:
    octets = bytearray(packed.read_bytes())
    if data.draw(st.booleans()):
        del octets[data.draw(st.integers(0, len(octets) - 1)) :]
    else:
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] ^= data.draw(st.integers(1, 255))
    damaged, out = packed.with_name("damaged"), packed.with_name("unpacked")
    damaged.write_bytes(octets)
    out.mkdir(exist_ok=True)
    (out / "household.db").unlink(missing_ok=True)
    try:
        unpack(damaged, out)
    except BackupError:
        return
    assert (out / "household.db").read_bytes() == HOUSE


def test_a_file_that_is_none_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        unpack(tmp_path / "missing", folder)
    with pytest.raises(BackupError):
        unpack(tmp_path, folder)


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_way_of_packing_is_not_unpacked(tmp_path: Path, folder: Path, way: int) -> None:
    with zipfile.ZipFile(tmp_path / "h", "w", way) as out:
        out.writestr(ABOUT, about())
        out.writestr("household.db", HOUSE)
    with pytest.raises(BackupError, match="another way"):
        unpack(tmp_path / "h", folder)


def test_nobody_waits_for_a_pipe_and_none_is_replaced(tmp_path: Path, folder: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupError, match="is not a file"):
        unpack(tmp_path / "pipe", folder)
    with pytest.raises(BackupError, match="not a regular file"):
        pack(tmp_path / "pipe", {}, 1, "1.0")
    assert (tmp_path / "pipe").is_fifo()
