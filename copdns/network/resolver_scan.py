"""Ask the network which resolvers it hands out, as a device does that comes new.

Only in networks in which copdns answers, never elsewhere, and only when somebody asks for it: a
DHCP server may set an address aside for a while.  It takes rights that the unit does not give
(docs/install.md); without them it says that it could not look.
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
from copdns.network.netlink import Own, own_request
from copdns.network.other_resolvers import Assessment, BlindSpot, Offer, ResolverScan, assess

# Seconds.  A router may wait half a second before it speaks (RFC 4861 section 6.2.6); a server
# that is asked for an address first tries for three whether somebody has it, and is deaf meanwhile.
FIRST, SECOND = 2.0, 4.0
_REPLIES = 256  # that are read; more is a flood
_SERVER, _CLIENT = 67, 68
_SERVER6, _CLIENT6 = 547, 546
_EVERY_SERVER6, _EVERY_ROUTER = "ff02::1:2", "ff02::2"
_NEAR = 255  # the hop limit of what came from no further than this network

Read = Callable[[bytes, str], Offer | None]


class Interface(NamedTuple):
    number: int  # the kernel's
    name: str
    mac: bytes
    addresses: tuple[str, ...]


class ReplySocket(NamedTuple):
    """A socket on which replies come.  read: makes an offer of one.  first: what is sent to `to`,
    twice; second: what is sent the second time only."""

    source: socket.socket
    read: Read
    to: tuple[str, int] | tuple[str, int, int, int]
    first: tuple[bytes, ...]
    second: tuple[bytes, ...] = ()

    def ask(self, questions: Iterable[bytes]) -> None:
        for each in questions:
            self.source.sendto(each, self.to)


def scan_resolvers(answered: Iterable[str]) -> Assessment:
    """Tell whether anybody else is handed out as a resolver; takes some seconds and blocks.

    answered: the addresses on which copdns answers.
    """
    try:
        found = list(_own())
    except OSError:
        return assess(ResolverScan(blind=(BlindSpot.RIGHTS,)), ())
    own = {each.address for each in found}
    interfaces = tuple(_interfaces(found, set(answered)))
    if not interfaces:
        return assess(ResolverScan(blind=(BlindSpot.NO_NETWORK,)), own)
    return assess(_look(interfaces), own)


def _own() -> Iterator[Own]:
    with closing(open_netlink(0)) as questions:
        for each in dump_table(questions, own_request(1), 1):
            if isinstance(each, Own):
                yield each


def _interfaces(own: Iterable[Own], answered: set[str]) -> Iterator[Interface]:
    """Yield the interfaces to networks in which copdns answers."""
    by_number: dict[int, list[str]] = {}
    for each in own:
        by_number.setdefault(each.interface, []).append(each.address)
    for number, addresses in by_number.items():
        if not any(each in answered and not ip_address(each).is_loopback for each in addresses):
            continue
        with contextlib.suppress(OSError, ValueError):  # it went away meanwhile, or is no network
            name = socket.if_indextoname(number)
            mac = bytes.fromhex(Path(f"/sys/class/net/{name}/address").read_text().replace(":", ""))
            if len(mac) == 6:
                yield Interface(number, name, mac, tuple(addresses))


def _look(interfaces: Iterable[Interface]) -> ResolverScan:
    blind: dict[BlindSpot, None] = {}
    with ExitStack() as stack:
        ears: list[ReplySocket] = []
        for interface in interfaces:
            for listen in (_by_dhcp, _by_dhcp6, _by_router):
                try:
                    for ear in listen(interface, stack):
                        ear.ask(ear.first)
                        ears.append(ear)
                except OSError:  # no right to, or another program has the port for itself
                    blind[BlindSpot.RIGHTS] = None
        found = dict.fromkeys(_heard(ears, FIRST))
        for ear in ears:  # what is sent to all may be lost
            with contextlib.suppress(OSError):
                ear.ask((*ear.first, *ear.second))
        found |= dict.fromkeys(_heard(ears, SECOND))
        return ResolverScan(tuple(found), tuple(blind))


def _heard(ears: Iterable[ReplySocket], seconds: float) -> Iterator[Offer]:
    by_socket = {each.source: each for each in ears}
    until, count = monotonic() + seconds, 0
    while by_socket and count < _REPLIES and (left := until - monotonic()) > 0:
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
    made = stack.enter_context(
        closing(socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol))
    )
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, at.name.encode())
    return made


def _by_dhcp(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    addresses = [each for each in at.addresses if ":" not in each]
    if not addresses:
        return
    made = _socket(socket.AF_INET, socket.SOCK_DGRAM, 0, at, stack)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", _CLIENT))
    number = secrets.randbits(32)
    inform = other_resolvers.inform(at.mac, number, addresses[0])
    discover = other_resolvers.discover(at.mac, number)
    yield ReplySocket(
        made,
        lambda octets, sender: other_resolvers.dhcp_offer(octets, number, sender),
        ("255.255.255.255", _SERVER),
        (inform,),
        (discover,),
    )


def _by_dhcp6(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    if not _has_ipv6(at):
        return
    made = _socket(socket.AF_INET6, socket.SOCK_DGRAM, 0, at, stack)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("::", _CLIENT6, 0, at.number))
    number = secrets.randbits(24)
    question = other_resolvers.information_request(at.mac, number)
    to = _EVERY_SERVER6, _SERVER6, 0, at.number
    yield ReplySocket(
        made,
        lambda octets, sender: other_resolvers.dhcp6_offer(octets, number, sender),
        to,
        (question,),
    )


def _by_router(at: Interface, stack: ExitStack) -> Iterator[ReplySocket]:
    if not _has_ipv6(at):
        return
    made = _socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, at, stack)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _NEAR)
    # Nothing but advertisements: a filter of 256 bits, in which a bit set means "not this".
    passed = [0xFFFFFFFF] * 8
    passed[other_resolvers.ROUTER_ADVERTISEMENT >> 5] ^= 1 << (
        other_resolvers.ROUTER_ADVERTISEMENT & 31
    )
    made.setsockopt(socket.IPPROTO_ICMPV6, 1, struct.pack("=8I", *passed))
    yield ReplySocket(
        made, _near, (_EVERY_ROUTER, 0, 0, at.number), (other_resolvers.solicitation(),)
    )


def _near(octets: bytes, sender: str) -> Offer | None:
    """Routers speak from a link-local address, which no packet from outside has (RFC 4861)."""
    return (
        other_resolvers.router_offer(octets, sender) if ip_address(sender).is_link_local else None
    )


def _has_ipv6(at: Interface) -> bool:
    return any(":" in each for each in at.addresses)
