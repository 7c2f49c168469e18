"""The fast lane: questions whose reply is known are answered without looking at them again.

Never a second policy: every reply here was made by `server/answer.py` a moment ago, for the same
policy object and for the same octets of a question, and is forgotten when it might be another now.
Taking the lane away (setting `dns.fast_lane`) changes nothing but speed.

What a reply depends on, and how each is kept true:

    the question, flags and EDNS of the client  the key: the whole message but for its ID
    the policy and who is behind the address    an entry belongs to a policy object
    the verdict's own end                       `until`, on the monotonic clock, before a TTL would
                                                reach past it
    the answer's age                            `until`: when its TTLs show the next second; where
                                                nothing else changes, they are all that is made anew
    minutes of use                              `until`: the end of the minute, where they count;
                                                in the next one they are noted once more
    a wall clock that jumps                     everything is forgotten
    what is counted, noted and logged           done here just the same, from the entry

Pure: the server (`server/udp.py`) gives it moments, and looks up and counts in its own loop.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from copdns.dns.cache import CacheEntry
from copdns.dns.records import HEADER_SIZE
from copdns.dns.wire import Query
from copdns.model.household import BlockMode
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.tally import Tally
from copdns.time.minutes import UsedName
from copdns.time.moment import Moment

MAX_REPLIES = 32_768  # replies that are remembered at most
MAX_QUERY_SIZE = 512  # octets; a longer question is odd
MAX_CLOCK_DRIFT = 1.0  # seconds that the wall clock may drift from the other before it is a jump
_FOREVER = float("inf")


class LoggedName(NamedTuple):
    """What the recorder keeps of a reply besides the count."""

    qname: str
    qtype: int
    verdict: Verdict


NoteUsage = Callable[[UsedName, float], None]


class CachedReply:
    """A reply that can be given again.

    tail: the reply without its ID.  kept: the answer in the cache that it was made of.
    until: when something is to be done before it is given again; same: until when its TTLs are what
        they are; ends: when it is another reply.  All in monotonic seconds.
    noted: what the recorder has to be told each time; used: once a minute.
    ages: where in the tail the answer's records begin, and the cap on their TTLs, where nothing
        but those TTLs changes for as long as the answer is kept; else None.
    """

    __slots__ = (
        "body",
        "cache_entry",
        "check_at",
        "expires",
        "tally",
        "to_log",
        "ttl_patch",
        "ttls_until",
        "usage",
    )

    def __init__(
        self,
        tail: bytes,
        until: float,
        same: float,
        ends: float,
        tally: Tally,
        kept: CacheEntry | None,
        noted: LoggedName | None,
        used: UsedName | None,
        ages: tuple[int, int | None] | None,
    ) -> None:
        self.body = tail
        self.check_at = until
        self.ttls_until = same
        self.expires = ends
        self.tally = tally
        self.cache_entry = kept
        self.to_log = noted
        self.usage = used
        self.ttl_patch = ages

    def refresh(self, moment: Moment, use: NoteUsage) -> bool:
        """Do what is due before the reply is given again; tell whether that was all.

        Let its TTLs show their age, and note the use in another minute.
        """
        if moment.mono >= self.expires:
            return False
        if (
            moment.mono >= self.ttls_until
            and self.ttl_patch is not None
            and self.cache_entry is not None
        ):
            self._grow_older(self.cache_entry, self.ttl_patch, moment.mono)
        until = min(self.expires, self.ttls_until)
        if self.usage is not None:
            use(self.usage, moment.wall)
            until = min(until, _next_minute(moment))
        self.check_at = until
        return True

    def _grow_older(self, kept: CacheEntry, ages: tuple[int, int | None], now: float) -> None:
        """Give the reply its TTLs of now."""
        (start, cap), tail = ages, self.body
        body = kept.rrs_at(now, cap)
        self.body = tail[:start] + body + tail[start + len(body) :]
        self.ttls_until = kept.unchanged_until(now, cap)

    def share_values(self, other: CachedReply) -> None:
        """Hold what is the same in another policy's reply once: it is most of the memory."""
        if self.body == other.body:
            self.body = other.body
        if self.check_at == other.check_at:
            self.check_at = other.check_at
        if self.ttls_until == other.ttls_until:
            self.ttls_until = other.ttls_until
        if self.expires == other.expires:
            self.expires = other.expires
        if self.to_log == other.to_log:
            self.to_log = other.to_log
        if self.ttl_patch == other.ttl_patch:
            self.ttl_patch = other.ttl_patch


RepliesByPolicy = dict[Policy | None, CachedReply]  # None is nobody's


class PacketCache:
    """Replies by question and policy.

    questions: by the message without its ID, in the order in which they came.
    """

    def __init__(self, waste: LazyFreeQueue) -> None:
        """waste: takes what is forgotten all at once."""
        self._waste = waste
        self.replies: OrderedDict[bytes, RepliesByPolicy] = OrderedDict()
        self._policies: set[Policy] = set()  # all that have a reply here, and perhaps some more
        self._count = 0
        self._drift: float | None = None

    def store(
        self,
        message: bytes,
        query: Query,
        asker: Requestor,
        policy: Policy,
        verdict: Verdict,
        reply: bytes,
        tally: Tally | None,
        kept: CacheEntry | None,
        moment: Moment,
        *,
        noted: bool = False,
        used: UsedName | None = None,
    ) -> None:
        """Remember a reply, unless it is one that only the whole way can give.

        tally: None for a name that leaves no trace.  kept: the answer of an upstream that it was
        made of.  noted: the recorder may keep more of it than a count.  used: what it shows to be
        in use.
        """
        if (
            tally is None
            or asker.transport != "udp"
            or not _is_plain(message, query, policy, verdict)
        ):
            return
        ends, ages = moment.mono + _lasts(policy, verdict, kept, moment.wall), None
        same = ends
        if kept is not None:
            same = kept.unchanged_until(moment.mono, policy.max_ttl)
            ages = _ages(query, policy, verdict, reply, kept.rrs_at(moment.mono, policy.max_ttl))
            ends = min(ends, same if ages is None else kept.expires)
        if noted and policy.time_rules is not None and policy.time_rules.ends_move(moment.wall):
            ends = min(ends, _next_minute(moment))  # what is noted tells the verdict's end too
        if ends <= moment.mono:
            return
        until = min(same, ends)
        if used is not None:
            until = min(until, _next_minute(moment))
        told = LoggedName(query.qname, query.qtype, verdict) if noted else None
        entry = CachedReply(reply[2:], until, same, ends, tally, kept, told, used, ages)
        self._put(message[2:], policy, entry)

    def _put(self, body: bytes, policy: Policy, entry: CachedReply) -> None:
        """Where there is no room, forget what came first: little at a time, so nobody waits."""
        replies = self.replies.get(body)
        if replies is None:
            replies = self.replies[body] = {}
        else:
            entry.share_values(next(reversed(replies.values())))
        before = len(replies)
        replies[policy] = entry
        self._policies.add(policy)
        self._count += len(replies) - before
        while self._count > MAX_REPLIES:
            _, gone = self.replies.popitem(last=False)
            self._count -= len(gone)

    def check_clock(self, moment: Moment) -> None:
        """Forget everything when the wall clock has jumped since the last look."""
        drift = moment.wall - moment.mono
        if self._drift is None or abs(drift - self._drift) > MAX_CLOCK_DRIFT:
            self.clear()
            self._drift = drift

    def drop_outdated(self, live: Snapshot) -> None:
        """Forget the replies of policies that are no longer in force."""
        in_force = {policy for _, policy in live.policies.values()}
        if self._policies <= in_force:
            return
        # As with other lists: taken one by one it took long.
        if self._policies.isdisjoint(in_force):
            self.clear()
            return
        self._policies &= in_force
        for body, replies in [*self.replies.items()]:
            for policy in replies.keys() - in_force:
                del replies[policy]
                self._count -= 1
            if not replies:
                del self.replies[body]

    def clear(self) -> None:
        self._waste.add([*self.replies.values()])
        self.replies.clear()  # the same object: whoever looks into it now finds nothing
        self._policies.clear()
        self._count = 0


def _next_minute(moment: Moment) -> float:
    """Return when the next minute begins, in monotonic seconds."""
    return moment.mono + 60 - moment.wall % 60


def _lasts(policy: Policy, verdict: Verdict, kept: CacheEntry | None, now: float) -> float:
    """Return for how many seconds a verdict's reply stays as it is.

    Its TTLs must not reach past the verdict's end, so near that they go down with each second.
    """
    if verdict.valid_until is None:
        return _FOREVER
    left = verdict.valid_until - now
    withheld = verdict.action is Action.BLOCK and verdict.reason is not Reason.UPSTREAM_FILTERED
    ttl = verdict.ttl if withheld else policy.max_ttl
    if ttl is None and kept is not None and verdict.action is Action.ALLOW:
        ttl = kept.longest_ttl
    if ttl is None or left <= ttl + 1:
        return left % 1.0
    return left - ttl - 1


def _ages(
    query: Query, policy: Policy, verdict: Verdict, reply: bytes, body: bytes
) -> tuple[int, int | None] | None:
    """Return an entry's `ages`.

    Only with all of an answer's records as the cache gives them: those that a rewrite made, that
    end with the verdict, or of which some did not fit, are others.
    """
    start = HEADER_SIZE + len(query.question)
    if verdict.action is not Action.ALLOW:
        return None
    return (start - 2, policy.max_ttl) if body and reply.startswith(body, start) else None


def _is_plain(message: bytes, query: Query, policy: Policy, verdict: Verdict) -> bool:
    """Tell whether a reply depends on nothing but the question and the policy."""
    if query.is_unsupported or len(message) > MAX_QUERY_SIZE:
        return False
    if verdict.action is Action.BLOCK:
        return policy.block_mode is not BlockMode.PAGE  # which has the address that was asked
    return verdict.action is Action.ALLOW or verdict.action is Action.REWRITE
