"""Read the text of a list: plain names, wildcards, a hosts file, or rules of an ad blocker.

Nobody vouches for such a text, so whatever it holds, the outcome is names, counts of what was not
used and why, or a ListError for a text that is no list of names at all.  Pure.

A name stands for itself, for all names below it, or both, as the list's `match` says:

    line             match exact      match subtree
    games.example    the name         the name and all below it
    *.games.example  all below it     the name and all below it
    .games.example   the name and all below it, always (as in Squid)

Rules of an ad blocker say it themselves: `||games.example^` is the name and all below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from copdns.lists.line import MAX_LINE, ListFormat, Named, SkipReason, plain_line_pattern, read_line
from copdns.model.errors import ListError
from copdns.model.matchers import Match, Matcher

__all__ = ["MAX_LINE", "MAX_PROBLEMS", "ListFormat", "ParsedList", "Problem", "SkipReason", "parse"]

MAX_PROBLEMS = 5
_REMARK = r"[ \t]*(?:#.*)?"
_AT_ONCE = 1 << 18  # characters, to the next end of a line


class Problem(NamedTuple):
    """One line that was not used.  text: as written, cut to 60 characters, printable."""

    line: int
    reason: SkipReason
    text: str


@dataclass(frozen=True, slots=True)
class ParsedList:
    """What a text gave.

    blocks, allows: names, each once, with what they stand for; an allow lifts what the same list
    blocks, and nothing else.
    unused: how many were left out, by reason; comments and empty lines do not count.  A list with
    a name a line has used + unused + comments + empty lines.
    problems: the first few that somebody may want to mend.
    """

    blocks: dict[str, Match]
    allows: dict[str, Match]
    unused: Mapping[SkipReason, int]
    problems: tuple[Problem, ...] = ()

    @property
    def used(self) -> int:
        return len(self.blocks) + len(self.allows)

    @property
    def entries(self) -> Iterator[tuple[Matcher, bool]]:
        """Give (matcher, allow) pairs, for lists that are small enough for objects."""
        for name, match in self.blocks.items():
            yield Matcher(name, match), False
        for name, match in self.allows.items():
            yield Matcher(name, match), True


def parse(text: str, form: ListFormat, match: Match | None = None) -> ParsedList:
    """Return the names of a list.

    match: EXACT or SUBTREE; None is the form's own: SUBTREE for wildcards, else EXACT.
    Raises ListError for a web page, for what is no text, and for a list of pages.
    """
    text = text.removeprefix("\ufeff")
    _refuse_what_is_no_list(text)
    reader = _Reader(form, match or (Match.SUBTREE if form is ListFormat.WILDCARD else Match.EXACT))
    for lines in _parts(text):
        reader.read(lines)
    return reader.result()


def _refuse_what_is_no_list(text: str) -> None:
    if text[:512].lstrip().lower().startswith(("<!doctype", "<html")):
        raise ListError("this is a web page, not a list; use the address of the list itself")
    if "\0" in text:
        raise ListError("this is not text; unpack it, or save it as UTF-8")


def _parts(text: str) -> Iterator[str]:
    """Cut a text at ends of lines: a list may fill a small machine's memory only once."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _AT_ONCE)
        end = len(text) if end < 0 else end
        yield text[start:end].removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        start = end + 1


def _quick_way(form: ListFormat, match: Match) -> tuple[re.Pattern[str], Match]:
    """Return how nearly all lines of such a list look, and what their names stand for."""
    if form is ListFormat.ADBLOCK:
        return plain_line_pattern(r"\|\|", r"\^"), Match.SUBTREE
    if form is ListFormat.HOSTS:
        return plain_line_pattern(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+", _REMARK), match
    if form is ListFormat.WILDCARD:
        # In a list of exact names `*.name` and `name` differ; the first is what it is made of.
        exact = match is Match.EXACT
        head = r"\*\." if exact else r"(?:\*\.)?"
        return plain_line_pattern(head, _REMARK), Match.BELOW if exact else match
    return plain_line_pattern("", _REMARK), match


class _Reader:
    """Collects the names of one text.

    named: how many usable names stood in it.  blocks: names that stand for what most do.
    others: names that stood for something else in some line.
    """

    def __init__(self, form: ListFormat, match: Match) -> None:
        self.form = form
        self.match = match
        self.ready, self.ready_match = _quick_way(form, match)
        self.lines = self.named = 0
        self.blocks: dict[str, Match] = {}
        self.others: dict[str, Match] = {}
        self.allows: dict[str, Match] = {}
        self.unused: Counter[SkipReason] = Counter()
        self.problems: list[Problem] = []

    def read(self, part: str) -> None:
        """Read some lines: those that are ready at once, then one by one what they leave."""
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
            _add(self.blocks, name, match)
        self.unused[SkipReason.DUPLICATE] = self.named - len(self.blocks) - len(self.allows)
        unused = {reason: self.unused[reason] for reason in SkipReason if self.unused[reason]}
        return ParsedList(self.blocks, self.allows, unused, tuple(self.problems))

    def _read_line(self, number: int, line: str) -> None:
        for outcome in read_line(line, self.form, self.match):
            if isinstance(outcome, Named):
                self.named += 1
                _add(self._names_for(outcome), outcome.name, outcome.match)
            else:
                self._leave(number, line, outcome)

    def _names_for(self, named: Named) -> dict[str, Match]:
        if named.allow:
            return self.allows
        return self.blocks if named.match is self.ready_match else self.others

    def _leave(self, number: int, line: str, reason: SkipReason) -> None:
        self.unused[reason] += 1
        if reason is not SkipReason.LOCAL and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(number, reason, _shown(line)))


def _add(names: dict[str, Match], name: str, match: Match) -> None:
    """Let a name stand for this too: itself and all below it are its subtree."""
    before = names.setdefault(name, match)
    if before is not match:
        names[name] = Match.SUBTREE


def _shown(line: str) -> str:
    line = line.strip()[:60]
    return line if line.isprintable() else ascii(line)[1:-1]
