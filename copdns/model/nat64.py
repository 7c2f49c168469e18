"""IPv4 addresses as devices without IPv4 reach them, through a translator (NAT64).

A prefix of the network stands for all of IPv4: the address is written into it, at a place that
follows from the prefix's length (RFC 6052 section 2.2).  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from copdns.model.addresses import network

LENGTHS: Final = (32, 40, 48, 56, 64, 96)  # bits of a prefix (RFC 6052 section 2.2)
WELL_KNOWN: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1
# No machine has such an address (RFC 6147 section 5.1.4).
IPV4_MAPPED: Final = IPv6Network("::ffff:0:0/96")
# What ipv4only.arpa has: an address with one of these inside shows its prefix (RFC 7050).
WELL_KNOWN_IPV4: Final = (bytes((192, 0, 0, 170)), bytes((192, 0, 0, 171)))

_UNUSED_OCTET: Final = 8  # bits 64 to 71 are zero in every such address
_REVERSE: Final = ".ip6.arpa"
_NIBBLES: Final = 32
# No machine has one of these.
_OF_NOBODY: Final = (IPv4Network("0.0.0.0/8"), IPv4Network("224.0.0.0/3"))
# Beyond this network these are nobody's, so they have no place in the prefix that all networks
# share (RFC 6052 section 3.1).
_NOT_GLOBAL: Final = tuple(
    IPv4Network(each)
    for each in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)


@dataclass(frozen=True, slots=True)
class Nat64:
    """How a network translates.

    prefixes: at least one, each of a length of `LENGTHS`.
    excluded: IPv6 addresses in these count as none (RFC 6147 section 5.1.4).
    """

    prefixes: tuple[IPv6Network, ...]
    excluded: tuple[IPv6Network, ...] = (IPV4_MAPPED,)

    def addresses_for(self, ipv4: bytes) -> tuple[bytes, ...]:
        """Return the IPv6 addresses of an IPv4 one, all packed; () where it can have none."""
        if _is_in(ipv4, _OF_NOBODY):
            return ()
        is_global = not _is_in(ipv4, _NOT_GLOBAL)
        return tuple(
            _put_into(prefix, ipv4) for prefix in self.prefixes if is_global or prefix != WELL_KNOWN
        )

    def ipv4_in(self, ipv6: bytes) -> bytes:
        """Return the IPv4 address that an IPv6 one stands for, packed; b"" where it is another."""
        for prefix in self.prefixes:
            if _has_prefix(ipv6, prefix):
                return _ipv4_at(ipv6, prefix.prefixlen)
        return b""

    def excludes(self, ipv6: bytes) -> bool:
        """Tell whether an IPv6 address, packed, counts as none."""
        return any(_has_prefix(ipv6, prefix) for prefix in self.excluded)

    def reverse_target(self, qname: str) -> str:
        """Return the reverse name of the IPv4 address whose IPv6 one has this reverse name; "" for
        any other name (RFC 6147 section 5.3.1)."""
        if not qname.endswith(_REVERSE):
            return ""
        nibbles = qname.removesuffix(_REVERSE).split(".")
        if len(nibbles) != _NIBBLES or any(len(each) != 1 for each in nibbles):
            return ""
        try:
            ipv6 = bytes.fromhex("".join(reversed(nibbles)))
        except ValueError:
            return ""
        ipv4 = self.ipv4_in(ipv6)
        return ".".join(map(str, reversed(ipv4))) + ".in-addr.arpa" if ipv4 else ""


def nat64_prefix(text: str) -> IPv6Network:
    """Read a prefix such as 64:ff9b::/96; raise ValueError or TextError in plain words."""
    found = network(text)
    if (
        not isinstance(found, IPv6Network)
        or found.prefixlen not in LENGTHS
        or found.network_address.packed[_UNUSED_OCTET]
    ):
        raise ValueError(
            f"{text!r} is not a prefix of NAT64; write one such as 64:ff9b::/96, of 32, 40, 48, "
            "56, 64 or 96 bits, whose bits 64 to 71 are zero"
        )
    return found


def network6(text: str) -> IPv6Network:
    """Read a network of IPv6; raise ValueError or TextError in plain words."""
    found = network(text)
    if not isinstance(found, IPv6Network):
        raise ValueError(f"{text!r} is not a network of IPv6; write one such as 2001:db8::/32")
    return found


def learned_prefixes(addresses: Iterable[bytes]) -> tuple[IPv6Network, ...]:
    """Return the prefixes that the IPv6 addresses of ipv4only.arpa show (RFC 7050 section 3).

    addresses: packed.  One in which the IPv4 address may be at two places shows none.
    """
    found: dict[IPv6Network, None] = {}
    for ipv6 in addresses:
        lengths = [
            length
            for length in LENGTHS
            if len(ipv6) == 16
            and _ipv4_at(ipv6, length) in WELL_KNOWN_IPV4
            and not ipv6[_UNUSED_OCTET]
        ]
        if len(lengths) == 1:
            found[IPv6Network((ipv6, lengths[0]), strict=False)] = None
    return tuple(found)


def _places(length: int) -> list[int]:
    """Return which octets hold the IPv4 address, behind a prefix of so many bits."""
    first = length // 8
    return [at for at in range(first, first + 5) if at != _UNUSED_OCTET][:4]


_PLACES: Final = {length: _places(length) for length in LENGTHS}


def _put_into(prefix: IPv6Network, ipv4: bytes) -> bytes:
    made = bytearray(prefix.network_address.packed)
    for at, octet in zip(_PLACES[prefix.prefixlen], ipv4, strict=True):
        made[at] = octet
    return bytes(made)


def _ipv4_at(ipv6: bytes, length: int) -> bytes:
    return bytes(ipv6[at] for at in _PLACES[length])


def _has_prefix(packed: bytes, prefix: IPv4Network | IPv6Network) -> bool:
    number = int.from_bytes(packed, "big")
    return number & int(prefix.netmask) == int(prefix.network_address)


def _is_in(ipv4: bytes, networks: Iterable[IPv4Network]) -> bool:
    return any(_has_prefix(ipv4, each) for each in networks)
