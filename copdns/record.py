"""Tell what happened: counters, the child's ring of recent blocks, and the log.

A look-up of a help name passes through here and changes nothing at all.
"""

from __future__ import annotations

from copdns.keep import counted, kept
from copdns.live import Client
from copdns.metrics import Counters
from copdns.model import Asker, PrivacyMode, Verdict
from copdns.recent import Recent
from copdns.records import RCODE
from copdns.store.querylog import QueryLog
from copdns.wire import Query


class Recorder:
    """Everything that is counted or kept of a query, in one place."""

    def __init__(self, counters: Counters, recent: Recent, log: QueryLog) -> None:
        self._counters = counters
        self._recent = recent
        self._log = log

    def malformed(self) -> None:
        self._counters.malformed += 1

    def looked_up(self, verdict: Verdict, *, found: bool) -> None:
        """Count a look into the cache."""
        if verdict.unwatched:
            return
        if found:
            self._counters.cache_hits += 1
        else:
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
        self._count(asker, verdict, reply)
        policy = client.policy
        if verdict.blocks and policy.is_child and client.device:
            self._recent.add(client.household, client.device, query.qname, verdict, now)
        mode = policy.privacy_at(now)
        if mode is PrivacyMode.OFF:
            return
        count = counted(mode, client.household, policy.profile, verdict, now)
        if count is not None:
            self._log.count(count)
        if mode is PrivacyMode.COUNTS:
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

    def _count(self, asker: Asker, verdict: Verdict, reply: bytes) -> None:
        counters = self._counters
        counters.queries[asker.transport] += 1
        counters.rcodes[reply[3] & RCODE] += 1
        key = verdict.action, verdict.reason
        counters.verdicts[key] = counters.verdicts.get(key, 0) + 1
        if verdict.blocks and verdict.category:
            category = verdict.category
            counters.categories[category] = counters.categories.get(category, 0) + 1
