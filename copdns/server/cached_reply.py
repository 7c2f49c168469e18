"""A reply of the packet cache, those of one policy, and the tallies by which replies are counted.

Every query is counted, so it costs one addition, before `Recorder.flush` adds the tallies to the
metrics and the log; that visits only those that counted.  Pure.
"""

from __future__ import annotations

from typing import Protocol

from copdns.dns.cache import CacheEntry
from copdns.model.build import mypyc_attr
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy
from copdns.time.clock import Moment
from copdns.time.minutes import UsedName


class Tally:
    """How often one policy gave verdicts of one kind, with one rcode and over one transport.

    verdict: one of them; action, reason and category are the same in all.
    own: all were decided by something that the household wrote itself.
    """

    __slots__ = ("_running", "count", "own", "policy", "rcode", "transport", "verdict")

    def __init__(
        self,
        running: list[Tally],
        policy: Policy,
        verdict: Verdict,
        rcode: int,
        transport: str,
        *,
        own: bool = False,
    ) -> None:
        """running: it adds itself there when it begins to count."""
        self._running = running
        self.policy = policy
        self.verdict = verdict
        self.rcode = rcode
        self.transport = transport
        self.own = own
        self.count = 0

    def add(self) -> None:
        """Count one more; from the first one on it is in `running`."""
        if not self.count:
            self._running.append(self)
        self.count += 1

    def take(self) -> int:
        """Return the count, and reset it."""
        count, self.count = self.count, 0
        return count


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
    """A reply that can be sent again, under each of `policies`.

    query: what it answers, the message without its ID.
    body: the reply without its ID.
    kind: place of its tally in `PolicyReplies.tallies`.
    cache_entry: the response that it was made of.
    check_at: when `refresh` must be called before it is sent; expires: when it is another reply.
        Both in monotonic seconds.
    to_log: for `Recorder.log_again`, each time; None: the name is not logged.
    usage: for `Recorder.note_usage`, once a minute; None: it shows no use.
    policies: the bits of the policies under which it is given.
    round: that of `PacketCache` in which it, or one that hangs together with it, was stored last.
    noted_in: the number of the rows of five minutes that have its row already, as
        `Recorder.log_again` counts them, for the policies with the bits `noted_for`; 0: none.
    other: the reply to the same query under other policies.
    """

    __slots__ = (
        "body",
        "cache_entry",
        "check_at",
        "expires",
        "kind",
        "noted_for",
        "noted_in",
        "other",
        "policies",
        "query",
        "round",
        "to_log",
        "usage",
    )

    def __init__(
        self,
        query: bytes,
        body: bytes,
        check_at: float,
        expires: float,
        kind: int,
        cache_entry: CacheEntry | None,
        to_log: LoggedName | None,
        usage: UsedName | None,
    ) -> None:
        self.query = query
        self.body = body
        self.check_at = check_at
        self.expires = expires
        self.kind = kind
        self.cache_entry = cache_entry
        self.to_log = to_log
        self.usage = usage
        self.policies = 0
        self.round = 0
        self.noted_in = 0
        self.noted_for = 0
        self.other: CachedReply | None = None

    def of_policy(self, bit: int) -> CachedReply | None:
        """Return the reply to the query under a policy: this one, another, or None."""
        found: CachedReply | None = self
        while found is not None and not found.policies & bit:
            found = found.other
        return found

    def refresh(self, moment: Moment, recorder: NotesUsage) -> bool:
        """Note this minute's use.  False: the reply has expired; answer anew."""
        if moment.mono >= self.expires:
            return False
        check_at = self.expires
        if self.usage is not None:
            recorder.note_usage(self.usage, moment.wall)
            check_at = min(check_at, next_minute(moment))
        self.check_at = check_at
        return True

    def equals(self, other: CachedReply) -> bool:
        """Tell whether another reply to the same query can be given in its place."""
        if (
            self.kind != other.kind
            or self.cache_entry is not other.cache_entry
            or self.expires != other.expires
            or self.usage is not None
            or other.usage is not None
            or self.body != other.body
        ):
            return False
        mine, theirs = self.to_log, other.to_log
        if mine is None or theirs is None:
            return mine is theirs
        return mine.equals(theirs)

    def share_values(self, other: CachedReply) -> None:
        """Share values with another reply to the same query where they are equal."""
        self.query = other.query
        if self.body == other.body:
            self.body = other.body
        mine, theirs = self.to_log, other.to_log
        if mine is not None and theirs is not None:
            if mine.equals(theirs):
                self.to_log = theirs
            else:
                mine.qname = theirs.qname


Replies = dict[bytes, CachedReply]  # by query; several for one hang together by `other`


class PolicyReplies:
    """The replies for one policy: those in `replies` that have its bit.

    tallies: by `CachedReply.kind`; those of kinds that it has no reply of mean nothing.
    Servers hold all three for as long as the snapshot is the same.
    """

    __slots__ = ("bit", "replies", "tallies")

    def __init__(self, replies: Replies, bit: int) -> None:
        self.replies = replies
        self.bit = bit
        self.tallies: list[Tally] = []

    def find(self, query: bytes) -> CachedReply | None:
        """Return the reply to a query, the message without its ID.  Servers do so in their loop."""
        found = self.replies.get(query)
        return None if found is None else found.of_policy(self.bit)

    def tally_of(self, cached: CachedReply) -> Tally:
        return self.tallies[cached.kind]

    def __len__(self) -> int:
        return sum([each.of_policy(self.bit) is not None for each in self.replies.values()])


def no_replies() -> PolicyReplies:
    """Return the replies for whom none is stored."""
    return PolicyReplies({}, 0)


def next_minute(moment: Moment) -> float:
    """Return when the next minute begins, in monotonic seconds."""
    return moment.mono + 60 - moment.wall % 60
