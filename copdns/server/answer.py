"""The path of a query.  Read this first.

    octets in -> Snapshot.identify -> read_query_body (dns/query) -> decide (policy/decide)
        BLOCK, LOCAL, REFUSE -> the reply (dns/wire)
        ALLOW, REWRITE -> cache, else upstream -> judge_response (policy/judge) -> the reply
    and Recorder.record counts it, and logs the name as far as the profile's privacy mode lets it.

Nothing here waits: a query that an upstream must be asked for becomes a PendingQuery, and is
answered when the response is there.  If the snapshot was swapped meanwhile or the verdict has
ended, the query is decided again first.

Words, here and in all that is called from here:

    requestor     who sent a query, as the network shows it: address, listener, transport, MAC
    client        who that is here: household, device ("" if nobody named it), policy
    query         a message that asks; its question is QNAME, QTYPE and QCLASS
    upstream      a resolver that queries are forwarded to; what it sends is a response
    reply         the octets that we send to the requestor
    snapshot      everything that decides queries: immutable, swapped whole on each change
    policy        one profile's rules, lists and times, compiled for one index of lists
    step          one place in the order of decision; the first that gives a verdict decides
    verdict       what happens to a query and why
    grant         a permission for which later steps do not block, until it ends
    cache         responses, by QNAME, QTYPE, DO, CD and zone; holds no decision and no help name
    stale         said of a cached response that has expired; it is given while no upstream says
                  anything newer
    failure       a question that an upstream could not answer a moment ago, and is not asked again
    refresh       a question that copdns asks by itself, so that the cache has the answer before
                  somebody asks: no client's, so that nothing of it is counted or logged
    help answers  responses for help names, fetched at an even pace whoever asks
    packet cache  whole replies, by the query's octets and policy; holds no reply that depends on
                  anything else (one over TCP, a local answer, one in block mode `page`), nor the
                  reply to a query that waited for an upstream
    memo          parsed queries with their verdicts, by the query's octets; holds no reply and no
                  verdict that time can change; only used where there is no packet cache
    own rule      an allow or block that somebody in the household wrote, for one profile, for
                  those with a tag, or for all
    stranger      a requestor outside `dns.allow`; its policy refuses everything
    untraced      said of the query for a help name, see below
    moment        one look at both clocks: wall (epoch seconds) decides, mono (monotonic) measures

Untraced queries.  Whoever looks for help must be able to trust that nobody can see it, so the query
for a name of a help group (`Verdict.is_untraced`) changes nothing that can be read afterwards.
These return at once for it, before they remember anything: `Recorder.record` (counters, statistics,
minutes of use, the ring of recent blocks, the log), `PacketCache.store`, `VerdictMemo`, the
counters of the cache in `Resolver._look_up`, and `UpstreamClient` (counters and health).  As a
second guard, `privacy/retention.py` lets no row of one through.  If something inside the response
is blocked, that verdict is untraced too (`judge_response`), as is an answer below why.q.home.arpa
about a help name (`status_answer`), and one about a help name to which the device appended its
search domain (`decide_query`).

Nor in time: `HelpAnswers` has the answers that the program fetched itself, whoever asks.  What is
not there, such as another host below a help name, is fetched anew for each query: it comes from no
cache and goes into none, and no query waits with another.  Either way every record has the TTL
`HELP_TTL`, less only where the asker's own policy says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from copdns.dns.bug_log import BugLog
from copdns.dns.cache import STALE_TTL, Cache, CacheEntry
from copdns.dns.client_subnet import subnet_zone, with_subnet
from copdns.dns.connections import CLEAR_ZONE
from copdns.dns.dns64 import lacks_ipv6, map_entry, without_excluded
from copdns.dns.exchange import Asks, Exchange
from copdns.dns.failures import EDE_CACHED_ERROR, Failure, Failures, Silence, is_failure
from copdns.dns.help_answers import HelpAnswers, help_entry
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import (
    PLAIN_UDP_SIZE,
    CacheKey,
    Query,
    read_query_body,
    with_structured_errors,
    with_tcp_size,
    with_type,
)
from copdns.dns.records import AAAA, ANY, RD, RESINFO, SVCB, A
from copdns.dns.upstream_message import lowercase_question
from copdns.dns.wire import (
    any_reply,
    empty_reply,
    error_reply,
    rewrite_response,
    truncated_reply,
    upstream_reply,
)
from copdns.model.build import mypyc_attr
from copdns.model.errors import NXDOMAIN, REFUSED, SERVFAIL, NotAQueryError, WireError
from copdns.model.household import SplitUpstream
from copdns.model.reasons import (
    NETWORK_ERROR,
    NOT_AUTHORITATIVE,
    OTHER_ERROR,
    Ede,
    ede_of,
    forwarded_ede,
)
from copdns.model.verdict import (
    Action,
    LocalAnswer,
    LocalRecord,
    Reason,
    Requestor,
    Verdict,
)
from copdns.policy.decide import Policy, decide_query, look_and_decide
from copdns.policy.judge import RebindingGuard, judge_response, with_end_inside
from copdns.policy.local_step import map_records
from copdns.policy.response_key import is_time_server, response_key
from copdns.policy.snapshot import NOT_HERE, Client, Snapshot
from copdns.server.discovery import Discovery
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.limits import EDE_LIMITED, Bound, ClientLimits, Excess, Limits
from copdns.server.packet_cache import PacketCache
from copdns.server.recorder import Recorder
from copdns.server.replies import (
    blocked_query_reply,
    local_query_reply,
    ttl_limit,
    ttl_within,
    unsupported_reply,
)
from copdns.server.structured_errors import StructuredErrors
from copdns.server.verdict_memo import VerdictMemo
from copdns.time.clock import Moment

SendReply = Callable[[bytes, Any], None]
PutAside = Callable[[bytes, Requestor, SendReply, Any], "bytes | None"]
ANY_TTL: Final = 3600
REWRITE_TTL: Final = 300  # a safe host may move
# Pending queries per cache miss; one more gets SERVFAIL at once.  When the device asks again, the
# response is in the cache.
MAX_WAITERS: Final = 1000
# Seconds that a query waits for an upstream while there is a stale answer (RFC 8767 section 5 has
# 1.8, which is when a client asks again; `give_stale` is called ten times a second).
STALE_AFTER: Final = 1.5
MAX_REFRESHES: Final = 50  # questions that `refresh` asks at a time

_EDE_NO_UPSTREAM: Final = Ede(NETWORK_ERROR, "no upstream answered")
_EDE_TOO_MANY: Final = Ede(OTHER_ERROR, "too many wait for this answer")
_EDE_FAILED: Final = Ede(OTHER_ERROR, "this query could not be answered")
_EDE_NO_REWRITE: Final = Ede(OTHER_ERROR, "the answer for the rewrite's target cannot be used")
_EDE_CLEAR: Final = Ede(OTHER_ERROR, "the name of a time server, which is not validated")
_EDE_NOT_OURS: Final = Ede(
    NOT_AUTHORITATIVE, "not a name of this network; ask with recursion desired"
)


NO_REPLY: Final = b""  # nothing is sent, now or later


class Screening(Enum):
    """What happens to a query whose client is uncertain.

    A client is uncertain (`Client.is_certain`) if the household knows devices by MAC addresses, no
    device has the client's IP address, and the kernel may yet find the MAC address behind it.
    """

    # The query is answered, under the policy of whoever the client is known to be.  The kernel has
    # just found the MAC address, or was asked for it a moment ago, or cannot find it (the query
    # came over TCP, or from beyond this network).
    ANSWER = "answer"
    # The kernel does not know the IP address yet.  The reply has TC=1: to send it, the kernel must
    # find the MAC address, and the client asks again over TCP, when that is known.
    TRUNCATE = "truncate"
    # Many replies with TC=1 were sent in this second, so the IP address may be made up.  Nothing is
    # sent; a client that exists asks again.
    DROP = "drop"


@mypyc_attr(acyclic=True)
class PendingQuery:
    """A query that waits for an upstream, who sent it, and how its reply gets back.

    send_reply: called with the reply and `reply_to`.
    snapshot, client, verdict: what was decided, and under which policies.
    is_unlisted: the name is surely on no list.
    """

    __slots__ = (
        "client",
        "is_unlisted",
        "message",
        "query",
        "reply_to",
        "requestor",
        "send_reply",
        "snapshot",
        "verdict",
    )

    def __init__(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        send_reply: SendReply,
        reply_to: Any,
        snapshot: Snapshot,
        client: Client,
        verdict: Verdict,
        is_unlisted: bool,
    ) -> None:
        self.is_unlisted = is_unlisted
        self.message = message
        self.query = query
        self.requestor = requestor
        self.send_reply = send_reply
        self.reply_to = reply_to
        self.snapshot = snapshot
        self.client = client
        self.verdict = verdict


@mypyc_attr(acyclic=True)
class CacheMiss(Exchange):
    """What an upstream must be asked, and the queries that wait for it.

    protected: if an upstream says that it filtered the name, the next one is asked.
    untraced: no counter and no health figure may come of it, and no other query waits with it.
    asked_at: monotonic seconds.  has_stale: there is a stale answer for those that wait.
    over: the transport of who asked first, if names of a domain that do not exist are limited.
    entry: the response as it was cached, or the stale one that is given in its place; None before
        either, and if no upstream answered.
    """

    __slots__ = ("asked_at", "entry", "has_stale", "over", "resolver", "waiting")

    def __init__(
        self,
        resolver: Resolver,
        key: CacheKey,
        question: bytes,
        protected: bool,
        untraced: bool,
        asked_at: float,
    ) -> None:
        """question: of the first query that asks for it; b"" where the key has another name."""
        super().__init__(
            key,
            question=lowercase_question(question) if question else b"",
            protected=protected,
            untraced=untraced,
        )
        self.resolver = resolver
        self.waiting: list[PendingQuery] = []
        self.asked_at = asked_at
        self.has_stale = False
        self.over: str | None = None
        self.entry: CacheEntry | None = None

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.resolver.finish_miss(self, answer)


def _answer_all(requestor: Requestor, moment: Moment) -> Screening:
    return Screening.ANSWER


def _as_it_is(snapshot: Snapshot) -> Snapshot:
    return snapshot


def _refuse_unread(
    message: bytes, requestor: Requestor, send_reply: SendReply, reply_to: Any
) -> bytes | None:
    """The hook `put_aside` at home, where all households are read."""
    return NO_REPLY


def _ignore_snapshot(snapshot: Snapshot) -> None:
    """The hook `on_snapshot` where nobody is interested."""


def _ignore_probe(qname: str, requestor: Requestor, client: Client, now: float) -> None:
    """The hook `on_probe` where nobody is interested."""


@mypyc_attr(allow_interpreted_subclasses=True)  # tests have one that counts
class Resolver:
    """Answers queries under the policies of `snapshot`, which is swapped whole.

    screen: says what happens to a query whose client is uncertain (set by `Recognition`).
    add_sightings: returns the given snapshot with the MAC addresses that the network shows now
        (set by `Recognition`).
    on_probe: called with each query below probe.home.arpa; the set-up pages send these from a
        device to see which resolver it uses (set by the app).
    put_aside: takes a query of a household that is not read yet, and returns what `answer` does
        (set by `AwaitedHouseholds`).
    on_snapshot: called with each snapshot from which on queries are decided by it (set by the app).
    limits: how much clients may ask (set by the app); None: without bound.  Servers ask for the
        bounds of a client (`limits_of`), and call `answer_excess` for what is beyond them.
    asks_time_in_clear: all upstreams are encrypted, and their certificates are worth nothing while
        the clock is wrong; so the names of time servers are asked in clear text, and else encrypted
        (set by the app).  Whatever the upstreams are, these names are not validated.
    forwards_subnets: an upstream is told from which network a query is, where the device says so
        (set by the app).
    discovery: answers questions about the resolver itself (set by the app).
    structured_errors: tells the reasons of blocks to clients that ask for structured errors (set by
        the app); None: they get plain text, as everyone.
    lease_records: of devices that a DHCP server on this machine knows, by name and type (set by the
        app).  They stand where else a name of the home network does not exist.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Asks,
        cache: Cache,
        recorder: Recorder,
        clock: Callable[[], Moment],
        rebinding: RebindingGuard,
        packet_cache: PacketCache | None = None,
        lazy_free: LazyFreeQueue | None = None,
        help_answers: HelpAnswers | None = None,
        failures: Failures | None = None,
    ) -> None:
        """packet_cache: where whole replies are stored, for the server to send again.

        lazy_free: frees large numbers of objects a few at a time, so that no query waits for it;
            the packet cache's own, if there is one.
        help_answers: never changed here; None: nobody fetches any.
        failures: None: with a first pause of a second.
        """
        self.screen: Callable[[Requestor, Moment], Screening] = _answer_all
        self.add_sightings: Callable[[Snapshot], Snapshot] = _as_it_is
        self.on_probe: Callable[[str, Requestor, Client, float], None] = _ignore_probe
        self.on_snapshot: Callable[[Snapshot], None] = _ignore_snapshot
        self.put_aside: PutAside = _refuse_unread
        self.limits: Limits | None = None
        self.asks_time_in_clear = False
        self.forwards_subnets = False
        self.discovery: Discovery | None = None
        self.structured_errors: StructuredErrors | None = None
        self.lease_records: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]] = {}
        self._snapshot = snapshot
        self._rebinding = rebinding
        self.cache = cache
        self.packet_cache = packet_cache
        self._help_answers = HelpAnswers() if help_answers is None else help_answers
        self._upstreams = upstreams
        self.recorder = recorder
        self._clock = clock
        self._lazy_free = LazyFreeQueue() if lazy_free is None else lazy_free
        self._memo = VerdictMemo(self._lazy_free)
        # Misses on their way; untraced ones are in neither, since nobody waits with them.
        self._waiting: dict[CacheKey, CacheMiss] = {}
        self._waiting_protected: dict[CacheKey, CacheMiss] = {}
        # Those for which there is a stale answer, and when it is given; the first due first.
        self._late: deque[tuple[float, CacheMiss]] = deque()
        self._failures = Failures() if failures is None else failures
        self._silence = Silence()
        self._bugs = BugLog()

    def answer(
        self,
        message: bytes,
        requestor: Requestor,
        moment: Moment,
        send_reply: SendReply,
        reply_to: Any,
        known: Client | None = None,
    ) -> bytes | None:
        """Return the reply, NO_REPLY, or None.

        NO_REPLY: nothing is ever sent.  None: an upstream is asked, and `send_reply(reply,
        reply_to)` is called later.  It never raises.
        known: as the snapshot in force identified the requestor; None where nobody asked it yet.
        """
        try:
            client = self._snapshot.identify(requestor) if known is None else known
            if client is NOT_HERE:
                return self.put_aside(message, requestor, send_reply, reply_to)
            if not client.is_certain:
                screening = self.screen(requestor, moment)
                if screening is not Screening.ANSWER:
                    # To a response or a malformed message it is NO_REPLY as well.
                    return truncated_reply(message) if screening is Screening.TRUNCATE else NO_REPLY
                client = self._snapshot.identify(requestor)  # screening may have found the device
            policy, body = client.policy, message[2:]
            is_unlisted = False
            entry = self._memo.get(body)
            if entry is not None:
                query = entry.query
                verdict = entry.verdicts.get(policy.group) or self._memo.decide(
                    entry, policy, moment.wall
                )
            else:
                try:
                    query = read_query_body(body)
                except NotAQueryError:  # shorter than a header, or a response
                    return NO_REPLY
                except WireError as error:
                    # FORMERR for no or several questions, a name that is too long or anything
                    # malformed; NOTIMP for another opcode (dns/query.py, `read_query_body`).
                    self.recorder.count_malformed()
                    # A stranger does not learn what is wrong with its message.
                    return error_reply(message, error if client.household else _NOT_A_CLIENT)
                if query.edns is not None and query.edns.has_empty_ede:
                    query = self._with_old_wish(query)
                verdict, is_unlisted = look_and_decide(
                    policy, query.qname, query.qtype, moment.wall
                )
            sized = query if requestor.transport == "udp" else with_tcp_size(query)
            reply = self._reply(
                message, sized, requestor, client, verdict, moment, None, is_unlisted
            )
            if isinstance(reply, CacheMiss):
                if self.limits is not None and not (reply.untraced or reply.protected):
                    limited = self._limit_domain(reply, message, sized, requestor, self.limits)
                    if limited is not None:
                        return limited
                pending = PendingQuery(
                    message,
                    sized,
                    requestor,
                    send_reply,
                    reply_to,
                    self._snapshot,
                    client,
                    verdict,
                    is_unlisted,
                )
                self._ask_upstream(reply, pending)
                return None
            if entry is None and self.packet_cache is None and len(message) <= PLAIN_UDP_SIZE:
                self._memo.add(body, query, policy, verdict)
            return reply
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query", error)
            return _failed_reply(message)

    # --- queries beyond a bound ---

    def limits_of(self, requestor: Requestor, moment: Moment) -> ClientLimits | None:
        """Return the bounds of who sent a query; None for none."""
        if self.limits is None:
            return None
        return self.limits.of(requestor, self._snapshot.identify(requestor), moment.mono)

    def answer_excess(
        self,
        message: bytes,
        requestor: Requestor,
        limits: ClientLimits,
        bound: Bound,
        moment: Moment,
        send_reply: SendReply,
        reply_to: Any,
    ) -> bytes | None:
        """Return what `answer` does, for a query that is beyond a bound of its client.

        Nothing of it is recorded but that there was one, and for a help name not even that.  It
        never raises.
        """
        try:
            client, limit = self._snapshot.identify(requestor), limits.of(bound)
            if client is NOT_HERE:  # how many wait has a bound of its own
                return self.put_aside(message, requestor, send_reply, reply_to)
            try:
                query = read_query_body(message[2:])
            except WireError:
                return NO_REPLY
            verdict = decide_query(client.policy, query.qname, query.qtype, moment.wall)
            excess = Excess.DROP
            if limit is not None:
                excess = limit.excess(
                    moment.mono,
                    over_udp=requestor.transport == "udp",
                    protected=verdict.reason is Reason.PROTECTED,
                    served=bool(client.household),
                )
            if excess is Excess.ANSWER:
                return self.answer(message, requestor, moment, send_reply, reply_to)
            if not verdict.is_untraced:
                self.recorder.count_limited(bound)
            return _excess_reply(excess, message, query)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query beyond a bound", error)
            return _failed_reply(message)

    def _limit_domain(
        self, miss: CacheMiss, message: bytes, query: Query, requestor: Requestor, limits: Limits
    ) -> bytes | None:
        """Return the reply to a query below a domain of which too many names do not exist.

        None: an upstream is asked.
        """
        if not limits.bounds_domains(requestor):
            return None
        miss.over = requestor.transport
        limit = limits.of_domain(miss.key.qname)
        if limit is None or miss.has_stale or miss.key in self._waiting:
            return None
        over_udp = requestor.transport == "udp"
        if limit.is_open(miss.asked_at, over_udp=over_udp):
            return None
        self.recorder.count_limited(Bound.DOMAIN)
        excess = limit.excess(miss.asked_at, over_udp=over_udp, protected=False, served=True)
        return _excess_reply(excess, message, query)

    def _charge_domain(self, miss: CacheMiss, mono: float) -> None:
        """Take a token of a domain of which a name does not exist, or could not be asked for."""
        if self.limits is not None:
            self.limits.charge_domain(miss.key.qname, mono, over_udp=miss.over == "udp")

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        """Decide by another snapshot from now on, and forget what does not hold under it."""
        snapshot = self.add_sightings(snapshot)
        # The policies are often the same while something else is new, such as a device's address.
        same = snapshot.policies is self._snapshot.policies
        same_splits = _splits(snapshot) == _splits(self._snapshot)
        self._snapshot = snapshot
        self.on_snapshot(snapshot)
        if same:
            return
        if not same_splits:  # other upstreams are asked, and a key has only their zone
            self._forget_responses()
        self._memo.clear()
        self.recorder.forget_policies()
        if self.packet_cache is not None:
            self.packet_cache.drop_outdated(snapshot)

    def _forget_responses(self) -> None:
        self._lazy_free.add(self.cache.clear())
        self._failures.clear()
        self._silence.clear()

    def flush(self, name: str = "", *, below: bool = False) -> None:
        """Forget cached responses and failures, so that upstreams are asked anew.

        name: only those for this name, and below: also for names below it; "" for all.
        Answers for help names stay: they are fetched at an even pace, whoever asks.
        """
        if name:
            self.cache.drop(name, below=below)
            self._failures.forget_name(name, below=below)
        else:
            self._lazy_free.add(self.cache.clear())
            self._failures.clear()
        if self.packet_cache is not None:
            self.packet_cache.clear()  # which of its replies are made from what, nobody knows

    def reconfigure(
        self,
        rebinding: RebindingGuard,
        cache: Cache,
        packet_cache: PacketCache | None,
        failures: Failures | None = None,
    ) -> None:
        """Take over changed settings, with an empty packet cache.

        cache: the one of now, where the responses in it may stay.
        """
        if cache is not self.cache:
            self._forget_responses()
        if self.packet_cache is not None:
            self.packet_cache.clear()
        self._rebinding, self.cache, self.packet_cache = rebinding, cache, packet_cache
        if failures is not None:
            self._failures = failures
        self._memo.clear()
        # The servers remember the client of an address for as long as the snapshot is the same
        # object, so they get another one.
        self.snapshot = self._snapshot.with_sightings(self._snapshot.sightings)

    def _reply(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        client: Client,
        verdict: Verdict,
        moment: Moment,
        answered: CacheMiss | None = None,
        is_unlisted: bool = False,
    ) -> bytes | CacheMiss:
        """Return the reply, recorded, or what an upstream must be asked for it.

        answered: the cache miss that the query waited for.  is_unlisted: the name is surely on no
        list.  In one piece, like `answer`: every query would feel the calls.
        """
        if query.qtype == SVCB or query.qtype == RESINFO:
            verdict = self._discover(query, requestor, verdict)
        message_id, policy, action = message[:2], client.policy, verdict.action
        entry: CacheEntry | None = None
        # Most names are asked for only once, so the reply to a query that waited is not stored; the
        # reply to the second query for the name is.
        cacheable = answered is None
        ede: Ede | None = None
        if query.is_unsupported and action is not Action.REFUSE:  # BADVERS, or REFUSED: CH, AXFR
            reply = unsupported_reply(message_id, query)
            self.recorder.count_unsupported(client, requestor, verdict, reply)
            return reply
        if action is Action.ALLOW or action is Action.REWRITE:
            if query.qtype == ANY:  # no upstream is asked (RFC 8482)
                reply = any_reply(message_id, query, ttl_within(policy, verdict, moment, ANY_TTL))
            elif not query.flags & RD:
                # Cached or not: the difference would tell what other devices asked for.
                reply = empty_reply(message_id, query, REFUSED, _EDE_NOT_OURS)
            else:
                found: CacheEntry | CacheMiss | Failure | None = self._look_up(
                    query, policy, verdict, moment, answered
                )
                if policy.nat64 is not None and query.qtype == AAAA:
                    found = self._find_mapped(query, policy, verdict, moment, found, answered)
                if isinstance(found, CacheEntry):
                    entry = found
                    cacheable = cacheable and entry.ede is None  # soon there may be a newer one
                    reply, verdict = self._upstream_reply(
                        message_id, query, requestor, policy, verdict, moment, entry
                    )
                    if verdict.blocks and query.wants_structured_errors:
                        cacheable = False
                    if self.forwards_subnets and query.subnet:
                        reply = _with_subnet(reply, query, verdict)
                elif isinstance(found, CacheMiss):
                    return found
                else:  # it failed a moment ago
                    cacheable = False
                    reply = empty_reply(message_id, query, SERVFAIL, EDE_CACHED_ERROR)
        elif action is Action.BLOCK:
            if query.edns is not None and query.edns.wants_structured_errors:
                ede = self._structured_ede(query, requestor, policy, verdict, moment)
                # In the household's language and with its names, none of which change a policy.
                cacheable = cacheable and not ede.is_structured
            reply = blocked_query_reply(message_id, query, requestor, policy, verdict, moment, ede)
        elif action is Action.LOCAL:
            if self.lease_records:
                verdict = self._with_lease(query, policy, verdict)
            reply, verdict = local_query_reply(
                message_id, query, requestor, policy, verdict, moment
            )
            if verdict.local is not None and verdict.local.is_probe:
                self.on_probe(query.qname, requestor, client, moment.wall)
        else:
            reply = empty_reply(message_id, query, REFUSED, ede_of(verdict))
        tally = self.recorder.record(
            client, requestor, query, verdict, reply, moment.wall, is_unlisted=is_unlisted
        )
        if cacheable and self.packet_cache is not None:
            self.packet_cache.store(
                message,
                query,
                requestor,
                policy,
                verdict,
                reply,
                tally,
                entry,
                moment,
                to_log=self.recorder.may_log_name(policy, verdict),
                usage=self.recorder.usage_of(
                    policy, query.qname, verdict, moment.wall, is_unlisted=is_unlisted
                ),
            )
        return reply

    def _discover(self, query: Query, requestor: Requestor, verdict: Verdict) -> Verdict:
        """Return the verdict on a question about the resolver itself; for others, the one given."""
        if self.discovery is None or verdict.action is Action.REFUSE:
            return verdict
        return self.discovery.verdict(query.qname, query.qtype, requestor) or verdict

    def _with_lease(self, query: Query, policy: Policy, verdict: Verdict) -> Verdict:
        """Return the verdict on a local name, with a device's records where it has none."""
        local = verdict.local
        if local is None or local.records or local.is_own_address or local.is_status:
            return verdict
        by_type = self.lease_records.get(query.qname)
        if by_type is None or verdict.reason is not Reason.LOCAL:
            return verdict
        records = by_type.get(query.qtype, ())
        if policy.nat64 is not None and query.qtype == AAAA and not records:
            records = map_records(by_type.get(A, ()), policy.nat64)
        return replace(verdict, local=LocalAnswer(records=records))

    def _look_up(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        answered: CacheMiss | None,
    ) -> CacheEntry | CacheMiss | Failure:
        """Return the response to an allowed query, or what an upstream must be asked for it.

        A Failure: no upstream is asked, since none answered a moment ago.  An untraced query is
        counted as neither hit nor miss, and the cache has nothing for it.
        """
        key = query.key
        if verdict.target or policy.splits is not None:
            key = response_key(key, policy, verdict)
        is_protected = verdict.reason is Reason.PROTECTED
        if is_protected and is_time_server(verdict):
            key = self._time_key(key)
        if self.forwards_subnets and not is_protected and not key.zone and query.subnet:
            key = key._replace(zone=subnet_zone(query.subnet))
        if answered is not None and answered.entry is not None and answered.key == key:
            # If the name became protected while a filtered response was on its way, that response
            # is not used, and an upstream is asked again.
            is_filtered = answered.entry.answer.facts.is_filtered
            if not is_protected or answered.protected or not is_filtered:
                return answered.entry
        mono = moment.mono
        if verdict.is_untraced:
            stored = self._help_answers.get(key, moment.wall)
            return stored or CacheMiss(
                self, key, _question_of(query, key), is_protected, True, mono
            )
        entry = self.cache.find(key, mono)
        if entry is not None and is_protected and entry.answer.facts.is_filtered:
            entry = None  # cached for a policy under which the name is not protected
        if entry is not None and mono < entry.expires:
            self.recorder.count_hits()
            return entry
        if entry is not None:
            if self._is_stale_due(key, is_protected, mono):
                self.recorder.count_hits()
                entry.mark_stale()
                return entry
        elif self._failures:
            failure = self._failures.get(key, mono, protected=is_protected)
            if failure is not None and mono < failure.until:
                self.recorder.count_failure()
                if failure.entry is None:
                    return failure
                failure.entry.ede = EDE_CACHED_ERROR
                return failure.entry
        self.recorder.count_miss()
        miss = CacheMiss(self, key, _question_of(query, key), is_protected, False, mono)
        if entry is not None:
            miss.has_stale = True
        return miss

    # --- IPv6 addresses that stand for IPv4 ones (DNS64, RFC 6147) ---

    def _find_mapped(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        found: CacheEntry | CacheMiss | Failure | None,
        answered: CacheMiss | None = None,
    ) -> CacheEntry | CacheMiss | Failure | None:
        """Return the response with IPv6 addresses, made of IPv4 ones where there are no others.

        found: what there is for the query itself; None: no upstream answered.
        answered: the cache miss that the query waited for.
        """
        nat64 = policy.nat64
        if nat64 is None or isinstance(found, CacheMiss) or (query.key.do and query.key.cd):
            return found  # who checks signatures itself maps itself (RFC 6147 section 3)
        name = verdict.target or query.qname
        nothing = found if isinstance(found, CacheEntry) else None
        if nothing is not None and not lacks_ipv6(name, nothing.answer, nat64):
            return without_excluded(name, nothing, nat64)
        by_ipv4: CacheEntry | CacheMiss | Failure | None = None
        # A list can have rules about one type only, and what is blocked for A stays so.
        if (
            policy.list_rules is None
            or not decide_query(policy, query.qname, A, moment.wall).blocks
        ):
            by_ipv4 = self._look_up(with_type(query, A), policy, verdict, moment, answered)
        if isinstance(by_ipv4, CacheMiss):
            return by_ipv4
        mapped = None
        if isinstance(by_ipv4, CacheEntry):
            mapped = map_entry(name, by_ipv4, nothing, nat64)
        if mapped is None and nothing is not None:
            return without_excluded(name, nothing, nat64)
        return mapped or found

    def _map_answered(
        self, pending: PendingQuery, miss: CacheMiss, moment: Moment
    ) -> CacheEntry | CacheMiss | Failure | None:
        """Return what a query for IPv6 addresses gets, now that an upstream has said something of
        them, or of the IPv4 ones that may stand for them."""
        policy, verdict = pending.client.policy, pending.verdict
        if miss.key.qtype == AAAA or policy.nat64 is None:
            return self._find_mapped(pending.query, policy, verdict, moment, miss.entry)
        name, nothing, mapped = verdict.target or pending.query.qname, None, None
        if not miss.untraced:
            nothing = self.cache.find(miss.key._replace(qtype=AAAA), moment.mono)
        if miss.entry is not None:
            mapped = map_entry(name, miss.entry, nothing, policy.nat64)
        if mapped is not None:
            return mapped
        if nothing is not None:
            return without_excluded(name, nothing, policy.nat64)
        if miss.entry is not None and not miss.entry.answer.facts.addresses:
            return miss.entry  # the name has no address of either kind
        return None

    def _time_key(self, key: CacheKey) -> CacheKey:
        """Return under which key the name of a time server is asked for and cached.

        While the clock is wrong no signature is valid, so whatever upstream is asked is told to
        check none (CD, RFC 4035 section 3.2.2).
        """
        zone = CLEAR_ZONE if self.asks_time_in_clear else key.zone
        return key._replace(cd=True, zone=zone)

    def _is_stale_due(self, key: CacheKey, protected: bool, mono: float) -> bool:
        """Tell whether a stale answer is given at once; if so, an upstream may be asked as well.

        It is if the question failed lately, if somebody waited for it in vain, or if nothing is
        heard of the upstreams.
        """
        if self._silence.is_of(key.zone):
            may_ask = self._silence.take_probe(key.zone, mono)
        else:
            failure = self._failures.get(key, mono, protected=protected)
            if failure is None:
                asked = self._misses(protected).get(key)
                return asked is not None and asked.entry is not None
            may_ask = mono >= failure.until
        if may_ask:
            self._refresh(key, mono, protected=protected)
        return True

    def _upstream_reply(
        self,
        message_id: bytes,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        entry: CacheEntry,
    ) -> tuple[bytes, Verdict]:
        """Return the reply made from a response, and the verdict that it is recorded with.

        If a name or an address inside the response is blocked, so is the query, with the verdict
        about that.  A response that the upstream itself filtered is passed on, with a verdict and
        an EDE that say so.
        """
        answer, ede = entry.answer, entry.ede
        limit, rewrite_ttl = ttl_limit(policy, verdict, moment), REWRITE_TTL
        if policy.time_rules is not None and (answer.facts.targets or verdict.target):
            verdict = with_end_inside(policy, verdict, answer.facts.targets, moment.wall)
            limit = ttl_limit(policy, verdict, moment)
        if ede is not None and entry.is_stale:
            self.recorder.count_stale()
            limit, rewrite_ttl = STALE_TTL if limit is None else min(limit, STALE_TTL), STALE_TTL
        rrs = entry.rrs_within(limit)
        if verdict.action is Action.REWRITE:
            ttl = ttl_within(policy, verdict, moment, rewrite_ttl)
            try:
                answer = rewrite_response(query, verdict.target, answer, rrs, ttl)
            except WireError:
                return empty_reply(message_id, query, SERVFAIL, _EDE_NO_REWRITE), verdict
            rrs, ede = answer.rrs, ede_of(verdict)
        elif is_time_server(verdict):
            ede = _EDE_CLEAR
            if answer.ad:  # an upstream that checked it all the same may have had the wrong time
                answer = answer.with_ttls(answer.rrs, answer.ttl_places)
                answer.ad = False
        elif answer.ede_codes and ede is None:
            ede = forwarded_ede(answer.ede_codes[0], answer.ede_text)
        # There is nothing to judge if this policy and this verdict found nothing before (the same
        # objects, since a policy has one verdict for each list entry), or if the response consists
        # of addresses outside the home network and no rule is about addresses: the rebinding guard
        # only looks for addresses of the home network.
        judged = entry.harmless_for
        harmless = (judged[0] is policy and judged[1] is verdict) or (
            answer.facts.is_plain
            and policy.nat64 is None
            and not (policy.address_rules or policy.address_lists)
        )
        if not harmless:
            inside = judge_response(
                policy,
                self._rebinding,
                query.qname,
                verdict,
                answer.facts,
                moment.wall,
                query.qtype,
            )
            if inside is None and policy.nat64 is not None and query.qtype == AAAA:
                inside = self._judge_mapped(policy, query, verdict, answer, moment)
            told: Ede | None = None
            if inside is not None and query.wants_structured_errors:
                told = self._structured_ede(
                    query, requestor, policy, inside, moment, answer.ede_text
                )
            if inside is not None and inside.reason is not Reason.UPSTREAM_FILTERED:
                blocked = blocked_query_reply(
                    message_id, query, requestor, policy, inside, moment, told
                )
                return blocked, inside
            if inside is not None:
                verdict, ede = inside, told or ede_of(inside)
            elif policy.time_rules is None and verdict.action is Action.ALLOW:
                entry.harmless_for = policy, verdict  # no clock can change this finding
        return upstream_reply(message_id, query, answer, rrs, ede), verdict

    def _judge_mapped(
        self,
        policy: Policy,
        query: Query,
        verdict: Verdict,
        answer: UpstreamResponse,
        moment: Moment,
    ) -> Verdict | None:
        """Return the verdict that blocks IPv6 addresses because of the IPv4 ones that they were
        made of; None for none.

        A list can have rules about one type only, and what a name leads to is blocked by those
        about A as well.
        """
        facts = answer.facts
        if policy.list_rules is None or not facts.targets:
            return None
        if all(len(each) == 16 for each in facts.addresses):
            return None  # the upstream's own
        return judge_response(policy, self._rebinding, query.qname, verdict, facts, moment.wall, A)

    # --- the reason, for clients that ask for structured errors ---

    def _with_old_wish(self, query: Query) -> Query:
        """Return a query that asks for structured errors in the old way, where that counts."""
        structured = self.structured_errors
        if structured is None or not structured.is_asked_the_old_way:
            return query
        return with_structured_errors(query)

    def _structured_ede(
        self,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        from_upstream: bytes = b"",
    ) -> Ede:
        """Return a block's extended error for a client that asked for a structured one."""
        if self.structured_errors is None:
            return ede_of(verdict)
        return self.structured_errors.ede_of(
            query, requestor, policy, verdict, moment.wall, from_upstream
        )

    # --- queries that wait for an upstream ---

    def _ask_upstream(self, miss: CacheMiss, pending: PendingQuery) -> None:
        """Ask an upstream, or wait with those that asked the same already.

        Nobody waits with an untraced query.
        """
        if not miss.untraced:
            misses = self._waiting_protected if miss.protected else self._waiting
            same = misses.setdefault(miss.key, miss)
            if miss.has_stale and (same is miss or not same.has_stale):
                same.has_stale = True
                self._late.append((miss.asked_at + STALE_AFTER, same))
            if same is not miss:
                self._wait_with(same, pending)
                return
        miss.waiting.append(pending)
        try:
            self._upstreams.ask(miss)
        except Exception:  # nobody was asked: later queries must not wait for an answer
            self._forget_miss(miss)
            raise

    def _wait_with(self, miss: CacheMiss, pending: PendingQuery) -> None:
        if len(miss.waiting) < MAX_WAITERS:
            miss.waiting.append(pending)
        else:  # not silence, which over TCP would count as a query in flight for ever
            self._send(pending, self._servfail(pending, self._clock(), _EDE_TOO_MANY))

    def _misses(self, protected: bool) -> dict[CacheKey, CacheMiss]:
        return self._waiting_protected if protected else self._waiting

    def _forget_miss(self, miss: CacheMiss) -> None:
        if not miss.untraced:
            misses = self._waiting_protected if miss.protected else self._waiting
            del misses[miss.key]

    def finish_miss(self, miss: CacheMiss, response: UpstreamResponse | None) -> None:
        """Answer all that waited, each under its own policy as it is now."""
        moment = self._clock()
        self._forget_miss(miss)
        try:
            miss.entry = self._entry_of(miss, response, moment)
        except Exception as error:  # noqa: BLE001 - all that waited are told, at least
            self._bugs.note("keeping a response", error)
            for pending in miss.waiting:
                self._send(pending, _failed_reply(pending.message))
            return
        for pending in miss.waiting:
            self._answer_waiting(pending, miss, moment)

    def _entry_of(
        self, miss: CacheMiss, response: UpstreamResponse | None, moment: Moment
    ) -> CacheEntry | None:
        """Return the response as it was cached, or what is given in its place; None for none."""
        if miss.untraced:
            return None if response is None else help_entry(response)
        if response is None:
            if miss.attempts:
                self._silence.note_nothing(miss.key.zone, miss.asked_at, moment.mono)
        elif self._silence.note_response(miss.key.zone, moment.mono):
            self._failures.forget_silence(miss.key.zone)
        if response is None or (response.rcode and is_failure(response)):
            return self._entry_of_failure(miss, response, moment.mono)
        if response.rcode == NXDOMAIN and miss.over is not None:
            self._charge_domain(miss, moment.mono)
        if self._failures:
            self._failures.forget(miss.key)
        if miss.protected:
            self._forget_filtered(miss.key, moment)
        return self.cache.put(miss.key, response, moment.mono)

    def _entry_of_failure(
        self, miss: CacheMiss, response: UpstreamResponse | None, mono: float
    ) -> CacheEntry | None:
        """Return what the cache still has for a question that failed, else the failure."""
        if miss.over is not None:
            self._charge_domain(miss, mono)
        stale = self._stale_entry(miss, mono)
        failed = None if response is None else CacheEntry(response, mono)
        if miss.attempts:  # else nothing was sent: that is no fault of the name
            self._failures.note(
                miss.key, failed, mono, protected=miss.protected, has_stale=stale is not None
            )
        return failed if stale is None else stale

    def _stale_entry(self, miss: CacheMiss, mono: float) -> CacheEntry | None:
        """Return what may be given while an upstream does not answer; None where there is none."""
        entry = self.cache.find(miss.key, mono)
        if entry is None or (miss.protected and entry.answer.facts.is_filtered):
            return None
        if mono >= entry.expires:
            entry.mark_stale()
        return entry

    def give_stale(self, moment: Moment) -> None:
        """Give stale answers to those that have waited for `STALE_AFTER`.

        To be called a few times a second.  The upstream may still answer, for the next who asks.
        """
        late = self._late
        while late and late[0][0] <= moment.mono:
            _, miss = late.popleft()
            if self._misses(miss.protected).get(miss.key) is not miss:
                continue  # answered by now
            miss.entry = self._stale_entry(miss, moment.mono)
            if miss.entry is None:
                continue  # forgotten by now
            self._silence.note_nothing(miss.key.zone, miss.asked_at, moment.mono)
            waiting, miss.waiting = miss.waiting, []
            for pending in waiting:
                self._answer_waiting(pending, miss, moment)

    # --- refreshes, for which nobody waits ---

    def refresh(self, moment: Moment) -> None:
        """Ask anew for what is in use and about to expire; to be called a few times a second.

        Nothing of it is a client's question: it is not recorded.
        """
        for key in self.cache.take_due(moment.mono, MAX_REFRESHES):
            if not self._silence.is_of(key.zone):
                self.recorder.count_refresh()
                self._refresh(key, moment.mono, protected=False)

    def _refresh(self, key: CacheKey, mono: float, *, protected: bool) -> None:
        misses = self._misses(protected)
        if key in misses:
            return
        miss = misses[key] = CacheMiss(self, key, b"", protected, False, mono)
        try:
            self._upstreams.ask(miss)
        except Exception as error:  # noqa: BLE001 - nobody waits, and an answer is there
            del misses[key]
            self._bugs.note("asking for a refresh", error)

    def _answer_waiting(self, pending: PendingQuery, miss: CacheMiss, moment: Moment) -> None:
        """Answer one query that waited; whatever goes wrong with it, the next is answered too."""
        try:
            reply = self._reply_to_waiting(pending, miss, moment)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query that waited", error)
            reply = _failed_reply(pending.message)
        if reply is not None:
            self._send(pending, reply)

    def _send(self, pending: PendingQuery, reply: bytes) -> None:
        try:
            pending.send_reply(reply, pending.reply_to)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("sending a reply", error)

    def _reply_to_waiting(
        self, pending: PendingQuery, miss: CacheMiss, moment: Moment
    ) -> bytes | None:
        """Return the reply, recorded; None where another upstream's response is needed first."""
        ends_at = pending.verdict.valid_until
        if (
            pending.snapshot is not self._snapshot
            or (ends_at is not None and moment.wall >= ends_at)
            or self._has_moved(pending)
        ):
            return self._answer_again(pending, miss, moment)
        query, requestor, client = pending.query, pending.requestor, pending.client
        entry = miss.entry
        if client.policy.nat64 is not None and query.qtype == AAAA:
            found = self._map_answered(pending, miss, moment)
            if isinstance(found, CacheMiss):
                self._ask_upstream(found, pending)
                return None
            entry = found if isinstance(found, CacheEntry) else None
        if entry is None:
            return self._servfail(pending, moment, _EDE_NO_UPSTREAM)
        reply, verdict = self._upstream_reply(
            pending.message[:2],
            query,
            requestor,
            client.policy,
            pending.verdict,
            moment,
            entry,
        )
        if self.forwards_subnets and query.subnet:
            reply = _with_subnet(reply, query, verdict)
        self.recorder.record(
            client,
            requestor,
            query,
            verdict,
            reply,
            moment.wall,
            is_unlisted=pending.is_unlisted,
        )
        return reply

    def _forget_filtered(self, key: CacheKey, moment: Moment) -> None:
        """Clear the packet cache if it may hold replies made from a filtered response for `key`.

        That response is about to be replaced in the cache, and which replies are made from it is
        not known.
        """
        if self.packet_cache is None:
            return
        entry = self.cache.get(key, moment.mono)
        if entry is not None and entry.answer.facts.is_filtered:
            self.packet_cache.clear()

    def _has_moved(self, pending: PendingQuery) -> bool:
        """Tell whether a provider's household has other rules than when the query was decided."""
        requestor = pending.requestor
        if not requestor.household:
            return False
        return self._snapshot.identify(requestor) is not pending.client

    def _answer_again(self, pending: PendingQuery, miss: CacheMiss, moment: Moment) -> bytes | None:
        """Decide and answer again: the snapshot was swapped, or the verdict ended, meanwhile."""
        client = self._snapshot.identify(pending.requestor)
        if client is NOT_HERE:
            return self.put_aside(
                pending.message, pending.requestor, pending.send_reply, pending.reply_to
            )
        query = pending.query
        verdict = decide_query(client.policy, query.qname, query.qtype, moment.wall)
        pending.snapshot, pending.client, pending.verdict = self._snapshot, client, verdict
        pending.is_unlisted = False  # nobody looked
        if miss.entry is None and verdict.action in (Action.ALLOW, Action.REWRITE):
            return self._servfail(pending, moment, _EDE_NO_UPSTREAM)
        reply = self._reply(
            pending.message, query, pending.requestor, client, verdict, moment, miss
        )
        if isinstance(reply, CacheMiss):  # another response is needed now
            self._ask_upstream(reply, pending)
            return None
        return reply

    def _servfail(self, pending: PendingQuery, moment: Moment, ede: Ede) -> bytes:
        """Return a failure, recorded; the verdict is the one that let the query through."""
        reply = empty_reply(pending.message[:2], pending.query, SERVFAIL, ede)
        self.recorder.record(
            pending.client,
            pending.requestor,
            pending.query,
            pending.verdict,
            reply,
            moment.wall,
        )
        return reply


def _excess_reply(excess: Excess, message: bytes, query: Query) -> bytes:
    if excess is Excess.TRUNCATE:
        return truncated_reply(message)
    if excess is Excess.REFUSE:
        return empty_reply(message[:2], with_tcp_size(query), REFUSED, EDE_LIMITED)
    return NO_REPLY


def _question_of(query: Query, key: CacheKey) -> bytes:
    """Return the query's question where it is about the key's name, else b""."""
    return query.question if key.qname == query.qname else b""


def _with_subnet(reply: bytes, query: Query, verdict: Verdict) -> bytes:
    """Return a reply that says for which network it is, where that was asked about."""
    if verdict.blocks or verdict.reason is Reason.PROTECTED or not subnet_zone(query.subnet):
        return reply
    return with_subnet(reply, query.subnet, query.max_reply_size)


def _failed_reply(message: bytes) -> bytes:
    """Return the reply to a query that a bug kept from its answer; NO_REPLY for no query."""
    try:
        return empty_reply(message[:2], read_query_body(message[2:]), SERVFAIL, _EDE_FAILED)
    except WireError:
        return NO_REPLY


def _splits(snapshot: Snapshot) -> list[tuple[SplitUpstream, ...]]:
    return [each.split_upstreams for each in snapshot.households.values()]


# The reply to a stranger's malformed message: the same as to a well-formed one.
_NOT_A_CLIENT: Final = WireError("not served here", REFUSED)
