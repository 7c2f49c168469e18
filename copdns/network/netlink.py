"""Read and write the few messages of rtnetlink about addresses, routes and neighbours, and what
routers announce.

See rtnetlink(7) and RFC 3549.  No library is used, since one for all of netlink takes 8 MB of
memory, and five times as long to ask for one neighbour, for which a query waits.  All constants are
those of Linux, in the byte order of the machine.  Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

NEIGHBOUR_EVENTS = 0x4  # RTMGRP_NEIGH, a group to listen to
ANNOUNCEMENTS = 1 << 19  # RTNLGRP_ND_USEROPT: options of router advertisements (RFC 4861)

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTM_NEWNEIGH, _RTM_DELNEIGH, _RTM_GETNEIGH = 28, 29, 30
_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_RTM_NEWNDUSEROPT = 68
_REQUEST, _DUMP = 0x1, 0x300
_INET, _INET6 = 2, 10

_NDA_DST, _NDA_LLADDR = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_VIA = 1, 4, 5, 18
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTN_UNICAST = 1
_PROXY = 0x8  # an address that this machine answers for (proxy)
_NUD_VALID = 0x2 | 0x4 | 0x8 | 0x10 | 0x80  # reachable, stale, delay, probe, permanent

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NDMSG = struct.Struct("=BxxxiHBB")  # family, interface, state, flags, type
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, lengths, tos, table, protocol, scope, type, flags
_IFADDRMSG = struct.Struct("=BBBBi")  # family, length, flags, scope, interface
_NDUSEROPTMSG = struct.Struct("=BxHiBBxxxxxx")  # family, length of options, interface, type, code
_PREF64 = struct.Struct("!BBH12s")  # type, length in eights, lifetime and length, prefix
_NUMBER = struct.Struct("=i")

_ROUTER_ADVERTISEMENT = 134  # a type of ICMPv6
_OPTION_PREF64 = 38  # RFC 8781 section 4
_PREFIX_LENGTHS = (96, 64, 56, 48, 40, 32)  # by the last three bits of the field


class Neighbour(NamedTuple):
    """An entry of the table of neighbours.

    interface: its index.  mac: "" where the entry is gone or its device does not answer.
    """

    interface: int
    address: str
    mac: str


class Route(NamedTuple):
    """The route to an address.  interface: its index.  is_direct: without a router."""

    interface: int
    is_direct: bool


class OwnAddress(NamedTuple):
    """An address of this machine.  interface: its index."""

    interface: int
    address: str


class AnnouncedPrefix(NamedTuple):
    """The prefix of NAT64 that a router announces (PREF64, RFC 8781).

    interface: its index.  prefix: as in 64:ff9b::/96.  lifetime: seconds; 0 where it goes.
    """

    interface: int
    prefix: str
    lifetime: int


class End(NamedTuple):
    """The end of an answer.  errno: 0, or the error."""

    errno: int


Message = Neighbour | Route | OwnAddress | AnnouncedPrefix | End


def neighbours_request(sequence: int) -> bytes:
    """Return the question for all neighbours of both families."""
    return _message(_RTM_GETNEIGH, _REQUEST | _DUMP, sequence, _NDMSG.pack(0, 0, 0, 0, 0))


def neighbour_request(address: str, interface: int, sequence: int) -> bytes:
    """Return the question for one neighbour (Linux 5.1 and newer)."""
    family, packed = _pack_address(address)
    body = _NDMSG.pack(family, interface, 0, 0, 0) + _attribute(_NDA_DST, packed)
    return _message(_RTM_GETNEIGH, _REQUEST, sequence, body)


def route_request(address: str, sequence: int) -> bytes:
    """Return the question for the way to an address."""
    family, packed = _pack_address(address)
    body = _RTMSG.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0)
    return _message(_RTM_GETROUTE, _REQUEST, sequence, body + _attribute(_RTA_DST, packed))


def own_addresses_request(sequence: int) -> bytes:
    """Return the question for all addresses of this machine."""
    return _message(_RTM_GETADDR, _REQUEST | _DUMP, sequence, _IFADDRMSG.pack(0, 0, 0, 0, 0))


def _pack_address(address: str) -> tuple[int, bytes]:
    packed = ip_address(address).packed
    return (_INET if len(packed) == 4 else _INET6), packed


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value  # both sizes are 4 n


def read_messages(datagram: bytes) -> Iterator[tuple[int, Message]]:
    """Yield the messages of a datagram with their sequence numbers, as far as it can be read.

    Skips entries of other families (of bridges), and those that this machine is a proxy for.
    """
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, _, sequence, _ = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or at + length > len(datagram):
            return
        message = _read_message(kind, datagram[at + _HEADER.size : at + length])
        if message is not None:
            yield sequence, message
        at += _align(length)


def _read_message(kind: int, body: bytes) -> Message | None:
    try:
        if kind in (_RTM_NEWNEIGH, _RTM_DELNEIGH):
            return _read_neighbour(body, gone=kind == _RTM_DELNEIGH)
        if kind == _RTM_NEWROUTE:
            return _read_route(body)
        if kind == _RTM_NEWADDR:
            return _read_own_address(body)
        if kind == _RTM_NEWNDUSEROPT:
            return _read_announcement(body)
        if kind == _NLMSG_DONE:
            return End(0)
        if kind == _NLMSG_ERROR:
            return End(-_NUMBER.unpack_from(body)[0])
    except (struct.error, ValueError):
        return None  # truncated, or of a kernel with another format
    return None


def _read_neighbour(body: bytes, gone: bool) -> Neighbour | None:
    family, interface, state, flags, _ = _NDMSG.unpack_from(body)
    if family not in (_INET, _INET6) or flags & _PROXY:
        return None
    values = dict(_attributes(body[_NDMSG.size :]))
    card = values.get(_NDA_LLADDR, b"")
    # Six octets that are neither all zero (loopback) nor a multicast address.
    known = not gone and state & _NUD_VALID and len(card) == 6 and any(card) and not card[0] & 1
    address = str(ip_address(values.get(_NDA_DST, b"")))
    return Neighbour(interface, address, card.hex(":") if known else "")


def _read_route(body: bytes) -> Route:
    kind = _RTMSG.unpack_from(body)[7]
    values = dict(_attributes(body[_RTMSG.size :]))
    (interface,) = _NUMBER.unpack(values.get(_RTA_OIF, bytes(4)))
    behind = _RTA_GATEWAY in values or _RTA_VIA in values
    return Route(interface, is_direct=kind == _RTN_UNICAST and not behind)


def _read_own_address(body: bytes) -> OwnAddress:
    interface = _IFADDRMSG.unpack_from(body)[4]
    values = dict(_attributes(body[_IFADDRMSG.size :]))
    # On a point-to-point link, IFA_ADDRESS is that of the other machine.
    packed = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS, b"")
    return OwnAddress(interface, str(ip_address(packed)))


def _read_announcement(body: bytes) -> AnnouncedPrefix | None:
    """Return the prefix of one option of a router; None for another option."""
    family, _, interface, kind, _ = _NDUSEROPTMSG.unpack_from(body)
    if family != _INET6 or kind != _ROUTER_ADVERTISEMENT:
        return None
    option, eights, field, packed = _PREF64.unpack_from(body, _NDUSEROPTMSG.size)
    places = field & 0x7
    if option != _OPTION_PREF64 or eights != 2 or places >= len(_PREFIX_LENGTHS):
        return None
    address = ip_address(packed + bytes(4))
    return AnnouncedPrefix(interface, f"{address}/{_PREFIX_LENGTHS[places]}", field & 0xFFF8)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size or at + length > len(body):
            return
        yield kind, body[at + _ATTRIBUTE.size : at + length]
        at += _align(length)


def _align(length: int) -> int:
    return (length + 3) & ~3
