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
from functools import partial
from typing import Any, NamedTuple

from copdns.cache import Cache, Kept
from copdns.errors import BADVERS, REFUSED, SERVFAIL, NotAQueryError, WireError
from copdns.judge import Rebinding, judge
from copdns.live import Live
from copdns.message import Answer
from copdns.model import Action, Asker, BlockMode, Reason, Verdict
from copdns.policy import Policy, decide, forget_verdicts
from copdns.reasons import NETWORK_ERROR, NOT_AUTHORITATIVE, NOT_SUPPORTED, Ede, ede_of
from copdns.record import Recorder
from copdns.records import ANY, RD
from copdns.upstream import Upstreams
from copdns.wire import (
    Key,
    Query,
    answer_reply,
    any_reply,
    blocked_reply,
    error_reply,
    local_reply,
    over_tcp,
    plain_reply,
    read_query,
    rewritten,
)

Send = Callable[[bytes, Any], None]

LOCAL_TTL = 300  # seconds, for special names
ANY_TTL = 3600
REWRITE_TTL = 300  # a safe host may move
MAX_WAITING = 1000  # for one answer; whoever comes then fails, and finds it kept a moment later

_NO_UPSTREAM = Ede(NETWORK_ERROR, "no upstream answered")
_NOT_KEPT = Ede(NOT_AUTHORITATIVE, "not kept here; ask with recursion desired")
_NOT_SERVED = Ede(NOT_SUPPORTED, "this class or type is not served here")


class Moment(NamedTuple):
    """One look at the clocks.  wall: seconds since the epoch; mono: monotonic seconds."""

    wall: float
    mono: float


class Asked(NamedTuple):
    """One question, who asked it, and how its reply gets back when it has to wait."""

    message_id: bytes
    query: Query
    asker: Asker
    send: Send
    to: Any


class Missing(NamedTuple):
    """What an upstream has to be asked before a question can be answered.

    protected: nobody may filter it, an upstream neither.  unwatched: asking leaves no trace.
    """

    key: Key
    protected: bool
    unwatched: bool


class Arrived(NamedTuple):
    """What an upstream said to what was missing."""

    key: Key
    kept: Kept


class Resolver:
    """Answers queries under the live policies; `live` and `rebinding` are swapped whole."""

    def __init__(
        self,
        live: Live,
        upstreams: Upstreams,
        cache: Cache,
        recorder: Recorder,
        clock: Callable[[], Moment],
        rebinding: Rebinding,
    ) -> None:
        self._live = live
        self.rebinding = rebinding
        self.cache = cache
        # Answers for help names are kept apart, so that not even a number of entries tells.
        self._unwatched_cache = Cache(entries=256, octets=1 << 18)
        self._upstreams = upstreams
        self._recorder = recorder
        self._clock = clock
        self._waiting: dict[Missing, list[Asked]] = {}

    def answer(
        self, message: bytes, asker: Asker, moment: Moment, send: Send, to: Any
    ) -> bytes | None:
        """Return the reply to a message, or None when there is none, or none yet.

        A question that has to wait for an upstream is answered later by `send(reply, to)`.
        """
        try:
            query = read_query(message)
        except NotAQueryError:
            return None
        except WireError as error:
            self._recorder.malformed()
            return error_reply(message, error)
        if asker.transport == "tcp":
            query = over_tcp(query)
        reply = self._reply(message[:2], query, asker, moment)
        if isinstance(reply, Missing):
            self._ask(reply, Asked(message[:2], query, asker, send, to))
            return None
        return reply

    @property
    def live(self) -> Live:
        return self._live

    @live.setter
    def live(self, live: Live) -> None:
        self._live = live
        forget_verdicts()

    def _reply(
        self,
        message_id: bytes,
        query: Query,
        asker: Asker,
        moment: Moment,
        arrived: Arrived | None = None,
    ) -> bytes | Missing:
        """Return the reply, or what is missing for it.

        arrived: what was missing, when the question was put aside for it.
        """
        client = self._live.who(asker)
        policy = client.policy
        verdict = decide(policy, query.qname, query.qtype, moment.wall)
        action = verdict.action
        if query.is_odd and action is not Action.REFUSE:
            reply = _odd_reply(message_id, query)
        elif action is Action.ALLOW or action is Action.REWRITE:
            kept = self._kept(query, policy, verdict, moment, arrived)
            if isinstance(kept, Missing):
                if query.flags & RD:
                    return kept
                reply = plain_reply(message_id, query, REFUSED, _NOT_KEPT)
            elif kept is None:
                reply = any_reply(message_id, query, _ttl(policy, verdict, moment, ANY_TTL))
            else:
                reply, verdict = self._given(
                    message_id, query, asker, policy, verdict, moment, kept
                )
        elif action is Action.BLOCK:
            reply = _blocked_reply(message_id, query, asker, policy, verdict, moment)
        elif action is Action.LOCAL:
            reply = _local_reply(message_id, query, asker, policy, verdict, moment)
        else:
            reply = plain_reply(message_id, query, REFUSED, ede_of(verdict))
        self._recorder.told(client, asker, query, verdict, reply, moment.wall)
        return reply

    def _kept(
        self,
        query: Query,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        arrived: Arrived | None,
    ) -> Kept | Missing | None:
        """Return what an upstream said to an allowed question, or what it has to be asked.

        None: nobody has to be asked, because "any" is answered with next to nothing.
        """
        if query.qtype == ANY:
            return None
        key = query.key
        if verdict.target or policy.splits:
            key = _key(key, policy, verdict)
        if arrived is not None and arrived.key == key:
            return arrived.kept
        protected = verdict.reason is Reason.PROTECTED
        if verdict.unwatched:
            kept = self._unwatched_cache.get(key, moment.mono)
        else:
            kept = self.cache.get(key, moment.mono)
            if kept is not None and protected and kept.answer.facts.filtered:
                kept = None  # asked for somebody whom it was not protected for
            if kept is not None:
                self._recorder.found()
            else:
                self._recorder.missed()
        return kept or Missing(key, protected, verdict.unwatched)

    def _given(
        self,
        message_id: bytes,
        query: Query,
        asker: Asker,
        policy: Policy,
        verdict: Verdict,
        moment: Moment,
        kept: Kept,
    ) -> tuple[bytes, Verdict]:
        """Return the reply with what an upstream said, unless something inside it is blocked."""
        answer, ede = kept.answer, None
        body = kept.body(moment.mono, _ttl_limit(policy, verdict, moment))
        if verdict.action is Action.REWRITE:
            ttl = _ttl(policy, verdict, moment, REWRITE_TTL)
            try:
                answer = rewritten(query, verdict.target, replace(answer, body=body), ttl)
            except WireError:
                return plain_reply(message_id, query, SERVFAIL, _NO_UPSTREAM), verdict
            body, ede = answer.body, ede_of(verdict)
        if answer.facts.is_plain and not policy.address_rules:
            return answer_reply(message_id, query, answer, body, ede), verdict
        inside = judge(policy, self.rebinding, query.qname, verdict, answer.facts, moment.wall)
        if inside is None:
            return answer_reply(message_id, query, answer, body, ede), verdict
        if inside.reason is Reason.UPSTREAM_FILTERED:
            return answer_reply(message_id, query, answer, body, ede_of(inside)), inside
        return _blocked_reply(message_id, query, asker, policy, inside, moment), inside

    # --- what is missing ---

    def _cache(self, unwatched: bool) -> Cache:
        return self._unwatched_cache if unwatched else self.cache

    def _ask(self, missing: Missing, asked: Asked) -> None:
        """Ask an upstream, or wait with those that asked the same already."""
        waiting = self._waiting.get(missing)
        if waiting is not None:
            if len(waiting) < MAX_WAITING:
                waiting.append(asked)
            else:  # an answer all the same: over TCP an open question holds a place
                self._failed(asked, self._clock())
            return
        self._waiting[missing] = [asked]
        self._upstreams.ask(
            missing.key,
            partial(self._arrived, missing),
            protected=missing.protected,
            quiet=missing.unwatched,
        )

    def _arrived(self, missing: Missing, answer: Answer | None) -> None:
        """Answer all that waited, each under its own policy as it is now."""
        moment = self._clock()
        waiting = self._waiting.pop(missing)
        if answer is None:
            for asked in waiting:
                self._failed(asked, moment)
            return
        kept = self._cache(missing.unwatched).put(missing.key, answer, moment.mono)
        arrived = Arrived(missing.key, kept)
        for asked in waiting:
            reply = self._reply(asked.message_id, asked.query, asked.asker, moment, arrived)
            if isinstance(reply, Missing):  # the policy changed, and now asks for something else
                self._ask(reply, asked)
            else:
                asked.send(reply, asked.to)

    def _failed(self, asked: Asked, moment: Moment) -> None:
        client = self._live.who(asked.asker)
        query = asked.query
        verdict = decide(client.policy, query.qname, query.qtype, moment.wall)
        reply = plain_reply(asked.message_id, query, SERVFAIL, _NO_UPSTREAM)
        self._recorder.told(client, asked.asker, query, verdict, reply, moment.wall)
        asked.send(reply, asked.to)


def _key(key: Key, policy: Policy, verdict: Verdict) -> Key:
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
    asker: Asker,
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
    asker: Asker,
    policy: Policy,
    verdict: Verdict,
    moment: Moment,
) -> bytes:
    assert verdict.local is not None
    ttl = _ttl(policy, verdict, moment, LOCAL_TTL)
    return local_reply(message_id, query, verdict.local, asker.listener, ttl)


def _odd_reply(message_id: bytes, query: Query) -> bytes:
    """Refuse what is no plain question about the Internet class."""
    if query.edns is not None and query.edns.version:
        return plain_reply(message_id, query, BADVERS)  # RFC 6891 section 6.1.3
    return plain_reply(message_id, query, REFUSED, _NOT_SERVED)


def _ttl_limit(policy: Policy, verdict: Verdict, moment: Moment) -> int | None:
    """Return how long an answer may be kept at most: never past the verdict's own end."""
    if verdict.until is None:
        return policy.max_ttl
    left = max(int(verdict.until - moment.wall), 0)
    return left if policy.max_ttl is None else min(left, policy.max_ttl)


def _ttl(policy: Policy, verdict: Verdict, moment: Moment, wanted: int) -> int:
    limit = _ttl_limit(policy, verdict, moment)
    return wanted if limit is None else min(wanted, limit)
