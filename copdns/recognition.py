"""Recognise devices: keep what is seen of the network at hand, and look again when in doubt.

A query from an address that nobody named may come from a device that is known by its MAC address
and just gave itself a new IPv6 address.  So the kernel is asked before the answer, once for each
such address and some seconds.  When the kernel has not spoken with that address either, the
client is told to ask by TCP (a truncated answer, RFC 2181 section 9): sending that makes the
kernel find out who is there (RFC 4861 section 7.2), and the question comes back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from copdns.answer import Resolver
from copdns.errors import WireError
from copdns.kernel import Connect, netlink
from copdns.live import Live, Sightings
from copdns.model import Asker
from copdns.moment import Moment
from copdns.neighbours import Look, Neighbours
from copdns.wire import plain_reply, read_query

LOOKS = 200  # a second at most: about 2 % of a core, whoever floods us from whatever addresses
_ADDRESSES = 4096  # that were looked for
_TRUNCATED = 0x02  # in the third octet of a message

# Seconds until an address is looked for again, by what was found.
_SILENT = 10.0  # it was told to come by TCP
_NEVER_SEEN = 600.0  # it came by TCP, and has no MAC address all the same (a tunnel)
_BEYOND = 60.0


_IN_FORCE: property = vars(Resolver)["live"]


class AttentiveResolver(Resolver):
    """A Resolver that answers only when it is known who asks, or sure that nobody knows."""

    # Both are set by `Recognition`.  meets: tells whether a client may be answered as what it
    # seems to be.  dressed: gives a live state together with what is seen of the network now.
    meets: Callable[[Asker, Moment], bool] = staticmethod(lambda _asker, _moment: True)
    dressed: Callable[[Live], Live] = staticmethod(lambda live: live)

    @property
    def live(self) -> Live:
        return self._live

    @live.setter
    def live(self, live: Live) -> None:
        _IN_FORCE.__set__(self, self.dressed(live))

    def put_off(self, message: bytes, asker: Asker, moment: Moment) -> bytes | None:
        return None if self.meets(asker, moment) else by_tcp(message)


def by_tcp(message: bytes) -> bytes | None:
    """Return the answer that says "ask by TCP"; None for what is no plain query."""
    try:
        reply = bytearray(plain_reply(message[:2], read_query(message), 0))
    except WireError:
        return None
    reply[2] |= _TRUNCATED
    return bytes(reply)


class Recognition:
    """What is seen of the network, and the live state that is dressed with it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: AttentiveResolver,
        connect: Connect = netlink,
    ) -> None:
        self._resolver = resolver
        self._neighbours = Neighbours(loop, self._see_neighbours, connect)
        self._sightings = Sightings()
        # Until when an address need not be looked for, when it asks by UDP, or by another way.
        self._looked: dict[tuple[str, bool], float] = {}
        self._second, self._looks = 0, 0
        resolver.meets, resolver.dressed = self.meets, self.dressed

    @property
    def live(self) -> Live:
        return self._resolver.live

    def lease(self, macs: Mapping[str, str]) -> None:
        """Take over which MAC addresses DHCP servers gave addresses to."""
        self._see(Sightings(self._neighbours.table, macs))

    def forget(self) -> None:
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

    def dressed(self, live: Live) -> Live:
        """Return a live state, whoever built it and when, together with what is seen now."""
        return live.with_sightings(self._sightings)

    def _see_neighbours(self) -> None:
        self._see(Sightings(self._neighbours.table, self._sightings.leases))

    def _see(self, seen: Sightings) -> None:
        if seen != self._sightings:
            self._sightings = seen
            self._resolver.live = self._resolver.live  # dressed anew

    def meets(self, asker: Asker, moment: Moment) -> bool:
        """Look for a client that nobody named; False: it should come again by TCP."""
        address, now = asker.address, moment.mono
        by_udp = asker.transport == "udp"
        if now < self._looked.get((address, by_udp), 0.0) or not self._may_look(now):
            return True
        look = self._neighbours.look(address)
        if look is Look.KNOWN:
            return True
        if len(self._looked) >= _ADDRESSES:
            self._looked.clear()
        if look is Look.SILENT and by_udp:
            self._looked[address, True] = now + _SILENT
            return False
        until = now + (_NEVER_SEEN if look is Look.SILENT else _BEYOND)
        self._looked[address, True] = self._looked[address, False] = until
        return True

    def _may_look(self, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._looks = int(now), 0
        self._looks += 1
        return self._looks <= LOOKS
