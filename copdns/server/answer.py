"""The way of a query.  Read this first.

    bytes in -> read_query (wire) -> who (live) -> decide (policy)
        blocked, local or refused -> the reply (wire)
        allowed -> cache, else upstream (waits) -> judge what came (judge) -> the reply (wire)
    and beside it: told() (record) counts, and keeps what the profile's privacy mode lets it.

Nothing here waits: a question that an upstream must be asked for is put aside, and takes the
same way once more when the answer is there, under the policy of that moment.
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
from copdns.model.reasons import NETWORK_ERROR, NOT_AUTHORITATIVE, NOT_SUPPORTED, Ede, ede_of
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
MAX_MEMO_ENTRIES = 16_384  # questions that are remembered, where there is no lane
MAX_MEMO_VERDICTS = 64  # of one question: so many kinds of profiles ask it and are remembered
MAX_WAITERS = 1000  # for one answer; whoever comes then fails, and finds it kept a moment later

_EDE_NO_UPSTREAM = Ede(NETWORK_ERROR, "no upstream answered")
_EDE_NOT_CACHED = Ede(NOT_AUTHORITATIVE, "not kept here; ask with recursion desired")
_EDE_NOT_SERVED = Ede(NOT_SUPPORTED, "this class or type is not served here")

NO_REPLY = b""  # nothing is sent, now or later


class Screening(Enum):
    """What a client gets whose device is not certain."""

    ANSWER = "answer"
    TRUNCATE = "truncate"  # TC is set, so it asks again over TCP, and the kernel learns its MAC
    DROP = "drop"  # no reply: its address may be made up


class PendingQuery(NamedTuple):
    """One question, who asked it, and how its reply gets back when it has to wait.

    live, client, verdict: what was decided, and under which policies.
    """

    message: bytes
    query: Query
    asker: Requestor
    send: SendReply
    to: Any
    live: Snapshot
    client: Client
    verdict: Verdict


class MemoEntry(NamedTuple):
    """A question that was asked before, with its verdicts that no clock can change.

    verdicts: by the kin of the policies that gave them; by policy where a rule may tell it from
    its kin.
    """

    query: Query
    verdicts: dict[PolicyGroup | Policy, Verdict]


class VerdictMemo:
    """Queries that were answered at once, with those of their verdicts that no clock can change.

    get: the entry of a query, by its message without the ID.
    """

    __slots__ = ("_entries", "_waste", "get")

    def __init__(self, waste: LazyFreeQueue) -> None:
        self._entries: dict[bytes, MemoEntry] = {}
        self._waste = waste
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, body: bytes) -> bool:
        return body in self._entries

    def add(self, body: bytes, query: Query, policy: Policy, verdict: Verdict) -> None:
        if len(self._entries) >= MAX_MEMO_ENTRIES:
            self.clear()
        known = self._entries[body] = MemoEntry(query, {})
        _remember(known, policy, verdict)

    def decide(self, known: MemoEntry, policy: Policy, now: float) -> Verdict:
        """Return the verdict of a policy whose kin has none for this query."""
        verdict = known.verdicts.get(policy)
        if verdict is None:
            query = known.query
            verdict = decide(policy, query.qname, query.qtype, now)
            _remember(known, policy, verdict)
        return verdict

    def clear(self) -> None:
        self._waste.add([*self._entries.values()])
        self._entries.clear()


class CacheMiss(NamedTuple):
    """What an upstream has to be asked before a question can be answered.

    protected: nobody may filter it, an upstream neither.  unwatched: asking leaves no trace.
    """

    key: CacheKey
    protected: bool
    unwatched: bool


class UpstreamResult(NamedTuple):
    """What an upstream said to what was missing."""

    key: CacheKey
    kept: CacheEntry


class Resolver:
    """Answers queries under the live policies; `live` is swapped whole."""

    # Hears of questions for the names by which a device finds out whom it asks.
    on_probe: Callable[[str, Requestor, Client, float], None] = staticmethod(lambda *_: None)
    # Says what a client gets whose device is not certain.
    screen: Callable[[Requestor, Moment], Screening] = staticmethod(lambda *_: Screening.ANSWER)
    # Adds to a live state, whoever built it, what is seen of the network now.
    dressed: Callable[[Snapshot], Snapshot] = staticmethod(lambda live: live)

    def __init__(
        self,
        live: Snapshot,
        upstreams: UpstreamClient,
        cache: Cache,
        recorder: Recorder,
        clock: Callable[[], Moment],
        rebinding: RebindingGuard,
        lane: PacketCache | None = None,
        waste: LazyFreeQueue | None = None,
    ) -> None:
        """lane: where replies are remembered, so that the server can give them again.

        waste: takes what is forgotten all at once; that of the lane, where there is one.
        """
        self._live = live
        self._rebinding = rebinding
        self.cache = cache
        self.lane = lane
        # Answers for help names are kept apart, so that not even a number of entries tells.
        self._unwatched_cache = Cache(entries=256, octets=1 << 18)
        self._upstreams = upstreams
        self.recorder = recorder
        self._clock = clock
        self._waste = LazyFreeQueue() if waste is None else waste
        self._memo = VerdictMemo(self._waste)
        self._waiting: dict[CacheMiss, list[PendingQuery]] = {}

    def answer(
        self, message: bytes, asker: Requestor, moment: Moment, send: SendReply, to: Any
    ) -> bytes | None:
        """Return the reply to a message; NO_REPLY for silence; None: `send(reply, to)` follows."""
        client = self._live.identify(asker)
        if not client.is_certain:
            screening = self.screen(asker, moment)
            if screening is not Screening.ANSWER:
                return truncated_reply(message) if screening is Screening.TRUNCATE else NO_REPLY
            client = self._live.identify(asker)  # screening may have found out who that is
        policy, body = client.policy, message[2:]
        known = self._memo.get(body)
        if known is not None:
            query = known.query
            verdict = known.verdicts.get(policy.group) or self._memo.decide(
                known, policy, moment.wall
            )
        else:
            try:
                query = read_query_body(body)
            except NotAQueryError:
                return NO_REPLY
            except WireError as error:
                self.recorder.count_malformed()
                return error_reply(message, error)
            verdict = decide(policy, query.qname, query.qtype, moment.wall)
        sized = with_tcp_size(query) if asker.transport == "tcp" else query
        reply = self._reply(message, sized, asker, client, verdict, moment)
        if isinstance(reply, CacheMiss):
            asked = (message, sized, asker, send, to, self._live, client, verdict)
            self._ask_upstream(reply, _new(PendingQuery, asked))
            return None
        if known is None and self.lane is None and len(message) <= PLAIN_UDP_SIZE:
            self._memo.add(body, query, policy, verdict)
        return reply

    @property
    def live(self) -> Snapshot:
        return self._live

    @live.setter
    def live(self, live: Snapshot) -> None:
        live = self.dressed(live)
        same = live.policies is self._live.policies  # but, say, another address of a device
        self._live = live
        if same:
            return
        self._memo.clear()
        self.recorder.forget_policies()
        if self.lane is not None:
            self.lane.drop_outdated(live)

    def reconfigure(
        self, rebinding: RebindingGuard, cache: Cache, lane: PacketCache | None
    ) -> None:
        """Take over what the settings say anew, and begin with an empty cache and lane."""
        self._waste.add(self.cache.clear())
        if self.lane is not None:
            self.lane.clear()
        self._rebinding, self.cache, self.lane = rebinding, cache, lane
        self._memo.clear()
        # Another object, so that nobody goes on with what was known of an asker before.
        self.live = self._live.with_sightings(self._live.sightings)

    def _reply(
        self,
        message: bytes,
        query: Query,
        asker: Requestor,
        client: Client,
        verdict: Verdict,
        moment: Moment,
        arrived: UpstreamResult | None = None,
    ) -> bytes | CacheMiss:
        """Return the reply, or what is missing for it.

        arrived: what was missing, when the question was put aside for it.
        """
        message_id, policy, action = message[:2], client.policy, verdict.action
        kept: CacheEntry | None = None
        remember = arrived is None  # a name that was just fetched may never be asked for again
        if query.is_unsupported and action is not Action.REFUSE:
            reply = _unsupported_reply(message_id, query)
        elif action is Action.ALLOW or action is Action.REWRITE:
            if query.qtype == ANY:
                reply = any_reply(message_id, query, _ttl(policy, verdict, moment, ANY_TTL))
            else:
                found = self._look_up(query, policy, verdict, moment, arrived)
                if not isinstance(found, CacheMiss):
                    kept = found
                    reply, verdict = self._upstream_reply(
                        message_id, query, asker, policy, verdict, moment, kept
                    )
                elif query.flags & RD:
                    return found
                else:
                    reply = empty_reply(message_id, query, REFUSED, _EDE_NOT_CACHED)
                    remember = False  # the cache may have it a moment later
        elif action is Action.BLOCK:
            reply = _blocked_reply(message_id, query, asker, policy, verdict, moment)
        elif action is Action.LOCAL:
            reply, verdict = _local_reply(message_id, query, asker, policy, verdict, moment)
            if verdict.local is not None and verdict.local.is_probe:
                self.on_probe(query.qname, asker, client, moment.wall)
        else:
            reply = empty_reply(message_id, query, REFUSED, ede_of(verdict))
        tally = self.recorder.record(client, asker, query, verdict, reply, moment.wall)
        if remember and self.lane is not None:
            self.lane.store(
                message,
                query,
                asker,
                policy,
                verdict,
                reply,
                tally,
                kept,
                moment,
                noted=self.recorder.may_log_name(policy, query.qname, verdict),
                used=self.recorder.usage_of(policy, query.qname, verdict, moment.wall),
            )
        return reply

    def _look_up(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        arrived: UpstreamResult | None,
    ) -> CacheEntry | CacheMiss:
        """Return what an upstream said to an allowed question, or what it has to be asked."""
        key = query.key
        if verdict.target or policy.splits:
            key = _cache_key(key, policy, verdict)
        if arrived is not None and arrived.key == key:
            return arrived.kept
        protected = verdict.reason is Reason.PROTECTED
        if verdict.is_untraced:
            kept = self._unwatched_cache.get(key, moment.mono)
        else:
            kept = self.cache.get(key, moment.mono)
            if kept is not None and protected and kept.answer.facts.is_filtered:
                kept = None  # asked for somebody whom it was not protected for
            if kept is not None:
                self.recorder.count_hits()
            else:
                self.recorder.count_miss()
        return kept or _new(CacheMiss, (key, protected, verdict.is_untraced))

    def _upstream_reply(
        self,
        message_id: bytes,
        query: Query,
        asker: Requestor,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        kept: CacheEntry,
    ) -> tuple[bytes, Verdict]:
        """Return the reply with what an upstream said, unless something inside it is blocked."""
        answer, ede = kept.answer, None
        body = kept.rrs_at(moment.mono, _ttl_limit(policy, verdict, moment))
        if verdict.action is Action.REWRITE:
            ttl = _ttl(policy, verdict, moment, REWRITE_TTL)
            try:
                answer = rewrite_response(query, verdict.target, answer._replace(rrs=body), ttl)
            except WireError:
                return empty_reply(message_id, query, SERVFAIL, _EDE_NO_UPSTREAM), verdict
            body, ede = answer.rrs, ede_of(verdict)
        passed = kept.harmless_for
        harmless = (passed[0] is policy and passed[1] is verdict) or (
            answer.facts.is_plain and not policy.address_rules
        )
        if not harmless:
            inside = judge_response(
                policy, self._rebinding, query.qname, verdict, answer.facts, moment.wall
            )
            if inside is not None and inside.reason is not Reason.UPSTREAM_FILTERED:
                blocked = _blocked_reply(message_id, query, asker, policy, inside, moment)
                return blocked, inside
            if inside is not None:
                verdict, ede = inside, ede_of(inside)
            elif policy.time_rules is None and verdict.action is Action.ALLOW:
                kept.harmless_for = policy, verdict  # no clock can change it
        return upstream_reply(message_id, query, answer, body, ede), verdict

    # --- what is missing ---

    def _cache(self, unwatched: bool) -> Cache:
        return self._unwatched_cache if unwatched else self.cache

    def _ask_upstream(self, missing: CacheMiss, asked: PendingQuery) -> None:
        """Ask an upstream, or wait with those that asked the same already."""
        first = [asked]
        waiting = self._waiting.setdefault(missing, first)
        if waiting is not first:
            if len(waiting) < MAX_WAITERS:
                waiting.append(asked)
            else:  # an answer all the same: over TCP an open question holds a place
                self._reply_servfail(asked, self._clock())
            return
        query = asked.query
        self._upstreams.ask(
            missing.key,
            partial(self._on_response, missing),
            question=lowercase_question(query.question)
            if missing.key.qname == query.qname
            else b"",
            protected=missing.protected,
            untraced=missing.unwatched,
        )

    def _on_response(self, missing: CacheMiss, answer: UpstreamResponse | None) -> None:
        """Answer all that waited, each under its own policy as it is now."""
        moment = self._clock()
        waiting = self._waiting.pop(missing)
        if answer is None:
            for asked in waiting:
                self._reply_servfail(asked, moment)
            return
        if missing.protected and self.lane is not None and self.cache.get(missing.key, moment.mono):
            self.lane.clear()  # this takes the place of what an upstream filtered
        kept = self._cache(missing.unwatched).put(missing.key, answer, moment.mono)
        for asked in waiting:
            until = asked.verdict.valid_until
            if asked.live is not self._live or (until is not None and moment.wall >= until):
                self._answer_again(asked, UpstreamResult(missing.key, kept), moment)
                continue
            message, query, asker, send, to, _, client, verdict = asked
            reply, verdict = self._upstream_reply(
                message[:2], query, asker, client.policy, verdict, moment, kept
            )
            self.recorder.record(client, asker, query, verdict, reply, moment.wall)
            send(reply, to)

    def _answer_again(self, asked: PendingQuery, arrived: UpstreamResult, moment: Moment) -> None:
        """Answer a question under the policies of now, which are others than when it was asked."""
        asked = self._decide_again(asked, moment)
        message, query, asker, send, to, _, client, verdict = asked
        reply = self._reply(message, query, asker, client, verdict, moment, arrived)
        if isinstance(reply, CacheMiss):  # something else is asked for now
            self._ask_upstream(reply, asked)
        else:
            send(reply, to)

    def _decide_again(self, asked: PendingQuery, moment: Moment) -> PendingQuery:
        """Return the same question under the policy of this moment."""
        client = self._live.identify(asked.asker)
        verdict = decide(client.policy, asked.query.qname, asked.query.qtype, moment.wall)
        return asked._replace(live=self._live, client=client, verdict=verdict)

    def _reply_servfail(self, asked: PendingQuery, moment: Moment) -> None:
        _, query, asker, send, to, _, client, verdict = self._decide_again(asked, moment)
        reply = empty_reply(asked.message[:2], query, SERVFAIL, _EDE_NO_UPSTREAM)
        self.recorder.record(client, asker, query, verdict, reply, moment.wall)
        send(reply, to)


def _remember(known: MemoEntry, policy: Policy, verdict: Verdict) -> None:
    """Keep a verdict that no clock can change, for all of the policy's kin where it is theirs."""
    if policy.time_rules is not None:
        return
    if len(known.verdicts) >= MAX_MEMO_VERDICTS:
        known.verdicts.clear()
    kin = policy.group
    known.verdicts[kin if kin.shares_verdict(known.query.qname) else policy] = verdict


def _cache_key(key: CacheKey, policy: Policy, verdict: Verdict) -> CacheKey:
    """Return what the cache knows an answer by, where that is not the question itself.

    A rewrite asks for its target's data; a split domain has upstreams of its own, which nobody
    may put before a protected name.
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
    asker: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> bytes:
    mode = BlockMode.NXDOMAIN if verdict.reason is Reason.LEGAL else policy.block_mode
    ttl = _ttl(policy, verdict, moment, verdict.ttl)
    return blocked_reply(message_id, query, verdict, mode, asker.listener, ttl)


def _local_reply(
    message_id: bytes,
    query: Query,
    asker: Requestor,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> tuple[bytes, Verdict]:
    """Return the reply, and the verdict with what only shows now: who is asked about."""
    local = verdict.local
    assert local is not None
    if local.is_status:
        local, unwatched = status_answer(policy, query.qname, moment.wall)
        verdict = replace(verdict, is_untraced=unwatched)
    ttl = _ttl(policy, verdict, moment, LOCAL_TTL)
    return local_reply(message_id, query, local, asker.listener, ttl), verdict


def _unsupported_reply(message_id: bytes, query: Query) -> bytes:
    """Refuse what is no plain question about the Internet class."""
    if query.edns is not None and query.edns.version:
        return empty_reply(message_id, query, BADVERS)  # RFC 6891 section 6.1.3
    return empty_reply(message_id, query, REFUSED, _EDE_NOT_SERVED)


def _ttl_limit(policy: Policy, verdict: Verdict, moment: Moment) -> int | None:
    """Return how long an answer may be kept at most: never past the verdict's own end."""
    if verdict.valid_until is None:
        return policy.max_ttl
    left = max(int(verdict.valid_until - moment.wall), 0)
    return left if policy.max_ttl is None else min(left, policy.max_ttl)


def _ttl(policy: Policy, verdict: Verdict, moment: Moment, wanted: int) -> int:
    limit = _ttl_limit(policy, verdict, moment)
    return wanted if limit is None else min(wanted, limit)
