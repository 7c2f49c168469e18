"""What routers tell of encrypted DNS, read by a decoder that follows RFC 9463 alone."""

from __future__ import annotations

from ipaddress import ip_address
from struct import unpack_from
from typing import NamedTuple

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest

from copdns.dns.dnr_options import Designation, dhcp4_data, dhcp6_data, ra_option
from copdns.dns.service_params import OpenPort, ServiceParams, merge_usual, offers_of

NAME = "dns.example"
ADDRESSES = tuple(map(ip_address, ("192.168.1.2", "192.168.1.3", "fd00::2")))
DOT = Designation(1, NAME, ADDRESSES, ServiceParams(("dot",)))
DOH = Designation(2, NAME, ADDRESSES, ServiceParams(("h2",), 8443, "/dns-query{?dns}"))


class Read(NamedTuple):
    """priority, name, addresses, and SvcParams as dnspython writes those of a SVCB record."""

    priority: int
    name: str
    addresses: list[str]
    params: str


def params_of(wire: bytes) -> str:
    record = b"\0\1\0" + wire  # priority, and the root as target
    rdata = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.SVCB, record, 0, len(record))
    return rdata.to_text().partition(" . ")[2].replace("key7", "dohpath")


def addresses_of(wire: bytes, size: int) -> list[str]:
    assert len(wire) % size == 0
    return [str(ip_address(wire[at : at + size])) for at in range(0, len(wire), size)]


def name_of(wire: bytes) -> str:
    name, size = dns.name.from_wire(wire, 0)
    assert size == len(wire)
    return name.to_text()


def read_dhcp4(data: bytes) -> list[Read]:
    """RFC 9463 section 5.1, with the length of each instance."""
    found, at = [], 0
    while at < len(data):
        (size,) = unpack_from("!H", data, at)
        one, at = data[at + 2 : at + 2 + size], at + 2 + size
        assert len(one) == size
        priority, name = unpack_from("!HB", one)
        after = 3 + name
        count = one[after]
        rest = one[after + 1 :]
        found.append(
            Read(
                priority,
                name_of(one[3:after]),
                addresses_of(rest[:count], 4),
                params_of(rest[count:]),
            )
        )
    return found


def read_dhcp6(data: bytes) -> Read:
    """Section 4.1."""
    priority, name = unpack_from("!HH", data)
    at = 4 + name
    (count,) = unpack_from("!H", data, at)
    rest = data[at + 2 :]
    return Read(
        priority, name_of(data[4:at]), addresses_of(rest[:count], 16), params_of(rest[count:])
    )


def read_ra(option: bytes) -> tuple[int, Read]:
    """Section 6.1; returns the lifetime, too."""
    assert (option[0], option[1] * 8) == (144, len(option))
    priority, lifetime, name = unpack_from("!HIH", option, 2)
    at = 10 + name
    (count,) = unpack_from("!H", option, at)
    addresses, at = option[at + 2 : at + 2 + count], at + 2 + count
    (size,) = unpack_from("!H", option, at)
    params, padding = option[at + 2 : at + 2 + size], option[at + 2 + size :]
    assert padding == bytes(len(padding))
    assert len(padding) < 8
    read = Read(
        priority, name_of(option[10 : 10 + name]), addresses_of(addresses, 16), params_of(params)
    )
    return lifetime, read


def test_dhcp_names_all_ways_to_ask_with_the_ipv4_addresses() -> None:
    here = ["192.168.1.2", "192.168.1.3"]
    assert read_dhcp4(dhcp4_data([DOT, DOH])) == [
        Read(1, "dns.example.", here, 'alpn="dot"'),
        Read(2, "dns.example.", here, 'alpn="h2" port="8443" dohpath="/dns-query{?dns}"'),
    ]


def test_dhcpv6_has_the_ipv6_addresses() -> None:
    assert read_dhcp6(dhcp6_data(DOT)) == Read(1, "dns.example.", ["fd00::2"], 'alpn="dot"')


@pytest.mark.parametrize("name", [NAME, "a.dns.example", "ab.dns.example", "abcdefgh.dns.example"])
def test_a_router_advertisement_is_padded_to_whole_units(name: str) -> None:
    lifetime, read = read_ra(ra_option(DOH._replace(name=name), 1800))
    params = 'alpn="h2" port="8443" dohpath="/dns-query{?dns}"'
    assert (lifetime, read) == (1800, Read(2, f"{name}.", ["fd00::2"], params))


def test_a_resolver_that_others_wrote_too_has_these_octets() -> None:
    """As the developers of systemd wrote them for it."""
    google = tuple(map(ip_address, ("8.8.8.8", "8.8.4.4")))
    made = dhcp4_data([Designation(1, "dns.google", google, ServiceParams(("dot",)))])
    assert made.hex(":") == (
        "00:20:00:01:0c:03:64:6e:73:06:67:6f:6f:67:6c:65:00:08:08:08:08:08:08:08:04:04:"
        "00:01:00:04:03:64:6f:74"
    )


def test_usual_ports_are_one_offer_and_others_have_their_own() -> None:
    usual = offers_of([OpenPort("https", 443), OpenPort("tls", 853)])
    assert merge_usual(usual) == [ServiceParams(("dot", "h2"), 0, "/dns-query{?dns}")]
    mixed = offers_of([OpenPort("https", 8443), OpenPort("tls", 853)])
    assert merge_usual(mixed) == mixed
    odd = offers_of([OpenPort("https", 8443), OpenPort("tls", 8853)])
    assert merge_usual(odd) == odd
