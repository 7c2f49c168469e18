"""Read the text of a list: plain names, wildcards, a hosts file, or rules of an ad blocker.

Such a text is untrusted: any content gives names and counts of what was skipped and why, or a
ListError where it is no list of names.  Pure.

A name covers itself, all names below it, or both, as the list's `match` says:

    line             match exact      match subtree
    games.example    the name         the name and all below it
    *.games.example  all below it     the name and all below it
    .games.example   the name and all below it, always (as in Squid)

Rules of an ad blocker say it themselves: `||games.example^` covers the name and all below it.  So
do the lines of other DNS servers (`server_lines.py`).  A rule that is more than a name (it has
terms, a pattern, addresses or a hash) is in `ParsedList.special`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from copdns.lists.hashes import read_hashes
from copdns.lists.line import (
    MAX_LINE,
    ListedName,
    ListedNetwork,
    ListedRule,
    ListFormat,
    Outcome,
    SkipReason,
    plain_line_pattern,
    read_line,
)
from copdns.lists.pattern_parts import pattern_size
from copdns.lists.patterns import MAX_TOTAL
from copdns.lists.server_lines import ZoneReader, read_dnsmasq, read_unbound, settle_zone
from copdns.lists.special_rules import NOTHING_SPECIAL, SpecialRules
from copdns.lists.terms import PLAIN, Terms
from copdns.model.errors import ListError
from copdns.model.matchers import Matcher, MatchKind

__all__ = [
    "MAX_LINE",
    "MAX_PROBLEMS",
    "ListFormat",
    "ParsedList",
    "SkipReason",
    "SkippedLine",
    "parse_list",
]

MAX_PROBLEMS: Final = 5
_REMARK: Final = r"[ \t]*(?:#.*)?"
_PART_LENGTH: Final = 1 << 18  # characters, and on to the next end of a line


class SkippedLine(NamedTuple):
    """A line that was skipped.  line: its number.  text: printable, cut to 60 characters."""

    line: int
    reason: SkipReason
    text: str


@dataclass(frozen=True, slots=True)
class ParsedList:
    """The names of a text.

    blocks, allows: names, each once, with what they cover; an allow lifts what the same list
    blocks, and nothing else.
    unused: number of skipped names, by reason, without comments and empty lines.  A list with one
    name in each line has used_count + unused + comments + empty lines.
    problems: the first few skipped lines that somebody may want to correct.
    special: rules that are more than a name.
    """

    blocks: dict[str, MatchKind]
    allows: dict[str, MatchKind]
    unused: Mapping[SkipReason, int]
    problems: tuple[SkippedLine, ...] = ()
    special: SpecialRules = NOTHING_SPECIAL

    @property
    def used_count(self) -> int:
        return len(self.blocks) + len(self.allows) + self.special.count

    @property
    def entries(self) -> Iterator[tuple[Matcher, bool]]:
        """Yield (matcher, allow) pairs; an object for each name, so for small lists."""
        for name, match in self.blocks.items():
            yield Matcher(name, match), False
        for name, match in self.allows.items():
            yield Matcher(name, match), True


def parse_list(text: str, form: ListFormat, match: MatchKind | None = None) -> ParsedList:
    """Return the names of a list.

    match: EXACT or SUBTREE; None: SUBTREE for the wildcard format, else EXACT.
    Raises ListError for a web page, for content that is no text, and for a list of pages.
    """
    text = text.removeprefix("\ufeff")
    _require_list(text)
    if form is ListFormat.HASHED:
        hashes, unused = read_hashes(text)
        return ParsedList({}, {}, unused, (), SpecialRules(hashes=hashes))
    reader = _Reader(
        form, match or (MatchKind.SUBTREE if form is ListFormat.WILDCARD else MatchKind.EXACT)
    )
    for lines in _split_text(text):
        reader.read(lines)
    return reader.result()


def _require_list(text: str) -> None:
    if text[:512].lstrip().lower().startswith(("<!doctype", "<html")):
        raise ListError("this is a web page, not a list; use the address of the list itself")
    if "\0" in text:
        raise ListError("this is not text; unpack it, or save it as UTF-8")


def _split_text(text: str) -> Iterator[str]:
    """Yield a text in parts, cut at ends of lines, so that no second copy of it fills memory."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PART_LENGTH)
        end = len(text) if end < 0 else end
        yield text[start:end].removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        start = end + 1


def _quick_pattern(form: ListFormat, match: MatchKind) -> tuple[re.Pattern[str], MatchKind]:
    """Return the pattern of nearly all lines of such a list, and what their names cover."""
    if form is ListFormat.ADBLOCK:
        return plain_line_pattern(r"\|\|", r"\^"), MatchKind.SUBTREE
    if form is ListFormat.HOSTS:
        return plain_line_pattern(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+", _REMARK), match
    if form is ListFormat.WILDCARD:
        # In a list of exact names `*.name` and `name` differ; most lines are the first.
        exact = match is MatchKind.EXACT
        head = r"\*\." if exact else r"(?:\*\.)?"
        return plain_line_pattern(head, _REMARK), MatchKind.BELOW if exact else match
    if form is ListFormat.DNSMASQ:
        # `server=/name/#` opens a name.
        head = rf"(?:address=/(?=[^/\n]+/{_NULL}$)|(?:server|local)=/(?=[^/\n]+/$))"
        return plain_line_pattern(head, f"/{_NULL}"), MatchKind.SUBTREE
    if form is ListFormat.UNBOUND:
        tail = r"\.?\"?[ \t]+(?:always_(?:null|nxdomain|nodata|refuse)|static|refuse|deny)"
        return plain_line_pattern(r"[ \t]*local-zone:[ \t]*\"?", tail), MatchKind.SUBTREE
    if form is ListFormat.RPZ:
        tail = r"[ \t]+(?:[0-9]+[ \t]+)?(?:IN[ \t]+)?CNAME[ \t]+(?:\*?\.|rpz-drop\.)(?!\n[ \t])"
        return plain_line_pattern(r"(?![^ \t\n]*\.rpz-)", tail), MatchKind.EXACT
    if form is ListFormat.ADDRESSES:
        return re.compile(r"(?!)"), match  # each line is looked at
    return plain_line_pattern("", _REMARK), match


_NULL: Final = r"(?:#|0\.0\.0\.0|::)?"


class _Reader:
    """Collects the names of one text.

    ready: the pattern of most lines.  named: usable names so far, duplicates included.
    plain: the names of such lines, in their order.
    blocks: names of other lines that cover what most do (ready_match); in the end, of all lines.
    others: names that cover something else in some line.
    """

    def __init__(self, form: ListFormat, match: MatchKind) -> None:
        self.form = form
        self.match = match
        self.ready, self.ready_match = _quick_pattern(form, match)
        self.lines = self.named = 0
        self.plain: list[str] = []
        self.blocks: dict[str, MatchKind] = {}
        self.others: dict[str, MatchKind] = {}
        self.allows: dict[str, MatchKind] = {}
        self.unused: Counter[SkipReason] = Counter()
        self.problems: list[SkippedLine] = []
        self.zone = ZoneReader()
        self.ruled: dict[Terms, dict[str, MatchKind]] = {}
        self.patterns: dict[tuple[str, Terms], None] = {}
        self.pattern_size = 0
        self.networks: dict[tuple[str, bool], None] = {}
        self.switches: list[ListedRule] = []

    def read(self, part: str) -> None:
        """Read some lines: those that match `ready` at once, then the rest one by one."""
        names = self.ready.findall(part)
        self.plain += names
        self.named += len(names)
        count = part.count("\n") + 1
        if len(names) < count:
            for number, line in enumerate(self.ready.sub("", part).split("\n"), self.lines + 1):
                if line:
                    self._read_line(number, line)
        self.lines += count

    def result(self) -> ParsedList:
        """Return what was read; raise ListError for a list of pages, which cannot be used."""
        pages, lines = self.unused[SkipReason.PAGE], self.named + self.unused.total()
        if pages * 10 > lines:
            raise ListError(
                f"this is a list of pages ({pages} of {lines} lines have a path), but copdns can "
                "only block whole sites; use the list of domains, if the maintainer offers one"
            )
        # All at once: to add a part at a time takes half as long again.
        blocks = dict.fromkeys(self.plain, self.ready_match)
        blocks.update(self.blocks)
        self.blocks = blocks
        self.plain.clear()
        self._switch_off()
        for name, match in self.others.items():
            _add_name(self.blocks, name, match)
        owners = len(self.blocks) + len(self.allows)
        if self.form is ListFormat.RPZ:
            self.ruled |= settle_zone(self.blocks, self.allows)
        special = SpecialRules(
            {terms: names for terms, names in self.ruled.items() if names},
            tuple(self.patterns),
            tuple(self.networks),
        )
        others = len(special.patterns) + len(special.networks)
        if self.form is not ListFormat.RPZ:
            others = special.count
        self.unused[SkipReason.DUPLICATE] = self.named - owners - others
        unused = {reason: self.unused[reason] for reason in SkipReason if self.unused[reason]}
        return ParsedList(self.blocks, self.allows, unused, tuple(self.problems), special)

    def _read_line(self, number: int, line: str) -> None:
        for outcome in self._outcomes(line):
            if isinstance(outcome, ListedName):
                self.named += 1
                _add_name(self._names_for(outcome), outcome.name, outcome.match)
            elif isinstance(outcome, SkipReason):
                self._note_skipped(number, line, outcome)
            elif isinstance(outcome, ListedNetwork):
                self.named += 1
                self.networks[outcome.network, outcome.allow] = None
            elif outcome.is_switch:
                self.switches.append(outcome)
            else:
                self._add_rule(number, line, outcome)

    def _outcomes(self, line: str) -> Iterator[Outcome]:
        if len(line) > MAX_LINE:
            return iter((SkipReason.LONG,))
        if self.form is ListFormat.RPZ:
            return self.zone.read(line)
        if self.form is ListFormat.DNSMASQ:
            return read_dnsmasq(line)
        if self.form is ListFormat.UNBOUND:
            return read_unbound(line)
        return read_line(line, self.form, self.match)

    def _add_rule(self, number: int, line: str, rule: ListedRule) -> None:
        if rule.match is not None:
            _add_name(self.ruled.setdefault(rule.terms, {}), rule.name, rule.match)
        elif (rule.name, rule.terms) not in self.patterns:
            self.pattern_size += pattern_size(rule.name)
            if self.pattern_size > MAX_TOTAL:
                self._note_skipped(number, line, SkipReason.PATTERN)
                return
            self.patterns[rule.name, rule.terms] = None
        self.named += 1

    def _switch_off(self) -> None:
        """Take out the rules that a rule with `badfilter` names; such a rule counts as used."""
        for rule in self.switches:
            if rule.match is None:
                found = self.patterns.pop((rule.name, rule.terms), 0) is None
            else:
                names = self.ruled.get(rule.terms, {})
                if rule.terms == PLAIN:
                    names = self.blocks
                elif rule.terms == Terms(allow=True):
                    names = self.allows
                found = names.get(rule.name) is rule.match
                if found:
                    del names[rule.name]
            self.named -= found

    def _names_for(self, named: ListedName) -> dict[str, MatchKind]:
        if named.allow:
            return self.allows
        return self.blocks if named.match is self.ready_match else self.others

    def _note_skipped(self, number: int, line: str, reason: SkipReason) -> None:
        self.unused[reason] += 1
        if reason is not SkipReason.LOCAL and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(SkippedLine(number, reason, _printable(line)))


def _add_name(names: dict[str, MatchKind], name: str, match: MatchKind) -> None:
    """Add what a name covers; EXACT and BELOW together are SUBTREE."""
    before = names.setdefault(name, match)
    if before is not match:
        names[name] = MatchKind.SUBTREE


def _printable(line: str) -> str:
    line = line.strip()[:60]
    return line if line.isprintable() else ascii(line)[1:-1]
