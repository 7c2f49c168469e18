"""Find the rule or the list entry that counts for a name, and make a block's verdict from it.

The steps (`policy/steps.py`) ask here; made once per profile, like them.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from copdns.lists.index import Entry, ListInfo
from copdns.model.household import Rule, RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes
from copdns.model.verdict import Action, Reason, StepNumber, Verdict


class RuleSet:
    """Rules by name.  `find` returns the one that counts, `openings` where one allows."""

    __slots__ = ("_ends", "_rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """rules: those of one profile, of its tags and of its household, about names."""
        by_name: dict[str, list[Rule]] = {}
        for rule in rules:
            assert isinstance(rule.target, Matcher)
            by_name.setdefault(rule.target.name, []).append(rule)
        self._rules = {name: tuple(sorted(same, key=_rank)) for name, same in by_name.items()}
        # The last two labels of each: a cheap look, by which most names are no rule's.  A rule
        # for all of a top-level domain has one, and then every name is looked at in full.
        self._ends = frozenset(map(_end, self._rules))
        if any("." not in end for end in self._ends):
            self._ends = frozenset()

    @property
    def open_below(self) -> frozenset[str]:
        """Names at or below which a rule allows something; only one block mode has to know."""
        return frozenset(
            suffix
            for name, rules in self._rules.items()
            if any(rule.action is RuleAction.ALLOW for rule in rules)
            for suffix in suffixes(name)
        )

    def __bool__(self) -> bool:
        return bool(self._rules)

    def find(self, qname: str) -> Rule | None:
        """Return the rule with the longest name that covers a name, the first by rank of those."""
        if self._ends and _end(qname) not in self._ends:
            return None
        get = self._rules.get
        for suffix in suffixes(qname):
            for rule in get(suffix) or ():
                assert isinstance(rule.target, Matcher)
                if rule.target.covers(qname):
                    return rule
        return None


class PolicyGroup:
    """Policies that differ in nothing but their own rules.

    Where no rule of theirs can cover a name, what is decided for one is decided for all.
    """

    __slots__ = ("_ends",)

    def __init__(self, ruled: Iterable[str] = ()) -> None:
        """ruled: names that a policy's own rules are about; it has no other kin as yet."""
        self._ends = set(map(_end, ruled))

    def add(self, other: PolicyGroup) -> None:
        """Take in the policy of another kin; before any of these is asked."""
        self._ends |= other._ends

    def shares_verdict(self, qname: str) -> bool:
        """Tell whether a name is surely none that a rule of one of them is about."""
        return _end(qname) not in self._ends and qname[qname.rfind(".") + 1 :] not in self._ends


def _end(name: str) -> str:
    """Return the last two labels of a name, or the one there is."""
    return name[name.rfind(".", 0, name.rfind(".")) + 1 :]


def _rank(rule: Rule) -> tuple[int, int, int]:
    """At equal length: exact first; then the profile, its tags, its household; then allow."""
    assert isinstance(rule.target, Matcher)
    scope = 2 if not rule.scope else 1 if rule.scope.startswith("#") else 0
    return (rule.target.match is not MatchKind.EXACT, scope, rule.action is not RuleAction.ALLOW)


class ListSet:
    """Some lists of an index, with which of their entries counts for a question."""

    __slots__ = ("_infos",)

    def __init__(self, infos: Iterable[ListInfo]) -> None:
        self._infos = {info.number: info for info in infos}

    def __bool__(self) -> bool:
        return bool(self._infos)

    def __contains__(self, number: int) -> bool:
        return number in self._infos

    def find(self, entries: tuple[Entry, ...]) -> tuple[Entry, ListInfo] | None:
        """Return the longest blocking entry of these lists; a list's exception lifts only it."""
        for entry in entries:
            info = self._infos.get(entry.list)
            if info is None or entry.allow:
                continue
            if len(entries) == 1 or not _excepted(entry.list, entries):
                return entry, info
        return None


_MADE = 4096  # verdicts that a household keeps at most
VerdictByEntry = dict[tuple[StepNumber, Entry, bool], Verdict]


def _excepted(number: int, entries: tuple[Entry, ...]) -> bool:
    return any(entry.allow and entry.list == number for entry in entries)


@dataclass(frozen=True, slots=True)
class Blocker:
    """How this profile's blocks are made: TTLs in seconds, and where something stays allowed.

    openings: names at or below which something may be allowed; None where the profile's block
    mode never says NXDOMAIN, and nobody needs to know.
    made: verdicts by step, entry and whether nothing is allowed below; all that they depend on is
    the same in a household.  A block is asked for again and again, and making its verdict costs
    more than finding it.
    """

    ttl: int
    security_ttl: int
    open_below: tuple[frozenset[str], ...] | None
    verdict_by_entry: VerdictByEntry = field(default_factory=dict, compare=False)

    def nothing_open_below(self, qname: str, matcher: Matcher | Entry | None) -> bool:
        """Tell whether every name under a blocked one is blocked too (RFC 8020 section 2)."""
        if self.open_below is None or (matcher is not None and matcher.match is MatchKind.EXACT):
            return False
        # The root stands above all there is.
        return bool(qname) and not any(qname in names for names in self.open_below)

    def with_open(self, names: Iterable[str]) -> Blocker:
        """Return the same for a step after which these names may be open too."""
        if self.open_below is None:
            return self
        more = frozenset(each for name in names for each in suffixes(name))
        return replace(self, open_below=(*self.open_below, more))

    def list_verdict(
        self, step: StepNumber, reason: Reason, qname: str, entry: Entry, info: ListInfo
    ) -> Verdict:
        """Return the verdict of a list's entry that covers a name."""
        key = step, entry, self.nothing_open_below(qname, entry)
        verdict = self.verdict_by_entry.get(key)
        if verdict is None:
            if len(self.verdict_by_entry) >= _MADE:
                self.verdict_by_entry.clear()
            verdict = self.verdict_by_entry[key] = self._by_list(step, reason, entry, info, key[2])
        return verdict

    def _by_list(
        self, step: StepNumber, reason: Reason, entry: Entry, info: ListInfo, nothing_below: bool
    ) -> Verdict:
        is_service = reason is Reason.SERVICE
        return Verdict(
            Action.BLOCK,
            reason,
            step,
            category="" if is_service else info.subject,
            service=info.subject if is_service else "",
            list=info.slug,
            list_version=info.version,
            rule=str(Matcher(entry.name, entry.match)),
            ttl=self.security_ttl if reason is Reason.SECURITY else self.ttl,
            nothing_open_below=nothing_below,
        )
