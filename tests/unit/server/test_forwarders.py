"""What a listed forwarder says of who asks, octet by octet, and all that is not believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

import dns.edns
import dns.message
import pytest
from dns.edns import ECSOption
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import ProxyError
from copdns.model.verdict import Requestor
from copdns.server.forwarders import (
    MAX_PROXY,
    EdnsDevice,
    Forwarder,
    Forwarders,
    ProxyHeader,
    read_device,
    read_proxy,
    unwrap,
    with_edns_device,
)
from tests.forwarding import (
    SIGNATURE,
    STREAM,
    generic,
    header,
    mac_option,
    own,
    proxied,
    text_option,
)
from tests.unit.messages import message, opt, option, query, question

MAC = "02:00:00:00:00:08"
ROUTER = Requestor("192.0.2.1", "192.0.2.53", "udp")
HERE = ip_network("192.0.2.53")

# --- the PROXY header -----------------------------------------------------------------------------

TLV = bytes.fromhex("e0 0003 616263")
GOLDEN = {
    "IPv4 over UDP": ("21 12 000c c000020f c0000201 c350 0035", "192.0.2.15"),
    "IPv4 over TCP": ("21 11 000c c000020f c0000201 c350 0035", "192.0.2.15"),
    "IPv6 over UDP": (
        "21 22 0024 20010db8000000000000000000000008 20010db8000000000000000000000001 c350 0035",
        "2001:db8::8",
    ),
    "IPv6 over TCP": (
        "21 21 0024 20010db8000000000000000000000008 20010db8000000000000000000000001 c350 0035",
        "2001:db8::8",
    ),
    "IPv4 inside IPv6": (
        "21 22 0024 00000000000000000000ffffc000020f 00000000000000000000ffffc0000201 c350 0035",
        "192.0.2.15",
    ),
    "with TLVs": ("21 12 0012 c000020f c0000201 c350 0035 e00003616263", "192.0.2.15"),
    "for itself": ("20 00 0000", ""),
    "for itself, with addresses": ("20 11 000c c000020f c0000201 c350 0035", ""),
    "for itself, of an unknown family": ("20 ff 0002 abcd", ""),
    "of an unknown address": ("21 00 0000", ""),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_a_header_says_who_asked_and_where_it_ends(case: str) -> None:
    text, source = GOLDEN[case]
    octets = SIGNATURE + bytes.fromhex(text)
    said = ProxyHeader(source, len(octets), "abc" if "TLV" in case else "")
    assert read_proxy(octets) == said
    assert read_proxy(octets + query()) == said


@pytest.mark.parametrize(
    ("fields", "household"),
    [
        ("e00003616263", "abc"),
        ("04000141 e00003616263 20000100", "abc"),  # among others
        ("04000141", ""),  # another field
        ("e00003616263 e00003646566", ""),  # nobody can tell which
        ("e00003616263 e00003616263", ""),
        ("e000056162", ""),  # cut short
        ("e00003616263 04", ""),
        ("e00000", ""),
        ("e0000361ff63", ""),  # no id
        ("e00003612063", ""),
        ("e00041" + "61" * 65, ""),
    ],
)
def test_a_providers_forwarder_says_whose_household_it_is(fields: str, household: str) -> None:
    octets = proxied("192.0.2.15", tlvs=bytes.fromhex(fields))
    assert read_proxy(octets) == ProxyHeader("192.0.2.15", len(octets), household)


def test_a_providers_forwarder_says_which_token_a_device_showed() -> None:
    """One token, of one household; else neither: nobody can tell whose rules it would open."""
    peer = Requestor("192.0.2.1", "192.0.2.2", "udp")
    told = Forwarder(ip_network("192.0.2.2"), proxy=True)
    token = "e10020" + "5a" * 32
    for fields, found in (
        (f"e00003616263 {token}", ("abc", "5a" * 32)),
        (f"{token} e00003616263", ("abc", "5a" * 32)),
        (token, ("", "")),
        (f"e00003616263 {token} {token}", ("", "")),
        ("e00003616263 e1001f" + "5a" * 31, ("", "")),
    ):
        octets = proxied("192.0.2.15", tlvs=bytes.fromhex(fields)) + query()
        asks = unwrap(octets, peer, told)[1]
        assert (asks.household, asks.token) == found
        assert not unwrap(octets, peer, replace(told, proxy=False))[1].token


def test_who_asks_has_the_household_that_a_believed_forwarder_says() -> None:
    octets = proxied("192.0.2.15", tlvs=TLV) + query()
    peer = Requestor("192.0.2.1", "192.0.2.2", "udp")
    told = Forwarder(ip_network("192.0.2.2"), proxy=True)
    assert unwrap(octets, peer, told)[1].household == "abc"
    assert not unwrap(octets, peer, replace(told, proxy=False))[1].household


def test_headers_are_built_in_these_tests_as_the_specification_says() -> None:
    assert proxied("192.0.2.15") == SIGNATURE + bytes.fromhex(GOLDEN["IPv4 over UDP"][0])
    assert proxied("2001:db8::8", STREAM) == SIGNATURE + bytes.fromhex(GOLDEN["IPv6 over TCP"][0])
    assert proxied("192.0.2.15", tlvs=TLV) == SIGNATURE + bytes.fromhex(GOLDEN["with TLVs"][0])


@pytest.mark.parametrize("octets", [query(), b"\r\n\r\n\0\r\nQUIT\r", b"x", b"PROXY TCP4 "])
def test_what_does_not_begin_as_a_header_has_none(octets: bytes) -> None:
    assert read_proxy(octets) == ProxyHeader("", 0)


@pytest.mark.parametrize("whole", [proxied("192.0.2.15", tlvs=TLV), own()])
def test_a_header_that_is_not_all_there_needs_more(whole: bytes) -> None:
    assert [read_proxy(whole[:size]) for size in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize(
    "wrong",
    [
        header(0x11, 0x12, bytes(12)),  # version 1
        header(0x31, 0x12, bytes(12)),  # version 3
        header(0x22, 0x12, bytes(12)),  # no such command
        header(0x21, 0x13, bytes(12)),  # no such transport
        header(0x21, 0x31, bytes(216)),  # a socket of a file system
        header(0x21, 0x41, bytes(216)),  # no such family
        header(0x21, 0x10, bytes(12)),  # a family without a transport
        header(0x21, 0x12, bytes(11)),  # too short for two addresses and two ports
        header(0x21, 0x22, bytes(35)),
        header(0x21, 0x12, b""),
        header(0x20, 0x00, bytes(MAX_PROXY)),
        SIGNATURE + b"\x21\x12\xff\xff",  # told at once, not after 65 kB
    ],
)
def test_a_malformed_header_is_told(wrong: bytes) -> None:
    with pytest.raises(ProxyError):
        read_proxy(wrong)


any_octets = st.binary(max_size=80)
any_headers = st.builds(
    header, st.integers(0x1F, 0x23), st.sampled_from([0, 0x11, 0x12, 0x21, 0x22, 0x31]), any_octets
)


@given(st.one_of(any_octets, any_octets.map(SIGNATURE.__add__), any_headers))
def test_no_octets_raise_anything_but_the_one_error(octets: bytes) -> None:
    try:
        found = read_proxy(octets)
    except ProxyError:
        return
    assert found is None or found.size <= len(octets)


@given(st.ip_addresses(), st.binary(max_size=60), st.binary(max_size=60))
def test_every_address_arrives_as_it_was_sent(source: object, tlvs: bytes, rest: bytes) -> None:
    head = proxied(str(source), tlvs=tlvs)
    found = read_proxy(head + rest)
    assert found is not None
    assert found.size == len(head)
    mapped = getattr(source, "ipv4_mapped", None)
    assert found.source == str(mapped or source)


# --- EDNS options ---------------------------------------------------------------------------------


def asked(*options: dns.edns.Option) -> bytes:
    asking = dns.message.make_query("www.example", "A", use_edns=0, options=[*options])
    return asking.to_wire()


@pytest.mark.parametrize(
    "given_by",
    [
        mac_option(MAC),
        text_option(MAC),
        text_option("AgAAAAAI"),
    ],
)
def test_the_three_forms_of_a_mac_mean_the_same(given_by: dns.edns.Option) -> None:
    assert read_device(asked(given_by)) == EdnsDevice(MAC, "")
    assert read_device(asked(given_by, mac_option(MAC))) == EdnsDevice(MAC, "")


def test_capitals_in_a_mac_are_no_matter() -> None:
    assert read_device(asked(text_option("0A:BC:DE:F0:12:34"))).mac == "0a:bc:de:f0:12:34"


@pytest.mark.parametrize(
    "options",
    [
        [mac_option("02:00:00:00:00")],
        [mac_option("02:00:00:00:00:00:00:08")],  # of another kind of network
        [mac_option("")],
        [mac_option("00:00:00:00:00:00")],  # nobody
        [mac_option("ff:ff:ff:ff:ff:ff")],  # everybody
        [mac_option("01:00:5e:00:00:fb")],  # a group
        [text_option("02-00-00-00-00-08")],
        [text_option("02:00:00:00:00:0g")],
        [text_option("AgAAAAA=")],
        [text_option("AgAA AAI")],
        [text_option("")],
        [text_option("02:00:00:00:00:08\n")],
        [generic(65073, b"\xff" * 17)],
        [mac_option(MAC), mac_option("02:00:00:00:00:09")],
        [mac_option(MAC), text_option("02:00:00:00:00:09")],
        [mac_option(MAC), text_option("nobody")],
        [generic(65002, bytes.fromhex("020000000008"))],
    ],
)
def test_what_is_no_one_mac_says_nothing(options: Sequence[dns.edns.Option]) -> None:
    assert read_device(asked(*options)) == EdnsDevice("", "")


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ([ECSOption("192.0.2.8", 32)], "192.0.2.8"),
        ([ECSOption("2001:db8::8", 128)], "2001:db8::8"),
        ([ECSOption("::ffff:192.0.2.8", 128)], "192.0.2.8"),
        ([ECSOption("192.0.2.0", 24)], ""),  # a network is no device
        ([ECSOption("2001:db8::", 56)], ""),
        ([ECSOption("0.0.0.0", 0)], ""),
        ([ECSOption("192.0.2.8", 32), ECSOption("192.0.2.15", 32)], ""),
        ([ECSOption("192.0.2.8", 32, 24)], ""),  # a scope is for answers
        ([generic(8, bytes.fromhex("00012000c00002"))], ""),
        ([generic(8, bytes.fromhex("00012000c0000208ff"))], ""),
        ([generic(8, bytes.fromhex("00022000c0000208"))], ""),
        ([generic(8, b"\0")], ""),
    ],
)
def test_a_client_subnet_says_who_only_when_it_is_one_whole_address(
    options: Sequence[dns.edns.Option], address: str
) -> None:
    assert read_device(asked(*options)) == EdnsDevice("", address)


SAID = option(65001, bytes.fromhex("020000000008"))


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        query()[:11],
        query(),
        query(opt=opt()),
        query(opt=opt(SAID)[:-1]),
        query(opt=opt(SAID + b"\xfd")),  # what is left over makes it malformed
        query(opt=opt(option(65001)[:2])),
        message(question("www.example") * 2, questions=2, additional=[opt(SAID)]),
        message(question(b"\xc0\x0c"), additional=[opt(SAID)]),
        message(question("www.example"), additional=[opt(SAID), opt(option(65001, b"\2" * 6))]),
        message(b"", questions=0, additional=[opt(SAID)]),
    ],
)
def test_a_message_without_a_sound_option_says_nothing(wire: bytes) -> None:
    assert read_device(wire) == EdnsDevice("", "")


@given(st.binary(max_size=120), st.binary(max_size=60))
def test_no_message_and_no_option_raises(wire: bytes, data: bytes) -> None:
    for each in (wire, query(opt=opt(data)), query(opt=opt(option(65073, data)))):
        said = read_device(each)
        assert said.mac == "" or len(said.mac) == 17


# --- who may say it -------------------------------------------------------------------------------


def test_only_listed_networks_are_forwarders_and_the_first_counts() -> None:
    first = Forwarder(HERE, proxy=True)
    wide = Forwarder(ip_network("192.0.2.0/24"), mac=True)
    six = Forwarder(ip_network("2001:db8::/64"), subnet=True)
    all_three = Forwarders([first, wide, six])
    for _ in ("looked up", "known"):
        assert all_three.find("192.0.2.53") is first
        assert all_three.find("192.0.2.54") is wide
        assert all_three.find("2001:db8::9") is six
        assert all_three.find("198.51.100.1") is None
    assert Forwarders().find("192.0.2.53") is None


def test_what_is_remembered_of_peers_is_bounded() -> None:
    many = Forwarders([Forwarder(ip_network("10.0.0.0/8"), mac=True)])
    for number in range(10_000):
        many.find(f"10.0.{number >> 8}.{number & 255}")
        many.find(f"192.0.{number >> 8}.{number & 255}")
    assert len(many._forwarder_by_peer) <= 4096


def test_a_header_is_taken_off_and_names_who_asks() -> None:
    forwarder = Forwarder(HERE, proxy=True)
    found, asker = unwrap(proxied("192.0.2.15") + query(), ROUTER, forwarder)
    assert found == query()
    assert asker == replace(ROUTER, address="192.0.2.15")


@pytest.mark.parametrize("head", [b"", own()])
def test_a_forwarder_that_names_nobody_asks_for_itself(head: bytes) -> None:
    forwarder = Forwarder(HERE, proxy=True)
    assert unwrap(head + query(), ROUTER, forwarder) == (query(), ROUTER)


@pytest.mark.parametrize(
    "wire", [SIGNATURE, proxied("192.0.2.15")[:-1], header(0x21, 0x13, bytes(12)) + query()]
)
def test_a_malformed_header_makes_a_malformed_message_of_the_forwarder(wire: bytes) -> None:
    assert unwrap(wire, ROUTER, Forwarder(HERE, proxy=True)) == (wire, ROUTER)


def test_a_forwarder_is_believed_in_what_it_may_say_and_no_more() -> None:
    said = asked(mac_option(MAC), ECSOption("192.0.2.8", 32))
    wire = proxied("192.0.2.15") + said
    nothing = Forwarder(HERE)
    assert unwrap(wire, ROUTER, nothing) == (wire, ROUTER)
    assert with_edns_device(ROUTER, nothing, said) == ROUTER
    assert with_edns_device(ROUTER, Forwarder(HERE, proxy=True), said) == ROUTER
    assert with_edns_device(ROUTER, Forwarder(HERE, mac=True), said) == replace(ROUTER, mac=MAC)
    by_subnet = with_edns_device(ROUTER, Forwarder(HERE, subnet=True), said)
    assert by_subnet == replace(ROUTER, address="192.0.2.8")


def test_an_address_in_the_query_is_nearer_to_the_device_than_one_before_it() -> None:
    wire = proxied("192.0.2.15") + asked(mac_option(MAC), ECSOption("192.0.2.8", 32))
    forwarder = Forwarder(HERE, proxy=True, mac=True, subnet=True)
    assert unwrap(wire, ROUTER, forwarder)[1] == Requestor("192.0.2.1", "192.0.2.8", "udp", MAC)
