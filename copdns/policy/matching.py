"""Find the rule or the list entry that counts for a name, and make a block's verdict from it.

The steps (`policy/steps.py`) use it.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from copdns.lists.index import Entry, ListInfo, entry_text
from copdns.model.household import Rule, RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes
from copdns.model.verdict import Action, Reason, StepNumber, Verdict


class RuleSet:
    """Rules by name; `find` returns the one that counts."""

    __slots__ = ("_ends", "_more", "_rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """rules: those of one profile, of its tags and of its household, about names."""
        by_name: dict[str, list[Rule]] = {}
        for rule in rules:
            assert isinstance(rule.target, Matcher)
            by_name.setdefault(rule.target.name, []).append(rule)
        for same in by_name.values():
            same.sort(key=_rank)
        # Of nearly all names there is one rule: without a tuple for each that is a third less.
        self._rules = {name: same[0] for name, same in by_name.items()}
        self._more = {name: tuple(same) for name, same in by_name.items() if len(same) > 1}
        # The last two labels of each name: most names share them with no rule, which is cheap to
        # see.  A rule for a top-level domain has only one, and then every name is looked up.
        self._ends = frozenset(map(last_two_labels, self._rules))
        if any("." not in end for end in self._ends):
            self._ends = frozenset()

    @property
    def open_below(self) -> frozenset[str]:
        """Names at or below which a rule allows something; only NXDOMAIN for blocks needs it."""
        return frozenset(
            suffix
            for name, first in self._rules.items()
            if any(rule.action is RuleAction.ALLOW for rule in self._more.get(name) or (first,))
            for suffix in suffixes(name)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names that rules are about."""
        return tuple(self._rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def find(self, qname: str) -> Rule | None:
        """Return the rule with the longest name that covers a name, the first by rank of those."""
        if self._ends and last_two_labels(qname) not in self._ends:
            return None
        get = self._rules.get
        for suffix in suffixes(qname):
            first = get(suffix)
            if first is None:
                continue
            for rule in self._more.get(suffix) or (first,):
                assert isinstance(rule.target, Matcher)
                if rule.target.covers(qname):
                    return rule
        return None


_numbers: Final = count()  # of groups that were asked
_BITS: Final = 60  # groups of a room: as many as a small integer has bits


class PolicyGroup:
    """Policies made of equal settings; only their own rules differ.

    Where no rule of theirs can cover a name, one verdict serves all.

    bit, room: `take_bit` gives them; 0 and 0 before.
    """

    __slots__ = ("_ends", "bit", "room")

    def __init__(self, ruled: Iterable[str] = ()) -> None:
        """ruled: names that the own rules of the first policy are about."""
        self._ends = set(map(last_two_labels, ruled))
        self.bit = 0
        self.room = 0

    def add(self, other: PolicyGroup) -> None:
        """Take in the policies of another group; only before any of them is asked."""
        self._ends |= other._ends

    def take_bit(self) -> None:
        """Have a bit that no other group of the same room has."""
        if not self.bit:
            number = next(_numbers)
            self.room, self.bit = number // _BITS, 1 << number % _BITS

    def shares_verdict(self, qname: str) -> bool:
        """Tell whether no own rule of the group can cover a name.

        Compares the last two labels, so False means "perhaps".
        """
        return (
            last_two_labels(qname) not in self._ends
            and qname[qname.rfind(".") + 1 :] not in self._ends
        )


def last_two_labels(name: str) -> str:
    """Return the last two labels of a name, or the one there is."""
    return name[name.rfind(".", 0, name.rfind(".")) + 1 :]


def _rank(rule: Rule) -> tuple[int, int, int]:
    """At equal length: exact first; then the profile, its tags, its household; then allow."""
    assert isinstance(rule.target, Matcher)
    scope = 2 if not rule.scope else 1 if rule.scope.startswith("#") else 0
    return (rule.target.match is not MatchKind.EXACT, scope, rule.action is not RuleAction.ALLOW)


class ListSet:
    """Some lists of an index; finds the entry by which they block a name."""

    __slots__ = ("_infos",)

    def __init__(self, infos: Iterable[ListInfo]) -> None:
        self._infos = {info.number: info for info in infos}

    def __bool__(self) -> bool:
        return bool(self._infos)

    def __contains__(self, number: int) -> bool:
        return number in self._infos

    def find(self, entries: tuple[Entry, ...]) -> tuple[Entry, ListInfo] | None:
        """Return the longest blocking entry; a list's exception lifts only entries of that list."""
        for entry in entries:
            info = self._infos.get(entry.list)
            if info is None or entry.allow:
                continue
            if len(entries) == 1 or not _has_exception(entry.list, entries):
                return entry, info
        return None


MAX_VERDICTS: Final = 4096  # of blocks by lists that a household remembers
VerdictByEntry = dict[tuple[Reason, Entry, bool], Verdict]


def _has_exception(number: int, entries: tuple[Entry, ...]) -> bool:
    return any(entry.allow and entry.list == number for entry in entries)


@dataclass(frozen=True, slots=True)
class Blocker:
    """Makes block verdicts.

    ttl, security_ttl: seconds.
    open_below: sets of names with something allowed at or below them; None unless the block mode is
        NXDOMAIN, which denies all below a name (`step_builders.build_blocker`).
    verdict_by_entry: shared by all policies of a household, as all that these verdicts depend on is
        the same in it.  The same names are blocked again and again, and to make a verdict costs
        more than to find the entry.
    """

    ttl: int
    security_ttl: int
    open_below: tuple[frozenset[str], ...] | None
    verdict_by_entry: VerdictByEntry = field(default_factory=dict, compare=False)

    def nothing_open_below(self, qname: str, matcher: Matcher | Entry | None) -> bool:
        """Tell whether every name under a blocked one is blocked too (RFC 8020 section 2)."""
        if self.open_below is None or (matcher is not None and matcher.match is MatchKind.EXACT):
            return False
        # Every name is below the root.
        return bool(qname) and not any(qname in names for names in self.open_below)

    def with_open(self, names: Iterable[str]) -> Blocker:
        """Return a blocker that knows that these names may be open too."""
        if self.open_below is None:
            return self
        more = frozenset(each for name in names for each in suffixes(name))
        return replace(self, open_below=(*self.open_below, more))

    def list_verdict(
        self,
        step: StepNumber,
        reason: Reason,
        qname: str,
        entry: Entry,
        info: ListInfo,
        contact: str = "",
    ) -> Verdict:
        """Return the block verdict of a list entry that covers a name."""
        # Not by the step: one profile may block a service by name, another by its contact.
        key = reason, entry, self.nothing_open_below(qname, entry)
        verdict = self.verdict_by_entry.get(key)
        if verdict is None:
            if len(self.verdict_by_entry) >= MAX_VERDICTS:
                self.verdict_by_entry.clear()
            verdict = self.verdict_by_entry[key] = self._new_verdict(
                step, reason, entry, info, key[2], contact
            )
        return verdict

    def _new_verdict(
        self,
        step: StepNumber,
        reason: Reason,
        entry: Entry,
        info: ListInfo,
        nothing_open_below: bool,
        contact: str,
    ) -> Verdict:
        ttl = self.security_ttl if reason is Reason.SECURITY else self.ttl
        return block_by_list(
            step, reason, info, entry_text(entry), ttl, nothing_open_below, contact
        )


def block_by_list(
    step: StepNumber,
    reason: Reason,
    info: ListInfo,
    rule: str,
    ttl: int,
    nothing_open_below: bool = False,
    contact: str = "",
) -> Verdict:
    """Return the block verdict of a list.  rule: its entry, for people; ttl: seconds."""
    is_service = reason is Reason.SERVICE or reason is Reason.CONTACT
    return Verdict(
        Action.BLOCK,
        reason,
        step,
        category="" if is_service else info.subject,
        service=info.subject if is_service else "",
        list=info.slug,
        list_version=info.version,
        rule=rule,
        ttl=ttl,
        nothing_open_below=nothing_open_below,
        contact=contact,
    )
