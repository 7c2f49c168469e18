"""Tell what happened: counters, the child's ring of recent blocks, and the log.

A look-up of a help name passes through here and changes nothing at all.
"""

from __future__ import annotations

from copdns.keep import ROUNDED, counted, kept
from copdns.live import Client
from copdns.metrics import Counters
from copdns.model import Action, Asker, PrivacyMode, Verdict
from copdns.policy import Policy, speaks_of_help
from copdns.recent import Recent
from copdns.records import RCODE
from copdns.store.querylog import QueryLog
from copdns.wire import Query

NOTED = 20_000  # rows of the last five minutes that are remembered at most


class Tallied:
    """How often one policy gave one verdict, with one rcode and over one transport."""

    __slots__ = ("count", "policy", "rcode", "transport", "verdict")

    def __init__(self, policy: Policy, verdict: Verdict, rcode: int, transport: str) -> None:
        self.policy = policy
        self.verdict = verdict
        self.rcode = rcode
        self.transport = transport
        self.count = 0


class Recorder:
    """Everything that is counted or kept of a query, in one place.

    What is only counted is tallied first, by policy and verdict, and passed on by `pass_on`:
    that is one look into a dict per query.
    """

    def __init__(self, counters: Counters, recent: Recent, log: QueryLog) -> None:
        self._counters = counters
        self._recent = recent
        self._log = log
        # By the identities of policy and verdict, which hash faster than what they hold.
        self._tally: dict[tuple[int, int, int, str], Tallied] = {}
        self._window = 0
        self._noted: set[tuple[str, str, str, int, str]] = set()

    def malformed(self) -> None:
        self._counters.malformed += 1

    def found(self) -> None:
        """Count an answer that was in the cache."""
        self._counters.cache_hits += 1

    def missed(self) -> None:
        """Count a question that an upstream has to be asked for."""
        self._counters.cache_misses += 1

    def told(
        self,
        client: Client,
        asker: Asker,
        query: Query,
        verdict: Verdict,
        reply: bytes,
        now: float,
    ) -> None:
        """Note a reply, as far as the profile's privacy mode lets it."""
        if verdict.unwatched:
            return
        policy = client.policy
        key = id(policy), id(verdict), reply[3] & RCODE, asker.transport
        tallied = self._tally.get(key)
        if tallied is None:
            tallied = self._tally[key] = Tallied(policy, verdict, key[2], key[3])
        tallied.count += 1
        if verdict.action is not Action.ALLOW or policy.full_log is not None:
            self._keep(client, query, verdict, now)

    def _keep(self, client: Client, query: Query, verdict: Verdict, now: float) -> None:
        policy = client.policy
        if speaks_of_help(policy, query.qname):
            return
        if verdict.blocks and policy.is_child and client.device:
            self._recent.add(client.household, client.device, query.qname, verdict, now)
        mode = policy.privacy_at(now)
        if mode is PrivacyMode.OFF or mode is PrivacyMode.COUNTS:
            return
        if mode is PrivacyMode.BLOCKED and not self._is_news(policy, query, verdict, now):
            return
        row = kept(
            mode,
            client.household,
            policy.profile,
            client.device,
            query.qname,
            query.qtype,
            verdict,
            now,
        )
        if row is not None:
            self._log.add(row)

    def _is_news(self, policy: Policy, query: Query, verdict: Verdict, now: float) -> bool:
        """Tell whether a row would say more than one that these five minutes have already.

        An app that asks for a blocked name again and again would fill the log, and tell more of
        a child's day than anybody needs.
        """
        window = int(now) // ROUNDED
        if window != self._window or len(self._noted) >= NOTED:
            self._window, self._noted = window, set()
        row = policy.household, policy.profile, query.qname, query.qtype, verdict.rule + verdict.via
        if row in self._noted:
            return False
        self._noted.add(row)
        return True

    def pass_on(self, now: float) -> None:
        """Give what was tallied to the counters and to the log, under the hour that it is.

        Called a few times a second, and before the counters are read.
        """
        tally, self._tally = self._tally, {}
        counters = self._counters
        for each in tally.values():
            policy, verdict, n = each.policy, each.verdict, each.count
            counters.queries[each.transport] += n
            counters.rcodes[each.rcode] += n
            key = verdict.action, verdict.reason
            counters.verdicts[key] = counters.verdicts.get(key, 0) + n
            if verdict.blocks and verdict.category:
                slug = verdict.category
                counters.categories[slug] = counters.categories.get(slug, 0) + n
            mode = policy.privacy_at(now)
            count = counted(mode, policy.household, policy.profile, verdict, now)
            if count is not None:
                self._log.count(count, n)
