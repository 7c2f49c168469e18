"""A kernel that knows some neighbours, as far as its netlink sockets tell.

Its messages are laid out here once more (linux/neighbour.h, linux/rtnetlink.h), so that a
mistake in the reader is not one of the writer too.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

REACHABLE, STALE, FAILED = 0x02, 0x04, 0x20
NEW, GONE = 28, 29
LAN = 2  # the index of its one interface


def message(kind: int, body: bytes, sequence: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust(
        4 + (len(value) + 3 & ~3), b"\0"
    )


def entry(
    address: str,
    mac: str = "",
    *,
    kind: int = NEW,
    interface: int = LAN,
    state: int = REACHABLE,
    family: int | None = None,
    flags: int = 0,
    sequence: int = 0,
) -> bytes:
    """Return the message about one neighbour."""
    packed = ip_address(address).packed
    if family is None:
        family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    body = struct.pack("=BBHiHBB", family, 0, 0, interface, state, flags, 1)
    body += attribute(1, packed)
    if mac:
        body += attribute(2, bytes.fromhex(mac.replace(":", "")))
    body += attribute(3, bytes(16))  # how old it is
    return message(kind, body, sequence)


def prefix_message(prefix: str, lifetime: int, *, kind: int = 134, option: int = 38) -> bytes:
    """Return the message about a router's advertisement with a prefix of NAT64 (RFC 8781).

    lifetime: in seconds, of which there are eight in one.
    """
    network = ip_network(prefix)
    places = {96: 0, 64: 1, 56: 2, 48: 3, 40: 4, 32: 5}[network.prefixlen]
    field = (lifetime // 8) << 3 | places
    body = struct.pack("=BBHiBBHI", socket.AF_INET6, 0, 16, LAN, kind, 0, 0, 0)
    body += struct.pack("!BBH", option, 2, field) + network.network_address.packed[:12]
    return message(68, body + attribute(1, ip_address("fe80::1").packed))


def route(interface: int, gateway: str = "", kind: int = 1, sequence: int = 0) -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 0, 0, kind, 0)
    body += attribute(4, struct.pack("=i", interface))
    if gateway:
        body += attribute(5, ip_address(gateway).packed)
    return message(24, body, sequence)


def own(address: str, other: str = "", sequence: int = 0) -> bytes:
    """Return the message about an address of the machine.  other: of a link between two."""
    packed = ip_address(address).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    body = struct.pack("=BBBBi", family, 24, 0, 0, LAN)
    body += attribute(1, ip_address(other or address).packed)
    if family == socket.AF_INET:
        body += attribute(2, packed)
    return message(20, body, sequence)


def ended(number: int = 0, sequence: int = 0) -> bytes:
    """Return the end of a list, or an error."""
    return message(2 if number else 3, struct.pack("=i", -number) + bytes(16), sequence)


class Kernel:
    """Answers what its sockets ask.

    neighbours: MAC by address.  own: its addresses.  networks: those on the link.
    """

    def __init__(
        self, neighbours: dict[str, str], *networks: str, own: tuple[str, ...] = ()
    ) -> None:
        self.neighbours = neighbours
        self.own = own
        self.networks = [ip_network(each) for each in networks or ("192.0.2.0/24", "2001:db8::/64")]
        self.error = 0  # that every question is answered with
        self.sockets: list[Socket] = []
        self.asked = 0

    def connect(self, groups: int) -> socket.socket:
        made = Socket(self, groups)
        self.sockets.append(made)
        return made  # type: ignore[return-value]  # as much of a socket as is used

    def tell(self, *datagrams: bytes | OSError) -> None:
        """Tell whoever listens of changes, or of an error."""
        for each in self.sockets:
            if each.groups and each.fileno() >= 0:  # -1: closed
                each.waiting.extend(datagrams)
                each.wake()

    def answers(self, question: bytes) -> Iterator[bytes]:
        self.asked += 1
        _, kind, flags, sequence, _ = struct.unpack_from("=IHHII", question)
        if self.error:
            yield ended(self.error, sequence)
        elif kind == 22:
            yield b"".join(own(each, sequence=sequence) for each in self.own)
            yield ended(sequence=sequence)
        elif kind == 30 and flags & 0x300:
            for address, mac in self.neighbours.items():
                yield entry(address, mac, sequence=sequence)
            yield ended(sequence=sequence)
        elif kind == 30:
            address = str(ip_address(question[32:]))
            mac = self.neighbours.get(address, "")
            found = entry(address, mac, sequence=sequence) if mac else None
            yield found or ended(errno.ENOENT, sequence)
        else:
            near = any(ip_address(question[32:]) in each for each in self.networks)
            yield route(LAN, "" if near else "192.0.2.1", sequence=sequence)


class Socket:
    """One end of netlink."""

    def __init__(self, kernel: Kernel, groups: int) -> None:
        self.groups = groups
        self.waiting: list[bytes | OSError] = []
        self._kernel = kernel
        self._ours, self._theirs = socket.socketpair()

    def fileno(self) -> int:
        return self._ours.fileno()

    def wake(self) -> None:
        self._theirs.send(b"!")

    def send(self, question: bytes) -> None:
        self.waiting.extend(self._kernel.answers(question))

    def recv(self, _octets: int) -> bytes:
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()
