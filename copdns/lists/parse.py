"""Read the text of a list: plain names, wildcards, a hosts file, or rules of an ad blocker.

Such a text is untrusted: any content gives names and counts of what was skipped and why, or a
ListError where it is no list of names.  Pure.

A name covers itself, all names below it, or both, as the list's `match` says:

    line             match exact      match subtree
    games.example    the name         the name and all below it
    *.games.example  all below it     the name and all below it
    .games.example   the name and all below it, always (as in Squid)

Rules of an ad blocker say it themselves: `||games.example^` covers the name and all below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from copdns.lists.line import (
    MAX_LINE,
    ListedName,
    ListFormat,
    SkipReason,
    plain_line_pattern,
    read_line,
)
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
    """

    blocks: dict[str, MatchKind]
    allows: dict[str, MatchKind]
    unused: Mapping[SkipReason, int]
    problems: tuple[SkippedLine, ...] = ()

    @property
    def used_count(self) -> int:
        return len(self.blocks) + len(self.allows)

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
    return plain_line_pattern("", _REMARK), match


class _Reader:
    """Collects the names of one text.

    ready: the pattern of most lines.  named: usable names so far, duplicates included.
    blocks: names that cover what most do (ready_match).  others: names that cover something else in
    some line.
    """

    def __init__(self, form: ListFormat, match: MatchKind) -> None:
        self.form = form
        self.match = match
        self.ready, self.ready_match = _quick_pattern(form, match)
        self.lines = self.named = 0
        self.blocks: dict[str, MatchKind] = {}
        self.others: dict[str, MatchKind] = {}
        self.allows: dict[str, MatchKind] = {}
        self.unused: Counter[SkipReason] = Counter()
        self.problems: list[SkippedLine] = []

    def read(self, part: str) -> None:
        """Read some lines: those that match `ready` at once, then the rest one by one."""
        names = self.ready.findall(part)
        self.blocks.update(dict.fromkeys(names, self.ready_match))
        self.named += len(names)
        count = part.count("\n") + 1
        if len(names) < count:
            for number, line in enumerate(self.ready.sub("", part).split("\n"), self.lines + 1):
                if line:
                    self._read_line(number, line)
        self.lines += count

    def result(self) -> ParsedList:
        pages, lines = self.unused[SkipReason.PAGE], self.named + self.unused.total()
        if pages * 10 > lines:
            raise ListError(
                f"this is a list of pages ({pages} of {lines} lines have a path), but copdns can "
                "only block whole sites; use the list of domains, if the maintainer offers one"
            )
        for name, match in self.others.items():
            _add_name(self.blocks, name, match)
        self.unused[SkipReason.DUPLICATE] = self.named - len(self.blocks) - len(self.allows)
        unused = {reason: self.unused[reason] for reason in SkipReason if self.unused[reason]}
        return ParsedList(self.blocks, self.allows, unused, tuple(self.problems))

    def _read_line(self, number: int, line: str) -> None:
        for outcome in read_line(line, self.form, self.match):
            if isinstance(outcome, ListedName):
                self.named += 1
                _add_name(self._names_for(outcome), outcome.name, outcome.match)
            else:
                self._note_skipped(number, line, outcome)

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
