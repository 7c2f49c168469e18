"""Recognise devices by what is seen of the network, and screen clients whose device is uncertain.

A query from an address that no device has may come from a device that is known by its MAC address
and just gave itself a new IPv6 address.  So the kernel is asked before the reply, once per address
and some seconds.  Where the kernel has not spoken with that address either, the client is told to
ask by TCP (a truncated reply, RFC 2181 section 9): sending that makes the kernel find out who is
there (RFC 4861 section 7.2), and the query comes again at once.

Until it has found out, up to three seconds where nobody is there, the kernel holds what we send in
the buffer of the socket that everybody is answered from.  So only some such replies are sent in a
second; a client that exists asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from copdns.model.verdict import Requestor
from copdns.network.kernel import Connect, open_netlink
from copdns.network.neighbours import Neighbours, NeighbourState
from copdns.policy.snapshot import Client, Sightings, Snapshot
from copdns.server.answer import Resolver
from copdns.server.hooks import Screening
from copdns.time.clock import Moment

MAX_LOOKUPS = 200  # per second: about 2 % of a core, however many addresses a flood comes from
# Replies per second to where nobody may be: held for 3 s they stay far below a usual buffer.
MAX_TRUNCATED = 40
MAX_ADDRESSES = 4096  # that were looked for

# Seconds until an address is looked for again, by what was found.
_SILENT = 10.0  # it was told to come by TCP
_NEVER_SEEN = 600.0  # it came by TCP, and still has no MAC address (a tunnel)
_BEYOND = 60.0  # it is outside this network


class Recognition:
    """What is seen of the network, and the two hooks of the resolver that need it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        connect: Connect = open_netlink,
    ) -> None:
        self._resolver = resolver
        self._neighbours = Neighbours(loop, self._see_neighbours, connect)
        self._sightings = Sightings()
        # By address, and whether it asks by UDP: until when it need not be looked for (monotonic).
        self._known_until: dict[tuple[str, bool], float] = {}
        self._silent: set[str] = set()  # of these: the kernel has not spoken with them
        self._second, self._lookups, self._truncated = 0, 0, 0
        resolver.screen, resolver.add_sightings = self.screen, self.add_sightings

    @property
    def snapshot(self) -> Snapshot:
        return self._resolver.snapshot

    def set_leases(self, macs: Mapping[str, str]) -> None:
        """Take over which MAC addresses DHCP servers leased addresses to."""
        self._see(Sightings(self._neighbours.table, macs))

    def identify_anew(self) -> None:
        """Identify every client again, from its next query on."""
        self._resolver.snapshot = self._resolver.snapshot

    def start(self, *, neighbours: bool) -> None:
        """Begin, or begin again; neighbours: the kernel's table is read and followed."""
        self._neighbours.close()
        if neighbours:
            self._neighbours.open()
        self._see_neighbours()

    def close(self) -> None:
        """Stop following the kernel's table; what was seen stays known."""
        self._neighbours.close()

    def add_sightings(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot, whoever built it, with the MAC addresses that are seen now."""
        return snapshot.with_sightings(self._sightings)

    def _see_neighbours(self) -> None:
        self._see(Sightings(self._neighbours.table, self._sightings.leases))

    def _see(self, sightings: Sightings) -> None:
        if sightings != self._sightings:
            self._sightings = sightings
            self._resolver.snapshot = self._resolver.snapshot  # with these

    def identify(self, requestor: Requestor, moment: Moment) -> Client:
        """Return the client that asks for a page; it came by TCP, so the kernel knows its MAC."""
        client = self.snapshot.identify(requestor)
        if not client.is_certain:
            self.screen(requestor, moment)
            client = self.snapshot.identify(requestor)
        return client

    def screen(self, requestor: Requestor, moment: Moment) -> Screening:
        """Look for the device of an uncertain client, and say what the client gets."""
        address, mono = requestor.address, moment.mono
        by_udp = requestor.transport == "udp"
        self._begin_second(int(mono))
        if mono < self._known_until.get((address, by_udp), 0.0):
            if by_udp and address in self._silent:
                return self._within_limit(Screening.ANSWER)
            return Screening.ANSWER
        if self._lookups >= MAX_LOOKUPS:
            return (
                Screening.DROP if by_udp and self._truncated >= MAX_TRUNCATED else Screening.ANSWER
            )
        self._lookups += 1
        state = self._neighbours.look_up(address)
        if state is NeighbourState.KNOWN:
            return Screening.ANSWER
        if state is NeighbourState.SILENT and by_udp:
            return self._truncate(address, mono)
        until = mono + (_NEVER_SEEN if state is NeighbourState.SILENT else _BEYOND)
        self._note(address, until)
        self._known_until[address, False] = until
        return Screening.ANSWER

    def _truncate(self, address: str, mono: float) -> Screening:
        screening = self._within_limit(Screening.TRUNCATE)
        if screening is Screening.TRUNCATE:
            self._note(address, mono + _SILENT)
            self._silent.add(address)
        return screening

    def _note(self, address: str, until: float) -> None:
        if len(self._known_until) >= MAX_ADDRESSES:
            self._known_until.clear()
            self._silent.clear()
        self._known_until[address, True] = until
        self._silent.discard(address)

    def _begin_second(self, second: int) -> None:
        if second != self._second:
            self._second, self._lookups, self._truncated = second, 0, 0

    def _within_limit(self, screening: Screening) -> Screening:
        """Return a screening whose reply the kernel may have to hold; DROP if it holds many."""
        self._truncated += 1
        return screening if self._truncated <= MAX_TRUNCATED else Screening.DROP
