"""Whole replies, to be sent again without a look at the question (setting `dns.fast_lane`).

Never a second policy: `server/answer.py` made every reply here a moment ago, for the same policy
object and for the same octets of a query, and it is dropped when it might be another now.  Without
this cache everything is the same but for the speed.

What a reply depends on, and what keeps it true:

    question, flags and EDNS of the query   the key: the whole message but for its ID
    policy, and whose address it is         a reply belongs to policy objects, each of which had it
                                            made here; equal ones are stored once
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

from typing import Final

from copdns.dns.cache import CacheEntry
from copdns.dns.query import Query
from copdns.model.household import BlockMode
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.server.cached_reply import (
    CachedReply,
    LoggedName,
    PolicyReplies,
    Replies,
    ReplyNotes,
    Tally,
    next_minute,
)
from copdns.server.lazy_free import LazyFreeQueue
from copdns.time.clock import Moment

# Five people with other times each ask for ten thousand names.  A reply and its query take one of
# these places, and another for each PLACE octets: else queries with filling, about made-up names,
# would take four times the memory.
MAX_REPLIES: Final = 65_536
PLACE: Final = 512
_ROUND: Final = 256  # replies that are stored, and dropped, at a time
MAX_QUERY_SIZE: Final = 512  # octets; longer queries are rare
MAX_CLOCK_DRIFT: Final = 1.0  # seconds between both clocks; more is a jump of the wall clock
_FOREVER: Final = float("inf")
_PAGE: Final = BlockMode.PAGE
_BITS: Final = 60  # policies of a room: as many as a small integer has bits
_TIMED_BITS: Final = 8  # those with times may each have another reply, which are looked at in turn
_MAX_OTHERS: Final = 8  # replies to one query under other policies
_MAX_KINDS: Final = 4_096


class _Room:
    """Replies of policies that may share them, the longest stored first.

    is_timed: the policies have times.  bits: in use; left: those of them whose policies are
        outdated.
    """

    __slots__ = ("bits", "is_timed", "left", "replies")

    def __init__(self, *, is_timed: bool) -> None:
        self.replies: Replies = {}
        self.is_timed = is_timed
        self.bits = 0
        self.left = 0

    def take_bit(self) -> int:
        """Return a bit that no policy has here; 0 where all are in use."""
        for place in range(_TIMED_BITS if self.is_timed else _BITS):
            if not self.bits >> place & 1:
                self.bits |= 1 << place
                return 1 << place
        return 0


# What is counted of a reply, as in `Recorder`, but for policy and transport.
_Kind = tuple[Action, Reason, str, bool, int, str]


class PacketCache:
    """Replies by query, the message without its ID, and by policy.

    A reply that several policies have in common is there once.  Those of policies with times end
    with their verdicts and show their use, so that these share none with the others.
    """

    def __init__(self, lazy_free: LazyFreeQueue) -> None:
        """lazy_free: takes what is dropped all at once."""
        self._lazy_free = lazy_free
        self._rooms: list[_Room] = []
        self._of_policy: dict[Policy, PolicyReplies] = {}
        self._kinds: dict[_Kind, int] = {}
        self._count = 0
        self._places = 0  # that they take
        self._stored = 0
        self._round = 0  # of _ROUND replies each
        # How many places those of each round take, the first round first; none without replies.
        self._in_round: dict[int, int] = {}
        self._drift: float | None = None

    def __len__(self) -> int:
        return self._count

    def replies_for(self, policy: Policy) -> PolicyReplies:
        """Return the replies for a policy, also those that are stored from now on."""
        found = self._of_policy.get(policy)
        if found is None:
            found = self._of_policy[policy] = self._new_place(policy)
        return found

    def _new_place(self, policy: Policy) -> PolicyReplies:
        is_timed = policy.time_rules is not None
        for room in self._rooms:
            bit = room.take_bit() if room.is_timed == is_timed else 0
            if bit:
                return PolicyReplies(room.replies, bit)
        room = _Room(is_timed=is_timed)
        self._rooms.append(room)
        return PolicyReplies(room.replies, room.take_bit())

    def store(
        self,
        message: bytes,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        reply: bytes,
        notes: ReplyNotes | None,
        entry: CacheEntry | None,
        moment: Moment,
    ) -> None:
        """Store a reply, unless it depends on more than the query and the policy.

        notes: None for an untraced verdict, for which it returns at once.
        entry: the response that the reply was made of.
        """
        if (
            notes is None
            or requestor.transport != "udp"
            or requestor.household  # a forwarder asks, whose datagrams are not looked up here
            or not _is_plain(message, query, policy, verdict)
        ):
            return
        expires = moment.mono + _lasts(policy, verdict, entry, moment.wall)
        if entry is not None:
            expires = min(expires, entry.expires)
        rules = policy.time_rules
        if notes.to_log and rules is not None and rules.ends_move(moment.wall):
            expires = min(expires, next_minute(moment))  # the log tells the verdict's end too
        if expires <= moment.mono:
            return
        check_at = expires
        if notes.budgets is not None:
            check_at = min(check_at, next_minute(moment))
        logged = LoggedName(query.qname, query.qtype, verdict) if notes.to_log else None
        body, place = reply[2:], self.replies_for(policy)
        kind = self._note_tally(place, notes.tally)
        cached = CachedReply(message[2:], body, check_at, expires, kind, entry, logged)
        chosen = self._put(place, cached)
        if notes.budgets is not None:
            chosen.note_budgets(policy, place.bit, notes.budgets, query.qname)

    def _note_tally(self, place: PolicyReplies, tally: Tally) -> int:
        """Return the kind of a tally, which counts replies of that kind for its policy from now
        on."""
        like, told = tally.kind, tally.kind.verdict
        key = (
            told.action,
            told.reason,
            told.category,
            like.own,
            like.rcode,
            told.list or told.log_only,
        )
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MAX_KINDS:
                self.clear()
            kind = self._kinds[key] = len(self._kinds)
        tallies = place.tallies
        while len(tallies) <= kind:
            tallies.append(tally)
        tallies[kind] = tally
        return kind

    def _put(self, place: PolicyReplies, new: CachedReply) -> CachedReply:
        """Put a reply in, or let another policy's be given that is equal; return which.

        Where there is no room, those that were stored longest ago go.  All replies to one query
        are of the round in which the last of them was stored, since they go together.
        """
        replies, query, bit = place.replies, new.query, place.bit
        head = replies.pop(query, None)  # so that it is the newest
        chosen: CachedReply | None = None
        first: CachedReply | None = None  # of the others that stay, in their order
        end: CachedReply | None = None
        count = 0
        each = head
        while each is not None:
            following = each.other
            if each.policies & bit:
                each.take_from(bit)
            if chosen is None and each.equals(new):
                chosen = each
            elif each.policies and count < _MAX_OTHERS:
                if end is None:
                    first = each
                else:
                    end.other = each
                end = each
                each.other = None
                count += 1
                self._leave_round(each)
                self._join_round(each)
            else:
                self._subtract(each)
            each = following
        if chosen is None:
            chosen = new
            like = self._rooms[0].replies.get(query) if head is None else head
            if like is not None:
                new.share_values(like)
            self._count += 1
            self._places += _places_of(chosen)
        else:
            self._leave_round(chosen)
        chosen.give_to(bit, new.expires, new.check_at)
        chosen.other = first
        replies[chosen.query] = chosen
        self._join_round(chosen)
        self._stored += 1
        if not self._stored % _ROUND:
            self._round = self._stored // _ROUND
        if self._places > MAX_REPLIES:
            self._make_room()
        return chosen

    def _make_room(self) -> None:
        """Drop the rounds that were stored first, whoever they are for, until a whole one fits.

        Many replies at a time: a dict finds its first key only by going over the places of all that
        were deleted before it.  By age alone: what one policy is asked now would soon be dropped
        for what others were asked long ago, if the one with most replies had to give way.
        """
        last, free = -1, MAX_REPLIES - self._places
        for number, in_it in self._in_round.items():
            last = number
            free += in_it
            if free >= _ROUND:
                break
        for room in self._rooms:
            for each in _drop_first(room.replies, last):
                self._subtract_all(each)

    def _subtract_all(self, gone: CachedReply) -> None:
        """Subtract a reply and the others to its query."""
        each: CachedReply | None = gone
        while each is not None:
            self._subtract(each)
            each = each.other

    def _subtract(self, gone: CachedReply) -> None:
        self._count -= 1
        self._places -= _places_of(gone)
        self._leave_round(gone)

    def _join_round(self, cached: CachedReply) -> None:
        now = cached.round = self._round
        self._in_round[now] = self._in_round.get(now, 0) + _places_of(cached)

    def _leave_round(self, cached: CachedReply) -> None:
        left = self._in_round[cached.round] - _places_of(cached)
        if left:
            self._in_round[cached.round] = left
        else:
            del self._in_round[cached.round]

    def check_clock(self, moment: Moment) -> None:
        """Drop everything when the wall clock has jumped since the last call."""
        drift = moment.wall - moment.mono
        if self._drift is None or abs(drift - self._drift) > MAX_CLOCK_DRIFT:
            self.clear()
            self._drift = drift

    def drop_outdated(self, snapshot: Snapshot) -> None:
        """Drop the replies of policies that the snapshot no longer has."""
        in_force = {policy for _, policy in snapshot.policies.values()}
        outdated = [policy for policy in self._of_policy if policy not in in_force]
        for policy in outdated:
            place = self._of_policy.pop(policy)
            for room in self._rooms:
                if room.replies is place.replies:
                    room.left |= place.bit
        for room in self._rooms:
            if room.left:
                self._tidy(room)
        if outdated:
            self._rooms = [room for room in self._rooms if room.bits]

    def _tidy(self, room: _Room) -> None:
        """Drop the replies of policies that left a room; their bits are free again.

        Into another dict: a server that still holds the old one must find nothing there, since a
        bit may soon be another policy's.
        """
        before = room.replies
        after: Replies = {}
        left, bits = room.left, room.bits - room.left
        gone: list[CachedReply] = []
        for query, head in before.items():
            each: CachedReply | None = head
            first: CachedReply | None = None  # of those that stay, in their order
            end: CachedReply | None = None
            while each is not None:
                following = each.other
                each.take_from(left)
                each.other = None
                if each.policies:
                    if end is None:
                        first = each
                    else:
                        end.other = each
                    end = each
                else:
                    self._subtract(each)
                    gone.append(each)
                each = following
            if first is not None:
                after[query] = first
        before.clear()
        self._lazy_free.add(gone)
        room.replies, room.bits, room.left = after, bits, 0
        for place in self._of_policy.values():
            if place.replies is before:
                place.replies = after

    def clear(self) -> None:
        """Drop all replies; their memory is freed a slice at a time."""
        for room in self._rooms:
            self._empty(room.replies)
        self._kinds.clear()
        for each in self._of_policy.values():
            each.tallies.clear()

    def _empty(self, replies: Replies) -> None:
        for each in replies.values():
            self._subtract_all(each)
        self._lazy_free.add([*replies.values()])
        replies.clear()  # the same object, which the servers hold


def _places_of(cached: CachedReply) -> int:
    return 1 + (len(cached.query) + len(cached.body)) // PLACE


def _drop_first(replies: Replies, last: int) -> list[CachedReply]:
    """Drop the replies of rounds up to this one, which come first, and return them."""
    queries: list[bytes] = []
    for query, cached in replies.items():
        if cached.round > last:
            break
        queries.append(query)
    return [replies.pop(query) for query in queries]


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
        return policy.block_mode is not _PAGE  # it has our own address, as it was asked
    return verdict.action is Action.ALLOW or verdict.action is Action.REWRITE
