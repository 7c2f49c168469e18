"""The walk over a message: records, names and options, whatever somebody put there."""

from __future__ import annotations

from struct import pack

import dns.exception
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.records import MAX_JUMPS, A, read_name, read_options, read_records, skip_name
from copdns.model.errors import WireError

ADDRESS = pack("!HHIH", A, 1, 300, 4) + b"\xc0\0\2\1"


def pointer(to: int) -> bytes:
    return (0xC000 | to).to_bytes(2, "big")


# --- names -----------------------------------------------------------------------------------


def test_a_name_is_put_together_over_pointers_that_go_back() -> None:
    message = b"\x07example\0" + b"\x03www" + pointer(0) + b"\x01a" + pointer(9)
    assert read_name(message, 15) == b"\x01a\x03www\x07example\0"


@pytest.mark.parametrize(
    ("message", "at"),
    [
        (pointer(0), 0),  # to itself
        (pointer(2) + pointer(0), 2),  # round and round
        (b"\x01a" + pointer(0), 0),  # to its own beginning
        (b"\x01a" + pointer(4) + b"\x01b\0", 0),  # forward
        (pointer(99), 0),  # to where nothing is
        (b"\0\0" + pointer(1)[:1], 2),  # cut in the middle
        (b"\x03ab", 0),
        (b"\x40" + b"a" * 64 + b"\0", 0),
    ],
)
def test_a_pointer_that_leads_nowhere_ends_the_reading(message: bytes, at: int) -> None:
    with pytest.raises(WireError):
        read_name(message, at)


def test_pointers_to_pointers_have_an_end() -> None:
    chain = b"\0\0" + b"".join(pointer(2 * step) for step in range(200))
    assert read_name(chain, 2 * MAX_JUMPS) == b"\0"
    with pytest.raises(WireError):
        read_name(chain, 2 * MAX_JUMPS + 2)


def test_a_decompressed_name_has_255_octets_at_most() -> None:
    label = b"\x3f" + b"a" * 63
    assert len(read_name(label * 3 + b"\x3d" + b"a" * 61 + b"\0", 0)) == 255
    with pytest.raises(WireError):
        read_name(label * 3 + b"\x3e" + b"a" * 62 + b"\0", 0)


def test_the_name_of_a_question_is_never_compressed() -> None:
    assert skip_name(b"\x03www\0rest", 0) == 5
    with pytest.raises(WireError):
        skip_name(b"\0" + b"\x03www" + pointer(0), 1)


@given(st.binary(max_size=300), st.integers(0, 20))
def test_any_octets_are_a_name_or_a_wire_error(message: bytes, at: int) -> None:
    try:
        ours = read_name(message, at)
    except WireError:
        return
    assert dns.name.from_wire(message, at)[0].to_wire() == ours


# --- records ---------------------------------------------------------------------------------


def test_records_tell_where_their_parts_stand() -> None:
    message = b"\x01a\0" + ADDRESS + pointer(0) + ADDRESS
    first, second = read_records(message, 0, 2)
    assert (first.start, first.rtype, first.rclass, first.ttl, first.end) == (0, A, 1, 300, 17)
    assert message[first.data_at : first.end] == b"\xc0\0\2\1"
    assert message[second.ttl_at : second.ttl_at + 4] == (300).to_bytes(4, "big")
    assert (second.start, second.end) == (17, len(message))


@pytest.mark.parametrize("size", range(1, 3 + len(ADDRESS)))
def test_a_record_that_is_cut_short_is_a_wire_error(size: int) -> None:
    with pytest.raises(WireError):
        list(read_records((b"\x01a\0" + ADDRESS)[:size], 0, 1))


def test_a_number_of_records_that_is_a_lie_is_found_out_at_the_end() -> None:
    with pytest.raises(WireError):
        list(read_records(b"\0" + ADDRESS, 0, 65535))


# --- options ---------------------------------------------------------------------------------


def test_of_two_options_with_one_code_the_first_counts() -> None:
    data = b"\0\x0f\0\2\0\1" + b"\0\x0f\0\2\0\2" + b"\0\x0a\0\0"
    assert read_options(data) == {15: b"\0\1", 10: b""}


@pytest.mark.parametrize("data", [b"\0", b"\0\x0f", b"\0\x0f\0", b"\0\x0f\0\1", b"\0\x0f\0\0\0"])
def test_options_fill_their_record_exactly(data: bytes) -> None:
    with pytest.raises(WireError):
        read_options(data)
