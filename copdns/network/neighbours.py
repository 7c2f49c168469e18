"""The MAC address behind each address of the network, from the kernel's table of neighbours.

The table (ARP, and NDP for IPv6) is read once and then kept up to date by the kernel's events,
through sockets of the event loop: nothing waits, since the kernel answers before `send` returns.
No privilege is needed.  Where the table cannot be read (a container without netlink), that is
logged once, and devices are recognised by their addresses alone.
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
    End,
    Message,
    Neighbour,
    Route,
    neighbour_request,
    neighbours_request,
    read_messages,
    route_request,
)

log = structlog.get_logger("copdns")

MAX_ENTRIES = 65_536  # the kernel keeps at most 1024, unless configured otherwise
_TRIES = 3  # to read the table while many entries change

REMEDY = (
    "devices are recognised only by IP address; allow copdns to use AF_NETLINK sockets and the "
    "host's network, or set identity.neighbours to off"
)


class NeighbourState(Enum):
    """What is known of one address."""

    KNOWN = "known"  # it is in the table now
    SILENT = "silent"  # it is in this network, but the kernel has no MAC address for it yet
    BEYOND = "beyond"  # behind a router, or this machine itself: no neighbour


class NeighbourTable:
    """The table of neighbours: MAC addresses by interface and address."""

    def __init__(self) -> None:
        self._macs: dict[tuple[int, str], str] = {}

    def update(self, neighbour: Neighbour) -> bool:
        """Store or remove an entry; tell whether that changed anything."""
        key = neighbour.interface, neighbour.address
        if not neighbour.mac:
            return self._macs.pop(key, None) is not None
        if len(self._macs) >= MAX_ENTRIES and key not in self._macs:
            return False
        before, self._macs[key] = self._macs.get(key), neighbour.mac
        return before != neighbour.mac

    def mac_by_address(self) -> Mapping[str, str]:
        """Return the MAC address by address, without addresses that differ by interface.

        Two networks may both have a fe80::1, and a query shows the address alone.
        """
        found: dict[str, str] = {}
        for (_, address), mac in self._macs.items():
            if found.setdefault(address, mac) != mac:
                found[address] = ""
        return MappingProxyType({address: mac for address, mac in found.items() if mac})


class Neighbours:
    """The table of neighbours, kept up to date.

    table: the MAC address by address, replaced as a whole; None while it cannot be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[], None],
        connect: Connect = open_netlink,
    ) -> None:
        """on_change: called after each change of the table.

        connect: as `open_netlink`: returns a socket for groups of events; may raise OSError.
        """
        self.table: Mapping[str, str] | None = None
        self._loop = loop
        self._on_change = on_change
        self._connect = connect
        self._entries = NeighbourTable()
        self._events: socket.socket | None = None
        self._questions: socket.socket | None = None
        self._sequence = 0

    def open(self) -> None:
        """Read the table and follow its changes; if that fails, log it and have no table."""
        try:
            self._questions = self._connect(0)
            self._events = self._connect(NEIGHBOUR_EVENTS)
            self._read_all()
        except OSError as error:
            self._give_up(error)
            return
        self._loop.add_reader(self._events, self._follow)
        self._on_change()

    def close(self) -> None:
        """Stop following the table; `table` is None then."""
        if self._events is not None:
            self._loop.remove_reader(self._events)
        for each in (self._events, self._questions):
            if each is not None:
                each.close()
        self._events = self._questions = None
        self.table = None

    def look_up(self, address: str) -> NeighbourState:
        """Ask the kernel for an address that the table lacks, as it may be new.

        Takes about 0.1 ms.
        """
        try:
            self._follow()
            if self.table is None:
                return NeighbourState.BEYOND
            return NeighbourState.KNOWN if address in self.table else self._ask_for(address)
        except OSError as error:
            self._give_up(error)
            return NeighbourState.BEYOND

    def _ask_for(self, address: str) -> NeighbourState:
        route = self._ask(route_request(address, self._next()))
        if not isinstance(route, Route) or not route.is_direct:
            return NeighbourState.BEYOND
        found = self._ask(neighbour_request(address, route.interface, self._next()))
        if found == End(errno.EOPNOTSUPP):  # before Linux 5.1
            self._read_all()
        elif isinstance(found, Neighbour) and self._entries.update(found):
            self._publish()
        assert self.table is not None
        return NeighbourState.KNOWN if address in self.table else NeighbourState.SILENT

    def _follow(self) -> None:
        """Apply the changes since the last call."""
        if self._events is None:
            return
        try:
            changes = [
                self._entries.update(each)
                for datagram in read_pending(self._events)
                for _, each in read_messages(datagram)
                if isinstance(each, Neighbour)
            ]
            if any(changes):
                self._publish()
        except OSError as error:
            self._recover(error)

    def _recover(self, error: OSError) -> None:
        """Read the table anew after the kernel dropped events because its queue was full."""
        for _ in range(_TRIES):
            if error.errno != errno.ENOBUFS or self._events is None:
                break
            try:
                for _ in read_pending(self._events):
                    pass  # older than the table that is read next
                self._read_all()
            except OSError as again:
                error = again
            else:
                return
        self._give_up(error)

    def _read_all(self) -> None:
        assert self._questions is not None
        self._entries = _dump_table(self._questions, self._next())
        self._publish()

    def _ask(self, question: bytes) -> Message:
        assert self._questions is not None
        return next(ask_kernel(self._questions, question, self._sequence), End(0))

    def _next(self) -> int:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        return self._sequence

    def _publish(self) -> None:
        before, self.table = self.table, self._entries.mac_by_address()
        if before is not None and before != self.table:
            self._on_change()

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._on_change()
        log.warning("neighbours could not be read", error=error.strerror, todo=REMEDY)


def read_table(connect: Connect = open_netlink) -> Mapping[str, str]:
    """Return the table as it is now; raise OSError where it cannot be read."""
    with closing(connect(0)) as questions:
        return _dump_table(questions, 1).mac_by_address()


def _dump_table(questions: socket.socket, sequence: int) -> NeighbourTable:
    entries = NeighbourTable()
    for message in dump_table(questions, neighbours_request(sequence), sequence):
        if isinstance(message, Neighbour):
            entries.update(message)
    return entries
