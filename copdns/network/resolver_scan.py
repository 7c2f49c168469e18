"""Ask the network which resolvers it hands out, as a new device does.

Asks only in networks in which copdns answers, and only when a person starts it: a DHCP server may
reserve an address for a while.  It needs rights that the unit does not give (docs/install.md);
without them the result is unknown.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from copdns.network import other_resolvers
from copdns.network.kernel import dump_table, open_netlink
from copdns.network.netlink import OwnAddress, own_addresses_request
from copdns.network.other_resolvers import Assessment, BlindSpot, Offer, ResolverScan, assess

# Seconds.  A router may wait half a second before it replies (RFC 4861 section 6.2.6); a server
# that is asked for an address may first probe for three seconds whether it is in use.
FIRST_WAIT, SECOND_WAIT = 2.0, 4.0
_MAX_REPLIES = 256  # that are read; more would be a flood
_SERVER, _CLIENT = 67, 68
_SERVER6, _CLIENT6 = 547, 546
_EVERY_SERVER6, _EVERY_ROUTER = "ff02::1:2", "ff02::2"
_NEAR = 255  # the hop limit, which no packet from another network has

ReadOffer = Callable[[bytes, str], Offer | None]


class Interface(NamedTuple):
    """A network interface of this machine.  mac: six octets."""

    number: int  # the kernel's
    name: str
    mac: bytes
    addresses: tuple[str, ...]


class ReplySocket(NamedTuple):
    """A socket for the replies of one protocol.

    read: returns the offer of a reply.  to: where questions go.  first: questions that are sent
    twice.  second: questions that are sent the second time only.
    """

    source: socket.socket
    read: ReadOffer
    to: tuple[str, int] | tuple[str, int, int, int]
    first: tuple[bytes, ...]
    second: tuple[bytes, ...] = ()

    def ask(self, questions: Iterable[bytes]) -> None:
        """Send questions; raise OSError where the network does not take them."""
        for each in questions:
            self.source.sendto(each, self.to)


def scan_resolvers(answered: Iterable[str], in_front: Iterable[str] = ()) -> Assessment:
    """Assess whether other resolvers are handed out; takes some seconds and blocks.

    answered: the addresses on which copdns answers.  in_front: those of forwarders that pass on who
    asks, which may be handed out in its place.
    """
    scan, own = find_offers(answered)
    return assess(scan, {*in_front, *own})


def find_offers(answered: Iterable[str]) -> tuple[ResolverScan, frozenset[str]]:
    """Return all offers in networks in which copdns answers, and this machine's own addresses.

    Also of a server that hands out copdns itself: two that give out addresses are one too many.
    Takes some seconds and blocks.
    """
    try:
        found = list(_own_addresses())
    except OSError:
        return ResolverScan(blind=(BlindSpot.RIGHTS,)), frozenset()
    own = frozenset(each.address for each in found)
    interfaces = tuple(_interfaces(found, set(answered)))
    if not interfaces:
        return ResolverScan(blind=(BlindSpot.NO_NETWORK,)), own
    return _scan(interfaces), own


def _own_addresses() -> Iterator[OwnAddress]:
    with closing(open_netlink(0)) as questions:
        for each in dump_table(questions, own_addresses_request(1), 1):
            if isinstance(each, OwnAddress):
                yield each


def _interfaces(own: Iterable[OwnAddress], answered: set[str]) -> Iterator[Interface]:
    """Yield the interfaces to networks in which copdns answers."""
    by_number: dict[int, list[str]] = {}
    for each in own:
        by_number.setdefault(each.interface, []).append(each.address)
    for number, addresses in by_number.items():
        if not any(each in answered and not ip_address(each).is_loopback for each in addresses):
            continue
        with contextlib.suppress(OSError, ValueError):  # it is gone, or no Ethernet
            name = socket.if_indextoname(number)
            mac = bytes.fromhex(Path(f"/sys/class/net/{name}/address").read_text().replace(":", ""))
            if len(mac) == 6:
                yield Interface(number, name, mac, tuple(addresses))


def _scan(interfaces: Iterable[Interface]) -> ResolverScan:
    blind: dict[BlindSpot, None] = {}
    with ExitStack() as stack:
        sockets: list[ReplySocket] = []
        for interface in interfaces:
            for listen in (_by_dhcp, _by_dhcp6, _by_router):
                try:
                    for reply_socket in listen(interface, stack):
                        reply_socket.ask(reply_socket.first)
                        sockets.append(reply_socket)
                except OSError:  # no right to, or another program has the port
                    blind[BlindSpot.RIGHTS] = None
        found = dict.fromkeys(_receive_offers(sockets, FIRST_WAIT))
        for reply_socket in sockets:  # multicast messages may be lost
            with contextlib.suppress(OSError):  # the network is gone; what came already counts
                reply_socket.ask((*reply_socket.first, *reply_socket.second))
        found |= dict.fromkeys(_receive_offers(sockets, SECOND_WAIT))
        return ResolverScan(tuple(found), tuple(blind))


def _receive_offers(sockets: Iterable[ReplySocket], seconds: float) -> Iterator[Offer]:
    by_socket = {each.source: each for each in sockets}
    until, count = monotonic() + seconds, 0
    while by_socket and count < _MAX_REPLIES and (left := until - monotonic()) > 0:
        ready, _, _ = select.select(list(by_socket), [], [], left)
        for source in ready:
            count += 1
            with contextlib.suppress(OSError):
                message, sender = source.recvfrom(4096)
                found = by_socket[source].read(message, str(sender[0]).partition("%")[0])
                if found is not None:
                    yield found


def _socket(
    family: int, kind: int, protocol: int, at: Interface, stack: ExitStack
) -> socket.socket:
    opened = stack.enter_context(
        closing(socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol))
    )
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, at.name.encode())
    return opened


def _by_dhcp(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    addresses = [each for each in at.addresses if ":" not in each]
    if not addresses:
        return
    opened = _socket(socket.AF_INET, socket.SOCK_DGRAM, 0, at, stack)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("", _CLIENT))
    number = secrets.randbits(32)
    inform = other_resolvers.dhcp_inform(at.mac, number, addresses[0])
    discover = other_resolvers.dhcp_discover(at.mac, number)
    yield ReplySocket(
        opened,
        lambda octets, sender: other_resolvers.dhcp_offer(octets, number, sender),
        ("255.255.255.255", _SERVER),
        (inform,),
        (discover,),
    )


def _by_dhcp6(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    if not _has_ipv6(at):
        return
    opened = _socket(socket.AF_INET6, socket.SOCK_DGRAM, 0, at, stack)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("::", _CLIENT6, 0, at.number))
    number = secrets.randbits(24)
    question = other_resolvers.information_request(at.mac, number)
    to = _EVERY_SERVER6, _SERVER6, 0, at.number
    yield ReplySocket(
        opened,
        lambda octets, sender: other_resolvers.dhcp6_offer(octets, number, sender),
        to,
        (question,),
    )


def _by_router(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    if not _has_ipv6(at):
        return
    opened = _socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, at, stack)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _NEAR)
    # Only advertisements: a filter of 256 bits, of which a set bit drops a type of message.
    passed = [0xFFFFFFFF] * 8
    passed[other_resolvers.ROUTER_ADVERTISEMENT >> 5] ^= 1 << (
        other_resolvers.ROUTER_ADVERTISEMENT & 31
    )
    opened.setsockopt(socket.IPPROTO_ICMPV6, 1, struct.pack("=8I", *passed))
    yield ReplySocket(
        opened,
        _near_router_offer,
        (_EVERY_ROUTER, 0, 0, at.number),
        (other_resolvers.router_solicitation(),),
    )


def _near_router_offer(octets: bytes, sender: str) -> Offer | None:
    """Return the offer of a router of this network, else None.

    Its address is link-local, which no packet from outside has (RFC 4861).
    """
    return (
        other_resolvers.router_offer(octets, sender) if ip_address(sender).is_link_local else None
    )


def _has_ipv6(at: Interface) -> bool:
    return any(":" in each for each in at.addresses)
