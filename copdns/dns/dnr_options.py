"""What a router tells devices of an encrypted resolver (DNR, RFC 9463), as octets.

In options of DHCP, DHCPv6 and router advertisements.  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from struct import pack
from typing import Final, NamedTuple

from copdns.dns.service_params import ServiceParams, dump_params
from copdns.model.names import to_wire

DHCP4_OPTION: Final = 162  # RFC 9463 section 5.1
DHCP6_OPTION: Final = 144  # section 4.1
RA_OPTION: Final = 144  # section 6.1
_RA_UNIT: Final = 8  # octets in which the length of an option is counted (RFC 4861 section 4.6)


class Designation(NamedTuple):
    """A resolver, and one way to ask it.

    priority: from 1 on, the lowest first.  name: what the certificate has to be for.
    addresses: of both kinds; each option has those that fit it.
    """

    priority: int
    name: str
    addresses: tuple[IPv4Address | IPv6Address, ...]
    params: ServiceParams

    def pack_addresses(self, version: int) -> bytes:
        """Return the addresses of a version of IP, one after another."""
        return b"".join(each.packed for each in self.addresses if each.version == version)


def dhcp4_data(designations: Sequence[Designation]) -> bytes:
    """Return the data of option 162 of DHCP, which has room for several resolvers."""
    made = b""
    for each in designations:
        name, addresses = to_wire(each.name), each.pack_addresses(4)
        one = pack("!HB", each.priority, len(name)) + name
        one += bytes([len(addresses)]) + addresses + dump_params(each.params)
        made += pack("!H", len(one)) + one
    return made


def dhcp6_data(each: Designation) -> bytes:
    """Return the data of option 144 of DHCPv6, which is given once for each resolver."""
    name, addresses = to_wire(each.name), each.pack_addresses(6)
    made = pack("!HH", each.priority, len(name)) + name
    return made + pack("!H", len(addresses)) + addresses + dump_params(each.params)


def ra_option(each: Designation, lifetime: int) -> bytes:
    """Return a whole option of a router advertisement.  lifetime: seconds."""
    name, addresses, params = to_wire(each.name), each.pack_addresses(6), dump_params(each.params)
    made = pack("!HIH", each.priority, lifetime, len(name)) + name
    made += pack("!H", len(addresses)) + addresses + pack("!H", len(params)) + params
    made += bytes(-(len(made) + 2) % _RA_UNIT)
    return bytes([RA_OPTION, (len(made) + 2) // _RA_UNIT]) + made
