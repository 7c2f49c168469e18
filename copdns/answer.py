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
from copdns.evidence import Kin
from copdns.exchange import lowered
from copdns.fastlane import Lane
from copdns.judge import Rebinding, judge
from copdns.live import Client, Live
from copdns.message import Answer
from copdns.model import Action, Asker, BlockMode, Reason, Verdict
from copdns.moment import Moment
from copdns.policy import Policy, decide
from copdns.reasons import NETWORK_ERROR, NOT_AUTHORITATIVE, NOT_SUPPORTED, Ede, ede_of
from copdns.record import Recorder
from copdns.records import ANY, RD
from copdns.told import told
from copdns.upstream import Upstreams
from copdns.waste import Waste
from copdns.wire import (
    PLAIN_UDP_SIZE,
    Key,
    Query,
    answer_reply,
    any_reply,
    blocked_reply,
    error_reply,
    local_reply,
    over_tcp,
    plain_reply,
    read_body,
    rewritten,
)

_new = tuple.__new__  # a named tuple's own constructor costs twice as much

Send = Callable[[bytes, Any], None]

LOCAL_TTL = 300  # seconds, for special names
ANY_TTL = 3600
REWRITE_TTL = 300  # a safe host may move
KNOWN = 16_384  # questions that are remembered, where there is no lane
VERDICTS = 64  # of one question: so many kinds of profiles ask it and are remembered
MAX_WAITING = 1000  # for one answer; whoever comes then fails, and finds it kept a moment later

_NO_UPSTREAM = Ede(NETWORK_ERROR, "no upstream answered")
_NOT_KEPT = Ede(NOT_AUTHORITATIVE, "not kept here; ask with recursion desired")
_NOT_SERVED = Ede(NOT_SUPPORTED, "this class or type is not served here")

NO_REPLY = b""  # in place of a reply: nothing is sent


class Asked(NamedTuple):
    """One question, who asked it, and how its reply gets back when it has to wait.

    live, client, verdict: what was decided, and under which policies.
    """

    message: bytes
    query: Query
    asker: Asker
    send: Send
    to: Any
    live: Live
    client: Client
    verdict: Verdict


class Known(NamedTuple):
    """A question that was asked before, with its verdicts that no clock can change.

    verdicts: by the kin of the policies that gave them; by policy where a rule may tell it from
    its kin.
    """

    query: Query
    verdicts: dict[Kin | Policy, Verdict]


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
    """Answers queries under the live policies; `live` is swapped whole."""

    # Hears of questions for the names by which a device finds out whom it asks.
    probed: Callable[[str, Asker, Client, float], None] = staticmethod(lambda *_: None)

    def __init__(
        self,
        live: Live,
        upstreams: Upstreams,
        cache: Cache,
        recorder: Recorder,
        clock: Callable[[], Moment],
        rebinding: Rebinding,
        lane: Lane | None = None,
        waste: Waste | None = None,
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
        self._known: dict[bytes, Known] = {}
        self._waste = Waste() if waste is None else waste
        self._waiting: dict[Missing, list[Asked]] = {}

    def answer(
        self, message: bytes, asker: Asker, moment: Moment, send: Send, to: Any
    ) -> bytes | None:
        """Return the reply to a message, or None when there is none, or none yet.

        A question that has to wait for an upstream is answered later by `send(reply, to)`.
        """
        live = self._live
        client = live.who(asker)
        if not client.sure:
            put_off = self.put_off(message, asker, moment)
            if put_off is not None:
                return put_off or None
            live = self._live
            client = live.who(asker)
        policy, body = client.policy, message[2:]
        known = self._known.get(body)
        if known is not None:
            query = known.query
            verdict = known.verdicts.get(policy.kin) or self._decided(known, policy, moment)
        else:
            try:
                query = read_body(body)
            except NotAQueryError:
                return None
            except WireError as error:
                self.recorder.malformed()
                return error_reply(message, error)
            verdict = decide(policy, query.qname, query.qtype, moment.wall)
        sized = over_tcp(query) if asker.transport == "tcp" else query
        reply = self._reply(message, sized, asker, client, verdict, moment)
        if isinstance(reply, Missing):
            self._ask(reply, _new(Asked, (message, sized, asker, send, to, live, client, verdict)))
            return None
        if known is None and self.lane is None and len(message) <= PLAIN_UDP_SIZE:
            self._know(body, query, policy, verdict)
        return reply

    def put_off(self, message: bytes, asker: Asker, moment: Moment) -> bytes | None:
        """Return the reply to somebody who may be another than it seems, or None to go on.

        NO_REPLY: say nothing now.
        """
        return None

    def _forget_known(self) -> None:
        self._waste.add([*self._known.values()])
        self._known.clear()

    def _know(self, body: bytes, query: Query, policy: Policy, verdict: Verdict) -> None:
        """Remember a question that was answered at once: it may be asked again and again."""
        if len(self._known) >= KNOWN:
            self._forget_known()
        known = self._known[body] = Known(query, {})
        _remember(known, policy, verdict)

    def _decided(self, known: Known, policy: Policy, moment: Moment) -> Verdict:
        """Return the verdict of a policy whose kin has none for this question."""
        query = known.query
        verdict = known.verdicts.get(policy)
        if verdict is None:
            verdict = decide(policy, query.qname, query.qtype, moment.wall)
            _remember(known, policy, verdict)
        return verdict

    @property
    def live(self) -> Live:
        return self._live

    @live.setter
    def live(self, live: Live) -> None:
        same = live.policies is self._live.policies  # but, say, another address of a device
        self._live = live
        if same:
            return
        self._forget_known()
        self.recorder.forget()
        if self.lane is not None:
            self.lane.follow(live)

    def renew(self, rebinding: Rebinding, cache: Cache, lane: Lane | None) -> None:
        """Take over what the settings say anew, and begin with an empty cache and lane."""
        self._waste.add(self.cache.clear())
        if self.lane is not None:
            self.lane.clear()
        self._rebinding, self.cache, self.lane = rebinding, cache, lane
        self._forget_known()
        # Another object, so that nobody goes on with what was known of an asker before.
        self.live = self._live.with_sightings(self._live.sightings)

    def _reply(
        self,
        message: bytes,
        query: Query,
        asker: Asker,
        client: Client,
        verdict: Verdict,
        moment: Moment,
        arrived: Arrived | None = None,
    ) -> bytes | Missing:
        """Return the reply, or what is missing for it.

        arrived: what was missing, when the question was put aside for it.
        """
        message_id = message[:2]
        policy = client.policy
        action = verdict.action
        kept: Kept | Missing | None = None
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
            reply, verdict = _local_reply(message_id, query, asker, policy, verdict, moment)
            if verdict.local is not None and verdict.local.probe:
                self.probed(query.qname, asker, client, moment.wall)
        else:
            reply = plain_reply(message_id, query, REFUSED, ede_of(verdict))
        tally = self.recorder.told(client, asker, query, verdict, reply, moment.wall)
        # Kept for when it is asked again: a name that was just fetched may never be.
        if self.lane is not None and arrived is None and not isinstance(kept, Missing):
            self.lane.keep(
                message,
                query,
                asker,
                policy,
                verdict,
                reply,
                tally,
                kept,
                moment,
                noted=self.recorder.notes(policy, query.qname, verdict),
                used=self.recorder.used(policy, query.qname, verdict, moment.wall),
            )
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
                self.recorder.found()
            else:
                self.recorder.missed()
        return kept or _new(Missing, (key, protected, verdict.unwatched))

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
                answer = rewritten(query, verdict.target, answer._replace(body=body), ttl)
            except WireError:
                return plain_reply(message_id, query, SERVFAIL, _NO_UPSTREAM), verdict
            body, ede = answer.body, ede_of(verdict)
        passed = kept.passed
        if (passed[0] is policy and passed[1] is verdict) or (
            answer.facts.is_plain and not policy.address_rules
        ):
            return answer_reply(message_id, query, answer, body, ede), verdict
        inside = judge(policy, self._rebinding, query.qname, verdict, answer.facts, moment.wall)
        if inside is None:
            if policy.timed is None and verdict.action is Action.ALLOW:
                kept.passed = policy, verdict  # no clock can change it
            return answer_reply(message_id, query, answer, body, ede), verdict
        if inside.reason is Reason.UPSTREAM_FILTERED:
            return answer_reply(message_id, query, answer, body, ede_of(inside)), inside
        return _blocked_reply(message_id, query, asker, policy, inside, moment), inside

    # --- what is missing ---

    def _cache(self, unwatched: bool) -> Cache:
        return self._unwatched_cache if unwatched else self.cache

    def _ask(self, missing: Missing, asked: Asked) -> None:
        """Ask an upstream, or wait with those that asked the same already."""
        first = [asked]
        waiting = self._waiting.setdefault(missing, first)
        if waiting is not first:
            if len(waiting) < MAX_WAITING:
                waiting.append(asked)
            else:  # an answer all the same: over TCP an open question holds a place
                self._failed(asked, self._clock())
            return
        query = asked.query
        self._upstreams.ask(
            missing.key,
            partial(self._arrived, missing),
            question=lowered(query.question) if missing.key.qname == query.qname else b"",
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
        if missing.protected and self.lane is not None and self.cache.get(missing.key, moment.mono):
            self.lane.clear()  # this takes the place of what an upstream filtered
        kept = self._cache(missing.unwatched).put(missing.key, answer, moment.mono)
        for asked in waiting:
            until = asked.verdict.until
            if asked.live is not self._live or (until is not None and moment.wall >= until):
                self._once_more(asked, Arrived(missing.key, kept), moment)
                continue
            message, query, asker, send, to, _, client, verdict = asked
            reply, verdict = self._given(
                message[:2], query, asker, client.policy, verdict, moment, kept
            )
            self.recorder.told(client, asker, query, verdict, reply, moment.wall)
            send(reply, to)

    def _once_more(self, asked: Asked, arrived: Arrived, moment: Moment) -> None:
        """Answer a question under the policies of now, which are others than when it was asked."""
        asked = self._decided_now(asked, moment)
        message, query, asker, send, to, _, client, verdict = asked
        reply = self._reply(message, query, asker, client, verdict, moment, arrived)
        if isinstance(reply, Missing):  # something else is asked for now
            self._ask(reply, asked)
        else:
            send(reply, to)

    def _decided_now(self, asked: Asked, moment: Moment) -> Asked:
        """Return the same question under the policy of this moment."""
        client = self._live.who(asked.asker)
        verdict = decide(client.policy, asked.query.qname, asked.query.qtype, moment.wall)
        return asked._replace(live=self._live, client=client, verdict=verdict)

    def _failed(self, asked: Asked, moment: Moment) -> None:
        _, query, asker, send, to, _, client, verdict = self._decided_now(asked, moment)
        reply = plain_reply(asked.message[:2], query, SERVFAIL, _NO_UPSTREAM)
        self.recorder.told(client, asker, query, verdict, reply, moment.wall)
        send(reply, to)


def _remember(known: Known, policy: Policy, verdict: Verdict) -> None:
    """Keep a verdict that no clock can change, for all of the policy's kin where it is theirs."""
    if policy.timed is not None:
        return
    if len(known.verdicts) >= VERDICTS:
        known.verdicts.clear()
    kin = policy.kin
    known.verdicts[kin if kin.decides(known.query.qname) else policy] = verdict


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
) -> tuple[bytes, Verdict]:
    """Return the reply, and the verdict with what only shows now: who is asked about."""
    local = verdict.local
    assert local is not None
    if local.told:
        local, unwatched = told(policy, query.qname, moment.wall)
        verdict = replace(verdict, unwatched=unwatched)
    ttl = _ttl(policy, verdict, moment, LOCAL_TTL)
    return local_reply(message_id, query, local, asker.listener, ttl), verdict


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
