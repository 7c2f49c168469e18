"""Where a prefix of NAT64 has an IPv4 address, and how a prefix is read and learned."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address

import pytest

from copdns.model.errors import TextError
from copdns.model.nat64 import LENGTHS, Nat64, learned_prefixes, nat64_prefix, network6

# RFC 6052 section 2.4, table 2: 192.0.2.33 behind each prefix.
PAPER = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]


def packed(text: str) -> bytes:
    return ip_address(text).packed


@pytest.mark.parametrize(("prefix", "address"), PAPER)
def test_an_address_stands_where_the_paper_has_it_and_is_found_there(
    prefix: str, address: str
) -> None:
    nat64 = Nat64((nat64_prefix(prefix),))
    assert nat64.addresses_for(packed("192.0.2.33")) == (packed(address),)
    assert nat64.ipv4_in(packed(address)) == packed("192.0.2.33")
    assert nat64.ipv4_in(packed("2001:db9::1")) == b""
    reverse = ip_address(address).reverse_pointer
    assert nat64.reverse_target(reverse) == "33.2.0.192.in-addr.arpa"


def test_each_prefix_of_a_network_gives_an_address() -> None:
    nat64 = Nat64(tuple(nat64_prefix(prefix) for prefix, _ in PAPER))
    found = nat64.addresses_for(packed("192.0.2.33"))
    assert [str(ip_address(each)) for each in found] == [
        str(ip_address(address)) for _, address in PAPER
    ]


@pytest.mark.parametrize(
    ("ipv4", "prefix", "has_one"),
    [
        ("198.51.100.7", "64:ff9b::/96", True),
        ("192.0.0.170", "64:ff9b::/96", True),
        ("192.168.1.20", "64:ff9b::/96", False),  # RFC 6052 section 3.1: it is not global
        ("10.0.0.1", "64:ff9b::/96", False),
        ("100.64.0.1", "64:ff9b::/96", False),
        ("192.168.1.20", "2001:db8:64::/96", True),  # this network's own translator knows it
        ("0.0.0.0", "2001:db8:64::/96", False),  # a block of an upstream's
        ("224.0.0.1", "2001:db8:64::/96", False),
        ("255.255.255.255", "2001:db8:64::/96", False),
    ],
)
def test_what_is_not_global_has_no_place_in_the_prefix_that_all_share(
    ipv4: str, prefix: str, has_one: bool
) -> None:
    assert bool(Nat64((nat64_prefix(prefix),)).addresses_for(packed(ipv4))) is has_one


@pytest.mark.parametrize(
    "name",
    [
        "example",
        "ip6.arpa",
        "b.9.f.f.4.6.0.0.ip6.arpa",  # the zone of the prefix is no address
        "33.2.0.192.in-addr.arpa",
        ip_address("2001:db8::1").reverse_pointer,
        ip_address("64:ff9b::192.0.2.33").reverse_pointer.replace("1.2.", "x.2.", 1),
        ip_address("64:ff9b::192.0.2.33").reverse_pointer.replace("1.2.", "12.2.", 1),
    ],
)
def test_other_names_are_no_reverse_names_of_it(name: str) -> None:
    assert Nat64((nat64_prefix("64:ff9b::/96"),)).reverse_target(name) == ""


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b::/95",
        "64:ff9b::",
        "2001:db8::/80",
        "192.0.2.0/24",
        "2001:db8:0:0:1ff::/96",  # RFC 6052 section 2.2: bits 64 to 71 are zero
        "auto-matic",
    ],
)
def test_a_prefix_of_another_form_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TextError)):
        nat64_prefix(text)


def test_a_network_of_the_other_family_is_refused() -> None:
    assert network6("::ffff:0:0/96") == IPv6Network("::ffff:0:0/96")
    with pytest.raises(ValueError, match="is not a network of IPv6"):
        network6("192.0.2.0/24")


@pytest.mark.parametrize("prefix", [prefix for prefix, _ in PAPER])
def test_a_prefix_is_learned_from_the_name_that_has_ipv4_only(prefix: str) -> None:
    network = nat64_prefix(prefix)
    nat64 = Nat64((network,))
    shown = [
        mapped
        for ipv4 in ("192.0.0.170", "192.0.0.171")
        for mapped in nat64.addresses_for(packed(ipv4))
    ]
    assert learned_prefixes(shown) == (network,)


@pytest.mark.parametrize(
    "address",
    [
        "2001:db8::1",
        "2001:db8:c000:aa:c0:0:aa00:0",  # at two places (RFC 7050 section 3)
        "2001:db8:0:0:100:0:c000:aa",  # with bits that are never set
        "192.0.0.170",
    ],
)
def test_an_address_that_shows_no_prefix_for_sure_teaches_none(address: str) -> None:
    assert learned_prefixes([packed(address)]) == ()


def test_the_lengths_are_those_that_routers_announce() -> None:
    """RFC 8781 section 4 has the same ones as RFC 6052."""
    assert LENGTHS == (32, 40, 48, 56, 64, 96)
