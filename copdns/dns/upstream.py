"""Ask upstreams: send queries, wait for responses, and send again where none comes in time.

`dns/upstream_queries.py` sends; this reads what comes back.  `dns/exchange.py` makes every choice,
and `dns/upstream_tcp.py` has the rare queries over TCP.  Times are monotonic seconds (`mono`).

An untraced query (of a help name) changes no counter and no health figure here, so that neither
metrics nor the choice of upstreams tells that somebody looked for help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from copdns.dns.client_subnet import require_subnet
from copdns.dns.connections import UpstreamConnections
from copdns.dns.cookies import BADCOOKIE_LOW, find_cookie
from copdns.dns.datagrams import MAX_DATAGRAM, Inbox
from copdns.dns.exchange import (
    NO_EDNS_FOR,
    Asks,
    Exchange,
    Health,
    NextAction,
    has_another,
    next_action,
)
from copdns.dns.message import read_response
from copdns.dns.mmsg import Batch
from copdns.dns.records import AAAA, HEADER_SIZE, A
from copdns.dns.socket_pool import SentQuery, SocketOwner, UpstreamSocket
from copdns.dns.upstream_counters import UpstreamCounters
from copdns.dns.upstream_groups import NO_SUBNETS, Connect, Upstream
from copdns.dns.upstream_message import (
    BARE,
    FULL,
    NO_EDNS,
    QuestionMatch,
    build_query,
    build_told_query,
    header_rcode,
    is_bare_error,
    is_truncated,
    match_response,
)
from copdns.dns.upstream_queries import UpstreamQueries
from copdns.dns.upstream_tcp import TcpQueries
from copdns.model.addresses import Network, UpstreamAddress
from copdns.model.errors import WireError

log = structlog.get_logger("copdns.upstream")

_ADDRESS_TYPES: Final = frozenset({A, AAAA})


def _refuse_to_connect(
    loop: asyncio.AbstractEventLoop, address: UpstreamAddress, owner: SocketOwner, asks: Asks
) -> UpstreamConnections:
    raise NotImplementedError("nothing is there that speaks TLS")


class UpstreamClient(UpstreamQueries):
    """All upstreams, in groups, and the queries to them.

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
        super().__init__(loop, deadline=deadline, attempt=attempt)
        self._inbox = Inbox(Batch(MAX_DATAGRAM, 0))
        self._tcp = TcpQueries(loop)
        self.connect: Connect = _refuse_to_connect

    # --- which upstreams there are ---

    def numbers(self) -> tuple[tuple[Health, UpstreamCounters], ...]:
        """Return the health and the counters of each upstream, in the order of the settings."""
        return tuple((each.health, each.counters) for each in self._groups.in_order)

    @property
    def healths(self) -> tuple[Health, ...]:
        """Of the usual upstreams."""
        return tuple(self._groups.by_zone.get("", ()))

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
        self._groups.configure(self._connect, groups, filtering, trusted, subnets)
        self._keep_sweeping()

    def _connect(self, address: UpstreamAddress, upstream: Upstream) -> UpstreamConnections:
        return self.connect(self._loop, address, upstream, self)

    def renew_cookies(self) -> None:
        """Send each upstream a new cookie, so that it cannot join what it saw of us before and
        after: to be called when the machine has other addresses (RFC 9018 section 3)."""
        self._groups.renew_cookies()

    def close(self) -> None:
        """Stop asking; every query that waits gets None."""
        self._stop_timers()
        self._tcp.close()
        self._groups.close()
        for each in list(self._waiting):
            self._finish(each, None)

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
        message_id = datagram[:2]
        sent = source.pending.get(message_id)
        if sent is None:
            return
        matched = match_response(datagram, sent.question)
        if matched is QuestionMatch.NO and not is_bare_error(datagram):
            return  # a late response, or forged: wait on (RFC 5452 section 9.1)
        del source.pending[message_id]
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
            and has_another(exchange, health, self._groups.of(exchange), mono),
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

    # --- TCP, TLS and HTTPS ---

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
