"""The queries under way: to which upstream each is sent, and when it is sent again.

`dns/exchange.py` makes every choice, `dns/upstream_groups.py` has the upstreams, and
`dns/socket_pool.py` their sockets.  No task, future or timer per query: a query is an object in the
table of the socket that it was sent over, and one sweep looks for those that are overdue.  Times
are monotonic seconds (`mono`).

An untraced query (of a help name) changes no counter and no health figure here, so that neither
metrics nor the choice of upstreams tells that somebody looked for help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from copdns.dns.bug_log import BugLog
from copdns.dns.connections import UpstreamConnections, pad_query
from copdns.dns.exchange import (
    Exchange,
    Health,
    better_response,
    choose_second,
    choose_upstream,
    is_usable,
)
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.dns.records import NS
from copdns.dns.socket_pool import RANDOM_SIZE, RandomOctets, SentQuery
from copdns.dns.upstream_groups import Upstream, UpstreamGroups, UpstreamReader
from copdns.dns.upstream_message import (
    BARE,
    FULL,
    NO_EDNS,
    WISH_SIZE,
    build_bare_query,
    build_encrypted_query,
    build_full_query,
    build_query,
    build_told_query,
    randomize_case,
)
from copdns.model.build import mypyc_attr

log = structlog.get_logger("copdns.upstream")

PROBE_ZONE: Final = "probe:"  # no domain; before the label of the one upstream of such a group
MAX_PENDING: Final = 4096  # queries without a response as yet; more fail at once
SWEEP_INTERVAL: Final = 0.05  # seconds between looks for overdue queries
PROBE_INTERVAL: Final = 1.0  # seconds between looks for upstreams to probe, while one rests
SECOND_AFTER: Final = 1 / 3  # of an attempt, after which a second upstream is asked as well


@mypyc_attr(acyclic=True)
class Probe(Exchange):
    """A query for the name servers of the root, to find out whether one upstream answers again."""

    __slots__ = ("queries",)

    def __init__(self, queries: UpstreamQueries, zone: str, deadline: float) -> None:
        super().__init__(CacheKey("", NS, do=False, cd=False, zone=zone), deadline=deadline)
        self.queries = queries

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.queries.end_probe(self.key.zone)


class UpstreamQueries(UpstreamReader):
    """Sends queries and sends them again; `UpstreamClient` reads what comes back.

    fastest: of the upstreams of a group that work the fastest is asked, not the first.
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
        self.deadline = deadline
        self.attempt = attempt
        self.fastest = False
        self._chance = RandomOctets()
        self._groups = UpstreamGroups(loop, self, self._chance)
        self._waiting: set[Exchange] = set()  # for a response
        self._pending = 0
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._probe_timer: asyncio.TimerHandle | None = None
        self._bugs = BugLog()

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

    def _send(self, exchange: Exchange, mono: float) -> bool:
        """Send to the best upstream that is left; tell whether there was one."""
        group = self._groups.of(exchange)
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
        group, first, sent_at = self._groups.of(exchange), exchange.upstream, exchange.sent_at
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
        if self._groups.has_seconds and not exchange.is_doubled:
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

    # --- what came of a query ---

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

    # --- time ---

    def _keep_sweeping(self) -> None:
        if self._sweep_timer is None and (self._waiting or self._groups.gone):
            self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL, self._sweep)

    def _sweep(self) -> None:
        """Send overdue queries again, and close sockets that nothing waits on."""
        self._sweep_timer = None
        try:
            self._resend_overdue(self._loop.time())
            self._groups.close_idle(self._loop.time())
        finally:  # an error in a callback must not leave all others waiting
            self._keep_sweeping()

    def _resend_overdue(self, mono: float) -> None:
        by_health = {each.health: each for each in self._groups.all_upstreams()}
        for exchange in [each for each in self._waiting if each.until <= mono]:
            if exchange not in self._waiting or exchange.until > mono or exchange.upstream is None:
                continue  # answered or sent again meanwhile, by a callback of another
            if self._is_still_waited_for(exchange, by_health, mono):
                continue
            self._waiting.discard(exchange)
            upstream = by_health.get(exchange.upstream)
            if upstream is not None:  # else the settings no longer name it
                self._note_failure(exchange, upstream, mono)
            if all(each in exchange.refused_by for each in self._groups.of(exchange)):
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

    def _stop_timers(self) -> None:
        for timer in (self._sweep_timer, self._probe_timer):
            if timer is not None:
                timer.cancel()

    # --- upstreams that rest ---

    def _keep_probing(self) -> None:
        if self._probe_timer is None and any(
            each.health.failures for each in self._groups.in_order
        ):
            self._probe_timer = self._loop.call_later(PROBE_INTERVAL, self._probe_due)

    def _probe_due(self) -> None:
        """Ask upstreams whose backoff is about to end, so that no query has to try them."""
        self._probe_timer = None
        mono = self._loop.time()
        for upstream in self._groups.in_order:
            if upstream.health.is_probe_due(mono):
                self._probe(upstream, mono)
        self._keep_probing()

    def _probe_slow(self, exchange: Exchange, first: Health) -> None:
        """Find out whether an upstream that lost to a second one still works.  Until it has said
        so, it rests: else each query would wait for a third of an attempt."""
        upstream = self._groups.of(exchange).get(first)
        if upstream is not None and not exchange.untraced:
            self._probe(upstream, self._loop.time())

    def _probe(self, upstream: Upstream, mono: float) -> None:
        zone = PROBE_ZONE + upstream.health.label
        if zone in self._groups.by_zone:
            return  # one is under way
        upstream.health.begin_probe(mono, self.attempt)
        self._groups.by_zone[zone] = {upstream.health: upstream}
        self._pending += 1
        self._send_to_next(Probe(self, zone, mono + self.attempt), mono)
        self._keep_sweeping()

    def end_probe(self, zone: str) -> None:
        """Forget a probe, whatever came of it: health and counters have its result."""
        self._groups.by_zone.pop(zone, None)
