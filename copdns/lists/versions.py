"""Decide whether a new version of a fetched list is taken, or held for a person to look at.

`compare` says how two versions differ, `find_reasons` what of it is too much to be taken unseen.  A
held version changes nothing: the one in force stays until somebody accepts the other, refuses it,
or its maintainer publishes one that differs less.  docs/lists.md explains the bounds.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from copdns.lists.gate import Gate
from copdns.lists.line import SkipReason, is_shared_suffix
from copdns.lists.parse import ParsedList
from copdns.lists.pattern_parts import UNBOUNDED
from copdns.lists.patterns import PatternSet
from copdns.lists.small_index import Draft, Names
from copdns.lists.special_rules import SpecialRules
from copdns.lists.terms import Terms
from copdns.model.broad_networks import address_shares
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import display, suffixes

MAX_GROWTH: Final = 0.3  # of the names before: a version that grew by this much is held
MAX_LOSS: Final = 0.2  # likewise, of one that lost names
MAX_NEEDED: Final = 5  # needed names that it newly takes away
MAX_BROKEN: Final = 0.01  # of its lines
MAX_BULK: Final = 4  # times the octets that each name took before
# Of all addresses of a family, as a network of IPv4 and one of IPv6: fewer added ones are too few.
SMALL_SHARES: Final = address_shares(("192.0.0.0/12", "2001:c00::/28"))
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
    of such a list.  blocks, allows: as of a draft, before the gate, with the names of rules that
    always hold, or are exceptions.  needed: by name.
    rules: what else blocks, as in the list: rules that hold for some types or people, patterns,
    networks, and hashes; each with the name that it is about, or "".
    opening: patterns that are exceptions.  shares: of all addresses of IPv4 and IPv6, how much its
    networks block.  Of an allow-list, all that it opens stands as what another list blocks;
    wide: its patterns, of which nobody can say how much they open.
    """

    octets: int
    lines: int
    broken: int
    blocks: Names
    allows: Names
    needed: Mapping[str, NeededEntry]
    rules: Mapping[str, str] = field(default_factory=dict)
    opening: frozenset[str] = frozenset()
    shares: tuple[float, float] = (0.0, 0.0)
    wide: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """The number of what it blocks."""
        return len(self.blocks) + len(self.rules)


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """How a version differs from the one before.

    names_before, names: that each blocks; a rule that is more than a name counts as one.
    added, removed: names that only one of them has.
    grown: added names that are not below a name that the version before had.
    lost: removed names that no entry covers now, and names that exceptions lift now.
    is_wider: its networks block many more addresses, or an allow-list has a new pattern.
    lines, broken: of this version; lines_before, broken_before: of the one before.
    needed: the first entries that newly take away what is needed, without protected names, which
    are only counted; needed_count: of all.
    added_names, removed_names: the first in alphabetical order, protected names left out.
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
    is_wider: bool = False


def find_reasons(
    diff: VersionDiff, *, may_shrink: bool = False, was_rolled_back: bool = False
) -> tuple[HoldReason, ...]:
    """Return why a version is held; () where it is taken.

    may_shrink: a person wants it though it lost names.  was_rolled_back: the one in force is an
    earlier one that a person went back to, so no newer one replaces it unseen.
    """
    found = {
        HoldReason.GROWTH: diff.is_wider
        or (_is_share(diff.grown, diff.names_before, MAX_GROWTH) and diff.grown >= SMALL_CHANGE),
        HoldReason.LOSS: not may_shrink
        and _is_share(diff.lost, diff.names_before, MAX_LOSS)
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
    before = diff.octets_before * diff.names
    return diff.octets * diff.names_before / before if before else 0.0


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
    if draft.opens:
        parsed, gate = _as_blocks(parsed), None  # it takes nothing away
    special = parsed.special
    blocks, allows = _with_special_names(parsed)
    # For what is needed it makes no difference for whom or which type a rule holds.
    all_names = _with_all_names(blocks, special)
    named = replace(draft, blocks=all_names, allows=allows, special=special)
    needed = _needed_entries(named, gate, tuple(vouched)) if gate else ()
    blocked = tuple(text for text, allow in special.networks if not allow)
    return ReadVersion(
        octets,
        parsed.used_count + sum(parsed.unused.values()),
        sum(parsed.unused.get(reason, 0) for reason in _BROKEN),
        blocks,
        allows,
        {each.entry: each for each in needed},
        dict(_rule_texts(special)),
        frozenset(text for text, terms in special.patterns if terms.allow),
        address_shares(blocked),
        frozenset(text for text, _ in special.patterns) if draft.opens else frozenset(),
    )


def _as_blocks(parsed: ParsedList) -> ParsedList:
    """Return what an allow-list opens as if it were blocked, to be compared like another list."""
    special = parsed.special
    ruled: dict[Terms, Names] = {}
    for terms, names in special.ruled.items():
        plain = replace(terms, allow=False)
        ruled[plain] = _join(ruled.get(plain, {}), names)
    patterns = tuple((text, replace(terms, allow=False)) for text, terms in special.patterns)
    networks = tuple((text, False) for text, _ in special.networks)
    return replace(
        parsed,
        blocks=_join(parsed.blocks, parsed.allows),
        allows={},
        special=replace(special, ruled=ruled, patterns=patterns, networks=networks),
    )


def _holds_always(terms: Terms) -> bool:
    """Tell whether a rule blocks its names whoever asks for whichever type."""
    return not (terms.allow or terms.types or terms.not_types or terms.is_personal)


def _with_special_names(parsed: ParsedList) -> tuple[Names, Names]:
    """Return what a text blocks and allows, with the names of rules that are as good as plain."""
    blocks, allows = parsed.blocks, parsed.allows
    for terms, names in parsed.special.ruled.items():
        if terms.allow:  # for whomever: it lifts something
            allows = _join(allows, names)
        elif _holds_always(terms):
            blocks = _join(blocks, names)
    return blocks, allows


def _with_all_names(blocks: Names, special: SpecialRules) -> Names:
    for terms, names in special.ruled.items():
        if not terms.allow:
            blocks = _join(blocks, names)
    return blocks


def _join(names: Names, others: Names) -> Names:
    if not names:
        return others
    both = (name for name in others if names.get(name, others[name]) is not others[name])
    return {**names, **others, **dict.fromkeys(both, MatchKind.SUBTREE)}


def _rule_texts(special: SpecialRules) -> Iterator[tuple[str, str]]:
    """Yield each rule that blocks, but for names that always hold, with the name that it is about,
    or "" for none."""
    for terms, names in special.ruled.items():
        if not terms.allow and not _holds_always(terms):
            shown = replace(terms, but_not=())  # with each name that is left out, it is another
            yield from ((f"{Matcher(name, match)}${shown}", name) for name, match in names.items())
    for text, terms in special.patterns:
        if not terms.allow:
            yield (f"{text}${terms}" if terms != Terms() else text), ""
    yield from ((text, "") for text, allow in special.networks if not allow)
    yield from ((text, "") for text in special.hashes.texts)


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
        for above in suffixes(allowed.name):
            covers = above in blocks and (
                above == allowed.name or blocks[above] is not MatchKind.EXACT
            )
            if covers:
                entry = str(Matcher(above, blocks[above]))
                yield NeededEntry(entry, NeededKind.VOUCHED, allowed.name)
    patterns = PatternSet(text for text, terms in draft.special.patterns if not terms.allow)
    for allowed in vouched if patterns else ():
        for each in patterns.find(allowed.name, UNBOUNDED):
            yield NeededEntry(patterns.texts[each], NeededKind.VOUCHED, allowed.name)
    for text, (name, reason) in gate.stopped_patterns(draft).items():
        yield NeededEntry(text, NeededKind(reason), name)
    for name, barrier in gate.stopped_entries(draft).items():
        entry = str(Matcher(name, blocks[name]))
        yield NeededEntry(entry, NeededKind(barrier.reason), barrier.matcher.name)


def compare(before: ReadVersion, after: ReadVersion) -> VersionDiff:
    """Return how a version differs from the one before it."""
    added = list(_names_beyond(after.blocks, before.blocks))
    removed = list(_names_beyond(before.blocks, after.blocks))
    rules_added = [each for each in after.rules if each not in before.rules]
    rules_removed = [each for each in before.rules if each not in after.rules]
    exceptions_gone = sum(name not in after.allows for name in before.allows)
    needed = [each for entry, each in after.needed.items() if entry not in before.needed]
    hidden = frozenset(
        each.entry
        for each in (*before.needed.values(), *after.needed.values())
        if each.kind is NeededKind.PROTECTED
    )
    grown = [*added, *(after.rules[each] for each in rules_added)]
    lost = [*removed, *(before.rules[each] for each in rules_removed)]
    return VersionDiff(
        names_before=before.count,
        names=after.count,
        added=len(added) + len(rules_added),
        removed=len(removed) + len(rules_removed),
        grown=sum(not _has_parent(name, before.blocks) for name in grown) + exceptions_gone,
        lost=sum(not _is_covered(name, after.blocks) for name in lost)
        + _lifted_count(before, after),
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
        added_names=_shown_names(added, rules_added, after.blocks, hidden),
        removed_names=_shown_names(removed, rules_removed, before.blocks, hidden),
        is_wider=bool(after.wide - before.wide)
        or any(
            now - then >= max(least, MAX_GROWTH * then)
            for then, now, least in zip(before.shares, after.shares, SMALL_SHARES, strict=True)
        ),
    )


def _names_beyond(names: Names, others: Names) -> Iterator[str]:
    """Yield the names that others lack, or that cover more here."""
    for name, match in names.items():
        other = others.get(name)
        if other is not match and (other is None or match is MatchKind.SUBTREE):
            yield name


def _has_parent(name: str, names: Names) -> bool:
    """Tell whether a name is below one of these, but for suffixes such as co.uk: below one a whole
    country has its sites."""
    return any(each in names and not is_shared_suffix(each) for each in suffixes(name)[1:])


def _is_covered(name: str, names: Names) -> bool:
    return any(
        names.get(each, MatchKind.EXACT) is not MatchKind.EXACT for each in suffixes(name)[1:]
    )


def _lifted_count(before: ReadVersion, after: ReadVersion) -> int:
    """Return how many names the new exceptions of a version lift."""
    new, patterns = after.allows.keys() - before.allows.keys(), after.opening - before.opening
    if not new and not patterns:
        return 0
    opening = PatternSet(sorted(patterns))
    return sum(
        any(each in new for each in suffixes(name))
        or bool(patterns and opening.find(name, UNBOUNDED))
        for name in after.blocks
    )


def _shown_names(
    names: Iterable[str], rules: Iterable[str], blocks: Names, hidden: Collection[str]
) -> tuple[str, ...]:
    entries = sorted((*(str(Matcher(name, blocks[name])) for name in names), *rules))
    return tuple(
        each for each in entries if each not in hidden and each.rsplit("$", 1)[0] not in hidden
    )[:MAX_SHOWN]


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
        }
    )
