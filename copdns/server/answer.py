"""The way of a query.  Read this first.

    octets in -> Snapshot.identify -> read_query_body (dns/wire) -> decide (policy/decide)
        BLOCK, LOCAL, REFUSE -> the reply (dns/wire)
        ALLOW, REWRITE -> cache, else upstream -> judge_response (policy/judge) -> the reply
    and Recorder.record counts it, and logs the name as far as the profile's privacy mode lets it.

Nothing here waits: a query that an upstream must be asked for becomes a PendingQuery.  When the
response is there, it is answered, and decided again first if the policies changed meanwhile or its
verdict has ended.

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
    grant         a permission that lifts later steps until it ends
    cache         responses, by QNAME, QTYPE, DO, CD and zone; holds no decision
    packet cache  whole replies, by the query's octets and policy; holds no reply that depends on
                  anything else (TCP, local names, pages of blocks), nor one that had to wait
    memo          queries read, with their verdicts, by the query's octets; holds no reply and no
                  verdict that time can change; only used where there is no packet cache
    untraced      said of the query for a help name, see below
    moment        one look at both clocks: wall (epoch seconds) decides, mono (monotonic) measures

Untraced queries.  Whoever looks for help must be able to trust that nobody can see it, so the query
for a name of a help group (`Verdict.is_untraced`) changes nothing that can be read afterwards.
Every place that would remember it returns before it does: `Recorder.record` (counters, statistics,
minutes of use, the ring of recent blocks, the log), `PacketCache.store`, `VerdictMemo`, the
counters of the cache in `Resolver._look_up`, `UpstreamClient` (counters and health), and
`privacy/retention.py` once more.  Its responses are cached apart, where nobody reads the size.  A
response that is withheld (`judge_response`) and an answer about a help name (`status_answer`) stay
untraced.  A help name with a search domain behind it (`has_help_prefix`) is counted like any other,
but its name is not logged and shows no use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from copdns.dns.cache import Cache, CacheEntry
from copdns.dns.exchange import lowercase_question
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import ANY, RD
from copdns.dns.upstream import UpstreamClient
from copdns.dns.wire import (
    PLAIN_UDP_SIZE,
    CacheKey,
    Query,
    any_reply,
    blocked_reply,
    empty_reply,
    error_reply,
    local_reply,
    read_query_body,
    rewrite_response,
    truncated_reply,
    upstream_reply,
    with_tcp_size,
)
from copdns.model.errors import BADVERS, REFUSED, SERVFAIL, NotAQueryError, WireError
from copdns.model.household import BlockMode
from copdns.model.reasons import (
    NETWORK_ERROR,
    NOT_AUTHORITATIVE,
    NOT_SUPPORTED,
    OTHER_ERROR,
    Ede,
    ede_of,
)
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy, decide
from copdns.policy.judge import RebindingGuard, judge_response
from copdns.policy.matching import PolicyGroup
from copdns.policy.snapshot import Client, Snapshot
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.packet_cache import PacketCache
from copdns.server.recorder import Recorder
from copdns.server.status_names import status_answer
from copdns.time.moment import Moment

_new = tuple.__new__  # a named tuple's own constructor costs twice as much

SendReply = Callable[[bytes, Any], None]

LOCAL_TTL = 300  # seconds, for special names
ANY_TTL = 3600
REWRITE_TTL = 300  # a safe host may move
MAX_MEMO_ENTRIES = 16_384
MAX_MEMO_VERDICTS = 64  # of one query: so many kinds of profiles send it and are remembered
# Pending queries per cache miss; the next one gets SERVFAIL, and finds the response cached when it
# asks again.
MAX_WAITERS = 1000

_EDE_NO_UPSTREAM = Ede(NETWORK_ERROR, "no upstream answered")
_EDE_TOO_MANY = Ede(OTHER_ERROR, "too many wait for this answer")
_EDE_NO_REWRITE = Ede(OTHER_ERROR, "the answer for the rewrite's target cannot be used")
_EDE_NOT_CACHED = Ede(NOT_AUTHORITATIVE, "not cached here; ask with recursion desired")
_EDE_NOT_SERVED = Ede(NOT_SUPPORTED, "this class or type is not served here")

NO_REPLY = b""  # nothing is sent, now or later


class Screening(Enum):
    """What a client gets whose device is uncertain.

    Uncertain is an address that no device has, where devices are known by MAC addresses and the
    kernel may know one behind it (`Client.is_certain`).
    """

    # Its device was found now, was looked for a short while ago, or cannot be found (it came by
    # TCP, or from beyond this network); it gets the reply of whoever it is known as.
    ANSWER = "answer"
    # The kernel has never heard of the address: TC=1 is sent, so that the kernel looks for it, and
    # the client asks again over TCP, when its MAC address is known.
    TRUNCATE = "truncate"
    # So many of these were sent in this second that the address may be made up; it gets nothing,
    # and a client that exists asks again.
    DROP = "drop"


class PendingQuery(NamedTuple):
    """A query that waits for an upstream, who sent it, and how its reply gets back.

    send_reply: called with the reply and `reply_to`.
    snapshot, client, verdict: what was decided, and under which policies.
    """

    message: bytes
    query: Query
    requestor: Requestor
    send_reply: SendReply
    reply_to: Any
    snapshot: Snapshot
    client: Client
    verdict: Verdict


class MemoEntry(NamedTuple):
    """A parsed query and those of its verdicts that no clock can change.

    verdicts: by PolicyGroup where no own rule can cover the name, else by Policy.
    """

    query: Query
    verdicts: dict[PolicyGroup | Policy, Verdict]


class VerdictMemo:
    """Queries that were answered at once, with those of their verdicts that no clock can change.

    get: returns the entry of a query, by its message without the ID, or None.
    """

    __slots__ = ("_entries", "_lazy_free", "get")

    def __init__(self, lazy_free: LazyFreeQueue) -> None:
        self._entries: dict[bytes, MemoEntry] = {}
        self._lazy_free = lazy_free
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, body: bytes) -> bool:
        return body in self._entries

    def add(self, body: bytes, query: Query, policy: Policy, verdict: Verdict) -> None:
        """Remember a query; returns at once for an untraced verdict.

        So it does for a name below q.home.arpa: it may ask about a help name.
        """
        local = verdict.local
        if verdict.is_untraced or (local is not None and local.is_status):
            return
        if len(self._entries) >= MAX_MEMO_ENTRIES:
            self.clear()
        entry = self._entries[body] = MemoEntry(query, {})
        _remember_verdict(entry, policy, verdict)

    def decide(self, entry: MemoEntry, policy: Policy, now: float) -> Verdict:
        """Return the verdict of a policy whose group has none; no untraced one is remembered."""
        verdict = entry.verdicts.get(policy)
        if verdict is None:
            query = entry.query
            verdict = decide(policy, query.qname, query.qtype, now)
            if not verdict.is_untraced:  # for one policy, though not for whoever asked first
                _remember_verdict(entry, policy, verdict)
        return verdict

    def clear(self) -> None:
        self._lazy_free.add([*self._entries.values()])
        self._entries.clear()


def _remember_verdict(entry: MemoEntry, policy: Policy, verdict: Verdict) -> None:
    """Keep a verdict that no clock can change, for all of the policy's group where it is theirs."""
    if policy.time_rules is not None:
        return
    if len(entry.verdicts) >= MAX_MEMO_VERDICTS:
        entry.verdicts.clear()
    group = policy.group
    entry.verdicts[group if group.shares_verdict(entry.query.qname) else policy] = verdict


class CacheMiss(NamedTuple):
    """What an upstream must be asked.

    is_protected: an upstream that filters the name is passed over.  is_untraced: a help name: no
    counter and no health figure may come of it.
    """

    key: CacheKey
    is_protected: bool
    is_untraced: bool


class UpstreamResult(NamedTuple):
    """What came of a cache miss: the response as it was cached, None if no upstream answered."""

    miss: CacheMiss
    entry: CacheEntry | None


def _answer_all(requestor: Requestor, moment: Moment) -> Screening:
    return Screening.ANSWER


def _as_it_is(snapshot: Snapshot) -> Snapshot:
    return snapshot


def _ignore_probe(qname: str, requestor: Requestor, client: Client, now: float) -> None:
    """The hook `on_probe` where nobody is interested."""


class Resolver:
    """Answers queries under the policies of `snapshot`, which is swapped whole.

    screen: says what a client gets whose device is uncertain (set by `Recognition`).
    add_sightings: returns a snapshot, whoever built it, with the MAC addresses that are seen now
        (set by `Recognition`).
    on_probe: called with each query below probe.home.arpa, by which the set-up sees which resolver
        a device uses (set by the app).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: UpstreamClient,
        cache: Cache,
        recorder: Recorder,
        clock: Callable[[], Moment],
        rebinding: RebindingGuard,
        packet_cache: PacketCache | None = None,
        lazy_free: LazyFreeQueue | None = None,
    ) -> None:
        """packet_cache: where whole replies are stored, for the server to send again.

        lazy_free: takes what is forgotten all at once; that of the packet cache where there is one.
        """
        self.screen: Callable[[Requestor, Moment], Screening] = _answer_all
        self.add_sightings: Callable[[Snapshot], Snapshot] = _as_it_is
        self.on_probe: Callable[[str, Requestor, Client, float], None] = _ignore_probe
        self._snapshot = snapshot
        self._rebinding = rebinding
        self.cache = cache
        self.packet_cache = packet_cache
        # Of help names, and apart, so that not even the number of entries in `cache` tells.
        self._untraced_cache = Cache(entries=256, octets=1 << 18)
        self._upstreams = upstreams
        self.recorder = recorder
        self._clock = clock
        self._lazy_free = LazyFreeQueue() if lazy_free is None else lazy_free
        self._memo = VerdictMemo(self._lazy_free)
        self._waiting: dict[CacheMiss, list[PendingQuery]] = {}

    def answer(
        self,
        message: bytes,
        requestor: Requestor,
        moment: Moment,
        send_reply: SendReply,
        reply_to: Any,
    ) -> bytes | None:
        """Return the reply; NO_REPLY for silence; None: `send_reply(reply, reply_to)` follows."""
        client = self._snapshot.identify(requestor)
        if not client.is_certain:
            screening = self.screen(requestor, moment)
            if screening is not Screening.ANSWER:
                return truncated_reply(message) if screening is Screening.TRUNCATE else NO_REPLY
            client = self._snapshot.identify(requestor)  # screening may have found the device
        policy, body = client.policy, message[2:]
        entry = self._memo.get(body)
        if entry is not None:
            query = entry.query
            verdict = entry.verdicts.get(policy.group) or self._memo.decide(
                entry, policy, moment.wall
            )
        else:
            try:
                query = read_query_body(body)
            except NotAQueryError:
                return NO_REPLY
            except WireError as error:
                self.recorder.count_malformed()
                # A stranger does not learn what is wrong with its message.
                return error_reply(message, error if client.household else _NOT_A_CLIENT)
            verdict = decide(policy, query.qname, query.qtype, moment.wall)
        sized = with_tcp_size(query) if requestor.transport == "tcp" else query
        reply = self._reply(message, sized, requestor, client, verdict, moment)
        if isinstance(reply, CacheMiss):
            pending = (
                message,
                sized,
                requestor,
                send_reply,
                reply_to,
                self._snapshot,
                client,
                verdict,
            )
            self._ask_upstream(reply, _new(PendingQuery, pending))
            return None
        if entry is None and self.packet_cache is None and len(message) <= PLAIN_UDP_SIZE:
            self._memo.add(body, query, policy, verdict)
        return reply

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        snapshot = self.add_sightings(snapshot)
        same = snapshot.policies is self._snapshot.policies  # but, say, a device's new address
        self._snapshot = snapshot
        if same:
            return
        self._memo.clear()
        self.recorder.forget_policies()
        if self.packet_cache is not None:
            self.packet_cache.drop_outdated(snapshot)

    def reconfigure(
        self, rebinding: RebindingGuard, cache: Cache, packet_cache: PacketCache | None
    ) -> None:
        """Take over changed settings, with an empty cache and packet cache."""
        self._lazy_free.add(self.cache.clear(), self._untraced_cache.clear())
        if self.packet_cache is not None:
            self.packet_cache.clear()
        self._rebinding, self.cache, self.packet_cache = rebinding, cache, packet_cache
        self._memo.clear()
        # Another object, so that the servers forget which client an address belongs to.
        self.snapshot = self._snapshot.with_sightings(self._snapshot.sightings)

    def _reply(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        client: Client,
        verdict: Verdict,
        moment: Moment,
        result: UpstreamResult | None = None,
    ) -> bytes | CacheMiss:
        """Return the reply, recorded, or what an upstream must be asked for it.

        result: what came of the cache miss that the query waited for.
        """
        message_id, policy, action = message[:2], client.policy, verdict.action
        entry: CacheEntry | None = None
        cacheable = result is None  # most names are asked for once, so a second time is waited for
        if query.is_unsupported and action is not Action.REFUSE:
            reply = _unsupported_reply(message_id, query)
            self.recorder.count_unsupported(client, requestor, verdict, reply)
            return reply
        if action is Action.ALLOW or action is Action.REWRITE:
            if query.qtype == ANY:
                reply = any_reply(message_id, query, _ttl(policy, verdict, moment, ANY_TTL))
            else:
                found = self._look_up(query, policy, verdict, moment, result)
                if not isinstance(found, CacheMiss):
                    entry = found
                    reply, verdict = self._upstream_reply(
                        message_id, query, requestor, policy, verdict, moment, entry
                    )
                elif query.flags & RD:
                    return found
                else:
                    reply = empty_reply(message_id, query, REFUSED, _EDE_NOT_CACHED)
                    cacheable = False  # the cache may have it a moment later
        elif action is Action.BLOCK:
            reply = _blocked_reply(message_id, query, requestor, policy, verdict, moment)
        elif action is Action.LOCAL:
            reply, verdict = _local_reply(message_id, query, requestor, policy, verdict, moment)
            if verdict.local is not None and verdict.local.is_probe:
                self.on_probe(query.qname, requestor, client, moment.wall)
        else:
            reply = empty_reply(message_id, query, REFUSED, ede_of(verdict))
        tally = self.recorder.record(client, requestor, query, verdict, reply, moment.wall)
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
                to_log=self.recorder.may_log_name(policy, query.qname, verdict),
                usage=self.recorder.usage_of(policy, query.qname, verdict, moment.wall),
            )
        return reply

    def _look_up(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        result: UpstreamResult | None,
    ) -> CacheEntry | CacheMiss:
        """Return the response to an allowed query, or what an upstream must be asked for it.

        An untraced query is counted as neither hit nor miss.
        """
        key = query.key
        if verdict.target or policy.splits:
            key = _cache_key(key, policy, verdict)
        is_protected = verdict.reason is Reason.PROTECTED
        if result is not None and result.entry is not None and result.miss.key == key:
            # A name that became protected while a filtered response was on its way is asked anew.
            is_filtered = result.entry.answer.facts.is_filtered
            if not is_protected or result.miss.is_protected or not is_filtered:
                return result.entry
        if verdict.is_untraced:
            entry = self._untraced_cache.get(key, moment.mono)
        else:
            entry = self.cache.get(key, moment.mono)
            if entry is not None and is_protected and entry.answer.facts.is_filtered:
                entry = None  # asked for by somebody for whom the name is not protected
            if entry is not None:
                self.recorder.count_hits()
            else:
                self.recorder.count_miss()
        return entry or _new(CacheMiss, (key, is_protected, verdict.is_untraced))

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
        """Return the reply with a response, unless something inside it is blocked.

        The verdict is that of what is inside, where that was blocked.
        """
        answer, ede = entry.answer, None
        rrs = entry.rrs_at(moment.mono, ttl_limit(policy, verdict, moment))
        if verdict.action is Action.REWRITE:
            ttl = _ttl(policy, verdict, moment, REWRITE_TTL)
            try:
                answer = rewrite_response(query, verdict.target, answer._replace(rrs=rrs), ttl)
            except WireError:
                return empty_reply(message_id, query, SERVFAIL, _EDE_NO_REWRITE), verdict
            rrs, ede = answer.rrs, ede_of(verdict)
        # Nothing to judge: this policy and this verdict (the same objects) found nothing before,
        # or the response has but addresses outside the home and no rule is about addresses.  So
        # the rebinding guard is not asked: it only looks at home addresses.
        judged = entry.harmless_for
        harmless = (judged[0] is policy and judged[1] is verdict) or (
            answer.facts.is_plain and not policy.address_rules
        )
        if not harmless:
            inside = judge_response(
                policy, self._rebinding, query.qname, verdict, answer.facts, moment.wall
            )
            if inside is not None and inside.reason is not Reason.UPSTREAM_FILTERED:
                blocked = _blocked_reply(message_id, query, requestor, policy, inside, moment)
                return blocked, inside
            if inside is not None:
                verdict, ede = inside, ede_of(inside)
            elif policy.time_rules is None and verdict.action is Action.ALLOW:
                entry.harmless_for = policy, verdict  # no clock can change it
        return upstream_reply(message_id, query, answer, rrs, ede), verdict

    # --- queries that wait for an upstream ---

    def _ask_upstream(self, miss: CacheMiss, pending: PendingQuery) -> None:
        """Ask an upstream, or wait with those that asked the same already."""
        first = [pending]
        waiting = self._waiting.setdefault(miss, first)
        if waiting is not first:
            if len(waiting) < MAX_WAITERS:
                waiting.append(pending)
            else:  # a reply all the same: over TCP an open query holds a place
                self._send_servfail(pending, self._clock(), _EDE_TOO_MANY)
            return
        query = pending.query
        self._upstreams.ask(
            miss.key,
            partial(self._on_response, miss),
            question=lowercase_question(query.question) if miss.key.qname == query.qname else b"",
            protected=miss.is_protected,
            untraced=miss.is_untraced,
        )

    def _on_response(self, miss: CacheMiss, response: UpstreamResponse | None) -> None:
        """Answer all that waited, each under its own policy as it is now."""
        moment = self._clock()
        waiting = self._waiting.pop(miss)
        entry: CacheEntry | None = None
        if response is not None:
            if miss.is_protected and not miss.is_untraced:
                self._drop_filtered(miss.key, moment)
            cache = self._untraced_cache if miss.is_untraced else self.cache
            entry = cache.put(miss.key, response, moment.mono)
        for pending in waiting:
            ends_at = pending.verdict.valid_until
            if pending.snapshot is not self._snapshot or (
                ends_at is not None and moment.wall >= ends_at
            ):
                self._answer_again(pending, UpstreamResult(miss, entry), moment)
                continue
            if entry is None:
                self._send_servfail(pending, moment, _EDE_NO_UPSTREAM)
                continue
            message, query, requestor, send_reply, reply_to, _, client, verdict = pending
            reply, verdict = self._upstream_reply(
                message[:2], query, requestor, client.policy, verdict, moment, entry
            )
            self.recorder.record(client, requestor, query, verdict, reply, moment.wall)
            send_reply(reply, reply_to)

    def _drop_filtered(self, key: CacheKey, moment: Moment) -> None:
        """Drop replies made of a filtered response, whose place a protected name's takes now."""
        if self.packet_cache is not None and self.cache.get(key, moment.mono):
            self.packet_cache.clear()

    def _answer_again(self, pending: PendingQuery, result: UpstreamResult, moment: Moment) -> None:
        """Decide and answer again: the policies were replaced, or the verdict ended, meanwhile."""
        client = self._snapshot.identify(pending.requestor)
        query = pending.query
        verdict = decide(client.policy, query.qname, query.qtype, moment.wall)
        pending = pending._replace(snapshot=self._snapshot, client=client, verdict=verdict)
        if result.entry is None and verdict.action in (Action.ALLOW, Action.REWRITE):
            self._send_servfail(pending, moment, _EDE_NO_UPSTREAM)
            return
        message, _, requestor, send_reply, reply_to, _, _, _ = pending
        reply = self._reply(message, query, requestor, client, verdict, moment, result)
        if isinstance(reply, CacheMiss):  # another response is needed now
            self._ask_upstream(reply, pending)
        else:
            send_reply(reply, reply_to)

    def _send_servfail(self, pending: PendingQuery, moment: Moment, ede: Ede) -> None:
        """Send and record a failure; the verdict is the one that let the query through."""
        message, query, requestor, send_reply, reply_to, _, client, verdict = pending
        reply = empty_reply(message[:2], query, SERVFAIL, ede)
        self.recorder.record(client, requestor, query, verdict, reply, moment.wall)
        send_reply(reply, reply_to)


def _cache_key(key: CacheKey, policy: Policy, verdict: Verdict) -> CacheKey:
    """Return the key of a response where that is not the query's own.

    A rewrite asks for its target's data.  A split domain has upstreams of its own, but never for a
    protected name.
    """
    if verdict.target:
        key = key._replace(qname=verdict.target)
    if verdict.reason is Reason.PROTECTED:
        return key
    zone = next((each.name for each in policy.splits if each.covers(key.qname)), "")
    return key._replace(zone=zone)


# --- replies that need no upstream --------------------------------------------------------------


def _blocked_reply(
    message_id: bytes,
    query: Query,
    requestor: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> bytes:
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else policy.block_mode
    ttl = _ttl(policy, verdict, moment, verdict.ttl)
    return blocked_reply(message_id, query, verdict, mode, requestor.listener, ttl)


def _local_reply(
    message_id: bytes,
    query: Query,
    requestor: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> tuple[bytes, Verdict]:
    """Return the reply, and the verdict: untraced where it tells about a help name."""
    local = verdict.local
    assert local is not None
    if local.is_status:
        local, is_untraced = status_answer(policy, query.qname, moment.wall)
        verdict = replace(verdict, is_untraced=is_untraced)
    ttl = _ttl(policy, verdict, moment, LOCAL_TTL)
    return local_reply(message_id, query, local, requestor.listener, ttl), verdict


_NOT_A_CLIENT = WireError("not served here", REFUSED)


def _unsupported_reply(message_id: bytes, query: Query) -> bytes:
    """Refuse another class than IN, a zone transfer, or an unknown version of EDNS."""
    if query.edns is not None and query.edns.version:
        return empty_reply(message_id, query, BADVERS)  # RFC 6891 section 6.1.3
    return empty_reply(message_id, query, REFUSED, _EDE_NOT_SERVED)


def ttl_limit(policy: Policy, verdict: Verdict, moment: Moment) -> int | None:
    """Return the longest TTL that a reply may have, in seconds; None: no limit.

    Two things limit it:
    - `policy.max_ttl`, against what nobody can foresee (a pause, a new rule).  It is the profile's
      own `max_ttl`, else `dns.child_max_ttl` for a child's age; a minute at most while a budget has
      minutes left (`policy/order.py`).
    - the verdict's end: what time opens is not kept for longer than it is open.  For the names
      inside a response there is no other end: they are judged by steps that no clock changes, and
      their verdict takes over the end of the name asked (`judge_response`).

    Below the limit a TTL is that of the reply's kind: of a response, what is left of it since it
    was cached (`CacheEntry.rrs_at`); of a block, `Verdict.ttl` (`dns.block_ttl`, `security_ttl`);
    LOCAL_TTL, REWRITE_TTL or ANY_TTL.  `packet_cache.py` sends a reply only as long as all of this
    holds.
    """
    if verdict.valid_until is None:
        return policy.max_ttl
    left = max(int(verdict.valid_until - moment.wall), 0)
    return left if policy.max_ttl is None else min(left, policy.max_ttl)


def _ttl(policy: Policy, verdict: Verdict, moment: Moment, wanted: int) -> int:
    limit = ttl_limit(policy, verdict, moment)
    return wanted if limit is None else min(wanted, limit)
