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
from collections.abc import Callable, Mapping
from enum import Enum

from copdns.answer import NO_REPLY, Resolver
from copdns.errors import WireError
from copdns.kernel import Connect, netlink
from copdns.live import Client, Live, Sightings
from copdns.model import Asker
from copdns.moment import Moment
from copdns.neighbours import Look, Neighbours
from copdns.wire import plain_reply, read_query

LOOKS = 200  # a second at most: about 2 % of a core, whoever floods us from whatever addresses
REPLIES = 40  # a second to where nobody may be: held for 3 s they stay far below a usual buffer
_ADDRESSES = 4096  # that were looked for
_TRUNCATED = 0x02  # in the third octet of a message

# Seconds until an address is looked for again, by what was found.
_SILENT = 10.0  # it was told to come by TCP
_NEVER_SEEN = 600.0  # it came by TCP, and has no MAC address all the same (a tunnel)
_BEYOND = 60.0


_IN_FORCE: property = vars(Resolver)["live"]


class Turn(Enum):
    """What a client that nobody named gets now."""

    ANSWER = "answer"
    BY_TCP = "by tcp"
    NOTHING = "nothing"  # its address may be made up, and too many such were answered just now


class AttentiveResolver(Resolver):
    """A Resolver that answers only when it is known who asks, or sure that nobody knows."""

    # Both are set by `Recognition`.  meets: tells whether a client may be answered as what it
    # seems to be.  dressed: gives a live state together with what is seen of the network now.
    meets: Callable[[Asker, Moment], Turn] = staticmethod(lambda _asker, _moment: Turn.ANSWER)
    dressed: Callable[[Live], Live] = staticmethod(lambda live: live)

    @property
    def live(self) -> Live:
        return self._live

    @live.setter
    def live(self, live: Live) -> None:
        _IN_FORCE.__set__(self, self.dressed(live))

    def put_off(self, message: bytes, asker: Asker, moment: Moment) -> bytes | None:
        """Return what a client gets that is not known yet: None: its answer; NO_REPLY: nothing.

        Otherwise the answer that makes it come by TCP.
        """
        turn = self.meets(asker, moment)
        if turn is Turn.ANSWER:
            return None
        return by_tcp(message) if turn is Turn.BY_TCP else NO_REPLY


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
        self._silent: set[str] = set()  # of these: with whom the kernel has not spoken
        self._second, self._looks, self._replies = 0, 0, 0
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

    def who(self, asker: Asker, moment: Moment) -> Client:
        """Return whose device asks for a page: it spoke to us by TCP, so the kernel knows it."""
        client = self.live.who(asker)
        if not client.sure and self.meets(asker, moment):
            client = self.live.who(asker)
        return client

    def meets(self, asker: Asker, moment: Moment) -> Turn:
        """Look for a client that nobody named, and say what it gets."""
        address, now = asker.address, moment.mono
        by_udp = asker.transport == "udp"
        self._begin(int(now))
        if now < self._looked.get((address, by_udp), 0.0):
            return self._reply(Turn.ANSWER) if by_udp and address in self._silent else Turn.ANSWER
        if self._looks >= LOOKS:
            return Turn.NOTHING if by_udp and self._replies >= REPLIES else Turn.ANSWER
        self._looks += 1
        look = self._neighbours.look(address)
        if look is Look.KNOWN:
            return Turn.ANSWER
        if look is Look.SILENT and by_udp:
            return self._ask_to_come(address, now)
        until = now + (_NEVER_SEEN if look is Look.SILENT else _BEYOND)
        self._note(address, until)
        self._looked[address, False] = until
        return Turn.ANSWER

    def _ask_to_come(self, address: str, now: float) -> Turn:
        turn = self._reply(Turn.BY_TCP)
        if turn is Turn.BY_TCP:
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

    def _reply(self, turn: Turn) -> Turn:
        """Return a turn whose reply the kernel may have to hold, or none when it holds many."""
        self._replies += 1
        return turn if self._replies <= REPLIES else Turn.NOTHING
