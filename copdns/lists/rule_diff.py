"""How the rules of two versions of a list differ that are more than a name.

These are names with terms, patterns, networks and hashes (`special.py`).  Each counts as one, as a
name does; only an exception counts as what it lifts.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from copdns.lists.hashes import HashedNames
from copdns.lists.patterns import PatternSet
from copdns.lists.small_index import Names
from copdns.lists.special import SpecialRules
from copdns.lists.terms import Terms
from copdns.model.matchers import Matcher
from copdns.model.names import suffixes

SAMPLE: Final = 2000  # names that the patterns of new exceptions are held against


class ComparedRule(NamedTuple):
    """What is compared of a rule besides its text.  name: "" for a pattern or a network."""

    name: str
    allow: bool


@dataclass(frozen=True, slots=True)
class RuleDiff:
    """The rules that only one version has, as a list has them; those with @@ are exceptions.

    added_hashes, removed_hashes: how many, since nobody can read them.
    grown, lost: of those that count for growth and for loss (`versions.VersionDiff`).
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    added_hashes: int = 0
    removed_hashes: int = 0
    grown: int = 0
    lost: int = 0


NO_RULE_DIFF: Final = RuleDiff()


def compare_rules(
    before: SpecialRules, after: SpecialRules, names_before: Names, names: Names
) -> RuleDiff:
    """Return how the rules of two versions differ.  names_before, names: what they block by name
    alone."""
    if not (before or after):
        return NO_RULE_DIFF
    old, new = dict(rules_of(before)), dict(rules_of(after))
    added = {text: each for text, each in new.items() if text not in old}
    removed = {text: each for text, each in old.items() if text not in new}
    old_hashes, new_hashes = _hashes(before.hashes), _hashes(after.hashes)
    added_hashes, removed_hashes = len(new_hashes - old_hashes), len(old_hashes - new_hashes)
    return RuleDiff(
        tuple(sorted(added)),
        tuple(sorted(removed)),
        added_hashes,
        removed_hashes,
        # A name that was listed without terms before is no growth; nor is one below it.
        grown=sum(not each.allow and not _is_in(each.name, names_before) for each in added.values())
        + sum(each.allow for each in removed.values())
        + added_hashes,
        lost=sum(not each.allow and not _is_in(each.name, names) for each in removed.values())
        + _lifted_count(before, after, names)
        + removed_hashes,
    )


def rules_of(special: SpecialRules) -> Iterator[tuple[str, ComparedRule]]:
    """Yield the text of each rule that can be read, with what is compared of it."""
    for terms, names in special.ruled.items():
        for name, match in names.items():
            yield rule_text(str(Matcher(name, match)), terms), ComparedRule(name, terms.allow)
    for text, terms in special.patterns:
        yield rule_text(text, terms), ComparedRule("", terms.allow)
    for text, allow in special.networks:
        yield f"@@{text}" if allow else text, ComparedRule("", allow)


def rule_text(text: str, terms: Terms) -> str:
    """Return a rule as a list of ad blockers has it."""
    shown = f"{text}${terms}" if str(terms) else text
    return f"@@{shown}" if terms.allow else shown


def _is_in(name: str, names: Names) -> bool:
    return bool(name) and any(each in names for each in suffixes(name))


def _hashes(found: HashedNames) -> frozenset[tuple[str, bytes]]:
    """Return hashes as values; those with another salt are others."""
    if not found:
        return frozenset()
    size = len(found.octets) // len(found)
    kind = f"{found.algorithm} {found.salt}"
    return frozenset(
        (kind, found.octets[at : at + size]) for at in range(0, len(found.octets), size)
    )


def _lifted_count(before: SpecialRules, after: SpecialRules, names: Names) -> int:
    """Return about how many names new exceptions lift: exact by name, by a sample for patterns."""
    by_name = _exceptions(after) - _exceptions(before)
    lifted = sum(any(each in by_name for each in suffixes(name)) for name in names if by_name)
    old = {text for text, terms in before.patterns if terms.allow}
    patterns = PatternSet(text for text, terms in after.patterns if terms.allow and text not in old)
    if not patterns.texts or not names:
        return lifted
    step = max(1, len(names) // SAMPLE)
    sample = list(names)[::step]
    found = sum(bool(patterns.find(name)) for name in sample)
    return lifted + found * len(names) // len(sample)


def _exceptions(special: SpecialRules) -> frozenset[str]:
    found: Mapping[Terms, Names] = special.ruled
    return frozenset(name for terms, names in found.items() if terms.allow for name in names)
