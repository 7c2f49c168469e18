"""Ask upstreams: send queries, wait for responses, and send again where none comes in time.

`dns/exchange.py` makes every choice, `dns/socket_pool.py` has the sockets, and
`dns/upstream_tcp.py` the rare queries over TCP.  No task, future or timer per query: a query is an
object in the table of the socket that it was sent over, and one sweep looks for those that are
overdue.  Times are monotonic seconds (`mono`).

An untraced query (of a help name) changes no counter and no health figure here, so that neither
metrics nor the choice of upstreams tells that somebody looked for help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Final

import structlog

from copdns.dns.bug_log import BugLog
from copdns.dns.client_subnet import require_subnet, subnet_option
from copdns.dns.connections import UpstreamConnections, pad_query
from copdns.dns.cookies import BADCOOKIE_LOW, CLIENT_SIZE, find_cookie
from copdns.dns.datagrams import MAX_DATAGRAM, Inbox
from copdns.dns.exchange import (
    NO_EDNS_FOR,
    Asks,
    Exchange,
    Health,
    NextAction,
    better_response,
    choose_second,
    choose_upstream,
    has_another,
    is_usable,
    next_action,
)
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.mmsg import Batch
from copdns.dns.query import CacheKey
from copdns.dns.records import AAAA, HEADER_SIZE, NS, A
from copdns.dns.socket_pool import (
    RANDOM_SIZE,
    EpollReader,
    RandomOctets,
    SentQuery,
    SocketOwner,
    SocketPool,
    UpstreamSocket,
)
from copdns.dns.upstream_counters import UpstreamCounters
from copdns.dns.upstream_message import (
    BARE,
    FULL,
    NO_EDNS,
    WISH_SIZE,
    QuestionMatch,
    build_bare_query,
    build_encrypted_query,
    build_full_query,
    build_query,
    build_told_query,
    header_rcode,
    is_bare_error,
    is_truncated,
    match_response,
    randomize_case,
)
from copdns.dns.upstream_tcp import TcpQueries
from copdns.model.addresses import Network, Transport, UpstreamAddress
from copdns.model.build import mypyc_attr
from copdns.model.errors import WireError

log = structlog.get_logger("copdns.upstream")

NO_SUBNETS: Final[Mapping[UpstreamAddress, Network | None]] = {}
PROBE_ZONE: Final = "probe:"  # no domain; before the label of the one upstream of such a group
MAX_PENDING: Final = 4096  # queries without a response as yet; more fail at once
_ADDRESS_TYPES: Final = frozenset({A, AAAA})
SWEEP_INTERVAL: Final = 0.05  # seconds between looks for overdue queries
PROBE_INTERVAL: Final = 1.0  # seconds between looks for upstreams to probe, while one rests
SECOND_AFTER: Final = 1 / 3  # of an attempt, after which a second upstream is asked as well


class Upstream(SocketOwner):
    """One resolver that queries are sent to.  stream: set where it is asked over TLS or HTTPS."""

    __slots__ = ("address", "client", "counters", "health", "pool", "stream")

    def __init__(self, client: UpstreamClient, address: UpstreamAddress, pool: SocketPool) -> None:
        self.client = client
        self.address = address
        self.health = Health()
        self.counters = UpstreamCounters()
        self.pool = pool
        self.stream: UpstreamConnections | None = None
        pool.owner = self

    def read_socket(self, source: UpstreamSocket) -> None:
        self.client.read_socket(self, source)

    def send_elsewhere(self, sent: SentQuery) -> None:
        self.client.send_elsewhere(self, sent)

    def read_message(self, sent: SentQuery, message: bytes) -> None:
        self.client.read_message(self, sent, message)


Connect = Callable[
    [asyncio.AbstractEventLoop, UpstreamAddress, SocketOwner, Asks], UpstreamConnections
]


def _refuse_to_connect(
    loop: asyncio.AbstractEventLoop, address: UpstreamAddress, owner: SocketOwner, asks: Asks
) -> UpstreamConnections:
    raise NotImplementedError("nothing is there that speaks TLS")


@mypyc_attr(acyclic=True)
class Probe(Exchange):
    """A query for the name servers of the root, to find out whether one upstream answers again."""

    __slots__ = ("client",)

    def __init__(self, client: UpstreamClient, zone: str, deadline: float) -> None:
        super().__init__(CacheKey("", NS, do=False, cd=False, zone=zone), deadline=deadline)
        self.client = client

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.client.end_probe(self.key.zone)


class UpstreamClient:
    """All upstreams, in groups: "" is the usual one, the others belong to split domains.

    fastest: of the upstreams of a group that work the fastest is asked, not the first.
    connect: `app/encrypted_upstreams.py` has it; must be set before an encrypted one is configured.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        deadline: float = 2.0,
        attempt: float = 0.8,
    ) -> None:
        """deadline: seconds until a query is given up; attempt: seconds until it is sent again."""
        self._loop = loop
        self._in_order: tuple[Upstream, ...] = ()  # in the order of the settings, all groups
        self.deadline = deadline
        self.attempt = attempt
        self.fastest = False
        self.connect: Connect = _refuse_to_connect
        self._has_seconds = False  # some group has more than one upstream
        self._groups: dict[str, dict[Health, Upstream]] = {"": {}}
        self._gone: list[Upstream] = []  # no longer asked, but responses are still waited for
        self._chance = RandomOctets()
        self._poll = EpollReader(loop)
        self._inbox = Inbox(Batch(MAX_DATAGRAM, 0))
        self._waiting: set[Exchange] = set()  # for a response
        self._pending = 0
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._probe_timer: asyncio.TimerHandle | None = None
        self._tcp = TcpQueries(loop)
        self._bugs = BugLog()

    # --- which upstreams there are ---

    def numbers(self) -> tuple[tuple[Health, UpstreamCounters], ...]:
        """Return the health and the counters of each upstream, in the order of the settings."""
        return tuple((each.health, each.counters) for each in self._in_order)

    def configure(
        self,
        groups: Mapping[str, Sequence[UpstreamAddress]],
        filtering: Collection[UpstreamAddress] = (),
        trusted: Collection[UpstreamAddress] = (),
        subnets: Mapping[UpstreamAddress, Network | None] = NO_SUBNETS,
    ) -> None:
        """Ask these from now on; those that stay keep their health and counters.

        filtering: known to block with made-up addresses.  trusted: their AD bit is passed on.
        subnets: what some are told of our network; None: what devices say of theirs.
        """
        before = {each.address: each for each in self._all_upstreams()}
        upstreams: dict[UpstreamAddress, Upstream] = {}
        for address in dict.fromkeys(each for group in groups.values() for each in group):
            upstream = before.pop(address, None) or self._build_upstream(address)
            health = upstream.health
            health.label = str(len(upstreams) + 1)
            health.filtering = address in filtering
            # Whoever is encrypted has proved who it is, so nobody else can have set AD (RFC 4035
            # section 4.9.3).
            health.trusted = (
                address in trusted or health.encrypted or ip_address(address.host).is_loopback
            )
            network = subnets.get(address)
            health.subnet = b"" if network is None else subnet_option(network)
            health.forwards_subnet = network is None and address in subnets
            upstreams[address] = upstream
        self._groups = {
            zone: {upstreams[each].health: upstreams[each] for each in group}
            for zone, group in groups.items()
        }
        self._has_seconds = any(len(group) > 1 for group in self._groups.values())
        self._in_order = tuple(upstreams.values())
        for gone in before.values():
            gone.pool.retire()
            if gone.stream is not None:
                gone.stream.retire()
            self._gone.append(gone)
        self._keep_sweeping()

    def _build_upstream(self, address: UpstreamAddress) -> Upstream:
        pool = SocketPool(self._loop, self._poll, address, self._chance)
        upstream = Upstream(self, address, pool)
        if address.transport is Transport.UDP:
            upstream.health.set_cookies(self._chance.take(CLIENT_SIZE), b"")
        else:
            upstream.health.encrypted = True
            upstream.health.randomizes_case = False  # nobody can forge an answer
            upstream.stream = self.connect(self._loop, address, upstream, self)
        return upstream

    def _all_upstreams(self) -> list[Upstream]:
        found = {upstream for group in self._groups.values() for upstream in group.values()}
        return [*found, *self._gone]

    @property
    def healths(self) -> tuple[Health, ...]:
        """Of the usual upstreams."""
        return tuple(self._groups.get("", ()))

    # --- asking ---

    def ask(self, exchange: Exchange) -> None:
        """Ask for what an exchange is about; it gets the response after this has returned."""
        if self._pending >= MAX_PENDING:
            self._loop.call_soon(exchange.take_response, None)
            return
        mono = self._loop.time()
        exchange.deadline = mono + self.deadline
        self._pending += 1
        if not self._send(exchange, mono):
            self._loop.call_soon(self._finish, exchange, None)
        self._keep_sweeping()

    def _group(self, exchange: Exchange) -> dict[Health, Upstream]:
        return self._groups.get(exchange.key.zone) or self._groups.get("", {})

    def _send(self, exchange: Exchange, mono: float) -> bool:
        """Send to the best upstream that is left; tell whether there was one."""
        group = self._group(exchange)
        while (health := choose_upstream(exchange, group, mono, self.fastest)) is not None:
            if self._send_to(group[health], exchange, mono):
                return True
        return False

    def _send_to_next(self, exchange: Exchange, mono: float) -> None:
        """Send to the next upstream; without one wait for that which was asked before, and without
        that finish with the best response so far."""
        if self._send(exchange, mono):
            return
        first = exchange.beside
        if first is None:
            self._finish(exchange, exchange.fallback)
            return
        exchange.beside = None
        exchange.upstream, exchange.sent_at = first, exchange.beside_sent_at
        self._wait_on(exchange)

    def _send_beside(self, exchange: Exchange, mono: float) -> None:
        """Ask a second upstream as well, once, where there is one like the first."""
        exchange.is_doubled = True
        group, first, sent_at = self._group(exchange), exchange.upstream, exchange.sent_at
        second = choose_second(exchange, group, mono, self.fastest)
        if first is not None and second is not None:
            exchange.beside, exchange.beside_sent_at = first, sent_at
            exchange.refused_by += (first,)
            if self._send_to(group[second], exchange, mono):
                return
            exchange.beside, exchange.sent_at = None, sent_at
        self._wait_on(exchange)

    def _send_to(self, upstream: Upstream, exchange: Exchange, mono: float) -> bool:
        """Send the query to one upstream; tell whether it could be sent."""
        if upstream.stream is not None:
            self._send_encrypted(upstream, upstream.stream, exchange, mono)
            return True
        key, health, question = exchange.key, upstream.health, exchange.question
        level = health.level_for(exchange, mono)
        chance = self._chance.take(RANDOM_SIZE + len(question))
        if health.randomizes_case and exchange.lowercased_at is not health:
            question = randomize_case(question, chance)
        if level == FULL and health.knows_subnets:
            subnet = health.subnet_for(exchange)
            message = build_told_query(question, health.cookies, subnet, do=key.do, cd=key.cd)
        elif level == FULL:
            message = build_full_query(
                question, health.opt_do if key.do else health.opt_plain, cd=key.cd
            )
        elif level == BARE:
            message = build_bare_query(question, do=key.do, cd=key.cd)
        else:
            message = build_query(question, do=key.do, cd=key.cd, edns=False)
        exchange.attempts += 1
        exchange.sent_at = mono
        try:
            sent = SentQuery(exchange, question, level, mono)
            upstream.pool.send(message, sent, chance[-RANDOM_SIZE:])
        except OSError:
            self._note_failure(exchange, upstream, mono)
            return False
        if not exchange.untraced:
            upstream.counters.asked += 1
        self._await_response(exchange, upstream, mono)
        return True

    def _send_encrypted(
        self, upstream: Upstream, stream: UpstreamConnections, exchange: Exchange, mono: float
    ) -> None:
        """Send the query over a connection, padded, and in letters as they are."""
        key, health, question = exchange.key, upstream.health, exchange.question
        edns = exchange.no_edns_at is not health and mono >= health.no_edns_until
        subnet = health.subnet_for(exchange) if edns and health.knows_subnets else b""
        options = len(subnet) or WISH_SIZE
        if subnet:
            message = build_told_query(question, health.cookies, subnet, do=key.do, cd=key.cd)
        elif edns:
            message = build_encrypted_query(question, do=key.do, cd=key.cd)
        else:
            message = build_query(question, do=key.do, cd=key.cd, edns=False)
        exchange.attempts += 1
        exchange.sent_at = mono
        if not exchange.untraced:
            upstream.counters.asked += 1
        self._await_response(exchange, upstream, mono)
        sent = SentQuery(exchange, question, BARE if edns else NO_EDNS, mono)
        stream.send(pad_query(message, options) if edns else message, sent)

    def _await_response(self, exchange: Exchange, upstream: Upstream, mono: float) -> None:
        exchange.upstream = upstream.health
        if self._has_seconds and not exchange.is_doubled:
            exchange.until = min(mono + self.attempt * SECOND_AFTER, exchange.deadline)
            self._waiting.add(exchange)
        else:
            self._wait_on(exchange)

    def _wait_on(self, exchange: Exchange) -> None:
        """Wait until the first of the attempts under way is over."""
        sent_at = exchange.sent_at if exchange.beside is None else exchange.beside_sent_at
        exchange.until = min(sent_at + self.attempt, exchange.deadline)
        self._waiting.add(exchange)

    def _resend(self, exchange: Exchange, upstream: Upstream, mono: float) -> None:
        """Ask the same upstream again, without EDNS or without mixed case."""
        if exchange.upstream is not upstream.health:
            self._pass_over(exchange, upstream)  # another one was asked meanwhile
        elif not (
            choose_upstream(exchange, [upstream.health], mono)
            and self._send_to(upstream, exchange, mono)
        ):
            self._send_to_next(exchange, mono)

    def _send_elsewhere(
        self,
        exchange: Exchange,
        upstream: Upstream,
        mono: float,
        answer: UpstreamResponse | None = None,
    ) -> None:
        """Ask another upstream, unless that was done already when this one was slow.

        answer: what this one said, for when no other says more.
        """
        exchange.fallback = better_response(exchange.fallback, answer)
        if exchange.upstream is upstream.health:
            self._send_to_next(exchange, mono)
        else:
            self._pass_over(exchange, upstream)

    def _pass_over(self, exchange: Exchange, upstream: Upstream) -> None:
        """Wait no more for an upstream beside which another was asked."""
        if exchange.beside is upstream.health:
            exchange.beside = None
            self._wait_on(exchange)

    def _lose(self, exchange: Exchange, upstream: Upstream, mono: float) -> None:
        """Note that what was sent to an upstream is lost, and ask another, if none was yet."""
        if exchange.is_done:
            return
        if exchange.upstream is upstream.health:
            self._note_failure(exchange, upstream, mono)
            self._send_to_next(exchange, mono)
        elif exchange.beside is upstream.health:
            self._note_failure(exchange, upstream, mono)
            self._pass_over(exchange, upstream)

    # --- what comes back ---

    def read_socket(self, upstream: Upstream, source: UpstreamSocket) -> None:
        """Use the responses that came over a socket."""
        mono = self._loop.time()
        try:
            came = self._inbox.receive(source.fd)
        except OSError:  # the port is closed: nothing sent over this socket is answered
            self._on_unreachable(upstream, source, mono)
            return
        for datagram in came:
            if len(datagram) >= HEADER_SIZE:
                try:
                    self._on_datagram(upstream, source, datagram, mono)
                except Exception as error:  # noqa: BLE001 - the others came with it
                    self._bugs.note("reading a response", error)

    def send_elsewhere(self, upstream: Upstream, sent: SentQuery) -> None:
        """Ask another upstream what could not be sent to this one."""
        self._lose(sent.exchange, upstream, self._loop.time())

    def _on_unreachable(self, upstream: Upstream, source: UpstreamSocket, mono: float) -> None:
        lost = [each.exchange for each in source.pending.values()]
        source.pending.clear()
        for exchange in lost:
            self._lose(exchange, upstream, mono)

    def _on_datagram(
        self, upstream: Upstream, source: UpstreamSocket, datagram: bytes, mono: float
    ) -> None:
        sent = source.pending.get(datagram[:2])
        if sent is None:
            return
        matched = match_response(datagram, sent.question)
        if matched is QuestionMatch.NO and not is_bare_error(datagram):
            return  # a late response, or forged: wait on (RFC 5452 section 9.1)
        del source.pending[datagram[:2]]
        exchange = sent.exchange
        if exchange.is_done:
            return
        if matched is QuestionMatch.NO:
            self._send_without_edns(sent, upstream, mono)
        elif matched is QuestionMatch.LOWERED and sent.question != exchange.question:
            exchange.lowercased_at = upstream.health
            self._resend(exchange, upstream, mono)
        elif sent.level == FULL and upstream.health.cookie:
            self._check_cookie(sent, upstream, datagram, mono)
        elif is_truncated(datagram):
            self._send_by_tcp(sent, upstream, mono)
        else:
            self._use_response(sent, upstream, datagram, mono)

    def _check_cookie(
        self, sent: SentQuery, upstream: Upstream, datagram: bytes, mono: float
    ) -> None:
        """Use a response to a query with cookies, as far as its own make it believable."""
        exchange, health = sent.exchange, upstream.health
        found = find_cookie(datagram, health.cookie)
        if found is None:
            if health.server_cookie:
                # It always sends one, so this may be forged; over TCP nobody can (RFC 7873
                # section 5.3).
                if not exchange.untraced:
                    health.note_missing_cookie()
                self._send_by_tcp(sent, upstream, mono)
                return
        else:
            if not exchange.untraced:
                health.without_cookie = 0
            datagram = found.rest
            if found.server != health.server_cookie and found.server and not exchange.untraced:
                health.set_cookies(health.cookie, found.server)
            if header_rcode(datagram) == BADCOOKIE_LOW:
                if exchange.bad_cookie_at is health or exchange.untraced:
                    self._send_by_tcp(sent, upstream, mono)
                else:
                    exchange.bad_cookie_at = health
                    self._resend(exchange, upstream, mono)
                return
        if is_truncated(datagram):
            self._send_by_tcp(sent, upstream, mono)
        else:
            self._use_response(sent, upstream, datagram, mono)

    def renew_cookies(self) -> None:
        """Send each upstream a new cookie, so that it cannot join what it saw of us before and
        after: to be called when the machine has other addresses (RFC 9018 section 3)."""
        for upstream in self._in_order:
            if upstream.stream is None:
                upstream.health.set_cookies(self._chance.take(CLIENT_SIZE), b"")

    def _use_response(
        self, sent: SentQuery, upstream: Upstream, message: bytes, mono: float
    ) -> None:
        """Use a message whose ID and question are those that were sent."""
        exchange = sent.exchange
        try:
            if upstream.health.knows_subnets:
                require_subnet(message, upstream.health.subnet_for(exchange))
            answer = read_response(
                message,
                filtering=upstream.health.filtering,
                question=len(exchange.question),
                authentic=upstream.stream is not None,
            )
        except WireError:
            self._note_failure(exchange, upstream, mono)
            self._send_elsewhere(exchange, upstream, mono)
            return
        if answer.ad and not upstream.health.trusted:
            answer.ad = False
        self._note_response(sent, upstream, mono)
        health = upstream.health
        if not (answer.rcode or exchange.protected or answer.is_truncated):  # as nearly always
            self._note_limits(exchange, upstream, mono)
            self._finish(exchange, answer)
            return
        match next_action(
            answer,
            edns=sent.level != NO_EDNS,
            full=sent.level == FULL,
            protected=exchange.protected,
            filtering=health.filtering,
            doubtful=exchange.key.qtype in _ADDRESS_TYPES
            and has_another(exchange, health, self._group(exchange), mono),
        ):
            case NextAction.GIVE:
                self._note_limits(exchange, upstream, mono)
                self._finish(exchange, answer)
            case NextAction.ASK_PLAIN:
                self._send_without_edns(sent, upstream, mono)
            case NextAction.ASK_BARE:
                exchange.bare_at = health
                self._resend(exchange, upstream, mono)
            case NextAction.ASK_OTHER:
                exchange.refused_by += (upstream.health,)
                self._send_elsewhere(
                    exchange, upstream, mono, None if answer.is_truncated else answer
                )

    def _send_without_edns(self, sent: SentQuery, upstream: Upstream, mono: float) -> None:
        exchange = sent.exchange
        if sent.level != NO_EDNS:
            exchange.no_edns_at = upstream.health
            self._resend(exchange, upstream, mono)
        else:
            self._note_failure(exchange, upstream, mono)
            self._send_elsewhere(exchange, upstream, mono)

    def _note_response(self, sent: SentQuery, upstream: Upstream, mono: float) -> None:
        exchange = sent.exchange
        if exchange.beside is upstream.health:
            exchange.beside = None
        if exchange.untraced:
            return
        if upstream.health.is_down:
            log.info("an upstream answers again", upstream=upstream.health.label)
        upstream.health.note_answer(mono - sent.at)
        if sent.level != FULL or upstream.health.poor_answers:
            upstream.health.note_level(sent.level, exchange.silences, mono)
        upstream.counters.note_answer(mono - sent.at)

    def _note_limits(self, exchange: Exchange, upstream: Upstream, mono: float) -> None:
        """Note that an upstream lacks EDNS or mixed case, once it has answered without that."""
        health = upstream.health
        if exchange.untraced or (
            exchange.no_edns_at is None
            and exchange.lowercased_at is None
            and exchange.bare_at is None
        ):
            return
        if exchange.bare_at is health:
            health.bare_until = mono + NO_EDNS_FOR
        if exchange.no_edns_at is health:
            health.no_edns_until = mono + NO_EDNS_FOR
        if exchange.lowercased_at is health and health.randomizes_case:
            health.randomizes_case = False
            log.info(
                "an upstream changes letter case, so case mixing is off", upstream=health.label
            )

    def _note_failure(self, exchange: Exchange, upstream: Upstream, mono: float) -> None:
        """Note that an upstream gave no useful response; it is not asked again for this."""
        exchange.refused_by += (upstream.health,)
        if exchange.untraced:
            return
        upstream.counters.failed += 1
        was_down = upstream.health.is_down
        is_first = exchange.beside is upstream.health
        sent_at = exchange.beside_sent_at if is_first else exchange.sent_at
        upstream.health.note_failure(mono, sent_at)
        self._keep_probing()
        if upstream.health.is_down and not was_down:
            log.warning("an upstream does not answer", upstream=upstream.health.label)

    def _finish(self, exchange: Exchange, answer: UpstreamResponse | None) -> None:
        self._waiting.discard(exchange)
        if not exchange.is_done:
            exchange.is_done = True
            if exchange.beside is not None:
                self._probe_slow(exchange, exchange.beside)
            self._pending -= 1
            try:
                exchange.take_response(answer)
            except Exception as error:  # noqa: BLE001 - a mistake of who waits is no other's
                self._bugs.note("using a response", error)

    # --- TCP ---

    def _send_by_tcp(self, sent: SentQuery, upstream: Upstream, mono: float) -> None:
        """Ask the same upstream over TCP, as its response did not fit a datagram."""
        exchange, key = sent.exchange, sent.exchange.key
        if not exchange.untraced:
            upstream.counters.over_tcp += 1
        if exchange.beside is upstream.health:
            exchange.beside = None
        exchange.sent_at = mono
        self._await_response(exchange, upstream, mono)
        edns, health = sent.level != NO_EDNS, upstream.health
        if edns and health.knows_subnets:
            subnet = health.subnet_for(exchange)
            query = build_told_query(
                exchange.question, health.cookies, subnet, do=key.do, cd=key.cd
            )
        else:
            query = build_query(exchange.question, do=key.do, cd=key.cd, edns=edns)
        again = SentQuery(exchange, sent.question, BARE if edns else NO_EDNS, mono)
        self._tcp.send(
            upstream.address,
            self._chance.take(2) + query,
            exchange.deadline,
            partial(self._on_tcp_response, again, upstream),
        )

    def _on_tcp_response(self, sent: SentQuery, upstream: Upstream, message: bytes) -> None:
        self.read_message(upstream, sent, message)

    def read_message(self, upstream: Upstream, sent: SentQuery, message: bytes) -> None:
        """Use what came over a connection for a query; b"" where nothing came."""
        try:
            self._read_message(upstream, sent, message)
        except Exception as error:  # noqa: BLE001 - others share the connection
            self._bugs.note("reading a response", error)

    def _read_message(self, upstream: Upstream, sent: SentQuery, message: bytes) -> None:
        exchange, mono = sent.exchange, self._loop.time()
        if exchange.is_done:
            return
        if (
            len(message) >= HEADER_SIZE
            and match_response(message, exchange.question) is not QuestionMatch.NO
        ):
            self._use_response(sent, upstream, message, mono)
        else:
            self._note_failure(exchange, upstream, mono)
            self._send_elsewhere(exchange, upstream, mono)

    # --- time ---

    def _keep_sweeping(self) -> None:
        if self._sweep_timer is None and (self._waiting or self._gone):
            self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL, self._sweep)

    def _sweep(self) -> None:
        """Send overdue queries again, and close sockets that nothing waits on."""
        self._sweep_timer = None
        try:
            self._resend_overdue(self._loop.time())
            self._close_idle(self._loop.time())
        finally:  # an error in a callback must not leave all others waiting
            self._keep_sweeping()

    def _resend_overdue(self, mono: float) -> None:
        by_health = {each.health: each for each in self._all_upstreams()}
        for exchange in [each for each in self._waiting if each.until <= mono]:
            if exchange not in self._waiting or exchange.until > mono or exchange.upstream is None:
                continue  # answered or sent again meanwhile, by a callback of another
            if self._is_still_waited_for(exchange, by_health, mono):
                continue
            self._waiting.discard(exchange)
            upstream = by_health.get(exchange.upstream)
            if upstream is not None:  # else the settings no longer name it
                self._note_failure(exchange, upstream, mono)
            if all(each in exchange.refused_by for each in self._group(exchange)):
                if is_usable(exchange.fallback):
                    self._finish(exchange, exchange.fallback)
                    continue
                exchange.refused_by = ()  # all were asked once; the best may have been slow
                exchange.silences += 1
            self._send_to_next(exchange, mono)

    def _is_still_waited_for(
        self, exchange: Exchange, by_health: Mapping[Health, Upstream], mono: float
    ) -> bool:
        """Tell whether the last attempt of an exchange is not over, after what its time asks for:
        a second upstream beside the first, or an end to waiting for the first."""
        first = None if exchange.beside is None else by_health.get(exchange.beside)
        if mono >= exchange.deadline:
            if first is not None:
                self._note_failure(exchange, first, mono)
            exchange.beside = None
            return False
        is_over = mono >= exchange.sent_at + self.attempt
        if not (exchange.is_doubled or is_over):
            self._send_beside(exchange, mono)
            return True
        if exchange.beside is None:
            return not is_over
        if first is not None:
            self._note_failure(exchange, first, mono)
        exchange.beside = None
        if not is_over:
            self._wait_on(exchange)
        return not is_over

    # --- upstreams that rest ---

    def _keep_probing(self) -> None:
        if self._probe_timer is None and any(each.health.failures for each in self._in_order):
            self._probe_timer = self._loop.call_later(PROBE_INTERVAL, self._probe_due)

    def _probe_due(self) -> None:
        """Ask upstreams whose backoff is about to end, so that no query has to try them."""
        self._probe_timer = None
        mono = self._loop.time()
        for upstream in self._in_order:
            if upstream.health.is_probe_due(mono):
                self._probe(upstream, mono)
        self._keep_probing()

    def _probe_slow(self, exchange: Exchange, first: Health) -> None:
        """Find out whether an upstream that lost to a second one still works.  Until it has said
        so, it rests: else each query would wait for a third of an attempt."""
        upstream = self._group(exchange).get(first)
        if upstream is not None and not exchange.untraced:
            self._probe(upstream, self._loop.time())

    def _probe(self, upstream: Upstream, mono: float) -> None:
        zone = PROBE_ZONE + upstream.health.label
        if zone in self._groups:
            return  # one is under way
        upstream.health.begin_probe(mono, self.attempt)
        self._groups[zone] = {upstream.health: upstream}
        self._pending += 1
        self._send_to_next(Probe(self, zone, mono + self.attempt), mono)
        self._keep_sweeping()

    def end_probe(self, zone: str) -> None:
        """Forget a probe, whatever came of it: health and counters have its result."""
        self._groups.pop(zone, None)

    def _close_idle(self, mono: float) -> None:
        for upstream in self._all_upstreams():
            upstream.pool.close_idle(mono)
            if upstream.stream is not None:
                upstream.stream.check(mono)
        self._gone = [
            each
            for each in self._gone
            if each.pool.open or (each.stream is not None and each.stream.is_open())
        ]

    def close(self) -> None:
        """Stop asking; every query that waits gets None."""
        for timer in (self._sweep_timer, self._probe_timer):
            if timer is not None:
                timer.cancel()
        self._tcp.close()
        for upstream in self._all_upstreams():
            upstream.pool.close()
            if upstream.stream is not None:
                upstream.stream.close()
        self._groups, self._gone = {"": {}}, []
        self._poll.close()
        for each in list(self._waiting):
            self._finish(each, None)
