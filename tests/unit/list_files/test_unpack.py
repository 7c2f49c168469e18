"""Unpacking: one text comes out, whatever else an archive holds or claims."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.list_files.unpack import UnpackJob, unpack_list
from copdns.model.errors import CopdnsError, FetchError
from tests.list_server import tar

TOYS = "chess.example\ngames.example\n"


def job(folder: Path, octets: bytes, member: str = "", limit: int = 100_000) -> UnpackJob:
    (folder / "raw").write_bytes(octets)
    (folder / "text").unlink(missing_ok=True)
    return UnpackJob(str(folder / "raw"), str(folder / "text"), member, "domains", "exact", limit)


def long_named(text: str, form: int) -> bytes:
    """Return a tar whose first file has a name too long for a header, so that it stands apart."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name in ("x" * 300, "games/domains"):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_file_behind_a_long_name_is_found(tmp_path: Path, form: int) -> None:
    found = unpack_list(job(tmp_path, long_named(TOYS, form), "games/domains"))
    assert (found.names, found.octets, found.lines) == (2, len(TOYS), 2)
    assert (tmp_path / "text").read_text() == TOYS


@pytest.mark.parametrize("cut", [100, 512, 700, 1024, 1100])
def test_an_archive_that_was_cut_off_is_told(tmp_path: Path, cut: int) -> None:
    whole = gzip.decompress(tar({"games/urls": "a" * 600, "games/domains": TOYS * 40}))
    with pytest.raises(FetchError, match=r"cut off|not a tar|holds"):
        unpack_list(job(tmp_path, whole[:cut], "games/domains"))


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    header = info.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(FetchError, match="cut off"):
        unpack_list(job(tmp_path, header + bytes(512), "games/domains"))


def test_a_damaged_header_behind_a_good_one_is_told(tmp_path: Path) -> None:
    whole = gzip.decompress(tar({"a": "", "games/domains": TOYS}))
    with pytest.raises(FetchError, match="damaged"):
        unpack_list(job(tmp_path, whole[:512] + b"x" * 512, "games/domains"))


@given(st.binary(max_size=2000))
def test_no_octets_break_it(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    folder = tmp_path_factory.mktemp("octets")
    for packed in (octets, gzip.compress(octets)[:-1], tar({"a": TOYS})[:-1] + octets):
        for member in ("", "a"):
            try:
                found = unpack_list(job(folder, packed, member, limit=1000))
            except CopdnsError:
                continue
            assert found.octets <= 1000


def told(job: UnpackJob) -> dict[str, object]:
    """Run the process and return what it says."""
    process = subprocess.run(
        [sys.executable, "-P", "-m", "copdns.list_files.unpack"],
        input=json.dumps(asdict(job)) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr == ""
    return dict(json.loads(process.stdout))


def test_the_process_tells_what_it_found_or_why_not(tmp_path: Path) -> None:
    assert told(job(tmp_path, TOYS.encode()))["names"] == 2
    assert "a web page" in str(told(job(tmp_path, b"<html>"))["error"])
    missing = job(tmp_path, b"")
    (tmp_path / "raw").unlink()
    assert "could not be saved" in str(told(missing)["error"])
