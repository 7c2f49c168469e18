"""A hashed list knows its names and those below, and its text tells none of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import ListError, RegisterError
from copdns.model.matchers import Matcher
from copdns.provider.law.edits import DAY, enter_order
from copdns.provider.law.events import OrderConfirmed
from copdns.provider.law.hashed_list import DEEPEST, hash_name, read_hashed
from copdns.provider.law.register_in_force import choose_hashed, orders_without_list
from copdns.provider.plane.hashed_names import LISTS_KEY, OPEN, hashed_rows
from copdns.provider.plane.snapshot import ListedNames, SpecialNames
from tests.hashed_lists import write_hashed
from tests.provider_staff import ADA, NOW, Written, order

SALT = bytes(range(16))
TEXT = write_hashed(
    ["Bad.example", "b\u00fccher.example", "a.b.c.example"], "A hotline", "7", NOW + DAY, SALT
)
LIST = read_hashed(TEXT, "a list")


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
    assert bool(rows_above(name, dict(hashed_rows(ListedNames(hashed=(LIST,)))))) is is_on_it


def rows_above(name: str, rows: dict[bytes, bytes]) -> list[bytes]:
    """Return what rows have of a name and those above it, as dnsdist looks (tests/e2e)."""
    depth, _, salt = rows[LISTS_KEY].decode().partition(":")
    labels = name.split(".")[-int(depth) :]
    above = (".".join(labels[first:]) for first in range(len(labels)))
    return [rows[key] for each in above if (key := hash_name(each, bytes.fromhex(salt))) in rows]


def test_what_it_has_is_read_and_its_text_tells_no_name() -> None:
    assert (len(LIST), LIST.issuer, LIST.depth) == (3, "A hotline", 4)
    assert "bad" not in TEXT


def test_a_protected_name_is_open_whatever_the_list_has() -> None:
    special = SpecialNames(
        help=(Matcher("bad.example"),), protected=(Matcher("a.b.c.d.e.f.g.h.i.example"),)
    )
    rows = dict(hashed_rows(ListedNames((), special, (LIST,))))
    assert rows_above("www.bad.example", rows) == [OPEN]
    assert rows_above("x.a.b.c.d.e.f.g.h.i.example", rows) == [OPEN], "deeper than the list goes"
    assert dict(hashed_rows(ListedNames((), special))) == {}


def test_it_holds_while_a_confidential_order_names_its_checksum() -> None:
    written = Written()

    def in_force(now: int) -> bool:
        return choose_hashed([LIST], written.register, now) == (LIST,)

    ends = NOW + 9 * DAY
    fields = {"document": LIST.checksum, "is_confidential": True}
    new = order(begins=NOW, ends=ends, **fields)
    number = written.add("ada", enter_order(written.register, new, ADA, NOW))
    assert not in_force(NOW), "one person alone"
    written.add("bo", OrderConfirmed(number))
    assert [in_force(at) for at in (NOW, LIST.expires - 1, LIST.expires)] == [True, True, False]
    other = replace(LIST, checksum="0")
    assert not choose_hashed([other], written.register, NOW)
    assert orders_without_list([LIST], written.register, NOW) == ()
    assert orders_without_list([other], written.register, NOW) == (number,)
    assert orders_without_list([LIST], written.register, LIST.expires) == (number,), "it is over"
    with pytest.raises(RegisterError, match="1 to"):
        enter_order(written.register, order(document=LIST.checksum), ADA, NOW)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format: hashed-v1", "format: hashed-v2", "not a whole"),
        ("depth: 4", "depth: 7", "1 to 6"),
        ("salt: 00", "salt: ", "16 to 64 octets"),
        (f"expires: {NOW + DAY}\n", "", "it needs"),
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
        with suppress(ListError):  # any other error would be a bug of ours, and fails
            assert 1 <= read_hashed(each, "a list").depth <= DEEPEST
