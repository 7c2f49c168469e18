"""Whole replies, to be sent again without a look at the question (setting `dns.fast_lane`).

Never a second policy: `server/answer.py` made every reply here a moment ago, for the same policy
object and for the same octets of a query, and it is dropped when it might be another now.  Without
this cache everything is the same but for the speed.

What a reply depends on, and what keeps it true:

    question, flags and EDNS of the query   the key: the whole message but for its ID
    policy, and whose address it is         a reply belongs to a policy object
    end of the verdict                      `expires`, before a TTL would reach past it
    end of the response                     `expires`; until then its TTLs stay the same
    minutes of use                          `check_at`: the end of the minute, where they count;
                                            in the next one they are noted again
    a wall clock that jumps                 everything is dropped
    counters, minutes and log               done here too, from what is stored with the reply

An untraced reply is never stored.  Pure: the server (`server/udp.py`) gives the moments, and looks
up and counts in its own loop.
"""

from __future__ import annotations

from typing import Final, Protocol

from copdns.dns.cache import CacheEntry
from copdns.dns.query import Query
from copdns.model.build import mypyc_attr
from copdns.model.household import BlockMode
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.tally import Tally
from copdns.time.clock import Moment
from copdns.time.minutes import UsedName

MAX_REPLIES: Final = 32_768
_ROUND: Final = 256  # replies that are stored, and dropped, at a time
MAX_QUERY_SIZE: Final = 512  # octets; longer queries are rare
MAX_CLOCK_DRIFT: Final = 1.0  # seconds between both clocks; more is a jump of the wall clock
_FOREVER: Final = float("inf")


@mypyc_attr(acyclic=True)
class LoggedName:
    """What `Recorder.log_name` needs of a reply."""

    __slots__ = ("qname", "qtype", "verdict")

    def __init__(self, qname: str, qtype: int, verdict: Verdict) -> None:
        self.qname = qname
        self.qtype = qtype
        self.verdict = verdict

    def equals(self, other: LoggedName) -> bool:
        return (
            self.qname == other.qname
            and self.qtype == other.qtype
            and (self.verdict is other.verdict or self.verdict == other.verdict)
        )


class NotesUsage(Protocol):
    """Whoever notes minutes of use; `Recorder` does."""

    def note_usage(self, usage: UsedName, now: float, /) -> None: ...


@mypyc_attr(acyclic=True)
class CachedReply:
    """A reply that can be sent again.

    query: what it answers, the message without its ID.
    body: the reply without its ID.
    cache_entry: the response that it was made of.
    check_at: when `refresh` must be called before it is sent; expires: when it is another reply.
        Both in monotonic seconds.
    to_log: for `Recorder.log_again`, each time; None: the name is not logged.
    round: that of `PacketCache` in which it was stored.
    noted_in: the number of the rows of five minutes that have its row already, as
        `Recorder.log_again` counts them; 0: none.
    usage: for `Recorder.note_usage`, once a minute; None: it shows no use.
    """

    __slots__ = (
        "body",
        "cache_entry",
        "check_at",
        "expires",
        "noted_in",
        "query",
        "round",
        "tally",
        "to_log",
        "usage",
    )

    def __init__(
        self,
        query: bytes,
        body: bytes,
        check_at: float,
        expires: float,
        tally: Tally,
        cache_entry: CacheEntry | None,
        to_log: LoggedName | None,
        usage: UsedName | None,
    ) -> None:
        self.query = query
        self.body = body
        self.check_at = check_at
        self.expires = expires
        self.tally = tally
        self.cache_entry = cache_entry
        self.to_log = to_log
        self.noted_in = 0
        self.round = 0
        self.usage = usage

    def refresh(self, moment: Moment, recorder: NotesUsage) -> bool:
        """Note this minute's use.  False: the reply has expired; answer anew."""
        if moment.mono >= self.expires:
            return False
        check_at = self.expires
        if self.usage is not None:
            recorder.note_usage(self.usage, moment.wall)
            check_at = min(check_at, _next_minute(moment))
        self.check_at = check_at
        return True

    def share_values(self, other: CachedReply) -> None:
        """Share values with another policy's reply to the same query where they are equal: it saves
        most memory."""
        self.query = other.query
        if self.body == other.body:
            self.body = other.body
        if self.check_at == other.check_at:
            self.check_at = other.check_at
        if self.expires == other.expires:
            self.expires = other.expires
        mine, theirs = self.to_log, other.to_log
        if mine is not None and theirs is not None:
            if mine.equals(theirs):
                self.to_log = theirs
            else:
                mine.qname = theirs.qname


Replies = dict[bytes, CachedReply]


class PacketCache:
    """Replies by policy, and by query: the message without its ID."""

    def __init__(self, lazy_free: LazyFreeQueue) -> None:
        """lazy_free: takes what is dropped all at once."""
        self._lazy_free = lazy_free
        self._replies: dict[Policy, Replies] = {}  # the longest stored first in each
        # The reply stored last for each query, under whatever policy, to share values with.
        self._last: Replies = {}
        self._count = 0
        self._stored = 0
        self._round = 0  # of _ROUND replies each
        # How many of each round are there, the first round first; none without replies.
        self._in_round: dict[int, int] = {}
        self._drift: float | None = None

    def __len__(self) -> int:
        return self._count

    def replies_for(self, policy: Policy) -> Replies:
        """Return the replies for a policy by query: a dict that always has those there are."""
        replies = self._replies.get(policy)
        if replies is None:
            replies = self._replies[policy] = {}
        return replies

    def store(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        reply: bytes,
        tally: Tally | None,
        entry: CacheEntry | None,
        moment: Moment,
        *,
        to_log: bool = False,
        usage: UsedName | None = None,
    ) -> None:
        """Store a reply, unless it depends on more than the query and the policy.

        Returns at once for an untraced verdict, which has no tally.
        tally: None for an untraced verdict.  entry: the response that the reply was made of.
        to_log: the recorder may log the name.  usage: what the reply shows to be in use.
        """
        if (
            tally is None
            or requestor.transport != "udp"
            or requestor.household  # a forwarder asks, whose datagrams are not looked up here
            or not _is_plain(message, query, policy, verdict)
        ):
            return
        expires = moment.mono + _lasts(policy, verdict, entry, moment.wall)
        if entry is not None:
            expires = min(expires, entry.expires)
        if to_log and policy.time_rules is not None and policy.time_rules.ends_move(moment.wall):
            expires = min(expires, _next_minute(moment))  # the log tells the verdict's end too
        if expires <= moment.mono:
            return
        check_at = expires
        if usage is not None:
            check_at = min(check_at, _next_minute(moment))
        logged = LoggedName(query.qname, query.qtype, verdict) if to_log else None
        body = reply[2:]
        cached = CachedReply(message[2:], body, check_at, expires, tally, entry, logged, usage)
        self._put(policy, cached)

    def _put(self, policy: Policy, cached: CachedReply) -> None:
        """Put a reply in; where there is no room, those that were stored longest ago go."""
        last = self._last.pop(cached.query, None)  # so that it is the newest
        if last is not None:
            cached.share_values(last)
        query = cached.query
        self._last[query] = cached
        replies = self.replies_for(policy)
        before = replies.pop(query, None)
        if before is not None:
            self._subtract(before)
        replies[query] = cached
        now = cached.round = self._round
        self._in_round[now] = self._in_round.get(now, 0) + 1
        self._count += 1
        self._stored += 1
        if not self._stored % _ROUND:
            self._round = self._stored // _ROUND
        if self._count > MAX_REPLIES:
            self._make_room()

    def _make_room(self) -> None:
        """Drop the rounds that were stored first, whoever they are for, until a whole one is free.

        Many replies at a time: a dict finds its first key only by going over the places of all that
        were deleted before it.  By age alone: what one policy is asked now would soon be dropped
        for what others were asked long ago, if the one with most replies had to give way.
        """
        last, free = -1, MAX_REPLIES - self._count
        for number, in_it in self._in_round.items():
            last = number
            free += in_it
            if free >= _ROUND:
                break
        for replies in self._replies.values():
            for each in _drop_first(replies, last):
                self._subtract(each)
        _drop_first(self._last, last)

    def _subtract(self, gone: CachedReply) -> None:
        self._count -= 1
        left = self._in_round[gone.round] - 1
        if left:
            self._in_round[gone.round] = left
        else:
            del self._in_round[gone.round]

    def check_clock(self, moment: Moment) -> None:
        """Drop everything when the wall clock has jumped since the last call."""
        drift = moment.wall - moment.mono
        if self._drift is None or abs(drift - self._drift) > MAX_CLOCK_DRIFT:
            self.clear()
            self._drift = drift

    def drop_outdated(self, snapshot: Snapshot) -> None:
        """Drop the replies of policies that the snapshot no longer has."""
        in_force = {policy for _, policy in snapshot.policies.values()}
        outdated = [policy for policy in self._replies if policy not in in_force]
        for policy in outdated:
            self._empty(self._replies.pop(policy))
        if outdated:
            self._forget_last()

    def clear(self) -> None:
        """Drop all replies; their memory is freed a slice at a time."""
        for replies in self._replies.values():
            self._empty(replies)
        self._forget_last()

    def _empty(self, replies: Replies) -> None:
        for each in replies.values():
            self._subtract(each)
        self._lazy_free.add([*replies.values()])
        replies.clear()  # the same object, which the servers hold

    def _forget_last(self) -> None:
        last, self._last = self._last, {}
        self._lazy_free.add(last)


def _drop_first(replies: Replies, last: int) -> list[CachedReply]:
    """Drop the replies of rounds up to this one, which come first, and return them."""
    bodies: list[bytes] = []
    for body, cached in replies.items():
        if cached.round > last:
            break
        bodies.append(body)
    return [replies.pop(body) for body in bodies]


def _next_minute(moment: Moment) -> float:
    """Return when the next minute begins, in monotonic seconds."""
    return moment.mono + 60 - moment.wall % 60


def _lasts(policy: Policy, verdict: Verdict, entry: CacheEntry | None, now: float) -> float:
    """Return for how many seconds the reply of a verdict stays as it is.

    Near the verdict's end its TTLs go down with each second (`replies.ttl_limit`), so there it
    lasts until the next one.
    """
    if verdict.valid_until is None:
        return _FOREVER
    left = verdict.valid_until - now
    withheld = verdict.action is Action.BLOCK and verdict.reason is not Reason.UPSTREAM_FILTERED
    ttl = verdict.ttl if withheld else policy.max_ttl
    if ttl is None and entry is not None and verdict.action is Action.ALLOW:
        ttl = entry.longest_ttl
    if ttl is None or left <= ttl + 1:
        return left % 1.0
    return left - ttl - 1


def _is_plain(message: bytes, query: Query, policy: Policy, verdict: Verdict) -> bool:
    """Tell whether a reply depends on nothing but the query and the policy."""
    if query.is_unsupported or len(message) > MAX_QUERY_SIZE:
        return False
    if verdict.action is Action.BLOCK:
        return policy.block_mode is not BlockMode.PAGE  # it has our own address, as it was asked
    return verdict.action is Action.ALLOW or verdict.action is Action.REWRITE
