"""Tests of the messages about neighbours, byte by byte."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.network.netlink import (
    AnnouncedPrefix,
    End,
    Message,
    Neighbour,
    OwnAddress,
    Route,
    neighbour_request,
    neighbours_request,
    own_addresses_request,
    read_messages,
    route_request,
)
from tests.unit.kernel import (
    FAILED,
    GONE,
    LAN,
    STALE,
    ended,
    entry,
    message,
    own,
    prefix_message,
    route,
)

CARD = "02:00:00:00:00:08"


def one(datagram: bytes) -> Message:
    ((_, found),) = read_messages(datagram)
    return found


@pytest.mark.parametrize(
    "prefix", ["64:ff9b::/96", "2001:db8:1::/64", "2001:db8:1::/48", "2001:db8::/32"]
)
def test_a_prefix_that_a_router_announces_is_read_with_its_lifetime(prefix: str) -> None:
    assert one(prefix_message(prefix, 1800)) == AnnouncedPrefix(LAN, prefix, 1800)


@pytest.mark.parametrize(
    "datagram",
    [
        prefix_message("64:ff9b::/96", 1800, kind=136),
        prefix_message("64:ff9b::/96", 1800, option=25),
        prefix_message("64:ff9b::/96", 1800)[:40],
    ],
)
def test_what_announces_no_prefix_is_skipped(datagram: bytes) -> None:
    assert list(read_messages(datagram)) == []


@pytest.mark.parametrize("address", ["192.0.2.8", "2001:db8::8"])
def test_a_neighbour_is_an_address_and_the_card_behind_it(address: str) -> None:
    assert one(entry(address, CARD)) == Neighbour(LAN, address, CARD)
    assert one(entry(address, CARD, state=STALE)) == Neighbour(LAN, address, CARD)


@pytest.mark.parametrize(
    "datagram",
    [
        entry("192.0.2.8", CARD, kind=GONE),
        entry("192.0.2.8", CARD, state=FAILED),
        entry("192.0.2.8"),
        entry("192.0.2.8", "00:00:00:00:00:00"),
        entry("192.0.2.8", "01:00:5e:00:00:01"),
        entry("192.0.2.8", "02:00:00:00"),
    ],
)
def test_a_neighbour_without_a_card_of_its_own_is_told_as_gone(datagram: bytes) -> None:
    assert one(datagram) == Neighbour(LAN, "192.0.2.8", "")


@pytest.mark.parametrize(
    "datagram",
    [
        entry("192.0.2.8", CARD, family=7),  # of a bridge
        entry("192.0.2.8", CARD, flags=8),  # this machine answers for it
        message(16, bytes(16)),  # of an interface
        entry("192.0.2.8", CARD)[:-40],
    ],
)
def test_what_is_no_neighbour_is_passed_by(datagram: bytes) -> None:
    assert list(read_messages(datagram)) == []


def test_several_messages_share_a_datagram() -> None:
    datagram = entry("192.0.2.8", CARD, sequence=5) + ended(sequence=5) + b"rest"
    assert list(read_messages(datagram)) == [(5, Neighbour(LAN, "192.0.2.8", CARD)), (5, End(0))]


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (route(3), Route(3, is_direct=True)),
        (route(3, gateway="192.0.2.1"), Route(3, is_direct=False)),
        (route(1, kind=2), Route(1, is_direct=False)),  # this machine itself
        (ended(errno.ENETUNREACH), End(errno.ENETUNREACH)),
    ],
)
def test_a_route_says_whether_a_router_stands_between(datagram: bytes, expected: Message) -> None:
    assert one(datagram) == expected


def test_an_address_of_this_machine_is_not_the_one_at_the_other_end() -> None:
    assert one(own("2001:db8::1")) == OwnAddress(LAN, "2001:db8::1")
    assert one(own("192.0.2.1", other="192.0.2.2")) == OwnAddress(LAN, "192.0.2.1")


def test_questions_are_as_the_kernel_wants_them() -> None:
    assert own_addresses_request(7) == struct.pack("=IHHII8x", 24, 22, 0x301, 7, 0)
    assert neighbours_request(7) == struct.pack("=IHHII12x", 28, 30, 0x301, 7, 0)
    assert neighbour_request("192.0.2.8", 3, 7) == (
        struct.pack("=IHHIIBxxxiHBB", 36, 30, 1, 7, 0, 2, 3, 0, 0, 0)
        + struct.pack("=HH", 8, 1)
        + bytes([192, 0, 2, 8])
    )
    head = struct.pack("=IHHIIBB10x", 48, 26, 1, 7, 0, 10, 128)
    address = bytes.fromhex("20010db8000000000000000000000008")
    assert route_request("2001:db8::8", 7) == head + struct.pack("=HH", 20, 1) + address


def assert_sound(datagram: bytes) -> None:
    """Fail where more messages are read than headers fit in, or one with a number that no header
    has."""
    found = list(read_messages(datagram))
    assert len(found) <= len(datagram) // 16
    assert all(0 <= sequence < 1 << 32 for sequence, _ in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(datagram: bytes) -> None:
    assert_sound(datagram)


@given(st.binary(max_size=80), st.sampled_from([2, 3, 20, 24, 28, 29]))
def test_any_body_is_read_without_an_error(body: bytes, kind: int) -> None:
    assert_sound(message(kind, body))
