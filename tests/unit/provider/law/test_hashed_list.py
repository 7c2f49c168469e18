"""A hashed list knows its names and those below, and its text tells none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import ListError
from copdns.provider.law.hashed_list import read_hashed, write_hashed

NOW = 1_796_000_000
SALT = bytes(range(16))
TEXT = write_hashed(
    ["Bad.example", "b\u00fccher.example", "a.b.c.example"], "A hotline", "7", NOW, SALT
)


@pytest.mark.parametrize(
    ("name", "is_on_it"),
    [
        ("bad.example", True),
        ("www.bad.example", True),  # below it
        ("abad.example", False),  # same letters, another label
        ("example", False),
        ("xn--bcher-kva.example", True),
        ("x.a.b.c.example", True),
        ("b.c.example", False),
        ("a.b.c.d.e.f.g.bad.example", True),
    ],
)
def test_a_name_stands_for_what_is_below_it(name: str, is_on_it: bool) -> None:
    assert read_hashed(TEXT, "a list").has(name, NOW - 1) is is_on_it


def test_it_holds_nothing_from_its_end_on_and_reads_as_nothing() -> None:
    found = read_hashed(TEXT, "a list")
    assert not found.has("bad.example", NOW)
    assert (len(found), found.issuer, found.depth) == (3, "A hotline", 4)
    assert "bad" not in TEXT


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format: hashed-v1", "format: hashed-v2", "not a whole"),
        ("depth: 4", "depth: 7", "1 to 6"),
        ("salt: 00", "salt: ", "16 to 64 octets"),
        ("expires: 1796000000\n", "", "it needs"),
        ("issuer: A hotline", "issuer: A hotline\nissuer: another", "a list:3"),
        ("\n\n", "\n\nzz", "a list:8: not a hash"),
    ],
)
def test_a_damaged_list_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(ListError, match=said):
        read_hashed(TEXT.replace(old, new, 1), "a list")


@given(st.text(max_size=300))
def test_any_text_is_a_list_or_an_error_for_people(text: str) -> None:
    for each in (text, TEXT[: len(text)], TEXT + text):
        try:
            read_hashed(each, "a list")
        except ListError:
            continue
