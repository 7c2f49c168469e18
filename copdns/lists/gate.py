"""Hold every list against the names that no list may take away, and leave out what would.

Four kinds of names:

    protected        what nobody may block: an entry at or below one is left out (the order of
                     decision asks for protected names before any list, so one above it stays)
    infrastructure   names on which much of the internet hangs: an entry that covers one is left
                     out, and for some names every entry below it too
    mistakes         names that some lists hold by mistake, and schools: an entry at or below one is
                     left out of lists of the categories concerned, and a list with an entry above
                     it gets an exception
    top              sites that nearly everybody uses: an entry that covers one as a whole is left
                     out of lists of the categories concerned

The rest of the list stays.  What is left out is counted and, but for protected names, shown.
A household's own rules do not come this way.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Final, NamedTuple

from copdns.lists.hashes import NO_HASHES
from copdns.lists.index import ListKind
from copdns.lists.line import SkipReason
from copdns.lists.pattern_parts import UNBOUNDED
from copdns.lists.patterns import PatternSet
from copdns.lists.small_index import BLOCKING, Draft, HeldEntry, Names
from copdns.lists.special_rules import SpecialRules
from copdns.lists.terms import Terms
from copdns.model.broad_networks import address_shares
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import suffixes

MAX_HELD: Final = 20  # entries of a list that are shown; all are counted
MAX_SHARE: Final = 1 / 8  # of all addresses, which the networks of one list block
# Such a list names a hacked school for some hours and means it; others keep it for years.
_NAMES_SCHOOLS: Final = frozenset({"malware"})
# ac.uk, edu.au and so on, for any country.
_SCHOOL_SUFFIXES: Final = frozenset(
    f"{kind}.{one}{other}"
    for kind in ("ac", "edu")
    for one in ascii_lowercase
    for other in ascii_lowercase
)
_OPEN_TO_ANYONE: Final = frozenset(
    {"edu.kg", "edu.pl"}
)  # there, no one asks whether it is a school

_OF_GATE: Final = Terms(allow=True, important=True, is_of_gate=True)
# Patterns of `is_whole_school`.
_SCHOOL_PATTERNS: Final = (
    r"/^(www\.)?[^.]+\.edu$/",
    r"/^(www\.)?[^.]+\.(ac\.[a-z]|edu\.[a-jl-oq-z])[a-z]$/",
    r"/^(www\.)?[^.]+\.edu\.(k[a-fh-z]|p[a-km-z])$/",
)


class KnownMistake(NamedTuple):
    """A name that lists hold by mistake.  not_in: the categories to which it does not belong.

    "*.name": what people have below a site; the site itself, with and without www, may be listed.
    """

    matcher: Matcher
    not_in: frozenset[str]


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gate refuses, besides protected names.

    whole, below: names of infrastructure.yaml, each with the categories and services that claim it.
    mistakes: those of mistakes.yaml.
    unopened: names that no list may take away, although a rule may (protected.yaml).
    top: names of top.yaml, each with the categories to which it does not belong.
    """

    whole: Mapping[str, frozenset[str]]
    below: Mapping[str, frozenset[str]]
    mistakes: tuple[KnownMistake, ...] = ()
    unopened: tuple[Matcher, ...] = ()
    top: Mapping[str, frozenset[str]] = field(default_factory=dict)


NO_RULES: Final = GateRules({}, {})


class Barrier(NamedTuple):
    """Entries that `matcher` covers are left out of a list, for this reason."""

    matcher: Matcher
    reason: SkipReason

    def stops(self, name: str) -> bool:
        """Tell whether an entry of this name is left out."""
        if self.matcher.match is MatchKind.BELOW and name == f"www.{self.matcher.name}":
            return False  # the site itself, not what people have below it
        return self.matcher.covers(name)


Barriers = Mapping[str, Barrier]


class _Large(NamedTuple):
    """A name that no list takes away as a whole, but for those of some subjects.

    subjects: of the lists that may name it, or, if `is_top`, of those that may not.
    """

    name: str
    subjects: frozenset[str]
    is_top: bool

    def is_closed_to(self, subject: str) -> bool:
        """Tell whether lists about a subject may not name it."""
        return (subject in self.subjects) is self.is_top

    @property
    def barrier(self) -> Barrier:
        reason = SkipReason.MISTAKE if self.is_top else SkipReason.INFRASTRUCTURE
        return Barrier(Matcher(self.name), reason)


class Gate:
    """Leaves out of lists what no list may take away."""

    __slots__ = ("_above", "_ends", "_listable", "_protected", "_replaced", "_rules")

    def __init__(self, drafts: Iterable[Draft], rules: GateRules = NO_RULES) -> None:
        """drafts: only the protected groups among them count."""
        groups = [draft for draft in drafts if draft.kind is ListKind.PROTECTED]
        names = (Matcher(*pair) for each in groups for pair in each.blocks.items())
        self._rules = rules
        self._protected = _barriers((*names, *rules.unopened), SkipReason.PROTECTED)
        # Hosts below protected names that only measure visitors: `but_not` of protected.yaml.
        self._listable = frozenset(name for each in groups for name in each.allows)
        stopped = (*self._protected, *rules.below, *(each.matcher.name for each in rules.mistakes))
        self._ends = _SCHOOL_SUFFIXES | frozenset(map(_end, stopped))
        # By each name that covers one of infrastructure or a top name: most lists are small, and
        # have none of these.
        self._above: dict[str, list[_Large]] = {}
        for large, is_top in ((rules.whole, False), (rules.below, False), (rules.top, True)):
            for name, subjects in large.items():
                for above in suffixes(name):
                    self._above.setdefault(above, []).append(_Large(name, subjects, is_top))
        replaced = (*rules.unopened, *(each.matcher for each in rules.mistakes))
        self._replaced = frozenset(above for each in replaced for above in suffixes(each.name))

    def let_through(self, draft: Draft) -> Draft:
        """Return a draft without what no list may take away."""
        if draft.kind not in BLOCKING:
            return draft
        if draft.special:
            draft = self._let_special_through(draft)
        held = dict(self._held_entries(draft))
        narrowed, freed = self._replacements(draft)
        allows = [each for each in self._near(draft.allows) if self._find(each, self._protected)]
        if not (held or narrowed or freed or allows):
            return draft
        unused = dict(draft.unused)
        for reason in (each.reason for each in held.values()):
            unused[reason] = unused.get(reason, 0) + 1
        if allows:
            unused[SkipReason.PROTECTED] = unused.get(SkipReason.PROTECTED, 0) + len(allows)
        return replace(
            draft,
            blocks=_without(draft.blocks, held) | narrowed,
            allows=_without(draft.allows, allows) | freed,
            unused=unused,
            held=(*draft.held, *_shown_entries(draft.blocks, held))[:MAX_HELD],
        )

    def _let_special_through(self, draft: Draft) -> Draft:
        """Return a draft with its rules that are more than a name held against the same names.

        A pattern or a hash that takes one of them is left out whole; a pattern that a protected
        name happens to fit stays, since those are asked for before any list.  Nobody can tell which
        names below them a pattern or a hash takes, so a list with such rules gets exceptions.
        """
        special, unused, held = draft.special, Counter(draft.unused), list(draft.held)
        ruled: dict[Terms, Names] = {}
        freed: Names = {}
        for terms, names in special.ruled.items():
            if terms.allow:
                ruled[terms] = names
                continue
            alone = replace(draft, blocks=names)
            stopped = dict(self._held_entries(alone))
            narrowed, exceptions = self._replacements(alone)
            for name in narrowed.keys() & names.keys() - stopped.keys():
                stopped[name] = Barrier(Matcher(name), SkipReason.MISTAKE)
            unused.update(each.reason for each in stopped.values())
            held += _shown_entries(names, stopped)
            ruled[terms] = _without(names, stopped)
            freed |= exceptions
        if freed:
            strong = Terms(allow=True, important=True)
            ruled[strong] = {**ruled.get(strong, {}), **freed}
        taken = self.stopped_patterns(draft)
        for text, (name, reason) in taken.items():
            unused[reason] += 1
            if reason is not SkipReason.PROTECTED:
                held.append(HeldEntry(text, reason, name))
        hashes = NO_HASHES
        if special.hashes:
            above = (
                name
                for name, found_above in self._above.items()
                if any(each.is_closed_to(draft.subject) for each in found_above)
            )
            hashes = special.hashes.without({*self._find_names_of_others(draft.subject), *above})
        if len(hashes) < len(special.hashes):
            unused[SkipReason.INFRASTRUCTURE] += len(special.hashes) - len(hashes)
        patterns = tuple(each for each in special.patterns if each[1].allow or each[0] not in taken)
        if hashes or any(not terms.allow for _, terms in patterns):
            ruled[_OF_GATE] = self._find_names_to_keep_open(draft.subject)
            if draft.subject not in _NAMES_SCHOOLS:
                patterns += tuple((text, _OF_GATE) for text in _SCHOOL_PATTERNS)
        kept = SpecialRules(
            {terms: names for terms, names in ruled.items() if names},
            patterns,
            _without_too_many(special.networks),
            hashes,
        )
        if left_out := len(special.networks) - len(kept.networks):
            unused[SkipReason.SUFFIX] += left_out
        shown = tuple(held[:MAX_HELD])
        return replace(draft, special=kept, unused=dict(unused), held=shown)

    def _find_names_to_keep_open(self, subject: str) -> dict[str, MatchKind]:
        """Return what a list about a subject may not take, nor what is below, but for protected
        names, which are asked for before any list."""
        rules = self._rules
        mistakes = (each.matcher for each in rules.mistakes if subject in each.not_in)
        below = (Matcher(name) for name, claims in rules.below.items() if subject not in claims)
        return {each.name: each.match for each in (*below, *mistakes, *rules.unopened)}

    def _find_names_of_others(self, subject: str) -> dict[str, SkipReason]:
        """Return the names that a list about a subject may not take, with the reason."""
        rules = self._rules
        found = {
            name: SkipReason.INFRASTRUCTURE
            for names in (rules.whole, rules.below)
            for name, claims in names.items()
            if subject not in claims
        }
        mistakes = (each.matcher for each in rules.mistakes if subject in each.not_in)
        found |= {each.name: SkipReason.MISTAKE for each in mistakes}
        top = (name for name, subjects in rules.top.items() if subject in subjects)
        found |= dict.fromkeys(top, SkipReason.MISTAKE)
        return found | {each.name: SkipReason.PROTECTED for each in rules.unopened}

    def stopped_entries(self, draft: Draft) -> dict[str, Barrier]:
        """Return every blocked name of a draft that is left out, with what stops it.

        Of several names that an entry would take away, its own counts, or else the first.
        """
        found: dict[str, Barrier] = {}
        for name, barrier in self._held_entries(draft) if draft.kind in BLOCKING else ():
            if name not in found or barrier.matcher.name == name:
                found[name] = barrier
        return found

    def stopped_patterns(self, draft: Draft) -> dict[str, tuple[str, SkipReason]]:
        """Return every pattern of a draft that is left out, with the name that it would take away,
        and why."""
        found = PatternSet(text for text, terms in draft.special.patterns if not terms.allow)
        taken: dict[str, tuple[str, SkipReason]] = {}
        for name, reason in self._find_names_of_others(draft.subject).items() if found else ():
            for each in found.find(name, UNBOUNDED):
                taken.setdefault(found.texts[each], (name, reason))
        return taken

    def needed_names(self) -> frozenset[str]:
        """Return the names that lists may not take away, but for schools."""
        large = (each.name for found in self._above.values() for each in found)
        return frozenset((*large, *self._protected))

    def _barriers_for(self, subject: str) -> Barriers:
        """Return what stops entries of lists about a subject, by name; protected names first."""
        below = [name for name, claims in self._rules.below.items() if subject not in claims]
        mistakes = [each.matcher for each in self._rules.mistakes if subject in each.not_in]
        return {
            **_barriers(mistakes, SkipReason.MISTAKE),
            **_barriers(map(Matcher, below), SkipReason.INFRASTRUCTURE),
            **self._protected,
        }

    def _held_entries(self, draft: Draft) -> Iterator[tuple[str, Barrier]]:
        """Yield the blocked names that are left out, each with what stops it."""
        schools_stay = draft.subject in _NAMES_SCHOOLS
        near = self._near(draft.blocks)
        barriers = self._barriers_for(draft.subject) if near else {}
        for name in near:
            barrier = self._find(name, barriers)
            own = barriers.get(name)
            if own is not None and own.matcher.match is draft.blocks[name]:
                yield name, own  # `*.name`, which does not cover the name
            elif barrier is not None:
                yield name, barrier
            elif not schools_stay and is_whole_school(name):
                yield name, Barrier(Matcher(name), SkipReason.MISTAKE)
        for above in draft.blocks.keys() & self._above.keys():
            is_exact = draft.blocks[above] is MatchKind.EXACT
            for large in self._above[above]:
                if large.is_closed_to(draft.subject) and (above == large.name or not is_exact):
                    yield above, large.barrier

    def _replacements(self, draft: Draft) -> tuple[dict[str, MatchKind], dict[str, MatchKind]]:
        """Return entries in place of wider ones, and exceptions, for what a list may not take."""
        narrowed: dict[str, MatchKind] = {}
        exceptions: dict[str, MatchKind] = {}
        if draft.blocks.keys().isdisjoint(self._replaced):
            return narrowed, exceptions
        mistakes = (each.matcher for each in self._rules.mistakes if draft.subject in each.not_in)
        for name, match in ((each.name, each.match) for each in (*self._rules.unopened, *mistakes)):
            for above in _covering(name, draft.blocks):
                if above != name:
                    exceptions[name] = match
                elif match is MatchKind.BELOW and draft.blocks[name] is MatchKind.SUBTREE:
                    narrowed |= {name: MatchKind.EXACT, f"www.{name}": MatchKind.SUBTREE}
        return narrowed, exceptions

    def _find(self, name: str, barriers: Barriers) -> Barrier | None:
        """Return what stops an entry for a name, or None."""
        for each in suffixes(name):
            if each in self._listable:
                return None
            barrier = barriers.get(each)
            if barrier is not None and barrier.stops(name):
                return barrier
        return None

    def _near(self, names: Names) -> list[str]:
        """Return the names that may be stopped: of a million names, only few are looked up."""
        ends = self._ends
        return [  # inlined _end: a call for each name would take longer
            name
            for name in names
            if name[name.rfind(".", 0, name.rfind(".")) + 1 :] in ends or name[-4:] == ".edu"
        ]


def is_whole_school(name: str) -> bool:
    """Tell whether a name is a whole university or school by its suffix: .edu, .ac.uk, .edu.au.

    Hosts below it may be listed: a page on them may have been hacked.
    """
    labels = name.removeprefix("www.").split(".")
    if len(labels) == 3:
        suffix = f"{labels[1]}.{labels[2]}"
        return suffix in _SCHOOL_SUFFIXES and suffix not in _OPEN_TO_ANYONE
    return len(labels) == 2 and labels[1] == "edu"


def _barriers(matchers: Iterable[Matcher], reason: SkipReason) -> dict[str, Barrier]:
    return {each.name: Barrier(each, reason) for each in matchers}


def _without_too_many(networks: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    """Return the networks of a list without the widest, where together they block too much."""
    blocked = [text for text, allow in networks if not allow]
    if max(address_shares(blocked)) <= MAX_SHARE:
        return networks
    sums, kept = (0.0, 0.0), set[str]()
    for text in sorted(blocked, key=lambda each: address_shares((each,))):
        four, six = address_shares((text,))
        sums = sums[0] + four, sums[1] + six
        if max(sums) > MAX_SHARE and (four or six):
            sums = sums[0] - four, sums[1] - six
        else:
            kept.add(text)
    return tuple(each for each in networks if each[1] or each[0] in kept)


def _covering(name: str, blocks: Names) -> list[str]:
    """Return the entries that cover a name: itself, and those above it with all below."""
    return [
        each
        for each in suffixes(name)
        if each in blocks and (each == name or blocks[each] is not MatchKind.EXACT)
    ]


def _shown_entries(blocks: Names, held: Mapping[str, Barrier]) -> tuple[HeldEntry, ...]:
    """Return the first entries that were left out; the names of help are no example to show."""
    shown = (
        HeldEntry(str(Matcher(name, blocks[name])), each.reason, each.matcher.name)
        for name, each in held.items()
        if each.reason is not SkipReason.PROTECTED
    )
    return tuple(sorted(shown)[:MAX_HELD])


def _end(name: str) -> str:
    """Return the last two labels of a name, or the one there is."""
    return name[name.rfind(".", 0, name.rfind(".")) + 1 :]


def _without(names: Names, left_out: Iterable[str]) -> dict[str, MatchKind]:
    rest = dict(names)
    for name in left_out:
        del rest[name]
    return rest
