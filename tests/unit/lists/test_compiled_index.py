"""Tests of the file of a compiled index: what is written is read back, what is torn is refused."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists import compiled_index, trie
from copdns.lists.compiled_index import FORMAT, HEADER_SIZE, pack, read_header, unpack
from copdns.lists.gate import Gate
from copdns.lists.index import ListInfo, ListKind
from copdns.lists.merge import merge
from copdns.lists.parse import SkippedLine, SkipReason
from copdns.lists.small_index import Draft, ListStatus
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind


def helplines() -> Draft:
    names = {"help.example": MatchKind.SUBTREE}
    return Draft("helpline", ListKind.PROTECTED, "helpline", "Help", names)


GAMES = Draft(
    "boards",
    ListKind.CATEGORY,
    "games",
    "Board games",
    {"games.example": MatchKind.SUBTREE, "help.example": MatchKind.EXACT},
    {"chess.games.example": MatchKind.EXACT},
    unused={SkipReason.SUFFIX: 2},
    problems=(SkippedLine(3, SkipReason.SUFFIX, "com"),),
    licence="CC0-1.0",
    maintainer="Ada",
    report="https://ada.example/",
)
LOST = Draft("lost", ListKind.CATEGORY, "games", "Lost", error="lost.txt: no such file")

PASSED = map(Gate([helplines()]).let_through, [helplines(), GAMES, LOST])

FILE = b"".join(pack(merge(PASSED), "made from this"))


def test_beacons_are_found_in_it_and_open_nothing() -> None:
    beacons = Draft("beacons", ListKind.BEACON, "beacons", "", {"push.example": MatchKind.SUBTREE})
    index = unpack(memoryview(b"".join(pack(merge([helplines(), beacons]), "")))).index
    (entry,) = index.find("7.push.example")
    assert index.infos[entry.list].kind is ListKind.BEACON
    assert index.open_below == {"help.example", "example"}


def test_what_is_known_of_the_lists_stands_in_the_file() -> None:
    found = unpack(memoryview(FILE))
    assert found.key == "made from this"
    _, boards, lost = found.statuses
    assert boards == ListStatus(
        ListInfo(
            1,
            "boards",
            ListKind.CATEGORY,
            "games",
            boards.info.version,
            "Board games",
            "CC0-1.0",
            "Ada",
            "https://ada.example/",
            size=2,
        ),
        {SkipReason.SUFFIX: 2, SkipReason.PROTECTED: 1},
        (SkippedLine(3, SkipReason.SUFFIX, "com"),),
    )
    assert isinstance(boards.info.kind, ListKind)
    assert lost.error == "lost.txt: no such file"
    assert found.index.open_below == {
        *("help.example", "example"),
        *("chess.games.example", "games.example"),
    }


def test_what_a_number_counts_from_is_the_same_in_the_file() -> None:
    found = unpack(memoryview(FILE)).index
    (entry,) = found.find("www.games.example")
    assert found.infos[entry.list].slug == "boards"


@given(st.integers(0, len(FILE) - 1))
def test_a_torn_file_is_refused(size: int) -> None:
    with pytest.raises(ListError, match=r"is not a list index|but only"):
        read_header(FILE[:size], size)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "not a list index"),
        (b"games.example\n" * 100, "not a list index"),
        (FILE[:16] + struct.pack("=I", FORMAT + 1) + FILE[20:], f"reads format {FORMAT}"),
        (FILE[:16] + struct.pack("=I", FORMAT)[::-1] + FILE[20:], "is a list index of format"),
        (FILE + b"\0", "but only"),
    ],
)
def test_a_file_of_something_else_is_refused(octets: bytes, words: str) -> None:
    with pytest.raises(ListError, match=words):
        unpack(memoryview(octets))


@given(st.integers(HEADER_SIZE, len(FILE) - 1), st.integers(1, 255))
def test_an_octet_that_changed_on_disk_is_told_by_the_checksum(place: int, change: int) -> None:
    octets = bytearray(FILE)
    octets[place] ^= change
    checksum = read_header(FILE, len(FILE)).checksum
    assert compiled_index.checksum([bytes(octets[HEADER_SIZE:])]) != checksum
    assert compiled_index.checksum([FILE[HEADER_SIZE:500], FILE[500:]]) == checksum


@pytest.mark.parametrize(
    "change",
    [{"lists": [{}]}, {"sets": [[[0, "nearly", False]]]}, {"code": "Z"}, {"lists": None}],
)
def test_a_head_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    header = read_header(FILE, len(FILE))
    head = json.loads(FILE[-compiled_index.padded_size(header.head) :].rstrip(b"\0"))
    text = json.dumps({**head, **change}).encode()
    whole = FILE[: -compiled_index.padded_size(header.head)] + text.ljust(
        compiled_index.padded_size(len(text)), b"\0"
    )
    whole = whole[:40] + struct.pack("=Q", len(text)) + whole[48:]
    with pytest.raises(ListError, match="cannot be read"):
        unpack(memoryview(whole))


def test_an_index_of_a_machine_with_other_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "marisa_trie", None)
    with pytest.raises(ListError, match="with a trie of domains, not a table"):
        unpack(memoryview(FILE))


def test_help_names_are_found_through_any_damage_to_the_numbers_while_the_file_is_mapped() -> None:
    toys = {f"toys-{number}.example": MatchKind.SUBTREE for number in range(300)}
    deeper = {"ads.help.example": MatchKind.SUBTREE, **toys}
    drafts = [helplines(), Draft("toys", ListKind.CATEGORY, "games", "Toys", deeper)]
    file = b"".join(pack(merge(drafts), ""))
    names = (
        "help.example",
        "www.help.example",
        "ads.help.example",
        "x.ads.help.example",
        "example",
    )
    sound = unpack(memoryview(file)).index
    expected = {name: sound.find(name) for name in names}
    assert [each.list for each in expected["x.ads.help.example"]] == [1, 0]
    octets = bytearray(file)
    index = unpack(memoryview(octets)).index
    assert {name: index.find(name) for name in names} == expected
    header = read_header(file[:HEADER_SIZE], len(file))
    at = HEADER_SIZE + compiled_index.padded_size(header.keys)
    for octet in range(256):  # no list, a wrong one, or a set that there is none of
        octets[at : at + header.numbers] = bytes([octet]) * header.numbers
        assert index.find("help.example") == expected["help.example"]
        assert index.find("www.help.example") == expected["www.help.example"]
        assert index.find("x.ads.help.example")[-1] == expected["www.help.example"][0]
    assert index.find("toys-1.example") != sound.find("toys-1.example")
