"""The path of a query.  Read this first.

    octets in -> Snapshot.identify -> read_query_body (dns/query) -> decide (policy/decide)
        BLOCK, LOCAL, REFUSE -> the reply (server/replies)
        ALLOW, REWRITE -> cache, else upstream (server/responses) -> judge_response (policy/judge)
            -> the reply (server/upstream_replies); what is blocked inside a response is answered
               and recorded like a block of the name itself
    and Recorder.record counts it, and logs the name as far as the profile's privacy mode lets it.

No reply has a TTL beyond the end of its verdict, or beyond the policy's `max_ttl` (`ttl_limit`).

Nothing here waits: a query that an upstream must be asked for becomes a PendingQuery, and is
answered when the response is there (server/waiting_queries).  Queries with the same cache key wait
together and one goes upstream, but not for help names (see below); the response is judged for each
by its own client's policy.  If the snapshot was swapped meanwhile or the verdict has ended, the
query is decided again first (`Resolver._answer_again`), also where no upstream answered.

Words, here and in all that is called from here:

    requestor     who sent a query, as the network shows it: address, listener, transport, MAC
    client        who that is here: household, device ("" if nobody named it), policy
    query         a message that asks; its question is QNAME, QTYPE and QCLASS
    upstream      a resolver that queries are forwarded to; what it sends is a response
    reply         the octets that we send to the requestor
    snapshot      everything that decides queries: immutable, swapped whole on each change.  What
                  the change does not touch stays the same object in the next one
    policy        one profile's rules, lists and times, compiled for one index of lists.  While it
                  stays the same object, the replies that the packet cache has for it stay too
    step          one place in the order of decision; the first that gives a verdict decides
    verdict       what happens to a query and why
    grant         a permission for which later steps do not block, until it ends
    cache         responses, by QNAME, QTYPE, DO, CD and zone; holds no decision and no help name
    stale         said of a cached response that has expired; it is given while no upstream says
                  anything newer: after 1.5 s (`STALE_AFTER`), or at once where all of them have
                  been silent lately (`Silence`)
    failure       a question that no upstream could answer: whoever waited for it gets SERVFAIL
                  (EDE "no upstream answered").  It is not asked again, by whichever device, for a
                  second (`dns.failure_ttl`), then for twice as long each time, up to a minute;
                  until then the reply is SERVFAIL at once (EDE "cached error").  The verdict that
                  is recorded is the one that let the query through: a failure is no block
    refresh       a question that copdns asks by itself, so that the cache has the answer before
                  somebody asks: no client's, so that nothing of it is counted or logged
    help answers  responses for help names, fetched at an even pace whoever asks
    packet cache  whole replies, by the query's octets and policy.  (Also called the lane; a query
                  that it cannot answer comes to `answer`.)  One that is sent again is
                  counted, charged to limits and put among the child's recent blocks as the first
                  was, and logged as the privacy mode says at that moment.  It holds no reply that
                  depends on more than these (one over TCP, a local answer, one in block mode
                  `page`), none that is stale or a failure, none for a help name, nor the reply to a
                  query that waited for an upstream
    memo          parsed queries with their verdicts, by the query's octets; holds no reply, and no
                  verdict of a policy that has times, whose verdicts end; only used where there is
                  no packet cache
    block mode    what the reply to a blocked name is, one for each profile: no data (the default),
                  NXDOMAIN, 0.0.0.0 and ::, this machine's address (`page`), or REFUSED.  A made-up
                  address is for A and AAAA alone, all other types get no data; and who asks for
                  structured errors gets no data in place of this machine's address.  NXDOMAIN would
                  deny all names below as well (RFC 8020): where one is open, it is no data instead
    filtered      said of a response with which the upstream says that it blocked the name itself.
                  It is passed on as it came, with that as its reason (EDE 35), and recorded as a
                  block; for a protected name it does not count, and another upstream is asked
    own rule      an allow or block that somebody in the household wrote, for one profile, for
                  those with a tag, or for all
    stranger      a requestor outside `dns.allow`; its policy refuses everything
    untraced      said of the query for a help name, see below
    moment        one look at both clocks: wall (epoch seconds) decides, mono (monotonic) measures

Untraced queries.  Whoever looks for help must be able to trust that nobody can see it, so the query
for a name of a help group (`Verdict.is_untraced`) changes nothing that can be read afterwards.
These return at once for it, before they remember anything: `Recorder.record` (counters, statistics,
minutes of use, the ring of recent blocks, the log), its `count_unsupported`, `PacketCache.store`,
`VerdictMemo`, the counters of the cache in `Responses.find`, and `UpstreamClient` (counters and
health).  As a second guard, `privacy/retention.py` lets no row of one through.  If something inside
the response is blocked, that verdict is untraced too (`judge_response`), as is an answer to
why.NAME.q.home.arpa about a help name (`status_answer`), and one about a help name to which the
device appended its search domain (`decide_query`).

Nor does the time that an answer takes show that somebody asked before.  `HelpAnswers` has the
answers that the program fetched itself, whoever asks, for a week at most.  What is not there, such
as another host below a help name, is fetched anew for each query: it comes from no cache and goes
into none, no query waits with another, and while no upstream answers each gets SERVFAIL.  Either
way every record has the TTL `HELP_TTL`, less only where the asker's own policy says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from copdns.dns.bug_log import BugLog
from copdns.dns.cache import Cache, CacheEntry
from copdns.dns.exchange import Asks
from copdns.dns.failures import EDE_CACHED_ERROR, Failures
from copdns.dns.help_answers import HelpAnswers
from copdns.dns.query import PLAIN_UDP_SIZE, Query, read_query_body, with_tcp_size
from copdns.dns.records import ANY, RD, RESINFO, SVCB
from copdns.dns.wire import empty_reply, truncated_reply
from copdns.model.build import mypyc_attr
from copdns.model.errors import REFUSED, SERVFAIL, NotAQueryError, WireError
from copdns.model.household import SplitUpstream
from copdns.model.reasons import Ede, ede_of
from copdns.model.verdict import Action, LocalRecord, Reason, Requestor, Verdict
from copdns.policy.decide import decide_query, look_and_decide
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import NOT_HERE, Client, Snapshot
from copdns.server.discovery import Discovery
from copdns.server.excess import excess_reply, limit_domain
from copdns.server.hooks import (
    NO_REPLY,
    PutAside,
    Screening,
    answer_all,
    as_it_is,
    ignore_probe,
    ignore_snapshot,
    refuse_unread,
)
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.limits import Bound, ClientLimits, Excess, Limits
from copdns.server.mapped_responses import find_response
from copdns.server.packet_cache import PacketCache
from copdns.server.pending_query import CacheMiss, PendingQuery, SendReply
from copdns.server.recorder import Recorder
from copdns.server.replies import (
    blocked_query_reply,
    local_query_reply,
    malformed_reply,
    unasked_reply,
    unsupported_reply,
    with_lease,
)
from copdns.server.responses import Responses
from copdns.server.upstream_replies import UpstreamReplies, with_asked_subnet
from copdns.server.verdict_memo import VerdictMemo
from copdns.server.waiting_queries import WaitingQueries, failed_reply
from copdns.time.clock import Moment


@mypyc_attr(allow_interpreted_subclasses=True)  # tests have one that counts
class Resolver:
    """Answers queries under the policies of `snapshot`, which is swapped whole.

    screen: says what happens to a query whose client is uncertain (set by `Recognition`).  A client
        is uncertain where the household knows devices by their MAC addresses and the address is of
        none of them: the kernel may know the MAC address behind it.  If it does not yet, the reply
        over UDP is truncated, so that the query comes again over TCP; who is still unknown then
        is a guest.
    add_sightings: returns the given snapshot with the MAC addresses that the network shows now
        (set by `Recognition`).
    on_probe: called with each query below probe.home.arpa; the set-up pages send these from a
        device to see which resolver it uses (set by the app).
    put_aside: takes a query of a household that is not read yet, and returns what `answer` does
        (set by `AwaitedHouseholds`).
    on_snapshot: called with each snapshot from which on queries are decided by it (set by the app).
    limits: how much clients may ask (set by the app); None: without bound.  Servers ask for the
        bounds of a client (`limits_of`), and call `answer_excess` for what is beyond them.
    discovery: answers questions about the resolver itself (set by the app).
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
        self.screen: Callable[[Requestor, Moment], Screening] = answer_all
        self.add_sightings: Callable[[Snapshot], Snapshot] = as_it_is
        self.on_probe: Callable[[str, Requestor, Client, float], None] = ignore_probe
        self.on_snapshot: Callable[[Snapshot], None] = ignore_snapshot
        self.put_aside: PutAside = refuse_unread
        self.limits: Limits | None = None
        self.discovery: Discovery | None = None
        self.lease_records: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]] = {}
        self._snapshot = snapshot
        self._lazy_free = LazyFreeQueue() if lazy_free is None else lazy_free
        self._bugs = BugLog()
        self._memo = VerdictMemo(self._lazy_free)
        self.recorder = recorder
        self.packet_cache = packet_cache
        self.responses = Responses(
            upstreams, cache, recorder, self._lazy_free, self._bugs, help_answers, failures
        )
        self.responses.on_replaced = self._clear_packet_cache
        self.replies = UpstreamReplies(rebinding, recorder)
        self.waiting = WaitingQueries(
            snapshot, self.responses, self.replies, recorder, clock, self._bugs
        )
        self.waiting.answer_again = self._answer_again

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
        reply_to)` is called later.  It never raises: a bug gives SERVFAIL, and the log has the
        error's type and where it arose, but not its text, in which a name could stand.
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
            policy, body, is_unlisted = client.policy, message[2:], False
            entry = self._memo.get(body) if self.packet_cache is None else None
            if entry is not None:
                query = entry.query
                verdict = entry.find(policy.group) or self._memo.decide(entry, policy, moment.wall)
            else:
                try:
                    query = read_query_body(body)
                except NotAQueryError:  # shorter than a header, or a response
                    return NO_REPLY
                except WireError as error:
                    self.recorder.count_malformed()  # NOTIMP for other opcodes, else FORMERR
                    return malformed_reply(message, error, is_client=bool(client.household))
                if query.edns is not None and query.edns.has_empty_ede:
                    query = self.replies.with_old_wish(query)
                verdict, is_unlisted = look_and_decide(
                    policy, query.qname, query.qtype, moment.wall
                )
            sized = query if requestor.transport == "udp" else with_tcp_size(query)
            reply = self._reply(message, sized, requestor, client, verdict, moment, is_unlisted)
            if isinstance(reply, CacheMiss):
                pending = PendingQuery(
                    message, sized, requestor, send_reply, reply_to, self._snapshot, client, verdict
                )
                pending.is_unlisted = is_unlisted
                return self._wait(reply, pending)
            if entry is None and self.packet_cache is None and len(message) <= PLAIN_UDP_SIZE:
                self._memo.add(body, query, policy, verdict)
            return reply
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query", error)
            return failed_reply(message)

    def _reply(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        client: Client,
        verdict: Verdict,
        moment: Moment,
        is_unlisted: bool = False,
        answered: CacheMiss | None = None,
    ) -> bytes | CacheMiss:
        """Return the reply, recorded, or what an upstream must be asked for it.

        is_unlisted: the name is surely on no list.  answered: the cache miss that the query waited
        for.
        """
        if query.qtype == SVCB or query.qtype == RESINFO:
            verdict = self._discover(query, requestor, verdict)
        message_id, policy, action = message[:2], client.policy, verdict.action
        if query.is_unsupported and action is not Action.REFUSE:  # BADVERS, or REFUSED: CH, AXFR
            reply = unsupported_reply(message_id, query)
            self.recorder.count_unsupported(client, requestor, verdict, reply)
            return reply
        entry: CacheEntry | None = None
        # Most names are asked for only once, so the reply to a query that waited is not stored; the
        # reply to the second query for the name is.
        cacheable = answered is None
        if action is Action.ALLOW or action is Action.REWRITE:
            if query.qtype == ANY or not query.flags & RD:
                reply = unasked_reply(message_id, query, policy, verdict, moment)
            else:
                found = find_response(self.responses, query, policy, verdict, moment, answered)
                if isinstance(found, CacheMiss):
                    return found
                if found is None:  # it failed a moment ago
                    cacheable = False
                    reply = empty_reply(message_id, query, SERVFAIL, EDE_CACHED_ERROR)
                else:
                    entry = found
                    reply, verdict = self.replies.reply(
                        message_id, query, requestor, policy, verdict, moment, entry
                    )
                    if entry.ede is not None:  # stale or failed lately: the next may be fresh
                        cacheable = False
                    if verdict.blocks and query.wants_structured_errors:
                        cacheable = False
                    if self.responses.forwards_subnets and query.subnet:
                        reply = with_asked_subnet(reply, query, verdict)
        elif action is Action.BLOCK:
            ede: Ede | None = None
            if query.edns is not None and query.edns.wants_structured_errors:
                ede = self.replies.structured_ede(query, requestor, policy, verdict, moment)
                # In the household's language and with its names, none of which change a policy.
                cacheable = cacheable and not ede.is_structured
            reply = blocked_query_reply(message_id, query, requestor, policy, verdict, moment, ede)
        elif action is Action.LOCAL:
            reply, verdict = self._local_reply(
                message_id, query, requestor, client, verdict, moment
            )
        else:
            reply = empty_reply(message_id, query, REFUSED, ede_of(verdict))
        kind = self.recorder.record(
            client, requestor, query, verdict, reply, moment.wall, is_unlisted=is_unlisted
        )
        if cacheable and self.packet_cache is not None:
            notes = self.recorder.notes_of(
                kind, policy, query.qname, verdict, moment.wall, is_unlisted=is_unlisted
            )
            self.packet_cache.store(
                message, query, requestor, policy, verdict, reply, notes, entry, moment
            )
        return reply

    def _local_reply(
        self,
        message_id: bytes,
        query: Query,
        requestor: Requestor,
        client: Client,
        verdict: Verdict,
        moment: Moment,
    ) -> tuple[bytes, Verdict]:
        """Return the reply about a name of this machine or of the home network, and its verdict."""
        policy = client.policy
        if self.lease_records:
            verdict = with_lease(query, policy, verdict, self.lease_records)
        reply, verdict = local_query_reply(message_id, query, requestor, policy, verdict, moment)
        if verdict.local is not None and verdict.local.is_probe:
            self.on_probe(query.qname, requestor, client, moment.wall)
        return reply, verdict

    def _wait(self, miss: CacheMiss, pending: PendingQuery) -> bytes | None:
        """Let a query wait for an upstream; if it may not, return its reply."""
        if self.limits is not None and not (miss.untraced or miss.protected):
            limited = limit_domain(self.limits, self.responses, self.recorder, miss, pending)
            if limited is not None:
                return limited
        self.waiting.wait(miss, pending)
        return None

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
            return self.waiting.servfail(pending, moment)
        reply = self._reply(
            pending.message, query, pending.requestor, client, verdict, moment, answered=miss
        )
        if isinstance(reply, CacheMiss):  # another response is needed now
            self.waiting.wait(reply, pending)
            return None
        return reply

    def _discover(self, query: Query, requestor: Requestor, verdict: Verdict) -> Verdict:
        """Return the verdict on a question about the resolver itself; for others, the one given."""
        if self.discovery is None or verdict.action is Action.REFUSE:
            return verdict
        return self.discovery.verdict(query.qname, query.qtype, requestor) or verdict

    # --- queries beyond a bound ---

    def limits_of(
        self, requestor: Requestor, moment: Moment, known: Client | None = None
    ) -> ClientLimits | None:
        """Return the bounds of who sent a query; None for none.  known: as in `answer`."""
        if self.limits is None:
            return None
        client = self._snapshot.identify(requestor) if known is None else known
        return self.limits.of(requestor, client, moment.mono)

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

        A protected name is answered like any query, within a bound of its own.  All else gets
        REFUSED over TCP and its like, and over UDP now and then a truncated reply, so that it can
        come over TCP, else none.  Of that, it is recorded only that there was one, and of a help
        name beyond both bounds not even that.  It never raises.
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
            return excess_reply(excess, message, query)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("answering a query beyond a bound", error)
            return failed_reply(message)

    # --- what queries are decided and answered by ---

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
        self._snapshot = self.waiting.snapshot = snapshot
        self.on_snapshot(snapshot)
        if same:
            return
        if not same_splits:  # a cache key has the zone that was split, and not its upstreams
            self.responses.forget()
        self._memo.clear()
        self.recorder.forget_policies()
        if self.packet_cache is not None:
            self.packet_cache.drop_outdated(snapshot)

    def flush(self, name: str = "", *, below: bool = False) -> None:
        """Forget responses as `Responses.flush`, and all replies that were made of any."""
        self.responses.flush(name, below=below)
        self._clear_packet_cache()  # which of its replies are made from what, nobody knows

    def _clear_packet_cache(self) -> None:
        if self.packet_cache is not None:
            self.packet_cache.clear()

    def reconfigure(
        self,
        rebinding: RebindingGuard,
        cache: Cache,
        packet_cache: PacketCache | None,
        failures: Failures | None = None,
    ) -> None:
        """Take over changed settings, with an empty packet cache.

        cache: the present one, if the responses in it may stay; else an empty one.
        """
        self.responses.reconfigure(cache, failures)
        self._clear_packet_cache()
        self.replies.rebinding, self.packet_cache = rebinding, packet_cache
        self._memo.clear()
        # The servers remember the client of an address for as long as the snapshot is the same
        # object, so they get another one.
        self.snapshot = self._snapshot.with_sightings(self._snapshot.sightings)


def _splits(snapshot: Snapshot) -> list[tuple[SplitUpstream, ...]]:
    return [each.split_upstreams for each in snapshot.households.values()]
