"""Two homes that are told and asked the same; one has a fast lane, and the other goes the chain.

Sockets, messages and everything of copdns is real; upstream, log and clocks are not, and both
homes look at the same clock, so that whatever differs between them is the lane's doing.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from ipaddress import ip_network
from select import select
from typing import Any, NamedTuple

from copdns.dns.cache import Cache
from copdns.dns.datagrams import MAX_DATAGRAM, Inbox, Outbox
from copdns.dns.message import UpstreamResponse
from copdns.dns.mmsg import Batch
from copdns.dns.query import UDP_SIZE, CacheKey
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Household
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Client, Sightings, Snapshot
from copdns.privacy.recent_blocks import RecentBlocks, blocks_in
from copdns.server.answer import Resolver
from copdns.server.forwarders import Forwarders
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.metrics import Counters
from copdns.server.packet_cache import PacketCache
from copdns.server.pending_query import SendReply
from copdns.server.recorder import Recorder
from copdns.server.udp import UdpServer
from copdns.time.clock import Moment
from copdns.time.plan import TimePlan
from tests.counting import Counting
from tests.fakes import FakeClock, FakeLog, FakeUpstream
from tests.household import live
from tests.upstream_server import PATIENCE
from tests.values import fields_of

DEFAULTS = AnswerDefaults(allow=(ip_network("127.0.0.0/24"), ip_network("::1/128")))
LISTENER = {4: "127.0.0.1", 6: "::1"}

Says = Callable[[CacheKey, bool], UpstreamResponse | None]


class Sent(NamedTuple):
    """A message, and the address that it comes from."""

    source: str
    message: bytes
    transport: str = "udp"


class Hand:
    """An event loop that is turned by hand."""

    def __init__(self) -> None:
        self._readers: dict[socket.socket, Callable[[], None]] = {}
        self._soon: list[Callable[[], None]] = []

    def add_reader(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self._readers[sock] = callback

    def remove_reader(self, sock: socket.socket) -> None:
        del self._readers[sock]

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def turn(self) -> None:
        """Wait until something came, and have it read."""
        ready, _, _ = select([*self._readers], [], [], PATIENCE)
        assert ready, "what was sent did not come"
        for sock in ready:
            self._readers[sock]()

    def settle(self) -> None:
        soon, self._soon = self._soon, []
        for each in soon:
            each()


class CountingBatch(Batch):
    """Memory for datagrams that tells how many came into it, or left it."""

    came = left = 0

    def receive(self, fd: int) -> int:
        count = super().receive(fd)
        self.came += count
        return count

    def send(self, fd: int, count: int) -> tuple[int, ...]:
        lost = super().send(fd, count)
        self.left += count - len(lost)
        return lost


class CountingServer:
    """A server that tells how many datagrams came, and how many left."""

    def __init__(self, loop: Hand, resolver: Resolver, clock: FakeClock, address: str) -> None:
        self.server = server = UdpServer(loop, resolver, clock, address, 0)  # type: ignore[arg-type]
        self._in = CountingBatch(MAX_DATAGRAM, server._address)
        self._out = CountingBatch(UDP_SIZE, server._address)
        server._inbox, server._outbox = Inbox(self._in), Outbox(self._out)
        self.at = server._socket.getsockname()

    @property
    def came(self) -> int:
        return self._in.came

    @property
    def left(self) -> int:
        return self._out.left


class CountingResolver(Resolver):
    """A resolver that counts what is asked of it by each transport."""

    def __init__(self, *fields: Any) -> None:
        super().__init__(*fields)
        self.asked = Counter[str]()

    def answer(
        self,
        message: bytes,
        requestor: Requestor,
        moment: Moment,
        send_reply: SendReply,
        reply_to: Any,
        known: Client | None = None,
    ) -> bytes | None:
        self.asked[requestor.transport] += 1
        return super().answer(message, requestor, moment, send_reply, reply_to, known)


class ToldUpstream(FakeUpstream):
    """An upstream that says what it is told to say, when it is told to."""

    def __init__(self, says: Says) -> None:
        super().__init__()
        self._says = says

    def _answer(self, key: CacheKey, protected: bool) -> UpstreamResponse | None:
        return self._says(key, protected)


@dataclass
class State:
    """What both homes are told: who lives there, and what the settings say."""

    house: Household
    lists: Catalogue
    timing: dict[str, TimePlan] = field(default_factory=dict)
    sightings: Sightings = field(default_factory=Sightings)
    forwarders: Forwarders = field(default_factory=Forwarders)
    rebinding: RebindingGuard = field(default_factory=RebindingGuard)


class Twin:
    """One of the two homes."""

    def __init__(self, state: State, clock: FakeClock, says: Says, *, fast: bool) -> None:
        self.state = state
        self._clock = clock
        self._fast = fast
        self._hand = Hand()
        self.upstream = ToldUpstream(says)
        self.log = FakeLog()
        self.counters = Counters()
        self.recent = RecentBlocks("CODE".__str__)
        self.counting = Counting(state.house)
        self.readings = self.counting.readings(clock.wall)
        self.recorder = Recorder(
            self.counters,
            self.recent,
            self.log,  # type: ignore[arg-type]
            self.counting.ledger,
        )
        self.resolver = CountingResolver(
            self._live(None),
            self.upstream,
            Cache(),
            self.recorder,
            clock,
            state.rebinding,
            self._lane(),
        )
        self._servers = {
            family: CountingServer(self._hand, self.resolver, clock, address)
            for family, address in LISTENER.items()
        }
        self._clients: dict[str, socket.socket] = {}
        self.sent = 0

    def _lane(self) -> PacketCache | None:
        return PacketCache(LazyFreeQueue()) if self._fast else None

    # --- what changes -----------------------------------------------------------------------------

    def change(self) -> None:
        """Put in force what is to be so now."""
        self.counting.house = self.state.house
        self.readings = self.counting.readings(self._clock.wall)
        self.resolver.snapshot = self._live(self.resolver.snapshot)

    def _live(self, before: Snapshot | None) -> Snapshot:
        state, now = self.state, self._clock.wall
        return live(state.house, state.timing, now, before, state.lists, DEFAULTS, self.readings)

    def look(self) -> None:
        """Count the minutes that are over, and put in force what follows."""
        before, now = self.resolver.snapshot, self._clock.wall
        due = before.is_due(now)
        if due or now < before.built_at or self.counting.fold(now, before) != self.readings:
            self.change()

    def look_round(self) -> None:
        self.resolver.snapshot = self.resolver.snapshot.with_sightings(self.state.sightings)

    def renew(self) -> None:
        """Begin with nothing remembered, as after other settings."""
        self.resolver.reconfigure(self.state.rebinding, Cache(), self._lane())
        self.trust()

    def trust(self) -> None:
        for server in self._servers.values():
            server.server.set_forwarders(self.state.forwarders)

    def pass_on(self) -> None:
        self.recorder.flush(self._clock.wall)

    def erased(self) -> None:
        self.log.erasures += 1

    def keep_house(self) -> None:
        list(self.recent.forget(self._clock.wall))

    # --- what is asked ----------------------------------------------------------------------------

    def ask(self, sent: Sequence[Sent], *, deliver: bool = True) -> Mapping[str, list[bytes]]:
        """Send messages at once, and return the replies that come by then, by who gets them.

        deliver: the upstream answers all that it was asked.
        """
        replies: dict[str, list[bytes]] = {}
        left = self._left
        self._send([each for each in sent if each.transport == "udp"])
        for each in sent:
            if each.transport == "tcp":
                self._over_tcp(each, replies.setdefault(f"{each.source} by TCP", []))
        if deliver:
            self.upstream.deliver()
        self._hand.settle()
        self._receive(self._left - left, replies)
        return replies

    @property
    def _left(self) -> int:
        return sum(each.left for each in self._servers.values())

    @property
    def _came(self) -> int:
        return sum(each.came for each in self._servers.values())

    def _send(self, sent: Iterable[Sent]) -> None:
        for source, message, _ in sent:
            self._client(source).send(message)
            self.sent += 1
        while self._came < self.sent:
            self._hand.turn()

    def _client(self, source: str) -> socket.socket:
        sock = self._clients.get(source)
        if sock is None:
            family = 6 if ":" in source else 4
            kind = socket.AF_INET6 if family == 6 else socket.AF_INET
            sock = self._clients[source] = socket.socket(kind, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind((source, 0))
            sock.connect(self._servers[family].at)
        return sock

    def _over_tcp(self, sent: Sent, replies: list[bytes]) -> None:
        asker = Requestor(LISTENER[6 if ":" in sent.source else 4], sent.source, "tcp")

        def send(reply: bytes, to: list[bytes]) -> None:
            to.append(reply)

        reply = self.resolver.answer(sent.message, asker, self._clock(), send, replies)
        if reply is not None:
            replies.append(reply)

    def _receive(self, count: int, replies: dict[str, list[bytes]]) -> None:
        while count:
            ready, _, _ = select([*self._clients.values()], [], [], PATIENCE)
            assert ready, f"{count} replies did not come"
            for source, sock in self._clients.items():
                count -= _taken(sock, replies.setdefault(source, [])) if sock in ready else 0

    # --- what is left of it -----------------------------------------------------------------------

    @property
    def fast(self) -> int:
        """How many datagrams the resolver never saw."""
        return self.sent - self.resolver.asked["udp"]

    def traces(self) -> dict[str, object]:
        """Return everything that is kept of what was asked."""
        self.pass_on()
        cache = self.resolver.responses.cache
        numbers = {
            name: copy(getattr(self.counters, name)) for name in dir(Counters) if name[0] != "_"
        }
        rings = {key: blocks_in(ring) for key, ring in self.recent._rings.items()}
        return {
            **numbers,
            "rows": list(self.log.rows),
            "counts": dict(self.log.counts),
            "rings": rings,
            "used": self.readings,
            "stored": dict(self.counting.stored),
            "in use": [
                self.counting.ledger.names_in_use(self.state.house.id, each.id, self._clock.wall)
                for each in self.state.house.profiles
            ],
            "cache": {
                key: (fields_of(each.answer), each.expires) for key, each in cache._entries.items()
            },
            "asked": list(self.upstream.asked),
        }

    def close(self) -> None:
        for server in self._servers.values():
            server.server.close()
        for sock in self._clients.values():
            sock.close()


def _taken(sock: socket.socket, replies: list[bytes]) -> int:
    """Take what there is, and return how many that was."""
    before = len(replies)
    while True:
        try:
            replies.append(sock.recv(65535))
        except BlockingIOError:
            return len(replies) - before
