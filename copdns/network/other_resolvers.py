"""Who else is handed out as a resolver in this network: the questions, and what replies say.

By DHCP (RFC 2131), DHCPv6 (RFC 8415) and router advertisements (RFC 4861, 8106).  Bytes to values
and back, and what follows from them; `network/resolver_scan.py` sends and waits.  Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from copdns.network.setup_steps import State

_MAGIC = b"\x63\x82\x53\x63"
_DISCOVER, _INFORM = 1, 8
_MESSAGE, _WANTED, _DNS, _SERVER, _PAD, _END = 53, 55, 6, 54, 0, 255
_BOOTREPLY = 2
_BROADCAST = 0x8000
_FIXED = 236  # octets of a DHCP message before its options

_INFORMATION_REQUEST, _REPLY6 = 11, 7
_CLIENT6, _WANTED6, _ELAPSED6, _DNS6 = 1, 6, 8, 23

ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134
_RDNSS = 25
_ADVERTISED = 16  # octets of a router advertisement before its options


class OfferedBy(StrEnum):
    DHCP = "dhcp"
    DHCP6 = "dhcp6"
    ROUTER = "router"  # a router advertisement


class Offer(NamedTuple):
    """server: the address of who hands them out."""

    by: OfferedBy
    server: str
    resolvers: tuple[str, ...]


class BlindSpot(StrEnum):
    """Why nothing, or not all, could be looked at."""

    RIGHTS = "rights"  # the program may not send or hear it
    NO_NETWORK = "no_network"  # copdns answers in no network but this machine's own
    SILENT = "silent"  # nobody replied


class ResolverScan(NamedTuple):
    """What a look around found.  blind: ways that could not be looked at."""

    offers: tuple[Offer, ...] = ()
    blind: tuple[BlindSpot, ...] = ()


class Assessment(NamedTuple):
    """detail: for FAILED the offers of others, each "by server resolver,resolver"; for UNKNOWN a
    `Blind`."""

    state: State
    detail: str = ""


def assess(look: ResolverScan, own: Collection[str]) -> Assessment:
    """Tell whether devices are handed out copdns alone.  own: all addresses of this machine."""
    others = [
        f"{each.by} {each.server} {','.join(strange)}"
        for each in look.offers
        if (strange := [one for one in each.resolvers if one not in own])
    ]
    if others:
        return Assessment(State.FAILED, ";".join(dict.fromkeys(others)))
    if look.blind:
        return Assessment(State.UNKNOWN, look.blind[0])
    if not any(each.resolvers for each in look.offers):
        return Assessment(State.UNKNOWN, BlindSpot.SILENT)
    return Assessment(State.PASSED)


def others(detail: str) -> tuple[Offer, ...]:
    """Return the offers that the detail of a failed check tells of."""
    found = []
    for line in filter(None, detail.split(";")):
        by, server, resolvers = line.split(" ")
        found.append(Offer(OfferedBy(by), server, tuple(resolvers.split(","))))
    return tuple(found)


# --- DHCP -----------------------------------------------------------------------------------------


def discover(mac: bytes, number: int) -> bytes:
    """Return the question that every server answers, to all of the network."""
    return _dhcp(_DISCOVER, mac, number, IPv4Address(0), _BROADCAST)


def inform(mac: bytes, number: int, address: str) -> bytes:
    """Return the question of one that has an address: nothing is set aside for it."""
    return _dhcp(_INFORM, mac, number, IPv4Address(address), 0)


def _dhcp(kind: int, mac: bytes, number: int, client: IPv4Address, flags: int) -> bytes:
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, number, 0, flags) + client.packed
    options = bytes((_MESSAGE, 1, kind, _WANTED, 1, _DNS, _END))
    message = (head + bytes(12) + mac).ljust(_FIXED, b"\0") + _MAGIC + options
    return message.ljust(300, b"\0")  # the least that some servers take (RFC 1542 section 2.1)


def dhcp_offer(message: bytes, number: int, sender: str) -> Offer | None:
    """Return what a reply hands out; None for what is no reply to us."""
    if len(message) < _FIXED + 4 or message[0] != _BOOTREPLY:
        return None
    if message[4:8] != struct.pack("!I", number) or message[_FIXED : _FIXED + 4] != _MAGIC:
        return None
    options = dict(_options(message[_FIXED + 4 :]))
    found = options.get(_DNS, b"")
    resolvers = tuple(
        str(IPv4Address(found[at : at + 4])) for at in range(0, len(found) // 4 * 4, 4)
    )
    server = options.get(_SERVER, b"")
    return Offer(
        OfferedBy.DHCP, str(IPv4Address(server)) if len(server) == 4 else sender, resolvers
    )


def _options(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(octets) and octets[at] != _END:
        if octets[at] == _PAD:
            at += 1
            continue
        if at + 1 >= len(octets):
            return
        length = octets[at + 1]
        yield octets[at], octets[at + 2 : at + 2 + length]
        at += 2 + length


# --- DHCPv6 ---------------------------------------------------------------------------------------


def information_request(mac: bytes, number: int) -> bytes:
    """Return the question for nothing but resolvers.  number: 24 bits."""
    duid = struct.pack("!HH", 3, 1) + mac  # RFC 8415 section 11.4
    return (
        struct.pack("!I", _INFORMATION_REQUEST << 24 | number)
        + struct.pack("!HH", _CLIENT6, len(duid))
        + duid
        + struct.pack("!HHH", _ELAPSED6, 2, 0)
        + struct.pack("!HHH", _WANTED6, 2, _DNS6)
    )


def dhcp6_offer(message: bytes, number: int, sender: str) -> Offer | None:
    """Return what a reply hands out; None for what is no reply to us."""
    if message[:4] != struct.pack("!I", _REPLY6 << 24 | number):
        return None
    resolvers: list[str] = []
    at = 4
    while at + 4 <= len(message):
        option, length = struct.unpack_from("!HH", message, at)
        if option == _DNS6:
            resolvers += _addresses6(message[at + 4 : at + 4 + length])
        at += 4 + length
    return Offer(OfferedBy.DHCP6, sender, tuple(resolvers))


# --- router advertisements ------------------------------------------------------------------------


def solicitation() -> bytes:
    """Return the question to all routers; the kernel fills in the checksum."""
    return struct.pack("!BBHI", ROUTER_SOLICITATION, 0, 0, 0)


def router_offer(message: bytes, sender: str) -> Offer | None:
    """Return what a router hands out; None for what is no advertisement."""
    if len(message) < _ADVERTISED or message[0] != ROUTER_ADVERTISEMENT:
        return None
    resolvers: list[str] = []
    at = _ADVERTISED
    while at + 2 <= len(message) and message[at + 1]:
        length = message[at + 1] * 8
        option = message[at : at + length]
        if option[0] == _RDNSS and len(option) >= 24 and any(option[4:8]):  # a lifetime of 0: gone
            resolvers += _addresses6(option[8:])
        at += length
    return Offer(OfferedBy.ROUTER, sender, tuple(resolvers))


def _addresses6(octets: bytes) -> Sequence[str]:
    return [str(IPv6Address(octets[at : at + 16])) for at in range(0, len(octets) // 16 * 16, 16)]
