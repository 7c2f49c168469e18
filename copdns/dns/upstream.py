"""Ask upstreams: send, wait, time out.  Every choice is `dns/exchange.py`'s, the sockets
`dns/socket_pool.py`'s.

No task, future or timer per question: a question is an object in the table of the socket that
it went out on, and one sweep looks for those whose time is up.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

import structlog

from copdns.dns.datagrams import Inbox
from copdns.dns.exchange import (
    NO_EDNS_FOR,
    Done,
    Exchange,
    Health,
    Match,
    NextAction,
    build_query,
    choose_upstream,
    is_bare_error,
    is_truncated,
    match_response,
    next_action,
    randomize_case,
)
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.records import HEADER_SIZE
from copdns.dns.socket_pool import (
    RANDOM_SIZE,
    EpollReader,
    RandomOctets,
    SentQuery,
    SocketPool,
    UpstreamSocket,
)
from copdns.dns.wire import CacheKey
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import WireError

log = structlog.get_logger("copdns.upstream")

_new = tuple.__new__  # a named tuple's own constructor costs twice as much

MAX_PENDING = 4096
SWEEP_INTERVAL = 0.05  # seconds between looks for questions whose time is up


@dataclass(slots=True, eq=False)
class Upstream:
    """One resolver that we ask."""

    address: UpstreamAddress
    health: Health
    counters: UpstreamCounters
    pool: SocketPool = field(init=False)


class Upstreams:
    """All resolvers, in groups: "" is the usual one, the others belong to split domains."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        deadline: float = 2.0,
        attempt: float = 0.8,
    ) -> None:
        """deadline: seconds until a question is given up; attempt: until it is sent again."""
        self._loop = loop
        self._asked: tuple[Upstream, ...] = ()  # in the order of the settings, all groups
        self.deadline = deadline
        self.attempt = attempt
        self._groups: dict[str, dict[Health, Upstream]] = {"": {}}
        self._gone: list[Upstream] = []  # not asked any more, but their answers are waited for
        self._chance = RandomOctets()
        self._poll = EpollReader(loop)
        self._inbox = Inbox()
        # By number, and only while they wait: they are few, and what is gone needs no memory.
        self._attempts: dict[int, Exchange] = {}
        self._sent = 0
        self._pending = 0
        self._sweeping: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- which upstreams there are ---

    def numbers(self) -> tuple[tuple[Health, UpstreamCounters], ...]:
        """Return the health and the counters of each upstream, in the order of the settings."""
        return tuple((each.health, each.counters) for each in self._asked)

    def configure(
        self,
        groups: Mapping[str, Sequence[UpstreamAddress]],
        filtering: Collection[UpstreamAddress] = (),
        trusted: Collection[UpstreamAddress] = (),
    ) -> None:
        """Ask these from now on; what is known of those that stay is kept."""
        known = {each.address: each for each in self._upstreams()}
        fresh: dict[UpstreamAddress, Upstream] = {}
        for address in dict.fromkeys(each for group in groups.values() for each in group):
            upstream = known.pop(address, None) or self._upstream(address)
            health = upstream.health
            health.label = str(len(fresh) + 1)
            health.filtering = address in filtering
            health.trusted = address in trusted or ip_address(address.host).is_loopback
            fresh[address] = upstream
        self._groups = {
            zone: {fresh[each].health: fresh[each] for each in group}
            for zone, group in groups.items()
        }
        self._asked = tuple(fresh.values())
        for gone in known.values():
            gone.pool.retire()
            self._gone.append(gone)
        self._keep_sweeping()

    def _upstream(self, address: UpstreamAddress) -> Upstream:
        made = Upstream(address, Health(), UpstreamCounters())
        made.pool = SocketPool(
            self._loop,
            self._poll,
            address,
            self._chance,
            partial(self._read, made),
            partial(self._lost, made),
        )
        return made

    def _upstreams(self) -> list[Upstream]:
        found = {upstream for group in self._groups.values() for upstream in group.values()}
        return [*found, *self._gone]

    @property
    def healths(self) -> tuple[Health, ...]:
        """Of the usual upstreams."""
        return tuple(self._groups.get("", ()))

    # --- asking ---

    def ask(
        self,
        key: CacheKey,
        done: Done,
        *,
        question: bytes = b"",
        protected: bool = False,
        quiet: bool = False,
    ) -> None:
        """Ask for what a key names; `done` is called once, with None when nobody answered.

        It is never called before this returns.  question: the key's on the wire, in lower case,
        where it is at hand.
        """
        if self._pending >= MAX_PENDING:
            self._loop.call_soon(done, None)
            return
        now = self._loop.time()
        deadline = now + self.deadline
        asking = Exchange(key, done, deadline, question=question, protected=protected, quiet=quiet)
        self._pending += 1
        if not self._send(asking, now):
            self._loop.call_soon(self._finish, asking, None)
        self._keep_sweeping()

    def _group(self, asking: Exchange) -> dict[Health, Upstream]:
        return self._groups.get(asking.key.zone) or self._groups.get("", {})

    def _send(self, asking: Exchange, now: float) -> bool:
        """Send to the best upstream that has not refused; tell whether there was one."""
        group = self._group(asking)
        while (health := choose_upstream(asking, group, now)) is not None:
            if self._send_to(group[health], asking, now):
                return True
        return False

    def _go_on(self, asking: Exchange, now: float) -> None:
        """Send to the next upstream, or give up."""
        if not self._send(asking, now):
            self._finish(asking, asking.fallback)

    def _send_to(self, upstream: Upstream, asking: Exchange, now: float) -> bool:
        """Send a question; tell whether it could leave."""
        key, health, question = asking.key, upstream.health, asking.question
        edns = asking.no_edns_at is not health and now >= health.no_edns_until
        chance = self._chance.take(RANDOM_SIZE + len(question))
        if health.randomizes_case and asking.lowercased_at is not health:
            question = randomize_case(question, chance)
        message = build_query(question, do=key.do, cd=key.cd, edns=edns)
        asking.attempts += 1
        asking.sent_at = now
        try:
            sent = _new(SentQuery, (asking, question, edns, now))
            upstream.pool.send(message, sent, chance[-RANDOM_SIZE:])
        except OSError:
            self._failed(asking, upstream, now)
            return False
        if not asking.untraced:
            upstream.counters.asked += 1
        self._wait(asking, upstream, now)
        return True

    def _wait(self, asking: Exchange, upstream: Upstream, now: float) -> None:
        if asking.number:
            self._attempts.pop(asking.number, None)
        self._sent = asking.number = self._sent + 1
        asking.upstream = upstream.health
        asking.until = min(now + self.attempt, asking.deadline)
        self._attempts[asking.number] = asking

    def _again(self, asking: Exchange, upstream: Upstream, now: float) -> None:
        """Ask the same upstream in a way that it may understand better."""
        if not (
            choose_upstream(asking, [upstream.health], now) and self._send_to(upstream, asking, now)
        ):
            self._go_on(asking, now)

    def _elsewhere(
        self,
        asking: Exchange,
        upstream: Upstream,
        now: float,
        answer: UpstreamResponse | None = None,
    ) -> None:
        """Ask another upstream, unless that was done already when this one was slow.

        answer: what this one said; better than nothing.
        """
        asking.fallback = answer or asking.fallback
        if asking.upstream is upstream.health:
            self._go_on(asking, now)

    # --- what comes back ---

    def _read(self, upstream: Upstream, source: UpstreamSocket) -> None:
        now = self._loop.time()
        try:
            count = self._inbox.receive(source.sock.fileno())
        except OSError:  # the port is closed: everything on this socket is lost
            self._unreachable(upstream, source, now)
            return
        for datagram in self._inbox.messages(count):
            if len(datagram) >= HEADER_SIZE:
                self._received(upstream, source, datagram, now)

    def _lost(self, upstream: Upstream, sent: SentQuery) -> None:
        """Ask elsewhere what could not leave."""
        asking, now = sent.asking, self._loop.time()
        if not asking.is_done and asking.upstream is upstream.health:
            self._failed(asking, upstream, now)
            self._go_on(asking, now)

    def _unreachable(self, upstream: Upstream, source: UpstreamSocket, now: float) -> None:
        lost = [each.asking for each in source.pending.values()]
        source.pending.clear()
        for asking in lost:
            if not asking.is_done and asking.upstream is upstream.health:
                self._failed(asking, upstream, now)
                self._go_on(asking, now)

    def _received(
        self, upstream: Upstream, source: UpstreamSocket, datagram: bytes, now: float
    ) -> None:
        sent = source.pending.get(datagram[:2])
        if sent is None:
            return
        matched = match_response(datagram, sent.question)
        if matched is Match.NO and not is_bare_error(datagram):
            return  # a late one, or forged; the wait goes on (RFC 5452 section 9.1)
        del source.pending[datagram[:2]]
        asking = sent.asking
        if asking.is_done:
            return
        if matched is Match.NO:
            self._ask_plain(sent, upstream, now)
        elif matched is Match.LOWERED and sent.question != asking.question:
            asking.lowercased_at = upstream.health
            self._again(asking, upstream, now)
        elif is_truncated(datagram):
            self._ask_tcp(sent, upstream, now)
        else:
            self._take(sent, upstream, datagram, now)

    def _take(self, sent: SentQuery, upstream: Upstream, message: bytes, now: float) -> None:
        """Use a message that surely belongs to a question."""
        asking = sent.asking
        try:
            answer = read_response(
                message, filtering=upstream.health.filtering, question=len(asking.question)
            )
        except WireError:
            self._failed(asking, upstream, now)
            self._elsewhere(asking, upstream, now)
            return
        if answer.ad and not upstream.health.trusted:
            answer = answer._replace(ad=False)
        self._heard(sent, upstream, now)
        health = upstream.health
        if not (answer.rcode or asking.protected or answer.is_truncated):  # as nearly always
            self._learn(asking, upstream, now)
            self._finish(asking, answer)
            return
        match next_action(
            answer, edns=sent.edns, protected=asking.protected, filtering=health.filtering
        ):
            case NextAction.GIVE:
                self._learn(asking, upstream, now)
                self._finish(asking, answer)
            case NextAction.ASK_PLAIN:
                self._ask_plain(sent, upstream, now)
            case NextAction.ASK_OTHER:
                asking.refused_by.append(upstream.health)
                self._elsewhere(asking, upstream, now, None if answer.is_truncated else answer)

    def _ask_plain(self, sent: SentQuery, upstream: Upstream, now: float) -> None:
        asking = sent.asking
        if sent.edns:
            asking.no_edns_at = upstream.health
            self._again(asking, upstream, now)
        else:
            self._failed(asking, upstream, now)
            self._elsewhere(asking, upstream, now)

    def _heard(self, sent: SentQuery, upstream: Upstream, now: float) -> None:
        if sent.asking.untraced:
            return
        if upstream.health.is_down:
            log.info("an upstream answers again", upstream=upstream.health.label)
        upstream.health.note_answer(now - sent.at)
        upstream.counters.note_answer(now - sent.at)

    def _learn(self, asking: Exchange, upstream: Upstream, now: float) -> None:
        """Remember what an upstream cannot do, once it has answered without it."""
        health = upstream.health
        if asking.untraced or (asking.no_edns_at is None and asking.lowercased_at is None):
            return
        if asking.no_edns_at is health:
            health.no_edns_until = now + NO_EDNS_FOR
        if asking.lowercased_at is health and health.randomizes_case:
            health.randomizes_case = False
            log.info(
                "an upstream changes letter case, so case mixing is off", upstream=health.label
            )

    def _failed(self, asking: Exchange, upstream: Upstream, now: float) -> None:
        """Note that an upstream gave no answer of use; it is not asked again for this."""
        asking.refused_by.append(upstream.health)
        if asking.untraced:
            return
        upstream.counters.failed += 1
        was_down = upstream.health.is_down
        upstream.health.note_failure(now, asking.sent_at)
        if upstream.health.is_down and not was_down:
            log.warning("an upstream does not answer", upstream=upstream.health.label)

    def _finish(self, asking: Exchange, answer: UpstreamResponse | None) -> None:
        self._attempts.pop(asking.number, None)
        done, asking.on_response = asking.on_response, None
        if done is not None:
            self._pending -= 1
            done(answer)

    # --- TCP ---

    def _ask_tcp(self, sent: SentQuery, upstream: Upstream, now: float) -> None:
        if not sent.asking.untraced:
            upstream.counters.over_tcp += 1
        sent.asking.sent_at = now
        self._wait(sent.asking, upstream, now)
        task = self._loop.create_task(self._over_tcp(sent._replace(at=now), upstream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _over_tcp(self, sent: SentQuery, upstream: Upstream) -> None:
        """Ask the same once more over TCP: the answer did not fit a datagram."""
        asking = sent.asking
        try:
            async with asyncio.timeout_at(asking.deadline):
                message = await _exchange(upstream.address, sent, self._chance.take(2))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            message = b""
        if asking.is_done:
            return
        now = self._loop.time()
        if len(message) >= HEADER_SIZE and match_response(message, asking.question) is not Match.NO:
            self._take(sent, upstream, message, now)
        else:
            self._failed(asking, upstream, now)
            self._elsewhere(asking, upstream, now)

    # --- time ---

    def _keep_sweeping(self) -> None:
        if self._sweeping is None and (self._attempts or self._gone):
            self._sweeping = self._loop.call_later(SWEEP_INTERVAL, self._sweep)

    def _sweep(self) -> None:
        """Send again what got no answer in time, and close sockets that nothing waits on."""
        self._sweeping = None
        try:
            self._send_again(self._loop.time())
            self._tidy(self._loop.time())
        finally:  # a mistake in what is told must not leave all others waiting
            self._keep_sweeping()

    def _send_again(self, now: float) -> None:
        by_health = {each.health: each for each in self._upstreams()}
        for number, asking in [each for each in self._attempts.items() if each[1].until <= now]:
            if self._attempts.pop(number, None) is None or asking.upstream is None:
                continue  # answered, or sent again, while the others were told
            upstream = by_health.get(asking.upstream)
            if upstream is not None:  # else it is not one of ours any more
                self._failed(asking, upstream, now)
            if all(each in asking.refused_by for each in self._group(asking)):
                asking.refused_by.clear()  # everybody was asked once; the best may have slept
            self._go_on(asking, now)

    def _tidy(self, now: float) -> None:
        for upstream in self._upstreams():
            upstream.pool.close_idle(now)
        self._gone = [each for each in self._gone if each.pool.open]

    def close(self) -> None:
        """Stop asking; what waits is told that nobody answered."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for task in self._tasks:
            task.cancel()
        for upstream in self._upstreams():
            upstream.pool.close()
        self._groups, self._gone = {"": {}}, []
        self._poll.close()
        for each in list(self._attempts.values()):
            self._finish(each, None)


async def _exchange(address: UpstreamAddress, sent: SentQuery, message_id: bytes) -> bytes:
    """Return what comes back over one TCP connection (RFC 7766)."""
    key, question = sent.asking.key, sent.asking.question
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        message = message_id + build_query(question, do=key.do, cd=key.cd, edns=sent.edns)
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        return reply if reply[:2] == message_id else b""
    finally:
        writer.close()


LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class UpstreamCounters:
    """What happened with one upstream.  `seconds[i]` counts answers up to `SECONDS[i]`."""

    __slots__ = ("asked", "failed", "over_tcp", "seconds", "total")

    def __init__(self) -> None:
        self.asked = 0
        self.failed = 0
        self.over_tcp = 0
        self.seconds = [0] * (len(LATENCY_BUCKETS) + 1)
        self.total = 0.0

    def note_answer(self, seconds: float) -> None:
        self.seconds[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self.total += seconds
