"""Record what happened: counters, minutes of use, a child's ring of recent blocks, and the log.

An untraced query changes nothing here: `record` and `count_unsupported` return at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from copdns.dns.query import Query
from copdns.dns.records import RCODE
from copdns.model.block_ring import BlockRing
from copdns.model.build import mypyc_attr
from copdns.model.bypass_signs import OTHERS_HEARD, SignKind
from copdns.model.household import PrivacyMode
from copdns.model.reply_kind import ReplyKind
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy, charged_budgets
from copdns.policy.snapshot import Client
from copdns.privacy.list_counts import ListCountKind, ListCounts
from copdns.privacy.own_numbers import COUNTS_ONLY, coarse_verdict, is_own_verdict
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.privacy.retention import (
    ROUND_TO,
    LogQueue,
    count_key,
    log_row,
    may_log_name,
)
from copdns.server.cached_reply import CachedReply, LoggedName, ReplyNotes, Tally
from copdns.server.limits import Bound
from copdns.server.metrics import Counters
from copdns.time.ledger import UsageLedger

# Rows of these five minutes that are remembered.  A set of a few more takes four times the memory.
MAX_RECENT_ROWS: Final = 19_000
_ROW_BITS: Final = (1 << 60) - 1  # what a number of two digits of Python's has
MAX_TALLIES: Final = 16_384  # of all policies, each with its count
# Looked up in their class, which is not compiled, these would cost more than what they decide.
_OFF: Final = PrivacyMode.OFF
_COUNTS: Final = PrivacyMode.COUNTS
_BLOCKED: Final = PrivacyMode.BLOCKED
_FULL: Final = PrivacyMode.FULL

# What makes replies a kind: action, reason, category, whether something of the household's own
# decided, rcode, transport, the list that blocked or would have blocked; and of local answers, of
# which the verdict itself says more, the policy.
_KindKey = tuple[Action, Reason, str, bool, int, str, str, Policy | None]


@mypyc_attr(allow_interpreted_subclasses=True)  # tests have one that listens
class Recorder:
    """Everything that is counted or kept of a query, in one place.

    Counts stand with the client first, or in a tally by policy and kind, and `flush` hands them on.
    own_lists: slugs of the lists that the settings define.  ways_round: known ways around the
        filter, by name.  Both are set by the app.
    list_counts: what lists blocked or would have blocked, until somebody takes it.
    """

    def __init__(
        self,
        counters: Counters,
        recent: RecentBlocks,
        log: LogQueue,
        ledger: UsageLedger | None = None,
    ) -> None:
        """ledger: where minutes of use are noted; None: nobody counts them."""
        self._ledger = ledger
        self._counters = counters
        self._recent = recent
        self._log = log
        self._waiting = log.waiting
        self._kinds: dict[_KindKey, ReplyKind] = {}
        self._tallies: dict[tuple[Policy, ReplyKind], Tally] = {}
        self._running: list[Tally] = []
        self._counting: list[Client] = []  # those that have counts
        self._flush_all = False  # the next flush hands on every tally
        self._window = 0  # the number of these five minutes ...
        self._rows_in_window: set[int] = set()  # ... and the hashes of their rows
        self._rows_number = 1  # goes up each time that there are other rows
        self._erasures = log.erasures
        self.own_lists: frozenset[str] = frozenset()
        self.ways_round: Mapping[str, SignKind] = {}
        self.list_counts = ListCounts()

    def count_malformed(self) -> None:
        """Count a message that is no query, of which nothing else is noted."""
        self._counters.malformed += 1

    def count_hits(self, count: int = 1) -> None:
        """Count queries answered from the cache."""
        self._counters.cache_hits += count

    def count_miss(self) -> None:
        """Count a query that an upstream has to be asked for."""
        self._counters.cache_misses += 1

    def count_limited(self, bound: Bound) -> None:
        """Count a query beyond a bound, of which nothing else is noted."""
        self._counters.limited[bound.value] += 1

    def count_stale(self) -> None:
        """Count a reply made from a stale answer."""
        self._counters.stale_answers += 1

    def count_failure(self) -> None:
        """Count a query that got a failure of a moment ago."""
        self._counters.cached_failures += 1

    def count_refresh(self) -> None:
        """Count an answer that is fetched again before it expires."""
        self._counters.refreshes += 1

    def record(
        self,
        client: Client,
        requestor: Requestor,
        query: Query,
        verdict: Verdict,
        reply: bytes,
        now: float,
        *,
        is_unlisted: bool = False,
    ) -> ReplyKind | None:
        """Count a reply, note minutes of use, and log the name if the privacy mode allows.

        is_unlisted: the name is surely on no list.
        Return its kind; None for an untraced verdict, for which it returns at once.
        """
        if verdict.is_untraced:
            return None
        policy = client.policy
        rcode, transport = reply[3] & RCODE, requestor.transport
        is_block = verdict.action is Action.BLOCK
        kind = client.block_kind if is_block else client.other_kind
        if (  # most names are counted as the one before
            kind is None
            or client.counted_in is not self._counting
            or kind.rcode != rcode
            or kind.transport != transport
            or not (kind.verdict is verdict or _are_counted_alike(kind.verdict, verdict))
        ):
            own = self._is_own(policy, verdict)
            kind = self._kind_of(policy, verdict, verdict.action, rcode, transport, own=own)
            is_with_client = self._adopt(client, kind, is_block=is_block)
        else:
            is_with_client = True
        if is_with_client:
            if not client.blocks and not client.others:
                self._counting.append(client)
            if is_block:
                client.blocks += 1
            else:
                client.others += 1
        else:
            self._tally_of(policy, kind).add()
            client.heard.lately = True
        budgets = self.budgets_used(policy, query.qname, verdict, now, is_unlisted=is_unlisted)
        if budgets is not None:
            self.note_use(policy, budgets, query.qname, now)
        if self.may_log_name(policy, verdict):
            self.log_name(client, query.qname, query.qtype, verdict, now)
            if verdict.reason is Reason.BYPASS and client.heard is not OTHERS_HEARD:
                self._note_way(client, query.qname, proven=transport == "tcp")
        return kind

    def count_unsupported(
        self, client: Client, requestor: Requestor, verdict: Verdict, reply: bytes
    ) -> None:
        """Count the reply to a query that is not served, whatever its name: as a refusal.

        The name is noted nowhere, since it decided nothing.  Returns at once for an untraced
        verdict.
        """
        if verdict.is_untraced:
            return
        own, transport = self._is_own(client.policy, verdict), requestor.transport
        refused = replace(verdict, list="", log_only="")
        kind = self._kind_of(
            client.policy, refused, Action.REFUSE, reply[3] & RCODE, transport, own=own
        )
        self._tally_of(client.policy, kind).add()

    def budgets_used(
        self,
        policy: Policy,
        qname: str,
        verdict: Verdict,
        now: float,
        *,
        is_unlisted: bool = False,
    ) -> tuple[str, ...] | None:
        """Return the ids of the budgets that a query uses, perhaps none, as for grace periods.

        is_unlisted: the name is surely on no list.
        None: it shows no use, or nobody counts.  Holds until the verdict's end.
        """
        if policy.time_rules is None or not policy.time_rules.tracks_usage or self._ledger is None:
            return None
        return charged_budgets(policy, qname, verdict, now, is_unlisted=is_unlisted)

    def notes_of(
        self,
        kind: ReplyKind | None,
        policy: Policy,
        qname: str,
        verdict: Verdict,
        now: float,
        *,
        is_unlisted: bool,
    ) -> ReplyNotes | None:
        """Return what has to be noted each time that the same reply is sent.

        kind: as `record` returned it.  None: nothing may be, of an untraced verdict.
        """
        if kind is None:
            return None
        tally = self._tally_of(policy, kind)
        budgets = self.budgets_used(policy, qname, verdict, now, is_unlisted=is_unlisted)
        return ReplyNotes(tally, to_log=self.may_log_name(policy, verdict), budgets=budgets)

    def note_use(self, policy: Policy, budgets: tuple[str, ...], qname: str, now: float) -> None:
        """Note what is in use, and the ids of its budgets; once a minute is enough."""
        if self._ledger is not None:
            self._ledger.record(policy.household, policy.profile, budgets, qname, now)

    def may_log_name(self, policy: Policy, verdict: Verdict) -> bool:
        """Tell whether the name may be logged now or later, as well as counted."""
        return may_log_name(verdict, policy.full_log is not None)

    def _kind_of(
        self,
        policy: Policy,
        verdict: Verdict,
        action: Action,
        rcode: int,
        transport: str,
        *,
        own: bool,
    ) -> ReplyKind:
        """Return the kind of a reply, as which it is counted.  action: counted as that."""
        key = (
            action,
            verdict.reason,
            verdict.category,
            own,
            rcode,
            transport,
            verdict.list or verdict.log_only,
            None if verdict.local is None else policy,
        )
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= MAX_TALLIES:
                self._kinds.clear()
            told = verdict if verdict.action is action else replace(verdict, action=action)
            kind = self._kinds[key] = ReplyKind(told, rcode, transport, own=own)
        return kind

    def _tally_of(self, policy: Policy, kind: ReplyKind) -> Tally:
        tally = self._tallies.get((policy, kind))
        if tally is None:
            if len(self._tallies) >= MAX_TALLIES:
                self._tallies.clear()  # those that run are handed on all the same
            tally = self._tallies[policy, kind] = Tally(self._running, policy, kind)
        return tally

    def _adopt(self, client: Client, kind: ReplyKind, *, is_block: bool) -> bool:
        """Let a client count replies of this kind from now on.

        False: it may not, since others of it are not handed on yet, or they are another recorder's,
        or what is the household's own may change.
        """
        if client.policy.privacy in COUNTS_ONLY:
            return False
        if client.counted_in is not self._counting:
            if client.blocks or client.others:
                return False
            client.counted_in = self._counting
            client.block_kind = client.other_kind = None
        if is_block:
            if client.blocks:
                return False
            client.block_kind = kind
        else:
            if client.others:
                return False
            client.other_kind = kind
        return True

    def _is_own(self, policy: Policy, verdict: Verdict) -> bool:
        """Tell whether something that the household wrote decided, about a person whose mode keeps
        no more than counts."""
        return policy.privacy in COUNTS_ONLY and is_own_verdict(verdict, self.own_lists)

    def _note_way(self, client: Client, qname: str, *, proven: bool) -> None:
        """Note that a known way around the filter was asked for, and blocked; not which one.

        proven: over TCP in clear text, for which a device has to be told so by an answer to itself.
        Where all names come over TLS, any link on a page makes it ask so.
        """
        name = qname
        while name:
            way = self.ways_round.get(name)
            if way is not None:
                client.heard.note_way(way, proven=proven)
                return
            name = name.partition(".")[2]

    def log_name(
        self, client: Client, qname: str, qtype: int, verdict: Verdict, now: float
    ) -> None:
        """Put the name in the child's ring and in the log, as far as the privacy mode allows."""
        policy = client.policy
        if verdict.blocks and _has_ring(client):
            self._recent.add(self._ring_of(client), qname, verdict, now)
        mode = policy.privacy_at(now)
        if mode is _OFF or mode is _COUNTS:
            return
        if mode is _BLOCKED and not self._is_new_row(policy, qname, qtype, verdict, now):
            return
        row = log_row(
            mode,
            client.household,
            policy.profile,
            client.device if mode is _FULL else "",  # not even looked at where it is not kept
            qname,
            qtype,
            verdict,
            now,
            self._waiting,
        )
        if row is not None:
            self._waiting.add(row)

    def log_again(
        self, client: Client, cached: CachedReply, logged: LoggedName, bit: int, now: float
    ) -> None:
        """Do as `log_name` for a reply that the packet cache has, and that is sent again.

        logged: of that reply.  bit: of the policy (`CachedReply.policies`).
        Where these five minutes have its row already there is only the ring to be brought up to
        date.
        """
        policy = client.policy
        if logged.verdict.reason is Reason.BYPASS and client.heard is not OTHERS_HEARD:
            self._note_way(client, logged.qname, proven=False)
        is_noted = (
            cached.noted_in == self._rows_number
            and cached.noted_for & bit
            and int(now) // ROUND_TO == self._window
        )
        if not is_noted or policy.full_log is not None or policy.privacy is _FULL:
            self.log_name(client, logged.qname, logged.qtype, logged.verdict, now)
            if cached.noted_in != self._rows_number:
                cached.noted_in, cached.noted_for = self._rows_number, 0
            cached.noted_for |= bit  # not the rows: a reply may stay for days
        elif logged.verdict.blocks and _has_ring(client):
            self._recent.add(self._ring_of(client), logged.qname, logged.verdict, now)

    def _ring_of(self, client: Client) -> BlockRing:
        ring = client.ring
        if ring is None or ring.is_dropped:
            owned = client.household, client.policy.profile, client.device
            ring = client.ring = self._recent.ring_of(owned)
        return ring

    def forget_policies(self) -> None:
        """Drop what refers to policies that are no longer active."""
        self._kinds.clear()
        self._tallies.clear()
        self._flush_all = True

    def _is_new_row(
        self, policy: Policy, qname: str, qtype: int, verdict: Verdict, now: float
    ) -> bool:
        """Tell whether the log lacks the row in these five minutes.

        An app that repeats a blocked name must not fill the log, nor tell more of a child's day
        than anybody needs.
        """
        window = int(now) // ROUND_TO
        # By 60 bits of its hash: a fifth of the memory, and no name stays here.  That one of 20,000
        # rows has the hash of another, and is left out, happens once in some 10^9 windows.
        row = hash((policy.household, policy.profile, qname, qtype, verdict.rule + verdict.via))
        row &= _ROW_BITS
        rows = self._rows_in_window
        if window == self._window:
            before = len(rows)
            if before < MAX_RECENT_ROWS:
                rows.add(row)  # looked for once, not twice
                return len(rows) > before
            if row in rows:
                return False
        self._window, self._rows_in_window = window, {row}
        self._rows_number += 1
        return True

    def flush(self, now: float, limit: int | None = None) -> None:
        """Hand tallies on to the counters and to the log, under the hour of `now`.

        Called a few times a second, and before the counters are read.
        limit: at most so many, those that have counted longest, and as many clients; None: all.
            After a change of policies, or when a profile was erased, all are handed on whatever the
            limit.
        """
        if self._log.erasures != self._erasures:  # the rows are gone from the log
            self._erasures, self._rows_in_window = self._log.erasures, set()
            self._rows_number += 1
            self._flush_all = True
            self.list_counts.forget()
        count = None if self._flush_all else limit
        self._take_counts(count)
        if self._flush_all:
            self._tallies.clear()  # some of them are of policies that are no longer active
        self._flush_all = False
        running = self._running[:count]
        del self._running[:count]
        counters = self._counters
        for each in running:
            policy, kind, n = each.policy, each.kind, each.take()
            mode, verdict, rcode = policy.privacy_at(now), kind.verdict, kind.rcode
            if kind.own and mode in COUNTS_ONLY:
                # As any other query: else the number of them would tell how often somebody asked
                # for the one name that a rule is about.
                verdict = coarse_verdict(verdict)
                rcode = rcode if verdict.action is Action.REFUSE else 0
            counters.queries[kind.transport] += n
            counters.rcodes[rcode] += n
            key = verdict.action, verdict.reason
            counters.verdicts[key] = counters.verdicts.get(key, 0) + n
            if verdict.list or verdict.log_only:
                self._count_list(policy, mode, verdict, n)
            if verdict.blocks and verdict.category:
                slug = verdict.category
                counters.categories[slug] = counters.categories.get(slug, 0) + n
            counted = count_key(mode, policy.household, policy.profile, verdict, now)
            if counted is not None:
                self._log.count(counted, n)

    def _take_counts(self, limit: int | None) -> None:
        """Add what stands with clients to the tallies; of how many clients at most, None: all."""
        counting = self._counting[:limit]
        del self._counting[:limit]
        for client in counting:
            client.heard.lately = True
            blocks, others = client.blocks, client.others
            client.blocks = client.others = 0
            if blocks and client.block_kind is not None:
                self._tally_of(client.policy, client.block_kind).add_all(blocks)
            if others and client.other_kind is not None:
                self._tally_of(client.policy, client.other_kind).add_all(others)

    def _count_list(self, policy: Policy, mode: PrivacyMode, verdict: Verdict, n: int) -> None:
        """Count what a list blocked or would have blocked, if the privacy mode counts at all."""
        if mode is _OFF:
            return
        if verdict.log_only:
            slug, kind = verdict.log_only, ListCountKind.LOG_ONLY
        elif verdict.blocks:
            slug, kind = verdict.list, ListCountKind.CAUGHT
        else:
            return
        self.list_counts.add(policy.household, slug, kind, policy.profile, n)


def _has_ring(client: Client) -> bool:
    """Tell whether the last blocks of a device are remembered.

    Where some are, this looks at nothing but the client.
    """
    return client.ring is not None or (client.policy.is_child and client.device != "")


def _are_counted_alike(one: Verdict, other: Verdict) -> bool:
    """Tell whether two verdicts are of the same kind, where nothing but them differs."""
    return (
        one.action is other.action
        and one.reason is other.reason
        and one.category == other.category
        and (one.list or one.log_only) == (other.list or other.log_only)
    )
