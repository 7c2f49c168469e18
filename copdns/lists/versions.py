"""Decide whether a new version of a fetched list is taken, or held for a person to look at.

`compare` says how two versions differ, `find_reasons` what of it is too much to be taken unseen.  A
held version changes nothing: the one in force stays until somebody accepts the other, refuses it,
or its maintainer publishes one that differs less.  docs/lists.md explains the bounds.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from copdns.lists.gate import Gate, first_taken
from copdns.lists.line import SkipReason
from copdns.lists.parse import ParsedList
from copdns.lists.rule_diff import compare_rules, rule_text
from copdns.lists.small_index import Draft, Names
from copdns.lists.special import NOTHING_SPECIAL, SpecialRules
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import display, suffixes

MAX_GROWTH: Final = 0.3  # of the names before: a version that grew by this much is held
MAX_LOSS: Final = 0.2  # likewise, of one that lost names
MAX_NEEDED: Final = 5  # needed names that it newly takes away
MAX_BROKEN: Final = 0.01  # of its lines
MAX_BULK: Final = 4  # times the octets that each name took before
# Below these the shares say nothing: a list of ten names grows by four on an ordinary day.
SMALL_CHANGE: Final = 20  # names
FEW_BROKEN: Final = 5  # lines
SMALL_BULK: Final = 256 << 10  # octets
MAX_SHOWN: Final = 50  # names of each kind that a difference shows; all are counted

_BROKEN: Final = (SkipReason.NAME, SkipReason.SYNTAX, SkipReason.LONG)
# Such lists name sites that look like others, and mean it.
_NAMES_LOOKALIKES: Final = frozenset({"malware", "phishing"})


class HoldReason(StrEnum):
    """Why a version is held.  docs/lists.md explains each."""

    GROWTH = "growth"
    LOSS = "loss"
    NEEDED = "needed"
    BROKEN = "broken"
    BULK = "bulk"
    ROLLED_BACK = "rolled_back"


class NeededKind(StrEnum):
    """What an entry would take away."""

    PROTECTED = "protected"
    INFRASTRUCTURE = "infrastructure"
    MISTAKE = "mistake"  # a top name, a school, or what lists are known to hold by mistake
    VOUCHED = "vouched"  # a name that the household or an age preset allows
    LOOKALIKE = "lookalike"  # a site whose name looks like a needed one


class NeededEntry(NamedTuple):
    """An entry that would take away what is needed.  entry: as in a rule.  name: what is needed."""

    entry: str
    kind: NeededKind
    name: str


@dataclass(frozen=True, slots=True)
class ReadVersion:
    """A version of a list.

    octets: of its text.  lines: used or skipped, without comments; broken: those that are no line
    of such a list.  blocks, allows, special: as of a draft, before the gate.  needed: by entry.
    """

    octets: int
    lines: int
    broken: int
    blocks: Names
    allows: Names
    needed: Mapping[str, NeededEntry]
    special: SpecialRules = NOTHING_SPECIAL


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """How a version differs from the one before.

    names_before, names: that each blocks.  added, removed: names that only one of them has.
    grown: added names that are not below a name that the version before had.
    lost: removed names that no entry covers now, and names that exceptions lift now.
    lines, broken: of this version; lines_before, broken_before: of the one before.
    needed: the first entries that newly take away what is needed, without protected names, which
    are only counted; needed_count: of all.
    added_names, removed_names: the first in alphabetical order, protected names left out.
    rules_before, rules, rules_added, rules_removed: the same of rules that are more than a name
    (patterns, terms, addresses, hashes); they count for grown and lost too.
    added_rules, removed_rules: the first of those that can be read.
    """

    names_before: int = 0
    names: int = 0
    added: int = 0
    removed: int = 0
    grown: int = 0
    lost: int = 0
    lines: int = 0
    broken: int = 0
    lines_before: int = 0
    broken_before: int = 0
    octets_before: int = 0
    octets: int = 0
    needed: tuple[NeededEntry, ...] = ()
    needed_count: int = 0
    added_names: tuple[str, ...] = ()
    removed_names: tuple[str, ...] = ()
    rules_before: int = 0
    rules: int = 0
    rules_added: int = 0
    rules_removed: int = 0
    added_rules: tuple[str, ...] = ()
    removed_rules: tuple[str, ...] = ()

    @property
    def entries_before(self) -> int:
        """Names and rules of the version before."""
        return self.names_before + self.rules_before


def find_reasons(
    diff: VersionDiff, *, may_shrink: bool = False, was_rolled_back: bool = False
) -> tuple[HoldReason, ...]:
    """Return why a version is held; () where it is taken.

    may_shrink: a person wants it though it lost names.  was_rolled_back: the one in force is an
    earlier one that a person went back to, so no newer one replaces it unseen.
    """
    found = {
        HoldReason.GROWTH: _is_share(diff.grown, diff.entries_before, MAX_GROWTH)
        and diff.grown >= SMALL_CHANGE,
        HoldReason.LOSS: not may_shrink
        and _is_share(diff.lost, diff.entries_before, MAX_LOSS)
        and diff.lost >= SMALL_CHANGE,
        HoldReason.NEEDED: diff.needed_count >= MAX_NEEDED,
        HoldReason.BROKEN: diff.broken >= FEW_BROKEN
        and _is_share(diff.broken, diff.lines, _broken_bound(diff)),
        HoldReason.BULK: _octets_each(diff) >= MAX_BULK
        and diff.octets - diff.octets_before >= SMALL_BULK,
        HoldReason.ROLLED_BACK: was_rolled_back,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _is_share(part: int, whole: int, bound: float) -> bool:
    return part >= bound * whole


def _octets_each(diff: VersionDiff) -> float:
    """Return how many times the octets of the version before each name takes."""
    before = diff.octets_before * (diff.names + diff.rules)
    return diff.octets * diff.entries_before / before if before else 0.0


def _broken_bound(diff: VersionDiff) -> float:
    """Return the share of broken lines from which a version is held.

    A list that has had more than that for long, and is used all the same, may have a hundredth
    more.
    """
    before = diff.broken_before / diff.lines_before if diff.lines_before else 0.0
    return MAX_BROKEN if before < MAX_BROKEN else before + MAX_BROKEN


# --- comparing ------------------------------------------------------------------------------------


def read_version(
    octets: int,
    parsed: ParsedList,
    draft: Draft,
    gate: Gate | None,
    vouched: Iterable[Matcher] = (),
) -> ReadVersion:
    """Return a version of a list.

    draft: the list, without its names.  gate: None to leave out what it would take away that is
    needed.  vouched: names that a person or a preset allows.
    """
    special = parsed.special
    named = replace(draft, blocks=parsed.blocks, allows=parsed.allows, special=special)
    needed = _needed_entries(named, gate, tuple(vouched)) if gate else ()
    return ReadVersion(
        octets,
        parsed.used_count + sum(parsed.unused.values()),
        sum(parsed.unused.get(reason, 0) for reason in _BROKEN),
        parsed.blocks,
        parsed.allows,
        {each.entry: each for each in needed},
        special,
    )


def _needed_entries(
    draft: Draft, gate: Gate, vouched: Collection[Matcher]
) -> Iterator[NeededEntry]:
    """Yield the entries of a draft that would take away what is needed; the last of one counts."""
    blocks = draft.blocks
    if draft.subject not in _NAMES_LOOKALIKES:
        needed = gate.needed_names().union(each.name for each in vouched)
        for name in (each for each in blocks if "xn--" in each):
            if (meant := looks_like(name)) in needed and meant != name:
                yield NeededEntry(str(Matcher(name, blocks[name])), NeededKind.LOOKALIKE, meant)
    for allowed in vouched:
        for above in _covering(allowed.name, blocks):
            entry = str(Matcher(above, blocks[above]))
            yield NeededEntry(entry, NeededKind.VOUCHED, allowed.name)
        for terms, names in draft.special.ruled.items():
            for above in () if terms.allow else _covering(allowed.name, names):
                text = rule_text(str(Matcher(above, names[above])), terms)
                yield NeededEntry(text, NeededKind.VOUCHED, allowed.name)
    for text, allowed_name in first_taken(draft.special, [each.name for each in vouched]).items():
        yield NeededEntry(text, NeededKind.VOUCHED, allowed_name)
    for text, barrier in gate.stopped_rules(draft).items():
        yield NeededEntry(text, NeededKind(barrier.reason), barrier.matcher.name)
    for name, barrier in gate.stopped_entries(draft).items():
        entry = str(Matcher(name, blocks[name]))
        yield NeededEntry(entry, NeededKind(barrier.reason), barrier.matcher.name)


def _covering(name: str, blocks: Names) -> list[str]:
    """Return the names whose entries cover a name: itself, and those above it with all below."""
    return [
        each
        for each in suffixes(name)
        if each in blocks and (each == name or blocks[each] is not MatchKind.EXACT)
    ]


def compare(before: ReadVersion, after: ReadVersion) -> VersionDiff:
    """Return how a version differs from the one before it."""
    added = list(_names_beyond(after.blocks, before.blocks))
    removed = list(_names_beyond(before.blocks, after.blocks))
    exceptions_gone = sum(name not in after.allows for name in before.allows)
    rules = compare_rules(before.special, after.special, before.blocks, after.blocks)
    needed = [each for entry, each in after.needed.items() if entry not in before.needed]
    hidden = frozenset(
        each.entry
        for each in (*before.needed.values(), *after.needed.values())
        if each.kind is NeededKind.PROTECTED
    )
    return VersionDiff(
        names_before=len(before.blocks),
        names=len(after.blocks),
        added=len(added),
        removed=len(removed),
        grown=sum(not _has_parent(name, before.blocks) for name in added)
        + exceptions_gone
        + rules.grown,
        lost=sum(not _is_covered(name, after.blocks) for name in removed)
        + _lifted_count(before, after)
        + rules.lost,
        lines=after.lines,
        broken=after.broken,
        lines_before=before.lines,
        broken_before=before.broken,
        octets_before=before.octets,
        octets=after.octets,
        needed=tuple(
            sorted(each for each in needed if each.kind is not NeededKind.PROTECTED)[:MAX_SHOWN]
        ),
        needed_count=len(needed),
        added_names=_shown_names(added, after.blocks, hidden),
        removed_names=_shown_names(removed, before.blocks, hidden),
        rules_before=before.special.count,
        rules=after.special.count,
        rules_added=len(rules.added) + rules.added_hashes,
        rules_removed=len(rules.removed) + rules.removed_hashes,
        added_rules=tuple(each for each in rules.added if each not in hidden)[:MAX_SHOWN],
        removed_rules=tuple(each for each in rules.removed if each not in hidden)[:MAX_SHOWN],
    )


def _names_beyond(names: Names, others: Names) -> Iterator[str]:
    """Yield the names that others lack, or that cover more here."""
    for name, match in names.items():
        other = others.get(name)
        if other is not match and (other is None or match is MatchKind.SUBTREE):
            yield name


def _has_parent(name: str, names: Names) -> bool:
    """Tell whether a name is below one of these, or one of these itself."""
    return any(each in names for each in suffixes(name)[1:])


def _is_covered(name: str, names: Names) -> bool:
    return any(
        names.get(each, MatchKind.EXACT) is not MatchKind.EXACT for each in suffixes(name)[1:]
    )


def _lifted_count(before: ReadVersion, after: ReadVersion) -> int:
    """Return how many names the new exceptions of a version lift."""
    new = after.allows.keys() - before.allows.keys()
    if not new:
        return 0
    return sum(any(each in new for each in suffixes(name)) for name in after.blocks)


def _shown_names(names: Iterable[str], blocks: Names, hidden: Collection[str]) -> tuple[str, ...]:
    entries = sorted(str(Matcher(name, blocks[name])) for name in names)
    return tuple(each for each in entries if each not in hidden)[:MAX_SHOWN]


# --- names that look like others ------------------------------------------------------------------

# Letters of other scripts that most fonts draw as Latin ones (Unicode Technical Standard 39).
_LATIN: Final = str.maketrans(
    {
        **dict(zip("асԁеһіјӏорԛѕԝхуѵ", "acdehijlopqswxyv", strict=True)),
        **dict(zip("αγικνορτυωχ", "ayiKvoptuwx".lower(), strict=True)),
        **dict(zip("ıɡɑʟօսոց", "igaloung", strict=True)),
        **dict(
            zip(
                "àáâãäåāăąèéêëēĕėęěìíîïĩīĭįòóôõöøōŏőùúûüũūŭůűųñńņňçćĉċčýÿšśŝşžźżłđ",
                "aaaaaaaaaeeeeeeeeeiiiiiiiiooooooooouuuuuuuuuunnnncccccyysssszzzld",
                strict=True,
            )
        ),
    }
)


def looks_like(name: str) -> str:
    """Return a name with the letters that most people would read: an A-label's in Latin script."""
    return display(name).translate(_LATIN)


# --- as JSON --------------------------------------------------------------------------------------


def diff_json(diff: VersionDiff) -> dict[str, Any]:
    """Return a difference as JSON has it: every field by its name."""
    return {**asdict(diff), "needed": [each._asdict() for each in diff.needed]}


def read_diff(found: Mapping[str, Any]) -> VersionDiff:
    """Return the difference of a JSON object; raise ValueError, TypeError or LookupError."""
    return VersionDiff(
        **{
            **found,
            "needed": tuple(
                NeededEntry(str(each["entry"]), NeededKind(each["kind"]), str(each["name"]))
                for each in found["needed"]
            ),
            "added_names": tuple(map(str, found["added_names"])),
            "removed_names": tuple(map(str, found["removed_names"])),
            # Absent in what an earlier copdns wrote.
            "added_rules": tuple(map(str, found.get("added_rules", ()))),
            "removed_rules": tuple(map(str, found.get("removed_rules", ()))),
        }
    )
