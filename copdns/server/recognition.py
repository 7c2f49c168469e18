"""Recognise devices: keep what is seen of the network at hand, and look again when in doubt.

A query from an address that nobody named may come from a device that is known by its MAC address
and just gave itself a new IPv6 address.  So the kernel is asked before the answer, once for each
such address and some seconds.  When the kernel has not spoken with that address either, the
client is told to ask by TCP (a truncated answer, RFC 2181 section 9): sending that makes the
kernel find out who is there (RFC 4861 section 7.2), and the question comes back at once.

Until it has found out, up to three seconds where nobody is there, the kernel holds what we send in
the buffer of the socket that everybody is answered from.  So only some such replies leave in a
second; whoever is there asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from copdns.model.verdict import Requestor
from copdns.network.kernel import Connect, open_netlink
from copdns.network.neighbours import Neighbours, NeighbourState
from copdns.policy.snapshot import Client, Sightings, Snapshot
from copdns.server.answer import Resolver, Screening
from copdns.time.moment import Moment

MAX_LOOKUPS = (
    200  # a second at most: about 2 % of a core, whoever floods us from whatever addresses
)
MAX_TRUNCATED = (
    40  # a second to where nobody may be: held for 3 s they stay far below a usual buffer
)
_ADDRESSES = 4096  # that were looked for

# Seconds until an address is looked for again, by what was found.
_SILENT = 10.0  # it was told to come by TCP
_NEVER_SEEN = 600.0  # it came by TCP, and has no MAC address all the same (a tunnel)
_BEYOND = 60.0


class Recognition:
    """What is seen of the network, and the live state that is dressed with it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        connect: Connect = open_netlink,
    ) -> None:
        self._resolver = resolver
        self._neighbours = Neighbours(loop, self._see_neighbours, connect)
        self._sightings = Sightings()
        # Until when an address need not be looked for, when it asks by UDP, or by another way.
        self._looked: dict[tuple[str, bool], float] = {}
        self._silent: set[str] = set()  # of these: with whom the kernel has not spoken
        self._second, self._looks, self._replies = 0, 0, 0
        resolver.screen, resolver.dressed = self.screen, self.add_sightings

    @property
    def live(self) -> Snapshot:
        return self._resolver.live

    def set_leases(self, macs: Mapping[str, str]) -> None:
        """Take over which MAC addresses DHCP servers gave addresses to."""
        self._see(Sightings(self._neighbours.table, macs))

    def identify_anew(self) -> None:
        """Look anew at who asks, from now on."""
        self._resolver.live = self._resolver.live

    def start(self, *, neighbours: bool) -> None:
        """Begin to look, or look in another way."""
        self._neighbours.close()
        if neighbours:
            self._neighbours.open()
        self._see_neighbours()

    def close(self) -> None:
        self._neighbours.close()

    def add_sightings(self, live: Snapshot) -> Snapshot:
        """Return a live state, whoever built it and when, together with what is seen now."""
        return live.with_sightings(self._sightings)

    def _see_neighbours(self) -> None:
        self._see(Sightings(self._neighbours.table, self._sightings.leases))

    def _see(self, seen: Sightings) -> None:
        if seen != self._sightings:
            self._sightings = seen
            self._resolver.live = self._resolver.live  # dressed anew

    def identify(self, asker: Requestor, moment: Moment) -> Client:
        """Return whose device asks for a page: it spoke to us by TCP, so the kernel knows it."""
        client = self.live.identify(asker)
        if not client.is_certain and self.screen(asker, moment):
            client = self.live.identify(asker)
        return client

    def screen(self, asker: Requestor, moment: Moment) -> Screening:
        """Look for a client that nobody named, and say what it gets."""
        address, now = asker.address, moment.mono
        by_udp = asker.transport == "udp"
        self._begin(int(now))
        if now < self._looked.get((address, by_udp), 0.0):
            return (
                self._reply(Screening.ANSWER)
                if by_udp and address in self._silent
                else Screening.ANSWER
            )
        if self._looks >= MAX_LOOKUPS:
            return Screening.DROP if by_udp and self._replies >= MAX_TRUNCATED else Screening.ANSWER
        self._looks += 1
        look = self._neighbours.look_up(address)
        if look is NeighbourState.KNOWN:
            return Screening.ANSWER
        if look is NeighbourState.SILENT and by_udp:
            return self._ask_to_come(address, now)
        until = now + (_NEVER_SEEN if look is NeighbourState.SILENT else _BEYOND)
        self._note(address, until)
        self._looked[address, False] = until
        return Screening.ANSWER

    def _ask_to_come(self, address: str, now: float) -> Screening:
        turn = self._reply(Screening.TRUNCATE)
        if turn is Screening.TRUNCATE:
            self._note(address, now + _SILENT)
            self._silent.add(address)
        return turn

    def _note(self, address: str, until: float) -> None:
        if len(self._looked) >= _ADDRESSES:
            self._looked.clear()
            self._silent.clear()
        self._looked[address, True] = until
        self._silent.discard(address)

    def _begin(self, second: int) -> None:
        if second != self._second:
            self._second, self._looks, self._replies = second, 0, 0

    def _reply(self, turn: Screening) -> Screening:
        """Return a turn whose reply the kernel may have to hold, or none when it holds many."""
        self._replies += 1
        return turn if self._replies <= MAX_TRUNCATED else Screening.DROP
