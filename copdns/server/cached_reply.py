"""A reply of the packet cache, those of one policy, and the tallies by which replies are counted.

Every query is counted, so it costs one addition, before `Recorder.flush` adds the tallies to the
metrics and the log; that visits only those that counted.  Pure.
"""

from __future__ import annotations

from typing import Final

from copdns.dns.cache import CacheEntry
from copdns.model.build import mypyc_attr
from copdns.model.reply_kind import ReplyKind
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy
from copdns.time.clock import Moment

_MOMENT: Final = 1.0  # seconds


class Tally:
    """How often one policy gave replies of one kind."""

    __slots__ = ("_running", "count", "kind", "policy")

    def __init__(self, running: list[Tally], policy: Policy, kind: ReplyKind) -> None:
        """running: it adds itself there when it begins to count."""
        self.count = 0
        self.policy = policy
        self.kind = kind
        self._running = running

    def add(self) -> None:
        """Count one more; from the first one on it is in `running`."""
        if not self.count:
            self._running.append(self)
        self.count += 1

    def add_all(self, count: int) -> None:
        """Count more of them at once, at least one."""
        self.add()
        self.count += count - 1

    def take(self) -> int:
        """Return the count, and reset it."""
        count, self.count = self.count, 0
        return count


@mypyc_attr(acyclic=True)
class ReplyNotes:
    """What has to be noted each time that a reply is sent.

    tally: counts it.  to_log: the recorder may log the name.
    budgets: the ids of those that it uses, perhaps none; None: it shows no use.
    """

    __slots__ = ("budgets", "tally", "to_log")

    def __init__(
        self, tally: Tally, *, to_log: bool = False, budgets: tuple[str, ...] | None = None
    ) -> None:
        self.tally = tally
        self.to_log = to_log
        self.budgets = budgets


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


@mypyc_attr(acyclic=True)
class ReplyUse:
    """The ids of the budgets that a reply uses under the policy with this bit; then of others."""

    __slots__ = ("bit", "budgets", "other")

    def __init__(self, bit: int, budgets: tuple[str, ...], other: ReplyUse | None) -> None:
        self.bit = bit
        self.budgets = budgets
        self.other = other


@mypyc_attr(acyclic=True)
class CachedReply:
    """A reply that can be sent again, under each of `policies`.

    query: what it answers, the message without its ID.
    body: the reply without its ID.
    kind: place of its tally in `PolicyReplies.tallies`.
    cache_entry: the response that it was made of.
    check_at: when `check` must be called before it is sent; expires: when it is another reply.
        Both in monotonic seconds.
    to_log: for `Recorder.log_again`, each time; None: the name is not logged.
    policies: the bits of the policies under which it is given.
    used: of these, the bits of those under which it shows use of the name `used_name`, for
        `Recorder.note_use` once a minute each; other_uses: of which budgets, where those are not
        the ones of unlisted names.
    unnoted: of these, the bits of those whose use was not noted yet in the minute that ends at
        `check_at`.
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
        "other_uses",
        "policies",
        "query",
        "round",
        "to_log",
        "unnoted",
        "used",
        "used_name",
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
    ) -> None:
        self.query = query
        self.body = body
        self.check_at = check_at
        self.expires = expires
        self.kind = kind
        self.cache_entry = cache_entry
        self.to_log = to_log
        self.policies = 0
        self.unnoted = 0
        self.used = 0
        self.used_name = ""
        self.other_uses: ReplyUse | None = None
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

    def check(self, moment: Moment) -> bool:
        """Begin another minute of use, where it is time.  False: it has expired; answer anew."""
        if moment.mono >= self.expires:
            return False
        if moment.mono >= self.check_at:
            self.check_at, self.unnoted = self.expires, self.used
            if self.used:
                self.check_at = min(self.expires, next_minute(moment))
        return True

    def budgets_under(self, policy: Policy, bit: int) -> tuple[str, ...]:
        """Return the ids of the budgets that it uses under a policy, which has this bit."""
        use = self.other_uses
        while use is not None:
            if use.bit == bit:
                return use.budgets
            use = use.other
        time_rules = policy.time_rules
        assert time_rules is not None
        assert time_rules.budgets_if_unlisted is not None
        return time_rules.budgets_if_unlisted

    def give_to(self, bit: int, expires: float, check_at: float) -> None:
        """Let it be given under another policy, for which it holds as long as said."""
        self.policies |= bit
        self.expires = min(self.expires, expires)
        self.check_at = min(self.check_at, check_at)

    def note_budgets(self, policy: Policy, bit: int, budgets: tuple[str, ...], qname: str) -> None:
        """Note what it uses under a policy, for which that is noted in this minute already."""
        self.used |= bit
        if not self.used_name:
            self.used_name = qname
        time_rules = policy.time_rules
        if time_rules is None or budgets != time_rules.budgets_if_unlisted:
            self.other_uses = ReplyUse(bit, budgets, self.other_uses)

    def take_from(self, bits: int) -> None:
        """Let it no longer be given under some policies."""
        self.policies &= ~bits
        self.noted_for &= ~bits
        self.unnoted &= ~bits
        self.used &= ~bits
        use, self.other_uses = self.other_uses, None
        while use is not None:
            following = use.other
            if not use.bit & bits:
                use.other = self.other_uses
                self.other_uses = use
            use = following

    def equals(self, other: CachedReply) -> bool:
        """Tell whether another reply to the same query can be given in its place.

        The ends of both may differ by a moment: they are reckoned at different times.
        """
        if (
            self.kind != other.kind
            or self.cache_entry is not other.cache_entry
            or (self.expires != other.expires and abs(self.expires - other.expires) > _MOMENT)
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
        """Return where a reply that this policy has is counted."""
        return self.tallies[cached.kind]

    def __len__(self) -> int:
        return sum([each.of_policy(self.bit) is not None for each in self.replies.values()])


NO_REPLIES: Final = PolicyReplies({}, 0)  # of those for whom none is stored


def next_minute(moment: Moment) -> float:
    """Return when the next minute begins, in monotonic seconds."""
    return moment.mono + 60 - moment.wall % 60
