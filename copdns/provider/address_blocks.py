"""What a line has of a provider's addresses: of IPv4 one or some of its ports, or a prefix.  Pure.

Behind carrier-grade NAT many lines share an IPv4 address, and each has a block of its ports
(RFC 6888).
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from copdns.model.errors import CopdnsError

PORTS: Final = (0, 65_535)
LONGEST_PREFIX: Final = 64  # of IPv6: what is longer is no line's, but a device's
SHORTEST_PREFIX: Final = 32


class AddressError(CopdnsError, ValueError):
    """What is no address of a line."""


class AddressBlock(NamedTuple):
    """What one line has.

    network: an IPv4 address or the first address of an IPv6 prefix, as a number.
    length: of the IPv6 prefix in bits; 0 for IPv4.
    first_port, last_port: the ports, both included; all of them where the address is not shared.
    """

    network: int
    length: int = 0
    first_port: int = PORTS[0]
    last_port: int = PORTS[1]

    @property
    def key(self) -> tuple[int, int]:
        """Where it is looked for (`keys_of`)."""
        return self.network, self.length

    def __str__(self) -> str:
        if self.length:
            return f"{IPv6Address(self.network)}/{self.length}"
        address = str(IPv4Address(self.network))
        ports = (self.first_port, self.last_port)
        return address if ports == PORTS else f"{address}:{ports[0]}-{ports[1]}"

    def overlaps(self, other: AddressBlock) -> bool:
        """Tell whether some address and port belong to both; of IPv6, the same prefix."""
        return (
            self.key == other.key
            and self.first_port <= other.last_port
            and other.first_port <= self.last_port
        )


def read_block(text: str) -> AddressBlock:
    """Return what a text names; raise AddressError.

    text: `192.0.2.7`, `192.0.2.7:1024-2047` or `2001:db8:0:100::/56`.
    """
    try:
        if "/" in text:
            return prefix_block(IPv6Network(text))
        address, colon, ports = text.partition(":")
        first, _, last = ports.partition("-")
        return ports_block(IPv4Address(address), *((int(first), int(last)) if colon else PORTS))
    except AddressError:
        raise
    except ValueError as error:
        raise AddressError(
            f"{text!r} is no IPv4 address (with ports or without) and no IPv6 prefix: write"
            " 192.0.2.7, 192.0.2.7:1024-2047 or 2001:db8:0:100::/56"
        ) from error


def prefix_block(prefix: IPv6Network) -> AddressBlock:
    """Return the block of an IPv6 prefix; raise AddressError for one that no line has."""
    if not SHORTEST_PREFIX <= prefix.prefixlen <= LONGEST_PREFIX:
        raise AddressError(
            f"{prefix}: a line's prefix has {SHORTEST_PREFIX} to {LONGEST_PREFIX} bits"
        )
    return AddressBlock(int(prefix.network_address), prefix.prefixlen)


def ports_block(address: IPv4Address, first: int, last: int) -> AddressBlock:
    """Return the block of some ports of an IPv4 address; raise AddressError."""
    if not PORTS[0] <= first <= last <= PORTS[1]:
        raise AddressError(f"{first} to {last} are no ports, from the lowest to the highest")
    return AddressBlock(int(address), 0, first, last)


def keys_of(address: str, lengths: Collection[int]) -> list[tuple[int, int]]:
    """Return where blocks may stand that hold an address, the longest prefix first.

    address: IPv4 or IPv6; one of IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) is itself.  lengths:
    of the IPv6 prefixes in use.  Raises ValueError for what is no address.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return [
                (int(ip_network((found, length), strict=False).network_address), length)
                for length in sorted(lengths, reverse=True)
            ]
        found = found.ipv4_mapped
    return [(int(found), 0)]
