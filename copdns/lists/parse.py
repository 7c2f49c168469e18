"""Read the text of a list: plain names, wildcards, or a hosts file.

Nobody vouches for such a text, so whatever it holds, the outcome is entries, counts of what was
not used and why, or a ListError for a text that is no list of names at all.  Pure.

A name stands for itself, for all names below it, or both, as the list's `match` says:

    line             match exact      match subtree
    games.example    the name         the name and all below it
    *.games.example  all below it     the name and all below it
    .games.example   the name and all below it, always (as in Squid)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from typing import NamedTuple

from copdns.errors import ListError, NameTextError
from copdns.model import Match, Matcher
from copdns.names import normal

MAX_LINE = 4096
MAX_PROBLEMS = 5
_MAX_NAME = 253


class Form(StrEnum):
    """How a list is written."""

    DOMAINS = "domains"  # a name a line
    WILDCARD = "wildcard"  # the same; most lines are `*.name`
    HOSTS = "hosts"  # an address, then names: /etc/hosts


class Unused(StrEnum):
    """Why a line, or a name of a hosts line, was not used.  docs/lists.md explains each."""

    DUPLICATE = "duplicate"
    LOCAL = "local"
    SUFFIX = "suffix"
    ADDRESS = "address"
    URL = "url"
    PAGE = "page"
    PATTERN = "pattern"
    NAME = "name"
    SYNTAX = "syntax"
    LONG = "long"
    PROTECTED = "protected"


class Problem(NamedTuple):
    """One line that was not used.  text: as written, cut to 60 characters, printable."""

    line: int
    reason: Unused
    text: str


@dataclass(frozen=True, slots=True)
class ParsedList:
    """What a text gave.

    blocks, allows: names, each once, in the order of the text, with what they stand for; an
    allow lifts what the same list blocks, and nothing else.
    unused: how many were left out, by reason; comments and empty lines do not count.
    problems: the first few that somebody may want to mend.
    """

    blocks: dict[str, Match]
    allows: dict[str, Match]
    unused: Mapping[Unused, int]
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


def parse(text: str, form: Form, match: Match | None = None) -> ParsedList:
    """Return the names of a list.

    match: EXACT or SUBTREE; None is the form's own: SUBTREE for wildcards, else EXACT.
    Raises ListError for a web page, for what is no text, and for a list of pages.
    """
    text = _text_of(text)
    reader = _Reader(form, match or (Match.SUBTREE if form is Form.WILDCARD else Match.EXACT))
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(number, line)
    return reader.result()


def _text_of(text: str) -> str:
    """Return the text with plain line ends; refuse what a failed download leaves."""
    text = text.removeprefix("\ufeff")
    if text[:512].lstrip().lower().startswith(("<!doctype", "<html")):
        raise ListError("this is a web page, not a list; give the address of the list itself")
    if "\0" in text:
        raise ListError("this is no text; unpack it, or save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Nearly every line of a real list is such a name as it stands: a million in three seconds.
_READY_NAME = r"((?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62})"
_READY = {
    Form.DOMAINS: re.compile(_READY_NAME),
    Form.WILDCARD: re.compile(r"(?:\*\.)?" + _READY_NAME),
    Form.HOSTS: re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+" + _READY_NAME),
}

# A hosts file begins with the machine's own names; to block those would cut it off from itself.
_OWN_NAMES = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost"})

# Parts of the DNS below a country, such as co.uk, where others register their names.
_SHARED_SUFFIX = re.compile(r"(?:ac|com?|edu|gob?|gouv|gov|mil|net?|org?)\.[a-z]{2}")


class _Reader:
    """Collects the names of one text."""

    def __init__(self, form: Form, match: Match) -> None:
        self.form = form
        self.match = match
        self.names: dict[str, Match] = {}
        self.unused: Counter[Unused] = Counter()
        self.problems: list[Problem] = []
        self.ready = _READY[form].fullmatch
        # In a list of exact names `*.name` means something else than in the quick way below.
        if form is Form.WILDCARD and match is Match.EXACT:
            self.ready = _READY[Form.DOMAINS].fullmatch

    def read(self, number: int, line: str) -> None:
        found = self.ready(line) if len(line) <= _MAX_NAME else None
        if found is not None:
            name = found[1]
            if name not in self.names and _too_wide(name, self.match) is None:
                self.names[name] = self.match
                return
        for outcome in self._outcomes(line):
            if isinstance(outcome, Matcher):
                self._add(number, line, outcome)
            else:
                self._leave(number, line, outcome)

    def result(self) -> ParsedList:
        pages = self.unused[Unused.PAGE]
        lines = len(self.names) + self.unused.total()
        if pages * 10 > lines:
            raise ListError(
                f"this is a list of pages ({pages} of {lines} lines have a path); only whole names "
                "can be blocked, and a page must not take its site with it; use the list's names"
            )
        unused = {reason: self.unused[reason] for reason in Unused if self.unused[reason]}
        return ParsedList(self.names, {}, unused, tuple(self.problems))

    def _outcomes(self, line: str) -> Iterator[Matcher | Unused]:
        if len(line) > MAX_LINE:
            yield Unused.LONG
            return
        line = line.strip()
        fields = [] if line.startswith(("!", ";")) else line.partition("#")[0].split()
        if not fields:
            return
        if self.form is not Form.HOSTS:
            yield _named(fields[0], self.match) if len(fields) == 1 else Unused.SYNTAX
        elif len(fields) == 1 or not _is_address(fields[0].partition("%")[0]):
            yield Unused.SYNTAX
        else:
            for name in fields[1:]:
                yield Unused.PATTERN if "*" in name else _named(name, self.match)

    def _add(self, number: int, line: str, matcher: Matcher) -> None:
        before = self.names.get(matcher.name)
        if before is None:
            self.names[matcher.name] = matcher.match
        elif before in (matcher.match, Match.SUBTREE):
            self._leave(number, line, Unused.DUPLICATE)
        else:  # the name and what is below it, in two lines
            self.names[matcher.name] = Match.SUBTREE

    def _leave(self, number: int, line: str, reason: Unused) -> None:
        self.unused[reason] += 1
        harmless = reason in (Unused.DUPLICATE, Unused.LOCAL)
        if not harmless and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(number, reason, _shown(line)))


def _named(text: str, match: Match) -> Matcher | Unused:
    """Return what one name of a list stands for, or why it is not used."""
    if text.startswith("*."):
        text, match = text[2:], Match.BELOW if match is Match.EXACT else Match.SUBTREE
    elif text.startswith("."):
        text, match = text[1:], Match.SUBTREE
    if _is_address(text):
        return Unused.ADDRESS
    if url := _URL.fullmatch(text):
        return Unused.PAGE if url["path"] else Unused.URL
    if "*" in text:
        return Unused.PATTERN
    try:
        name = normal(text)
    except NameTextError:
        return Unused.NAME
    if not name or name.rpartition(".")[2].isdigit():
        return Unused.NAME
    return _too_wide(name, match) or Matcher(name, match)


_URL = re.compile(r"(?i)(?:[a-z]+://[^/]*|[\w.-]+(?::[0-9]+)?(?=/))(?:/(?P<path>.*))?")


def _too_wide(name: str, match: Match) -> Unused | None:
    """Return why a name would take away more than a list may, or None."""
    if name in _OWN_NAMES or name.startswith("ip6-"):
        return Unused.LOCAL
    if "." not in name:
        return Unused.SUFFIX
    if len(name) <= 7 and match is not Match.EXACT and _SHARED_SUFFIX.fullmatch(name):
        return Unused.SUFFIX
    return None


def _is_address(text: str) -> bool:
    """Tell whether a text is an address or a network."""
    if not text[:1].isdigit() and ":" not in text:
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _shown(line: str) -> str:
    line = line.strip()[:60]
    return line if line.isprintable() else ascii(line)[1:-1]
