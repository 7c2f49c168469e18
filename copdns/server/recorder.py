"""Tell what happened: counters, the child's ring of recent blocks, and the log.

A look-up of a help name passes through here and changes nothing at all.
"""

from __future__ import annotations

from typing import Protocol

from copdns.dns.records import RCODE
from copdns.dns.wire import Query
from copdns.lists.index import Index
from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy, charged_budgets, has_help_prefix
from copdns.policy.snapshot import Client
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.privacy.retention import ROUND_TO, CountKey, LogRow, count_key, log_row, may_log_name
from copdns.server.metrics import Counters
from copdns.server.tally import Tally
from copdns.time.ledger import UsageLedger
from copdns.time.minutes import UsedName

MAX_RECENT_ROWS = 20_000  # rows of the last five minutes that are remembered at most
MAX_HELP_MEMO = 8192  # of which it is remembered whether they speak of help
MAX_TALLIES = 16_384  # of all policies, each with its count

# What counts tell of a reply: policy, action, reason, category, rcode, transport.
TallyKey = tuple[Policy, Action, Reason, str, int, str]


class LogQueue(Protocol):
    """Where rows and counts wait to be written; `QueryLog` of the store is one.

    erasures: another number as soon as somebody erased a profile.  Never raises, never waits.
    """

    @property
    def erasures(self) -> int: ...

    def add(self, row: LogRow) -> None: ...

    def count(self, key: CountKey, n: int = 1) -> None: ...


class Recorder:
    """Everything that is counted or kept of a query, in one place.

    What is only counted is tallied first, by policy and what counts tell of a verdict, and passed
    on by `pass_on`: that is one look into a dict per query.
    """

    def __init__(
        self,
        counters: Counters,
        recent: RecentBlocks,
        log: LogQueue,
        ledger: UsageLedger | None = None,
    ) -> None:
        """ledger: where minutes of use are noted."""
        self._ledger = ledger
        self._counters = counters
        self._recent = recent
        self._log = log
        self._tallies: dict[TallyKey, Tally] = {}
        self._running: list[Tally] = []
        self._forgotten = False  # what is tallied is to be passed on at once
        # By index, its lists of help names, and name: does it speak of help?
        self._help: dict[tuple[Index, frozenset[int], str], bool] = {}
        self._window = 0
        self._noted: set[tuple[str, str, str, int, str]] = set()
        self._erasures = log.erasures

    def count_malformed(self) -> None:
        self._counters.malformed += 1

    def count_hits(self, count: int = 1) -> None:
        """Count answers that were in the cache."""
        self._counters.cache_hits += count

    def count_miss(self) -> None:
        """Count a question that an upstream has to be asked for."""
        self._counters.cache_misses += 1

    def record(
        self,
        client: Client,
        asker: Requestor,
        query: Query,
        verdict: Verdict,
        reply: bytes,
        now: float,
    ) -> Tally | None:
        """Note a reply, as far as the profile's privacy mode lets it.

        Return what it was counted in; None where nothing is noted at all.
        """
        if verdict.is_untraced:
            return None
        policy = client.policy
        rcode, transport = reply[3] & RCODE, asker.transport
        key = policy, verdict.action, verdict.reason, verdict.category, rcode, transport
        tally = self._tallies.get(key) or self._tally(key, verdict)
        tally.add()
        used = self.usage_of(policy, query.qname, verdict, now)
        if used is not None:
            self.note_usage(used, now)
        if self.may_log_name(policy, query.qname, verdict):
            self.log_name(client, query.qname, query.qtype, verdict, now)
        return tally

    def usage_of(self, policy: Policy, qname: str, verdict: Verdict, now: float) -> UsedName | None:
        """Return what a look-up shows to be in use: for budgets, and for what closes softly.

        It is the same until the verdict's end.
        """
        if policy.time_rules is None or not policy.time_rules.tracks_usage or self._ledger is None:
            return None
        budgets = charged_budgets(policy, qname, verdict, now)
        if budgets is None or self._speaks_of_help(policy, qname):
            return None
        return UsedName(policy.household, policy.profile, budgets, qname)

    def note_usage(self, used: UsedName, now: float) -> None:
        """Note what is in use.  Once a minute is enough: more tells nothing more."""
        if self._ledger is not None:
            self._ledger.record(*used, now)

    def may_log_name(self, policy: Policy, qname: str, verdict: Verdict) -> bool:
        """Tell whether a reply may be kept, by its name, besides being counted."""
        may = may_log_name(verdict, policy.full_log is not None)
        return may and not self._speaks_of_help(policy, qname)

    def _speaks_of_help(self, policy: Policy, qname: str) -> bool:
        key = policy.index, policy.untraced_lists, qname
        speaks = self._help.get(key)
        if speaks is None:
            if len(self._help) >= MAX_HELP_MEMO:
                self._help.clear()
            speaks = self._help[key] = has_help_prefix(policy, qname)
        return speaks

    def _tally(self, key: TallyKey, verdict: Verdict) -> Tally:
        if len(self._tallies) >= MAX_TALLIES:
            self._tallies.clear()  # those that run are passed on all the same
        policy, _, _, _, rcode, transport = key
        tally = self._tallies[key] = Tally(self._running, policy, verdict, rcode, transport)
        return tally

    def log_name(
        self, client: Client, qname: str, qtype: int, verdict: Verdict, now: float
    ) -> None:
        """Note the name in the child's ring and in the log, as far as the privacy mode lets it."""
        policy = client.policy
        if verdict.blocks and policy.is_child and client.device:
            self._recent.add(client.household, client.device, qname, verdict, now)
        mode = policy.privacy_at(now)
        if mode is PrivacyMode.OFF or mode is PrivacyMode.COUNTS:
            return
        if mode is PrivacyMode.BLOCKED and not self._is_new_row(policy, qname, qtype, verdict, now):
            return
        row = log_row(
            mode,
            client.household,
            policy.profile,
            client.device,
            qname,
            qtype,
            verdict,
            now,
        )
        if row is not None:
            self._log.add(row)

    def forget_policies(self) -> None:
        """Let go of policies that are no longer in force."""
        self._tallies.clear()
        self._help.clear()
        self._forgotten = True

    def _is_new_row(
        self, policy: Policy, qname: str, qtype: int, verdict: Verdict, now: float
    ) -> bool:
        """Tell whether a row would say more than one that these five minutes have already.

        An app that asks for a blocked name again and again would fill the log, and tell more of
        a child's day than anybody needs.
        """
        window = int(now) // ROUND_TO
        if window != self._window or len(self._noted) >= MAX_RECENT_ROWS:
            self._window, self._noted = window, set()
        row = policy.household, policy.profile, qname, qtype, verdict.rule + verdict.via
        if row in self._noted:
            return False
        self._noted.add(row)
        return True

    def flush(self, now: float, most: int | None = None) -> None:
        """Give what was tallied to the counters and to the log, under the hour that it is.

        Called a few times a second, and before the counters are read.
        most: tallies that are passed on, those that have run for longest; the others run on.
            None for all; after a change of policies, or when a profile was erased, none waits.
        """
        if self._log.erasures != self._erasures:  # what was noted is gone from the log
            self._erasures, self._noted = self._log.erasures, set()
            self._forgotten = True
        taken = None if self._forgotten else most
        self._forgotten = False
        running = self._running[:taken]
        del self._running[:taken]
        counters = self._counters
        for each in running:
            policy, verdict, n = each.policy, each.verdict, each.take()
            counters.queries[each.transport] += n
            counters.rcodes[each.rcode] += n
            key = verdict.action, verdict.reason
            counters.verdicts[key] = counters.verdicts.get(key, 0) + n
            if verdict.blocks and verdict.category:
                slug = verdict.category
                counters.categories[slug] = counters.categories.get(slug, 0) + n
            mode = policy.privacy_at(now)
            count = count_key(mode, policy.household, policy.profile, verdict, now)
            if count is not None:
                self._log.count(count, n)
