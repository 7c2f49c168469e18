"""Tests of index files: whole or not at all, and read only when they are what they should be."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from copdns.list_files import index_file
from copdns.lists.compiled_index import HEADER_SIZE, pack
from copdns.lists.index import ListKind
from copdns.lists.merge import merge
from copdns.lists.small_index import Draft
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind


def games(*names: str) -> list[bytes]:
    """Return the parts of an index of these names."""
    listed = dict.fromkeys(names, MatchKind.SUBTREE)
    return list(pack(merge([Draft("games", ListKind.CATEGORY, "games", "", listed)]), "key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "key.index"
    index_file.write(path, games("games.example"))
    return path


def test_what_was_written_is_found(path: Path) -> None:
    found = index_file.read(path)
    assert found.key == "key"
    assert [entry.name for entry in found.index.find("www.games.example")] == ["games.example"]
    assert [each.name for each in path.parent.iterdir()] == ["key.index"]


def test_a_long_part_is_written_in_pieces_so_that_a_look_at_it_loads_little() -> None:
    class Pieces(BytesIO):
        longest = 0

        def write(self, octets: Any) -> int:
            self.longest = max(self.longest, len(memoryview(octets)))
            return super().write(octets)

    file, octets = Pieces(), bytes(range(256)) * 1_000
    index_file.write_in_pieces(file, octets)
    assert file.getvalue() == octets
    assert file.longest <= 64 << 10


def test_an_index_that_is_replaced_or_removed_stays_as_it_was_for_those_who_have_it(
    path: Path,
) -> None:
    found = index_file.read(path)
    index_file.write(path, games("toys.example"))
    path.unlink()
    assert found.index.find("games.example")
    assert not found.index.find("toys.example")


def test_what_a_killed_process_left_is_written_over(path: Path) -> None:
    path.with_suffix(".part").write_bytes(b"half")
    index_file.write(path, games("toys.example"))
    assert index_file.read(path).index.find("toys.example")
    assert [each.name for each in path.parent.iterdir()] == ["key.index"]


def test_a_write_that_fails_leaves_what_was_there(path: Path) -> None:
    def full_disk() -> Iterator[bytes]:
        yield b"the first part"
        raise OSError(28, "No space left on device")

    with pytest.raises(ListError, match="No space left on device"):
        index_file.write(path, full_disk())
    assert index_file.read(path).index.find("games.example")
    assert [each.name for each in path.parent.iterdir()] == ["key.index"]


@pytest.mark.parametrize("left", [0, 10, HEADER_SIZE, -1])
def test_a_torn_file_is_refused(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ListError, match=r"key\.index is"):
        index_file.read(path)


def test_a_damaged_file_is_refused(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[HEADER_SIZE + 100] ^= 1
    path.write_bytes(octets)
    with pytest.raises(ListError, match=r"key\.index is damaged on disk"):
        index_file.read(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"other\.index: No such file"):
        index_file.read(tmp_path / "other.index")
