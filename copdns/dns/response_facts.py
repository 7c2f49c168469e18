"""The names and addresses inside a response, and which addresses are those of a home.  Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from copdns.model.addresses import Network
from copdns.model.build import mypyc_attr

# Where an outside name has no business pointing to (RFC 1918, 3927, 4193, 4291, 6598, 6890).
HOME_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/128",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


@mypyc_attr(acyclic=True)
class ResponseFacts:
    """The names and addresses inside a response, which `judge_response` judges.

    targets: names that CNAME, DNAME, SVCB and HTTPS records of the answer section point to, in
        normal form and in their order.
    addresses: of A and AAAA records and of address hints, packed into 4 or 16 octets.
    home_addresses: those of them that are in `HOME_NETWORKS`.
    is_filtered: the upstream says that it blocked, or is known to block with 0.0.0.0 or ::.
    """

    __slots__ = ("addresses", "home_addresses", "is_filtered", "targets")

    def __init__(
        self,
        targets: tuple[str, ...] = (),
        addresses: tuple[bytes, ...] = (),
        home_addresses: tuple[bytes, ...] = (),
        is_filtered: bool = False,
    ) -> None:
        self.targets = targets
        self.addresses = addresses
        self.home_addresses = home_addresses
        self.is_filtered = is_filtered

    @property
    def is_plain(self) -> bool:
        """Tell whether there are but addresses outside the home: only address rules can object."""
        return not (self.targets or self.home_addresses or self.is_filtered)


def is_home_address(packed: bytes) -> bool:
    """Tell whether an address of 4 or 16 octets is in one of `HOME_NETWORKS`, or holds an IPv4
    address that is (`ipv4_inside`)."""
    if len(packed) == 4:
        return _is_in(_V4[packed[0]], packed)
    if packed[0] in _MAY_HOLD_IPV4 and any(_is_in(_V4[v4[0]], v4) for v4 in ipv4_inside(packed)):
        return True
    return _is_in(_V6[packed[0]], packed)


_number: Final = int.from_bytes  # of octets, the highest first; bound once, not for each address


def _is_in(networks: list[tuple[int, int]], packed: bytes) -> bool:
    if not networks:  # as for most: a cheap look before the exact one
        return False
    number = _number(packed)
    for mask, network in networks:  # noqa: SIM110 - a generator would take twice as long
        if number & mask == network:
            return True
    return False


_MAPPED: Final = bytes(10) + b"\xff\xff"  # RFC 4291 section 2.5.5.2
_NAT64: Final = b"\x00\x64\xff\x9b" + bytes(8)  # 64:ff9b::/96, RFC 6052 section 2.1
_LOCAL_NAT64: Final = b"\x00\x64\xff\x9b\x00\x01"  # 64:ff9b:1::/48, RFC 8215
_6TO4: Final = b"\x20\x02"  # 2002::/16, RFC 3056 section 2
_MAY_HOLD_IPV4: Final = frozenset({0x00, 0x20})  # the first octets of these


def ipv4_inside(packed: bytes) -> tuple[bytes, ...]:
    """Return the IPv4 addresses that an IPv6 address of 16 octets may stand for; () for none.

    Mapped, translated (NAT64) and 6to4 addresses have one.  Below 64:ff9b:1::/48 each network
    chooses the length of its prefix, and with it the place of the address (RFC 6052 section 2.2),
    so any place counts that could be a host's.
    """
    if packed.startswith(_6TO4):
        return (packed[2:6],)
    if packed.startswith((_MAPPED, _NAT64)):
        return (packed[12:],)
    if not packed.startswith(_LOCAL_NAT64):
        return ()
    places = (  # for prefixes of 48, 56, 64 and 96 bits; octet 8 is left out
        packed[6:8] + packed[9:11],
        packed[7:8] + packed[9:12],
        packed[9:13],
        packed[12:],
    )
    return tuple(each for each in places if each[0] and any(each[1:]))


def _by_first_octet(size: int) -> list[list[tuple[int, int]]]:
    """Return, by its first octet, the masks and networks that an address of a size can match."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for network in HOME_NETWORKS:
        first, last = network.network_address.packed, network.broadcast_address.packed
        for octet in range(first[0], last[0] + 1) if len(first) == size else ():
            found[octet].append((int(network.netmask), int(network.network_address)))
    return found


_V4: Final = _by_first_octet(4)
_V6: Final = _by_first_octet(16)
