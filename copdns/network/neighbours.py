"""Who is near, as the kernel knows it: the MAC address behind each address of this network.

The kernel's table of neighbours (ARP, and NDP for IPv6) is read once and then followed, through
sockets of the event loop: nothing waits, since the kernel answers before `send` returns.  No
privilege is needed.  Where the table cannot be read (a container without netlink) that is told
once, and devices are known by their addresses alone.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from enum import Enum
from types import MappingProxyType

import structlog

from copdns.network.kernel import Connect, ask_kernel, dump_table, open_netlink, read_pending
from copdns.network.netlink import (
    NEIGHBOUR_EVENTS,
    Ended,
    Message,
    Neighbour,
    Route,
    dump_request,
    neighbour_request,
    read,
    route_request,
)

log = structlog.get_logger("copdns")

ENTRIES = 65_536  # that are kept at most; the kernel keeps 1024 unless it was told otherwise
_TRIES = 3  # to read the table between two floods of changes

REMEDY = (
    "devices are recognised only by IP address; allow copdns to use AF_NETLINK sockets and the "
    "host's network, or set identity.neighbours to off"
)


class NeighbourState(Enum):
    """What a look for one address found."""

    KNOWN = "known"  # it stands in the table now
    SILENT = "silent"  # it is in this network, and the kernel has not spoken with it yet
    BEYOND = "beyond"  # behind a router, or this machine itself: no neighbour


class NeighbourTable:
    """The table as it stands, by interface and address."""

    def __init__(self) -> None:
        self._macs: dict[tuple[int, str], str] = {}

    def update(self, neighbour: Neighbour) -> bool:
        """Take an entry over; tell whether anything is different now."""
        key = neighbour.interface, neighbour.address
        if not neighbour.mac:
            return self._macs.pop(key, None) is not None
        if len(self._macs) >= ENTRIES and key not in self._macs:
            return False
        before, self._macs[key] = self._macs.get(key), neighbour.mac
        return before != neighbour.mac

    def table(self) -> Mapping[str, str]:
        """Return MAC address by address, without those that differ by interface.

        Two networks may both have a fe80::1, and who asks is told by the address alone.
        """
        found: dict[str, str] = {}
        for (_, address), mac in self._macs.items():
            if found.setdefault(address, mac) != mac:
                found[address] = ""
        return MappingProxyType({address: mac for address, mac in found.items() if mac})


class Neighbours:
    """The table of neighbours, followed.

    table: MAC address by address, replaced as a whole; None while it cannot be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[], None],
        connect: Connect = open_netlink,
    ) -> None:
        """changed: is called after each change of the table.

        connect: gives a socket to the kernel that hears of these groups; may raise OSError.
        """
        self.table: Mapping[str, str] | None = None
        self._loop = loop
        self._changed = changed
        self._connect = connect
        self._entries = NeighbourTable()
        self._events: socket.socket | None = None
        self._questions: socket.socket | None = None
        self._sequence = 0

    def open(self) -> None:
        """Read the table and follow it; where that cannot be, say so and go on without."""
        try:
            self._questions = self._connect(0)
            self._events = self._connect(NEIGHBOUR_EVENTS)
            self._read_all()
        except OSError as error:
            self._give_up(error)
            return
        self._loop.add_reader(self._events, self._follow)
        self._changed()

    def close(self) -> None:
        """Let go of the table, which is None then."""
        if self._events is not None:
            self._loop.remove_reader(self._events)
        for each in (self._events, self._questions):
            if each is not None:
                each.close()
        self._events = self._questions = None
        self.table = None

    def look_up(self, address: str) -> NeighbourState:
        """Look once more for an address that the table lacks: it may have come a moment ago.

        Takes about 0.1 ms.
        """
        try:
            self._follow()
            if self.table is None:
                return NeighbourState.BEYOND
            return NeighbourState.KNOWN if address in self.table else self._look(address)
        except OSError as error:
            self._give_up(error)
            return NeighbourState.BEYOND

    def _look(self, address: str) -> NeighbourState:
        route = self._answer(route_request(address, self._next()))
        if not isinstance(route, Route) or not route.direct:
            return NeighbourState.BEYOND
        found = self._answer(neighbour_request(address, route.interface, self._next()))
        if found == Ended(errno.EOPNOTSUPP):  # before Linux 5.1
            self._read_all()
        elif isinstance(found, Neighbour) and self._entries.update(found):
            self._publish()
        assert self.table is not None
        return NeighbourState.KNOWN if address in self.table else NeighbourState.SILENT

    def _follow(self) -> None:
        """Take over what changed since the last time."""
        if self._events is None:
            return
        try:
            changes = [
                self._entries.update(each)
                for datagram in read_pending(self._events)
                for _, each in read(datagram)
                if isinstance(each, Neighbour)
            ]
            if any(changes):
                self._publish()
        except OSError as error:
            self._missed_some(error)

    def _missed_some(self, error: OSError) -> None:
        """Read the table anew after more changed than the kernel could hold for us."""
        for _ in range(_TRIES):
            if error.errno != errno.ENOBUFS or self._events is None:
                break
            try:
                for _ in read_pending(self._events):
                    pass  # older than what is read now
                self._read_all()
            except OSError as again:
                error = again
            else:
                return
        self._give_up(error)

    def _read_all(self) -> None:
        assert self._questions is not None
        self._entries = _all(self._questions, self._next())
        self._publish()

    def _answer(self, question: bytes) -> Message:
        assert self._questions is not None
        return next(ask_kernel(self._questions, question, self._sequence), Ended(0))

    def _next(self) -> int:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        return self._sequence

    def _publish(self) -> None:
        before, self.table = self.table, self._entries.table()
        if before is not None and before != self.table:
            self._changed()

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._changed()
        log.warning("neighbours could not be read", error=error.strerror, todo=REMEDY)


def read_once(connect: Connect = open_netlink) -> Mapping[str, str]:
    """Return the table as it is now; raise OSError where it cannot be read."""
    with closing(connect(0)) as questions:
        return _all(questions, 1).table()


def _all(questions: socket.socket, sequence: int) -> NeighbourTable:
    entries = NeighbourTable()
    for message in dump_table(questions, dump_request(sequence), sequence):
        if isinstance(message, Neighbour):
            entries.update(message)
    return entries
