"""What is handed out as a resolver is read right, and nothing that comes upsets the reading."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.network.other_resolvers import (
    BlindSpot,
    Offer,
    OfferedBy,
    ResolverScan,
    assess,
    dhcp6_offer,
    dhcp_discover,
    dhcp_inform,
    dhcp_offer,
    information_request,
    parse_offers,
    router_offer,
)
from copdns.network.setup_steps import SetupState

MAC = bytes.fromhex("020000000001")
BOX = "192.168.1.2"


def packed(*texts: str) -> bytes:
    return b"".join(ip_address(each).packed for each in texts)


def option(number: int, octets: bytes) -> bytes:
    return bytes((number, len(octets))) + octets


def reply(*options: bytes, number: int = 7) -> bytes:
    head = bytes((2, 1, 6, 0)) + struct.pack("!I", number)
    return head.ljust(236, b"\0") + b"\x63\x82\x53\x63" + b"".join(options) + b"\xff"


def test_a_dhcp_server_hands_out_its_resolvers() -> None:
    message = reply(b"\0", option(54, packed("192.168.1.1")), option(6, packed("192.168.1.1", BOX)))
    assert dhcp_offer(message, 7, "9.9.9.9") == Offer(
        OfferedBy.DHCP, "192.168.1.1", ("192.168.1.1", BOX)
    )
    assert dhcp_offer(message, 8, "9.9.9.9") is None  # a reply to somebody else
    assert dhcp_offer(dhcp_discover(MAC, 7), 7, BOX) is None  # a question


@pytest.mark.parametrize("message", [dhcp_discover(MAC, 7), dhcp_inform(MAC, 7, BOX)])
def test_a_question_is_one_that_servers_take(message: bytes) -> None:
    assert (len(message), message[0], message[236:240]) == (300, 1, b"\x63\x82\x53\x63")
    assert message[28:34] == MAC


def test_a_dhcpv6_server_hands_out_its_resolvers() -> None:
    found = packed("fd00::1", "fd00::2")
    message = struct.pack("!I", 7 << 24 | 5) + struct.pack("!HH", 23, 32) + found
    assert dhcp6_offer(message, 5, "fe80::1") == Offer(
        OfferedBy.DHCP6, "fe80::1", ("fd00::1", "fd00::2")
    )
    assert dhcp6_offer(information_request(MAC, 5), 5, "fe80::1") is None


def advertisement(lifetime: int) -> bytes:
    rdnss = bytes((25, 3, 0, 0)) + struct.pack("!I", lifetime) + packed("fd00::1")
    return bytes((134,)).ljust(16, b"\0") + bytes((1, 1)).ljust(8, b"\0") + rdnss


def test_a_router_advertises_its_resolvers_until_it_takes_them_back() -> None:
    assert router_offer(advertisement(600), "fe80::1") == Offer(
        OfferedBy.ROUTER, "fe80::1", ("fd00::1",)
    )
    assert router_offer(advertisement(0), "fe80::1") == Offer(OfferedBy.ROUTER, "fe80::1", ())


@given(st.binary(max_size=400))
def test_nothing_that_is_sent_upsets_the_reading(octets: bytes) -> None:
    offers = [dhcp6_offer(struct.pack("!I", 7 << 24 | 5) + octets, 5, "fe80::1")]
    for message in (octets, reply(octets), bytes((134,)).ljust(16, b"\0") + octets):
        offers += [dhcp_offer(message, 7, BOX), router_offer(message, "fe80::1")]
    for resolver in (each for offer in offers if offer for each in offer.resolvers):
        assert str(ip_address(resolver)) == resolver


def test_a_house_is_safe_when_copdns_alone_is_handed_out() -> None:
    ours = Offer(OfferedBy.DHCP, "192.168.1.1", (BOX,))
    theirs = Offer(OfferedBy.ROUTER, "fe80::1", ("fd00::1", BOX))
    assert assess(ResolverScan((ours,)), {BOX}).state is SetupState.PASSED
    found = assess(ResolverScan((ours, theirs)), {BOX})
    assert found.state is SetupState.FAILED
    assert parse_offers(found.detail) == (Offer(OfferedBy.ROUTER, "fe80::1", ("fd00::1",)),)


@pytest.mark.parametrize(
    ("look", "detail"),
    [
        (ResolverScan(), BlindSpot.SILENT),
        (ResolverScan((Offer(OfferedBy.ROUTER, "fe80::1", ()),)), BlindSpot.SILENT),
        (ResolverScan(blind=(BlindSpot.RIGHTS,)), BlindSpot.RIGHTS),
        (
            ResolverScan((Offer(OfferedBy.DHCP, BOX, (BOX,)),), (BlindSpot.RIGHTS,)),
            BlindSpot.RIGHTS,
        ),
    ],
)
def test_what_could_not_be_seen_is_not_taken_for_safe(
    look: ResolverScan, detail: BlindSpot
) -> None:
    assert assess(look, {BOX}) == (SetupState.UNKNOWN, detail)
