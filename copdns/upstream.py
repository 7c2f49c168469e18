"""Ask upstreams: sockets, time-outs and TCP.  Every choice is `exchange.py`'s, all waiting here.

No task, future or timer per question: a question is an object in the table of the socket that
it went out on, and one sweep looks for those whose time is up.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from ipaddress import ip_address

import structlog

from copdns.addresses import UpstreamAddress
from copdns.errors import WireError
from copdns.exchange import (
    FORMERR,
    MAX_ATTEMPTS,
    NOTIMP,
    PLAIN_FOR,
    Health,
    Match,
    Next,
    by_preference,
    header_rcode,
    match,
    message_for,
    mixed_case,
    question_of,
    step_after,
)
from copdns.message import Answer, read_answer
from copdns.metrics import Counters, UpstreamCounters
from copdns.names import to_wire
from copdns.records import HEADER
from copdns.wire import Key

log = structlog.get_logger("copdns.upstream")

Done = Callable[[Answer | None], None]

POOL = 64  # sockets an upstream, so that a forger has to guess the port (RFC 5452 section 9.2)
QUERIES_PER_SOCKET = 256
SOCKET_AGE = 30.0  # seconds
MAX_PENDING = 4096
SWEEP = 0.05  # seconds between looks for questions whose time is up
TROUBLE = 3  # failures in a row that are told


class Asking:
    """One question on its way.

    attempts: how often it was sent; number: the running number of the last time.
    fallback: an answer that will do when no better one comes.
    quiet: it leaves no trace, not even in counters or in an upstream's health.
    """

    __slots__ = (
        "attempts",
        "cd",
        "deadline",
        "do",
        "done",
        "edns",
        "fallback",
        "number",
        "protected",
        "question",
        "quiet",
        "refused_by",
        "sent_at",
        "upstream",
        "upstreams",
    )

    def __init__(
        self, key: Key, upstreams: Sequence[Upstream], done: Done, deadline: float
    ) -> None:
        self.question = question_of(to_wire(key.qname), key.qtype)
        self.do = key.do
        self.cd = key.cd
        self.upstreams = upstreams
        self.done: Done | None = done
        self.deadline = deadline
        self.quiet = False
        self.protected = False
        self.attempts = 0
        self.edns = True
        self.number = 0
        self.sent_at = 0.0
        self.upstream: Upstream | None = None
        self.refused_by: list[Upstream] = []
        self.fallback: Answer | None = None


class Chance:
    """Unpredictable octets, taken from the system a page at a time: a call for each is dear."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool, self._at = b"", 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._pool):
            self._pool, self._at = os.urandom(4096), 0
        self._at += count
        return self._pool[self._at - count : self._at]


class Socket:
    """A connected socket to an upstream, and by ID who waits on it, with the question as sent.

    One that was asked again elsewhere still waits: a slow answer is an answer.
    """

    __slots__ = ("born", "pending", "queries", "sock")

    def __init__(self, sock: socket.socket, born: float) -> None:
        self.sock = sock
        self.born = born
        self.queries = 0
        self.pending: dict[bytes, tuple[Asking, bytes]] = {}

    def is_spent(self, now: float) -> bool:
        return self.queries >= QUERIES_PER_SOCKET or now - self.born > SOCKET_AGE


@dataclass(slots=True, eq=False)
class Upstream:
    """One resolver that we ask."""

    address: UpstreamAddress
    health: Health
    counters: UpstreamCounters
    sockets: list[Socket | None]


class Upstreams:
    """All resolvers, in groups: "" is the usual one, the others belong to split domains."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        counters: Counters,
        *,
        deadline: float = 2.0,
        attempt: float = 0.8,
    ) -> None:
        """deadline: seconds until a question is given up; attempt: until it is sent again."""
        self._loop = loop
        self._counters = counters
        self._deadline = deadline
        self._attempt = attempt
        self._groups: dict[str, tuple[Upstream, ...]] = {"": ()}
        self._chance = Chance()
        self._due: list[tuple[float, int, Asking]] = []  # a heap; the number breaks ties
        self._sent = 0
        self._retired: list[Socket] = []
        self._pending = 0
        self._sweeping: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- which upstreams there are ---

    def use(
        self,
        groups: dict[str, Sequence[UpstreamAddress]],
        filtering: Sequence[UpstreamAddress] = (),
        trusted: Sequence[UpstreamAddress] = (),
    ) -> None:
        """Ask these from now on; what is known of those that stay is kept."""
        known = {each.address: each for group in self._groups.values() for each in group}
        fresh: dict[UpstreamAddress, Upstream] = {}
        for address in dict.fromkeys(each for group in groups.values() for each in group):
            kept = known.pop(address) if address in known else None
            fresh[address] = kept or self._upstream(address, filtering, trusted)
        for number, each in enumerate(fresh.values(), 1):
            each.health.label = str(number)
        self._groups = {
            zone: tuple(fresh[each] for each in group) for zone, group in groups.items()
        }
        self._counters.upstreams = tuple((each.health, each.counters) for each in fresh.values())
        for gone in known.values():
            self._retired += [each for each in gone.sockets if each is not None]

    def _upstream(
        self,
        address: UpstreamAddress,
        filtering: Sequence[UpstreamAddress],
        trusted: Sequence[UpstreamAddress],
    ) -> Upstream:
        loopback = ip_address(address.host).is_loopback
        health = Health("0", filtering=address in filtering, trusted=loopback or address in trusted)
        return Upstream(address, health, UpstreamCounters(), [None] * POOL)

    @property
    def healths(self) -> tuple[Health, ...]:
        return tuple(each.health for each in self._groups[""])

    # --- asking ---

    def ask(self, key: Key, done: Done, *, protected: bool = False, quiet: bool = False) -> None:
        """Ask for what a key names; `done` is called once, with None when nobody answered."""
        group = self._groups.get(key.zone) or self._groups[""]
        now = self._loop.time()
        if not group or self._pending >= MAX_PENDING:
            self._loop.call_soon(done, None)
            return
        asking = Asking(key, group, done, now + self._deadline)
        asking.protected = protected
        asking.quiet = quiet
        self._pending += 1
        self._send(asking, now)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP, self._sweep)

    def _send(self, asking: Asking, now: float) -> None:
        """Send to the best upstream that has not refused, or give up."""
        while True:
            upstream = self._choose(asking, now)
            if upstream is None or asking.attempts >= MAX_ATTEMPTS or now >= asking.deadline:
                self._finish(asking, asking.fallback)
                return
            asking.upstream = upstream
            asking.attempts += 1
            asking.sent_at = now
            if self._send_to(upstream, asking, now):
                self._sent = asking.number = self._sent + 1
                due = min(now + self._attempt, asking.deadline)
                heappush(self._due, (due, asking.number, asking))
                return
            self._failed(asking, upstream, now)

    def _choose(self, asking: Asking, now: float) -> Upstream | None:
        if len(asking.upstreams) == 1 and not asking.refused_by:
            return asking.upstreams[0]
        left = {each.health: each for each in asking.upstreams if each not in asking.refused_by}
        best = by_preference(left, now)
        for health in best[1:]:
            if not asking.quiet:
                health.passed_over()
        return left[best[0]] if best else None

    def _send_to(self, upstream: Upstream, asking: Asking, now: float) -> bool:
        edns = now >= upstream.health.plain_until
        question = asking.question
        if upstream.health.mixes_case:
            question = mixed_case(question, self._chance.take(len(question)))
        try:
            out = self._socket(upstream, now)
            message_id = self._chance.take(2)
            while message_id in out.pending:
                message_id = self._chance.take(2)
            out.sock.send(message_id + message_for(question, do=asking.do, cd=asking.cd, edns=edns))
        except OSError:
            return False
        asking.edns = edns
        out.pending[message_id] = asking, question
        if not asking.quiet:
            upstream.counters.asked += 1
        return True

    def _socket(self, upstream: Upstream, now: float) -> Socket:
        slot = self._chance.take(1)[0] % POOL
        found = upstream.sockets[slot]
        if found is None or found.is_spent(now):
            if found is not None:
                self._retired.append(found)
            upstream.sockets[slot] = None
            found = self._open(upstream, now)
            upstream.sockets[slot] = found
        found.queries += 1
        return found

    def _open(self, upstream: Upstream, now: float) -> Socket:
        host, port = upstream.address.host, upstream.address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        opened = Socket(sock, now)
        self._loop.add_reader(sock, self._read, upstream, opened)
        return opened

    # --- what comes back ---

    def _read(self, upstream: Upstream, source: Socket) -> None:
        now = self._loop.time()
        for _ in range(64):
            try:
                datagram = source.sock.recv(4096)
            except BlockingIOError:
                return
            except OSError:  # the port is closed: everything on this socket is lost
                waiting = list(source.pending.values())
                source.pending.clear()
                for asking, _ in waiting:
                    self._unreachable(asking, upstream, now)
                return
            waiting_one = source.pending.get(datagram[:2])
            if waiting_one is not None and len(datagram) >= HEADER:
                self._received(*waiting_one, upstream, source, datagram, now)

    def _unreachable(self, asking: Asking, upstream: Upstream, now: float) -> None:
        if asking.done is not None and asking.upstream is upstream:
            self._failed(asking, upstream, now)
            self._send(asking, now)

    def _received(
        self,
        asking: Asking,
        sent: bytes,
        upstream: Upstream,
        source: Socket,
        datagram: bytes,
        now: float,
    ) -> None:
        matched = match(datagram, sent)
        if matched is Match.NO and not _is_bare_error(datagram):
            return  # not ours: a late one, or forged; the wait goes on (RFC 5452 section 9.1)
        del source.pending[datagram[:2]]
        if asking.done is None:
            return
        if matched is Match.NO:
            self._without_edns(asking, upstream, now)
        elif matched is Match.LOWERED:
            log.info(
                "an upstream changes letters; case mixing is off", upstream=upstream.health.label
            )
            upstream.health.mixes_case = False
            self._send(asking, now)
        else:
            self._take(asking, upstream, datagram, now, tcp=False)

    def _take(
        self, asking: Asking, upstream: Upstream, message: bytes, now: float, *, tcp: bool
    ) -> None:
        """Use a message that surely belongs to a question."""
        try:
            answer = read_answer(message, filtering=upstream.health.filtering)
        except WireError:
            self._failed(asking, upstream, now, refused=True)
            self._send(asking, now)
            return
        if not upstream.health.trusted:
            answer = replace(answer, ad=False)
        if not asking.quiet:
            self._heard(asking, upstream, now)
        match step_after(answer, tcp=tcp, edns=asking.edns, protected=asking.protected):
            case Next.GIVE:
                self._finish(asking, answer)
            case Next.ASK_TCP:
                self._ask_tcp(asking, upstream)
            case Next.ASK_PLAIN:
                self._without_edns(asking, upstream, now)
            case Next.ASK_OTHER:
                asking.fallback = answer
                asking.refused_by.append(upstream)
                self._send(asking, now)

    def _heard(self, asking: Asking, upstream: Upstream, now: float) -> None:
        if upstream.health.failures >= TROUBLE:
            log.info("an upstream answers again", upstream=upstream.health.label)
        rtt = now - asking.sent_at
        upstream.health.answered(rtt)
        upstream.counters.answered(rtt)

    def _without_edns(self, asking: Asking, upstream: Upstream, now: float) -> None:
        upstream.health.plain_until = now + PLAIN_FOR
        self._send(asking, now)

    def _failed(
        self, asking: Asking, upstream: Upstream, now: float, *, refused: bool = True
    ) -> None:
        """Note that an upstream did not answer; `refused`: do not ask it again for this."""
        if refused:
            asking.refused_by.append(upstream)
        if asking.quiet:
            return
        upstream.counters.failed += 1
        upstream.health.failed(now)
        if upstream.health.failures == TROUBLE:
            log.warning("an upstream does not answer", upstream=upstream.health.label)

    def _finish(self, asking: Asking, answer: Answer | None) -> None:
        done, asking.done = asking.done, None
        if done is not None:
            self._pending -= 1
            done(answer)

    # --- TCP ---

    def _ask_tcp(self, asking: Asking, upstream: Upstream) -> None:
        if not asking.quiet:
            upstream.counters.over_tcp += 1
        task = self._loop.create_task(self._over_tcp(asking, upstream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _over_tcp(self, asking: Asking, upstream: Upstream) -> None:
        """Ask the same once more over TCP: the answer did not fit a datagram."""
        left = max(asking.deadline - self._loop.time(), 0.1)
        try:
            async with asyncio.timeout(left):
                message = await _exchange(upstream.address, asking, self._chance.take(2))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            message = b""
        now = self._loop.time()
        if asking.done is None:
            return
        if len(message) >= HEADER and match(message, asking.question) is Match.YES:
            self._take(asking, upstream, message, now, tcp=True)
        else:
            self._failed(asking, upstream, now)
            self._send(asking, now)

    # --- time ---

    def _sweep(self) -> None:
        """Send again what got no answer in time, and close sockets that nothing waits on."""
        now = self._loop.time()
        due = self._due
        while due and due[0][0] <= now:
            _, number, asking = heappop(due)
            if asking.done is not None and asking.number == number and asking.upstream:
                self._failed(asking, asking.upstream, now, refused=len(asking.upstreams) > 1)
                self._retry(asking, now)
        self._close_retired(now)
        waiting = due or self._retired
        self._sweeping = self._loop.call_later(SWEEP, self._sweep) if waiting else None

    def _retry(self, asking: Asking, now: float) -> None:
        if len(asking.refused_by) >= len(asking.upstreams):
            asking.refused_by.clear()  # everybody was asked once; the fastest may have slept
        self._send(asking, now)

    def _close_retired(self, now: float) -> None:
        still = []
        for each in self._retired:
            waits = any(asking.done is not None for asking, _ in each.pending.values())
            if waits and now - each.born < SOCKET_AGE + self._deadline + SOCKET_AGE:
                still.append(each)
            else:
                self._loop.remove_reader(each.sock)
                each.sock.close()
        self._retired = still

    def close(self) -> None:
        """Stop asking; what waits is told that nobody answered."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for task in self._tasks:
            task.cancel()
        groups = self._groups.values()
        open_sockets = {
            id(each): each
            for upstream in (each for group in groups for each in group)
            for each in upstream.sockets
            if each is not None
        }
        for each in (*open_sockets.values(), *self._retired):
            self._loop.remove_reader(each.sock)
            each.sock.close()
            for asking, _ in each.pending.values():
                self._finish(asking, None)
        self._groups, self._retired = {"": ()}, []


def _is_bare_error(datagram: bytes) -> bool:
    """Tell whether this is what servers without EDNS send: a header, and no question."""
    return len(datagram) == HEADER and header_rcode(datagram) in (FORMERR, NOTIMP)


async def _exchange(address: UpstreamAddress, asking: Asking, message_id: bytes) -> bytes:
    """Return what comes back over one TCP connection (RFC 7766)."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        message = message_id + message_for(
            asking.question, do=asking.do, cd=asking.cd, edns=asking.edns
        )
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        return reply if reply[:2] == message_id else b""
    finally:
        writer.close()
