"""A list that a household pasted: what one is, and what becomes of each of its lines.

`list_files/own_lists.py` keeps them.  What a line names is read as in any other list, and held
against the same gate; here it is told line by line, for whoever pasted it.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.lists.gate import Barrier, Gate
from copdns.lists.index import ListKind
from copdns.lists.line import ListedName, ListedNetwork, Outcome, read_line
from copdns.lists.parse import ListFormat, SkipReason, parse_list
from copdns.lists.pattern_parts import pattern_size
from copdns.lists.patterns import MAX_TOTAL
from copdns.lists.small_index import Draft
from copdns.model.addresses import is_address
from copdns.model.errors import HouseholdError
from copdns.model.matchers import MatchKind

MAX_LISTS: Final = 20  # of a household
MAX_LETTERS: Final = 200_000  # characters of one, some 10,000 lines
MAX_TITLE: Final = 60  # characters
# Those whose lines each say what they mean, whatever stands around them.
FORMATS: Final = (ListFormat.DOMAINS, ListFormat.HOSTS, ListFormat.ADBLOCK)
_LOOKED_AT: Final = 200  # lines, to guess the format
_SHOWN: Final = 120  # characters of a line


@dataclass(frozen=True, slots=True)
class OwnList:
    """A list that a household pasted.

    slug: unique among all lists.  category: a category, `bypass`, or its own slug: then it is a
    category that only this list is about.  match: EXACT or SUBTREE, for lines that do not say it
    themselves.  changed_at: seconds since the epoch.
    """

    slug: str
    title: str
    category: str
    format: ListFormat
    match: MatchKind
    changed_at: int = 0


OwnText = tuple[OwnList, str]  # a list with its text


class OwnChange(NamedTuple):
    """What somebody did to a list.  before, after: the list with its text; None for none."""

    before: OwnText | None
    after: OwnText | None


class LineOutcome(StrEnum):
    """What became of a line."""

    TAKEN = "taken"
    IGNORED = "ignored"  # it names nothing that can be blocked, or nothing new
    REFUSED = "refused"  # by the gate: others need what it would take away


class LineReport(NamedTuple):
    """A line and what became of it.

    line: its number, from 1.  text: printable, cut to 120 characters.  reason: None where it was
    taken.
    """

    line: int
    text: str
    outcome: LineOutcome
    reason: SkipReason | None = None


def guess_format(text: str) -> ListFormat:
    """Return the one of FORMATS in which a text seems to be written."""
    lines = [each.strip() for each in text.split("\n", _LOOKED_AT)[:_LOOKED_AT]]
    lines = [each for each in lines if each and not each.startswith(("#", "!", ";"))]
    if any(each.startswith(("|", "@@", "[")) or "##" in each or "^" in each for each in lines):
        return ListFormat.ADBLOCK
    hosts = sum(len(words := each.split()) > 1 and is_address(words[0]) for each in lines)
    return ListFormat.HOSTS if hosts * 2 > len(lines) else ListFormat.DOMAINS


def tidy_text(text: str) -> str:
    """Return a text as it is kept: with one kind of line ending; raise HouseholdError for one that
    is empty or too long."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not text.strip():
        raise HouseholdError("paste the list first, a site on each line", name="text")
    if len(text) > MAX_LETTERS:
        raise HouseholdError(
            "a list can have at most %(most)s characters; split it, or have it added as a file on"
            " the copdns computer (technical)",
            name="text",
            most=f"{MAX_LETTERS:,}",
        )
    return f"{text}\n"


def require_usable(lines: Iterable[LineReport]) -> None:
    """Raise HouseholdError for a list of which nothing was taken."""
    if not any(each.outcome is LineOutcome.TAKEN for each in lines):
        raise HouseholdError(
            "no line of this list can be used; write one site on each line, such as games.example",
            name="text",
        )


def count_outcomes(lines: Iterable[LineReport]) -> dict[LineOutcome, int]:
    """Return how many lines were taken, ignored and refused."""
    counts = Counter(each.outcome for each in lines)
    return {each: counts[each] for each in LineOutcome}


def read_lines(own: OwnList, text: str, gate: Gate) -> tuple[LineReport, ...]:
    """Return what becomes of each line of a list, without comments and empty lines.

    Raises ListError for a text that is refused as a whole: a web page, or a list of pages.
    """
    parsed = parse_list(text, own.format, own.match)
    draft = Draft(
        own.slug,
        ListKind.CATEGORY,
        own.category,
        own.title,
        parsed.blocks,
        parsed.allows,
        special=parsed.special,
    )
    judge = _Judge(gate, draft)
    return tuple(_reports(own, text, judge))


def _reports(own: OwnList, text: str, judge: _Judge) -> Iterator[LineReport]:
    for number, line in enumerate(text.split("\n"), 1):
        found = [judge.outcome(each) for each in read_line(line, own.format, own.match)]
        if not found:
            continue
        # Of several names in a line of a hosts file, what people have to know comes first.
        outcome, reason = min(found, key=lambda each: _ORDER.index(each[0]))
        yield LineReport(number, _printable(line), outcome, reason)


_ORDER: Final = (LineOutcome.REFUSED, LineOutcome.TAKEN, LineOutcome.IGNORED)
_Judged = tuple[LineOutcome, SkipReason | None]
_TAKEN: Final[_Judged] = (LineOutcome.TAKEN, None)


class _Judge:
    """Says what becomes of what the lines of one list name, one after the other."""

    def __init__(self, gate: Gate, draft: Draft) -> None:
        self._stopped = gate.stopped_entries(draft)
        self._patterns = gate.stopped_patterns(draft)
        self._allows = draft.allows.keys() - gate.let_through(draft).allows.keys()
        self._ruled: dict[str, Barrier] = {}
        for terms, names in draft.special.ruled.items():
            if not terms.allow:
                self._ruled |= gate.stopped_entries(replace(draft, blocks=names))
        self._seen: set[Outcome] = set()
        self._pattern_size = 0

    def outcome(self, named: Outcome) -> _Judged:
        if isinstance(named, SkipReason):
            return LineOutcome.IGNORED, named
        key = named._replace(match=MatchKind.SUBTREE) if isinstance(named, ListedName) else named
        if key in self._seen:
            return LineOutcome.IGNORED, SkipReason.DUPLICATE
        self._seen.add(key)
        reason = self._refusal(named)
        if reason is not None:
            return LineOutcome.REFUSED, reason
        return self._within_size(named)

    def _refusal(self, named: Outcome) -> SkipReason | None:
        """Return why the gate leaves something out; None where it does not."""
        if isinstance(named, ListedName):
            if named.allow:
                return SkipReason.PROTECTED if named.name in self._allows else None
            barrier = self._stopped.get(named.name)
            return barrier.reason if barrier else None
        if isinstance(named, SkipReason | ListedNetwork) or named.terms.allow:
            return None
        if named.match is None:
            found = self._patterns.get(named.name)
            return found[1] if found else None
        barrier = self._ruled.get(named.name)
        return barrier.reason if barrier else None

    def _within_size(self, named: Outcome) -> _Judged:
        """Return what becomes of something that the gate lets through: all patterns of a list
        together have a bound (`parse.py`)."""
        if isinstance(named, SkipReason | ListedName | ListedNetwork):
            return _TAKEN
        if named.match is not None or named.is_switch:
            return _TAKEN
        self._pattern_size += pattern_size(named.name)
        if self._pattern_size > MAX_TOTAL:
            return LineOutcome.IGNORED, SkipReason.PATTERN
        return _TAKEN


def _printable(line: str) -> str:
    line = line.strip()[:_SHOWN]
    return line if line.isprintable() else ascii(line)[1:-1]
