"""Find other resolvers that are handed out in this network: the messages, and their assessment.

By DHCP (RFC 2131), DHCPv6 (RFC 8415) and router advertisements (RFC 4861, 8106).  Turns octets into
values and back, and assesses them; `network/resolver_scan.py` sends and waits.  Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from copdns.network.setup_steps import SetupState

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
    """The protocol by which a network hands out resolvers."""

    DHCP = "dhcp"
    DHCP6 = "dhcp6"
    ROUTER = "router"  # a router advertisement


class Offer(NamedTuple):
    """Resolvers that are handed out.  server: the address of the server or router that does."""

    by: OfferedBy
    server: str
    resolvers: tuple[str, ...]


class BlindSpot(StrEnum):
    """Why a scan found nothing, or could not be complete."""

    RIGHTS = "rights"  # the program may not send or receive it
    NO_NETWORK = "no_network"  # copdns answers in no network but loopback
    SILENT = "silent"  # nobody replied


class ResolverScan(NamedTuple):
    """The result of a scan.  blind: why it is incomplete."""

    offers: tuple[Offer, ...] = ()
    blind: tuple[BlindSpot, ...] = ()


class Assessment(NamedTuple):
    """The assessment of a scan.

    detail: for FAILED the offers of others, each "by server resolver,resolver", joined by ";"; for
    UNKNOWN a `BlindSpot`; else "".
    """

    state: SetupState
    detail: str = ""


def assess(scan: ResolverScan, own: Collection[str]) -> Assessment:
    """Assess whether devices get copdns as their only resolver.

    own: addresses of this machine, and of forwarders that pass on to it who asks.
    """
    others = [
        f"{each.by} {each.server} {','.join(strange)}"
        for each in scan.offers
        if (strange := [one for one in each.resolvers if one not in own])
    ]
    if others:
        return Assessment(SetupState.FAILED, ";".join(dict.fromkeys(others)))
    if scan.blind:
        return Assessment(SetupState.UNKNOWN, scan.blind[0])
    if not any(each.resolvers for each in scan.offers):
        return Assessment(SetupState.UNKNOWN, BlindSpot.SILENT)
    return Assessment(SetupState.PASSED)


def parse_offers(detail: str) -> tuple[Offer, ...]:
    """Return the offers in the detail of a FAILED assessment."""
    found = []
    for line in filter(None, detail.split(";")):
        by, server, resolvers = line.split(" ")
        found.append(Offer(OfferedBy(by), server, tuple(resolvers.split(","))))
    return tuple(found)


# --- DHCP -----------------------------------------------------------------------------------------


def dhcp_discover(mac: bytes, number: int) -> bytes:
    """Return a DHCPDISCOVER, which every server answers."""
    return _dhcp(_DISCOVER, mac, number, IPv4Address(0), _BROADCAST)


def dhcp_inform(mac: bytes, number: int, address: str) -> bytes:
    """Return a DHCPINFORM of a machine with an address: no server reserves one for it."""
    return _dhcp(_INFORM, mac, number, IPv4Address(address), 0)


def _dhcp(kind: int, mac: bytes, number: int, client: IPv4Address, flags: int) -> bytes:
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, number, 0, flags) + client.packed
    options = bytes((_MESSAGE, 1, kind, _WANTED, 1, _DNS, _END))
    message = (head + bytes(12) + mac).ljust(_FIXED, b"\0") + _MAGIC + options
    return message.ljust(300, b"\0")  # the minimum of some servers (RFC 1542 section 2.1)


def dhcp_offer(message: bytes, number: int, sender: str) -> Offer | None:
    """Return the offer of a reply; None where it is no reply to this question."""
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
    """Return an Information-request for resolvers.  number: of 24 bits."""
    duid = struct.pack("!HH", 3, 1) + mac  # RFC 8415 section 11.4
    return (
        struct.pack("!I", _INFORMATION_REQUEST << 24 | number)
        + struct.pack("!HH", _CLIENT6, len(duid))
        + duid
        + struct.pack("!HHH", _ELAPSED6, 2, 0)
        + struct.pack("!HHH", _WANTED6, 2, _DNS6)
    )


def dhcp6_offer(message: bytes, number: int, sender: str) -> Offer | None:
    """Return the offer of a reply; None where it is no reply to this question."""
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


def router_solicitation() -> bytes:
    """Return a router solicitation; the kernel fills in the checksum."""
    return struct.pack("!BBHI", ROUTER_SOLICITATION, 0, 0, 0)


def router_offer(message: bytes, sender: str) -> Offer | None:
    """Return the offer of a router advertisement; None for any other message."""
    if len(message) < _ADVERTISED or message[0] != ROUTER_ADVERTISEMENT:
        return None
    resolvers: list[str] = []
    at = _ADVERTISED
    while at + 2 <= len(message) and message[at + 1]:
        length = message[at + 1] * 8
        option = message[at : at + length]
        if (
            option[0] == _RDNSS and len(option) >= 24 and any(option[4:8])
        ):  # a lifetime of 0 withdraws it
            resolvers += _addresses6(option[8:])
        at += length
    return Offer(OfferedBy.ROUTER, sender, tuple(resolvers))


def _addresses6(octets: bytes) -> Sequence[str]:
    return [str(IPv6Address(octets[at : at + 16])) for at in range(0, len(octets) // 16 * 16, 16)]
