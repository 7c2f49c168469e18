"""Read one line of a list: what it names, or why it is not used.  Pure.

`parse.py` reads most lines with one pattern, and the others here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_network
from typing import Final, NamedTuple

from copdns.model.errors import NameTextError
from copdns.model.matchers import MatchKind
from copdns.model.names import normalize

MAX_LINE: Final = 4096


class ListFormat(StrEnum):
    """The format of a list."""

    DOMAINS = "domains"  # one name in each line
    WILDCARD = "wildcard"  # the same; most lines are `*.name`
    HOSTS = "hosts"  # an address, then names: /etc/hosts
    ADBLOCK = "adblock"  # ||name^ blocks and @@||name^ allows, each with all below it


class SkipReason(StrEnum):
    """Why a line, or a name of a hosts line, was skipped.  docs/lists.md explains each."""

    DUPLICATE = "duplicate"
    LOCAL = "local"
    SUFFIX = "suffix"
    ADDRESS = "address"
    URL = "url"
    PAGE = "page"
    PATTERN = "pattern"
    MODIFIER = "modifier"
    COSMETIC = "cosmetic"
    NAME = "name"
    SYNTAX = "syntax"
    LONG = "long"
    PROTECTED = "protected"
    INFRASTRUCTURE = "infrastructure"
    MISTAKE = "mistake"


class ListedName(NamedTuple):
    """A name of a line in normal form, and what it covers.  allow: an exception from the list."""

    name: str
    match: MatchKind
    allow: bool = False


def read_line(line: str, form: ListFormat, match: MatchKind) -> Iterator[ListedName | SkipReason]:
    """Yield each name of a line, or why it is skipped; nothing for a comment.

    match: what a plain name covers; rules in the adblock format say it themselves.
    """
    if len(line) > MAX_LINE:
        yield SkipReason.LONG
        return
    line = line.strip()
    if form is ListFormat.ADBLOCK:
        yield from _read_adblock(line)
        return
    fields = [] if line.startswith(("!", ";")) else line.partition("#")[0].split()
    if not fields:
        return
    if form is ListFormat.HOSTS:
        yield from _read_hosts(fields, match)
    else:
        yield _read_name(fields[0], match) if len(fields) == 1 else SkipReason.SYNTAX


def _read_hosts(fields: list[str], match: MatchKind) -> Iterator[ListedName | SkipReason]:
    if len(fields) == 1 or not _is_address(fields[0].partition("%")[0]):
        yield SkipReason.SYNTAX
        return
    for name in fields[1:]:
        yield SkipReason.PATTERN if "*" in name else _read_name(name, match)


def _read_name(text: str, match: MatchKind) -> ListedName | SkipReason:
    """Return one name of a line with what it covers, or why it is skipped."""
    if text.startswith("*."):
        text, match = text[2:], MatchKind.BELOW if match is MatchKind.EXACT else MatchKind.SUBTREE
    elif text.startswith("."):
        text, match = text[1:], MatchKind.SUBTREE
    if _is_address(text):
        return SkipReason.ADDRESS
    if url := _URL.fullmatch(text):
        return SkipReason.PAGE if url["path"] else SkipReason.URL
    if "*" in text:
        return SkipReason.PATTERN
    try:
        name = normalize(text)
    except NameTextError:
        return SkipReason.NAME
    if not name or name.rpartition(".")[2].isdigit():
        return SkipReason.NAME
    return _too_wide_reason(name, match) or ListedName(name, match)


_URL: Final = re.compile(r"(?i)(?:[a-z]+://[^/]*|[\w.-]+(?::[0-9]+)?(?=/))(?:/(?P<path>.*))?")

# A hosts file begins with the machine's own names, which must not be blocked.
_OWN_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost"})

# Suffixes below a country under which others register names, such as co.uk.
_SHARED_SUFFIX: Final = r"(?:ac|com?|edu|gob?|gouv|gov|mil|net?|org?)\.[a-z]{2}"
_is_shared_suffix = re.compile(_SHARED_SUFFIX).fullmatch


def _too_wide_reason(name: str, match: MatchKind) -> SkipReason | None:
    """Return why a name covers more than a list may block, or None."""
    if name in _OWN_NAMES or name.startswith("ip6-"):
        return SkipReason.LOCAL
    if "." not in name:
        return SkipReason.SUFFIX
    if len(name) <= 7 and match is not MatchKind.EXACT and _is_shared_suffix(name):
        return SkipReason.SUFFIX
    return None


def plain_line_pattern(head: str, tail: str) -> re.Pattern[str]:
    """Return a pattern that finds, in many lines at once, those that need no further check.

    head, tail: patterns before and after the name, which is the only group.  The name is in normal
    form, is no address, and is narrow enough for any match.
    """
    return re.compile(
        rf"^{head}(?!ip6-|(?:localhost\.localdomain|{_SHARED_SUFFIX}){tail}$|.{{254}})"
        rf"((?:[a-z0-9_-]{{1,63}}\.)+[a-z][a-z0-9-]{{0,62}}){tail}$",
        re.MULTILINE,
    )


def _is_address(text: str) -> bool:
    """Tell whether a text is an address or a network."""
    if not text[:1].isdigit() and ":" not in text:
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


# Cosmetic rules hide parts of pages: example.org##.ad, #@#.ad, #?#..., #%#..., #$#..., $$script.
# With a blank before or after it, `##` belongs to a comment.
_COSMETIC: Final = re.compile(r"(?<!\s)(?:#@?(?:\$\?|[?$%])?##?[^\s#]|\$@?\$)")
_COMMENT: Final = re.compile(r"$|!|#|\[.*\]$")
_REMARK: Final = re.compile(r"\s#.*")
_RULE: Final = re.compile(r"\|\|([^\s/^|$*]+)\^\|?")
_PAGE_RULE: Final = re.compile(
    r"(?i)(?:\|\|[^\s/^|$*]+\^?\*?|\|?[a-z]+://[^\s/]*|\w[\w.-]*)/(?P<path>.*)"
)
_PATTERN: Final = re.compile(r"\W|.*[*|^]|$")


def _read_adblock(line: str) -> Iterator[ListedName | SkipReason]:
    """Read a line of a list for ad blockers.

    `||name^` and its exception `@@||name^` cover a subtree; plain names and hosts lines are exact.
    A rule with a modifier is skipped: without the modifier it would block more than its author
    meant.
    """
    if _COMMENT.match(line) and not _COSMETIC.match(line):
        return
    rule = _REMARK.sub("", line)
    body = rule.removeprefix("@@")
    allow = body != rule
    fields = body.partition("#")[0].split()
    if _COSMETIC.search(rule):
        yield SkipReason.COSMETIC
    elif found := _RULE.fullmatch(body):
        named = _read_name(found[1], MatchKind.SUBTREE)
        yield named._replace(allow=allow) if isinstance(named, ListedName) else named
    elif page := _PAGE_RULE.fullmatch(body):
        yield SkipReason.PAGE if page["path"] else SkipReason.URL
    elif "$" in body and not body.startswith("/"):
        yield SkipReason.MODIFIER
    elif len(fields) > 1 and not allow:
        yield from _read_hosts(fields, MatchKind.EXACT)
    elif allow or _PATTERN.match(body):
        yield SkipReason.PATTERN
    else:
        yield _read_name(fields[0], MatchKind.EXACT)
