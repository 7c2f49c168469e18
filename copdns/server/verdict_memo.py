"""Verdicts by the octets of queries, where there is no packet cache.

Only those that no clock can change: `server/answer.py` decides the others each time.
"""

from __future__ import annotations

from typing import Final

from copdns.dns.query import Query
from copdns.model.build import mypyc_attr
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy, decide_query
from copdns.policy.matching import PolicyGroup
from copdns.server.lazy_free import LazyFreeQueue

MAX_MEMO_ENTRIES: Final = 16_384
MAX_MEMO_VERDICTS: Final = 64  # per query; with one more, its older ones are dropped


@mypyc_attr(acyclic=True)
class MemoEntry:
    """A parsed query and those of its verdicts that no clock can change.

    verdict: the first that was remembered, for all groups of `room` with the bits `groups`.
    others: by PolicyGroup if no own rule of the group can cover the name, else by Policy.  In a
        group are the policies of profiles whose settings are equal, whatever own rules they have.
    Most names have one verdict for everybody: a dict for each would take four times the places in
    memory, of which the processor's cache has little.
    """

    __slots__ = ("groups", "others", "query", "room", "verdict")

    def __init__(self, query: Query) -> None:
        self.query = query
        self.verdict: Verdict | None = None
        self.groups = 0
        self.room = 0
        self.others: dict[PolicyGroup | Policy, Verdict] | None = None

    def find(self, group: PolicyGroup) -> Verdict | None:
        """Return the verdict that all policies of a group share, if it is remembered."""
        if self.groups & group.bit and self.room == group.room:
            return self.verdict
        return None if self.others is None else self.others.get(group)

    def remember(self, key: PolicyGroup | Policy, verdict: Verdict) -> None:
        """Remember a verdict that others have not, of a group or of one policy."""
        if self.others is None or len(self.others) >= MAX_MEMO_VERDICTS:
            self.others = {}
        self.others[key] = verdict


class VerdictMemo:
    """Queries that were answered at once, with those of their verdicts that no clock can change.

    get: returns the entry of a query, by its message without the ID, or None.
    """

    __slots__ = ("_entries", "_lazy_free", "get")

    def __init__(self, lazy_free: LazyFreeQueue) -> None:
        self._entries: dict[bytes, MemoEntry] = {}
        self._lazy_free = lazy_free
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, body: bytes) -> bool:
        return body in self._entries

    def add(self, body: bytes, query: Query, policy: Policy, verdict: Verdict) -> None:
        """Remember a query, unless its verdict is untraced.

        A query below q.home.arpa is not remembered either: it may be about a help name.
        """
        local = verdict.local
        if verdict.is_untraced or (local is not None and local.is_status):
            return
        if len(self._entries) >= MAX_MEMO_ENTRIES:
            self.clear()
        entry = self._entries[body] = MemoEntry(query)
        _remember_verdict(entry, policy, verdict)

    def decide(self, entry: MemoEntry, policy: Policy, now: float) -> Verdict:
        """Return the policy's verdict; to be called if none is remembered for its group.

        A new verdict is remembered, unless it is untraced.
        """
        verdict = None if entry.others is None else entry.others.get(policy)
        if verdict is None:
            query = entry.query
            verdict = decide_query(policy, query.qname, query.qtype, now)
            # A name may be untraced under this policy only, and not under the one that asked first.
            if not verdict.is_untraced:
                _remember_verdict(entry, policy, verdict)
        return verdict

    def clear(self) -> None:
        """Forget everything, gradually."""
        self._lazy_free.add([*self._entries.values()])
        self._entries.clear()


def _remember_verdict(entry: MemoEntry, policy: Policy, verdict: Verdict) -> None:
    """Remember a verdict that no clock can change, for the policy's group where all share it."""
    if policy.time_rules is not None:
        return
    group = policy.group
    if not group.shares_verdict(entry.query.qname):
        entry.remember(policy, verdict)
        return
    group.take_bit()
    if entry.verdict is None:
        entry.verdict, entry.room, entry.groups = verdict, group.room, group.bit
    elif entry.room == group.room and entry.verdict == verdict:
        entry.groups |= group.bit
    else:
        entry.remember(group, verdict)
