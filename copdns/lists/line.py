"""Read one line of a list: what it names, or why it is not used.  Pure.

`parse` sends the lines here that are not simply a name in their list's form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_network
from typing import NamedTuple

from copdns.model.errors import NameTextError
from copdns.model.matchers import Match
from copdns.model.names import normalize

MAX_LINE = 4096


class ListFormat(StrEnum):
    """How a list is written."""

    DOMAINS = "domains"  # a name a line
    WILDCARD = "wildcard"  # the same; most lines are `*.name`
    HOSTS = "hosts"  # an address, then names: /etc/hosts
    ADBLOCK = "adblock"  # ||name^ blocks and @@||name^ allows, each with all below it


class SkipReason(StrEnum):
    """Why a line, or a name of a hosts line, was not used.  docs/lists.md explains each."""

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


class Named(NamedTuple):
    """A name in normal form, and what it stands for.  allow: an exception from the list."""

    name: str
    match: Match
    allow: bool = False


def read_line(line: str, form: ListFormat, match: Match) -> Iterator[Named | SkipReason]:
    """Give what each name of a line stands for, or why it is not used; nothing for a comment.

    match: what a plain name stands for; rules of the adblock form say it themselves.
    """
    if len(line) > MAX_LINE:
        yield SkipReason.LONG
        return
    line = line.strip()
    if form is ListFormat.ADBLOCK:
        yield from _adblock(line)
        return
    fields = [] if line.startswith(("!", ";")) else line.partition("#")[0].split()
    if not fields:
        return
    if form is ListFormat.HOSTS:
        yield from _hosts(fields, match)
    else:
        yield _named(fields[0], match) if len(fields) == 1 else SkipReason.SYNTAX


def _hosts(fields: list[str], match: Match) -> Iterator[Named | SkipReason]:
    if len(fields) == 1 or not _is_address(fields[0].partition("%")[0]):
        yield SkipReason.SYNTAX
        return
    for name in fields[1:]:
        yield SkipReason.PATTERN if "*" in name else _named(name, match)


def _named(text: str, match: Match) -> Named | SkipReason:
    """Return what one name of a list stands for, or why it is not used."""
    if text.startswith("*."):
        text, match = text[2:], Match.BELOW if match is Match.EXACT else Match.SUBTREE
    elif text.startswith("."):
        text, match = text[1:], Match.SUBTREE
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
    return _too_wide(name, match) or Named(name, match)


_URL = re.compile(r"(?i)(?:[a-z]+://[^/]*|[\w.-]+(?::[0-9]+)?(?=/))(?:/(?P<path>.*))?")

# A hosts file begins with the machine's own names; to block those would cut it off from itself.
_OWN_NAMES = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost"})

# Parts of the DNS below a country, such as co.uk, where others register their names.
_SHARED_SUFFIX = r"(?:ac|com?|edu|gob?|gouv|gov|mil|net?|org?)\.[a-z]{2}"
_shared_suffix = re.compile(_SHARED_SUFFIX).fullmatch


def _too_wide(name: str, match: Match) -> SkipReason | None:
    """Return why a name would take away more than a list may, or None."""
    if name in _OWN_NAMES or name.startswith("ip6-"):
        return SkipReason.LOCAL
    if "." not in name:
        return SkipReason.SUFFIX
    if len(name) <= 7 and match is not Match.EXACT and _shared_suffix(name):
        return SkipReason.SUFFIX
    return None


def plain_line_pattern(head: str, tail: str) -> re.Pattern[str]:
    """Return what finds, in many lines at once, those that need no second look.

    head, tail: patterns of what stands around the name, the only group.  The name is in normal
    form, is no address, and may be used whatever it stands for.
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


# Rules for what a browser shows: example.org##.ad, #@#.ad, #?#..., #%#..., #$#..., $$script.  With
# a blank before or after it, `##` belongs to a comment.
_COSMETIC = re.compile(r"(?<!\s)(?:#@?(?:\$\?|[?$%])?##?[^\s#]|\$@?\$)")
_COMMENT = re.compile(r"$|!|#|\[.*\]$")
_REMARK = re.compile(r"\s#.*")
_RULE = re.compile(r"\|\|([^\s/^|$*]+)\^\|?")
_PAGE_RULE = re.compile(r"(?i)(?:\|\|[^\s/^|$*]+\^?\*?|\|?[a-z]+://[^\s/]*|\w[\w.-]*)/(?P<path>.*)")
_PATTERN = re.compile(r"\W|.*[*|^]|$")


def _adblock(line: str) -> Iterator[Named | SkipReason]:
    """Read a line of a list for ad blockers.

    Used are `||name^` and its exception `@@||name^`, which are a subtree, and plain names and
    hosts lines, which are exact.  A rule with a modifier is left out whole: without it, it would
    block more than its writer meant.
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
        named = _named(found[1], Match.SUBTREE)
        yield named._replace(allow=allow) if isinstance(named, Named) else named
    elif page := _PAGE_RULE.fullmatch(body):
        yield SkipReason.PAGE if page["path"] else SkipReason.URL
    elif "$" in body and not body.startswith("/"):
        yield SkipReason.MODIFIER
    elif len(fields) > 1 and not allow:
        yield from _hosts(fields, Match.EXACT)
    elif allow or _PATTERN.match(body):
        yield SkipReason.PATTERN
    else:
        yield _named(fields[0], Match.EXACT)
