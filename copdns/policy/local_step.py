"""Step 2: names that this house knows, special-use names, and the signals to devices.

`policy/special_names.py` has the special-use names, `policy/context.py` collects the house's own.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from copdns.dns.records import AAAA, PTR, A
from copdns.model.device_tokens import is_token_name
from copdns.model.errors import NXDOMAIN
from copdns.model.hosts import OWN_HOSTS
from copdns.model.household import NameRewrite
from copdns.model.matchers import MatchKind
from copdns.model.nat64 import Nat64
from copdns.model.verdict import Action, LocalAnswer, LocalRecord, Reason, StepNumber, Verdict
from copdns.policy.lookup import Lookup
from copdns.policy.special_names import special_use_answer
from copdns.policy.split_table import SplitTable


@dataclass(frozen=True, slots=True)
class LocalStep:
    """Answer names that this house knows, special-use names, and the signals to devices (canaries).

    local_by_list, local_by_name, rewrites: see `LocalNames`.
    splits: names that other upstreams know; None for none.
    canaries: list numbers of the signals that the profile sends.
    protected: numbers of the lists whose names a household may not answer itself.
    open_below: names with something allowed at or below them: NXDOMAIN would deny that.
    nat64: how the network translates for devices without IPv4; None where it does not.
    listener: the name of the encrypted listeners; "" for none.
    """

    local_by_list: Mapping[int, Mapping[int, tuple[LocalRecord, ...]]]
    local_by_name: Mapping[str, Mapping[int, tuple[LocalRecord, ...]]]
    canaries: frozenset[int]
    rewrites: tuple[NameRewrite, ...]
    splits: SplitTable | None
    protected: frozenset[int]
    open_below: tuple[frozenset[str], ...]
    number: StepNumber = StepNumber.LOCAL
    title: str = "special and own names"
    only_if_listed: bool = False
    is_idle: bool = False
    nat64: Nat64 | None = None
    listener: str = ""

    def __call__(self, lookup: Lookup, now: float) -> Verdict | None:
        if self.nat64 is None:
            return self._decide(lookup)
        target = self.nat64.reverse_target(lookup.name) if lookup.qtype == PTR else ""
        if target:
            return self._answer_as(lookup, target)
        verdict = self._decide(lookup)
        return None if verdict is None else self._map(lookup, verdict, self.nat64)

    def _map(self, lookup: Lookup, verdict: Verdict, nat64: Nat64) -> Verdict:
        """Give a name without IPv6 addresses those that stand for its IPv4 ones (RFC 6147)."""
        local = verdict.local
        if lookup.qtype != AAAA or local is None or local.rcode or local.records:
            return verdict
        by_ipv4 = self._decide(Lookup(lookup.name, A, lookup.entries))
        found = None if by_ipv4 is None else by_ipv4.local
        records = () if found is None else map_records(found.records, nat64)
        return replace(verdict, local=replace(local, records=records)) if records else verdict

    def _decide(self, lookup: Lookup) -> Verdict | None:
        qname = lookup.name
        if qname in OWN_HOSTS:
            return self._local(lookup, LocalAnswer(is_own_address=True))
        verdict = self._household(lookup) if lookup.entries or self.rewrites else None
        if self.listener and is_token_name(qname, f".{self.listener}"):
            return self._lead_to_listener(lookup, verdict)
        if verdict is not None:
            return verdict
        answer = self._special(qname, lookup.qtype)
        return None if answer is None else self._local(lookup, answer)

    def _lead_to_listener(self, lookup: Lookup, verdict: Verdict | None) -> Verdict:
        """Lead a server name with a token where the listener's own name leads.

        A phone that was told it looks it up in clear text first: else it would find nothing at
        home, where the household has a name for the listener, and a log and upstreams the token.
        verdict: by the household's names.
        """
        if verdict is None or (verdict.local is not None and verdict.local.rcode):
            verdict = self._answer_as(lookup, self.listener)
        return replace(verdict, is_untraced=True)

    def _special(self, name: str, qtype: int) -> LocalAnswer | None:
        answer = special_use_answer(name, qtype)
        if answer is not None and self.splits is not None and self.splits.own_zone_of(name):
            return None
        return answer

    def _household(self, lookup: Lookup) -> Verdict | None:
        numbers = [entry.list for entry in lookup.entries]
        if not self.protected.isdisjoint(numbers):
            return None
        for entry in lookup.entries:
            records = self.local_by_list.get(entry.list)
            if records is not None:
                # A wildcard stands for every name below its own; else only the name itself exists.
                exists = entry.name == lookup.name or entry.match is MatchKind.BELOW
                found = records.get(lookup.qtype, ()) if exists else ()
                return self._local(lookup, LocalAnswer(0 if exists else NXDOMAIN, found))
        for rewrite in self.rewrites:
            if rewrite.matcher.covers(lookup.name):
                return self._rewritten(lookup, rewrite)
        if not self.canaries.isdisjoint(numbers):
            return self._local(lookup, LocalAnswer(NXDOMAIN), Reason.CANARY)
        return None

    def _rewritten(self, lookup: Lookup, rewrite: NameRewrite) -> Verdict:
        return self._answer_as(lookup, rewrite.target, str(rewrite.matcher))

    def _answer_as(self, lookup: Lookup, target: str, rule: str = "") -> Verdict:
        """Give another name's data; where this house knows it, no upstream is asked."""
        records = self.local_by_name.get(target)
        if records is not None:
            answer: LocalAnswer | None = LocalAnswer(0, records.get(lookup.qtype, ()))
        else:
            answer = self._special(target, lookup.qtype)
        if answer is not None:
            return replace(self._local(lookup, answer), rule=rule)
        return Verdict(Action.REWRITE, Reason.LOCAL, self.number, rule=rule, target=target)

    def _local(self, lookup: Lookup, answer: LocalAnswer, reason: Reason = Reason.LOCAL) -> Verdict:
        # A name that does not exist, but has one below it that does, is empty (RFC 8020).
        if answer.rcode == NXDOMAIN and any(lookup.name in names for names in self.open_below):
            answer = LocalAnswer()
        return Verdict(Action.LOCAL, reason, self.number, local=answer)


def map_records(records: tuple[LocalRecord, ...], nat64: Nat64) -> tuple[LocalRecord, ...]:
    """Return the AAAA records that stand for A records of this house; others are left out."""
    return tuple(
        replace(each, rtype=AAAA, data=str(ip_address(mapped)))
        for each in records
        if each.rtype == A
        for mapped in nat64.addresses_for(ip_address(each.data).packed)
    )
