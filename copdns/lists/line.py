"""Read one line of a list: what it names, or why it is not used.  Pure.

`parse.py` reads most lines with one pattern, and the others here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_network
from typing import Final, NamedTuple

from copdns.lists.pattern_parts import PatternError, read_pattern
from copdns.lists.terms import GivesAnswerError, Terms, read_terms
from copdns.model.broad_networks import is_broad_network
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
    DNSMASQ = "dnsmasq"  # address=/name/ and server=/name/
    UNBOUND = "unbound"  # local-zone and local-data
    RPZ = "rpz"  # a response policy zone: name CNAME .
    ADDRESSES = "addresses"  # addresses and networks, of which an answer may have none
    HASHED = "hashed"  # names that nobody can read: `hashes.py`


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
    OPTION = "option"
    ANSWER = "answer"
    TRIGGER = "trigger"


class ListedName(NamedTuple):
    """A name of a line in normal form, and what it covers.  allow: an exception from the list."""

    name: str
    match: MatchKind
    allow: bool = False


class ListedRule(NamedTuple):
    """A rule with terms, or with a pattern in place of a name (`patterns.py`).

    match: None for a pattern.  is_switch: it switches off an equal rule of the list.
    """

    name: str
    match: MatchKind | None
    terms: Terms
    is_switch: bool = False


class ListedNetwork(NamedTuple):
    """Addresses that an answer may not have.  network: CIDR text.  allow: it may have these."""

    network: str
    allow: bool = False


Outcome = ListedName | ListedRule | ListedNetwork | SkipReason


def read_line(line: str, form: ListFormat, match: MatchKind) -> Iterator[Outcome]:
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
    elif len(fields) > 1 and form is not ListFormat.ADDRESSES:
        yield SkipReason.SYNTAX
    elif form is ListFormat.ADDRESSES:
        yield read_network(fields[0])
    else:
        yield read_name(fields[0], match)


def read_network(text: str) -> ListedNetwork | SkipReason:
    """Return an address or a network; a name, and a network of half the internet, is skipped."""
    try:
        network = str(ip_network(text, strict=False))
    except ValueError:
        return SkipReason.NAME
    return SkipReason.SUFFIX if is_broad_network(network) else ListedNetwork(network)


def _read_hosts(fields: list[str], match: MatchKind) -> Iterator[Outcome]:
    if len(fields) == 1 or not _is_address(fields[0].partition("%")[0]):
        yield SkipReason.SYNTAX
        return
    for name in fields[1:]:
        yield SkipReason.PATTERN if "*" in name else read_name(name, match)


def read_name(text: str, match: MatchKind) -> ListedName | SkipReason:
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
is_shared_suffix = re.compile(_SHARED_SUFFIX).fullmatch


def _too_wide_reason(name: str, match: MatchKind) -> SkipReason | None:
    """Return why a name covers more than a list may block, or None."""
    if name in _OWN_NAMES or name.startswith("ip6-"):
        return SkipReason.LOCAL
    if "." not in name:
        return SkipReason.SUFFIX
    if len(name) <= 7 and match is not MatchKind.EXACT and is_shared_suffix(name):
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
_RULE: Final = re.compile(r"\|\|([^\s/^|$*]+)(?:\^\|?|\|)")
_BELOW: Final = re.compile(r"(?:\|\|)?\*\.([^\s/^|$*]+)\^?\|?")
_EXACT: Final = re.compile(r"\|([^\s/^|$*]+)(?:\^\|?|\|)")
_PAGE_RULE: Final = re.compile(
    r"(?i)(?:\|\|[^\s/^|$]+\^?\*?|\|?[a-z]+://[^\s/]*|\w[\w.-]*)/(?P<path>.*)"
)
_EXPRESSION: Final = re.compile(r"(/.+/)(?:\$([^/]*))?")
_PATTERN: Final = re.compile(r"\W|.*[*|^]|$")
_NARROW: Final = re.compile(r"[a-z0-9]{3}")
_EVERY_NAME: Final = re.compile(r"\|{0,2}\*?\.?\^?\|?")


def _read_adblock(line: str) -> Iterator[Outcome]:
    """Read a line of a list for ad blockers.

    `||name^` and its exception `@@||name^` cover a subtree; plain names and hosts lines are exact.
    A rule with a modifier that is not known here is skipped: without the modifier it would block
    more than its author meant.
    """
    if _COMMENT.match(line) and not _COSMETIC.match(line):
        return
    rule = _REMARK.sub("", line)
    body = rule.removeprefix("@@")
    allow = body != rule
    expression = _EXPRESSION.fullmatch(body)
    if expression is not None:
        yield _read_rule(expression[1], expression[2], allow)
        return
    fields = body.partition("#")[0].split()
    if _COSMETIC.search(rule):
        yield SkipReason.COSMETIC
    elif body.startswith("://"):  # an address begins, and with it the name
        text = body[3:]
        yield from _read_adblock(f"{'@@' * allow}{'||' if text.startswith('*.') else '|'}{text}")
    elif found := _RULE.fullmatch(body):
        named = read_name(found[1], MatchKind.SUBTREE)
        yield named._replace(allow=allow) if isinstance(named, ListedName) else named
    elif (page := _PAGE_RULE.fullmatch(body)) and "$" not in body.partition("/")[0]:
        yield SkipReason.PAGE if page["path"] else SkipReason.URL
    elif "$" in body and not body.startswith("/"):
        text, _, modifiers = body.partition("$")
        yield _read_rule(text, modifiers, allow)
    elif len(fields) > 1 and not allow:
        yield from _read_hosts(fields, MatchKind.EXACT)
    elif allow or _PATTERN.match(body):
        yield _read_rule(body, None, allow)
    else:
        yield read_name(fields[0], MatchKind.EXACT)


def _read_rule(text: str, modifiers: str | None, allow: bool) -> Outcome:
    """Return a rule that has terms or a pattern, or why it is skipped."""
    if len(text.split()) > 1:
        return SkipReason.MODIFIER
    terms, is_switch = Terms(allow=allow), False
    if modifiers is not None:
        try:
            found = read_terms(modifiers, allow)
        except GivesAnswerError:
            return SkipReason.ANSWER
        if found is None:
            return SkipReason.MODIFIER
        terms, is_switch = found
    if text.startswith("/"):
        return _read_pattern(text, terms, is_switch)
    if "/" in text:
        return SkipReason.PAGE
    for form, match in _NAME_FORMS:
        if named := form.fullmatch(text):
            outcome = read_name(named[1], match)
            if not isinstance(outcome, ListedName):
                return outcome
            if terms == Terms(allow=allow) and not is_switch:
                return outcome._replace(allow=allow)
            return ListedRule(outcome.name, outcome.match, terms, is_switch)
    if _EVERY_NAME.fullmatch(text):
        is_narrow = terms.is_personal or terms.but_not
        return ListedRule("*", None, terms, is_switch) if is_narrow else SkipReason.SUFFIX
    if not allow and not terms.is_personal and not _NARROW.search(text.lower()):
        return SkipReason.SUFFIX
    return _read_pattern(text, terms, is_switch)


_NAME_FORMS: Final = (
    (_RULE, MatchKind.SUBTREE),
    (_BELOW, MatchKind.BELOW),
    (_EXACT, MatchKind.EXACT),
)


def _read_pattern(text: str, terms: Terms, is_switch: bool) -> Outcome:
    try:
        read_pattern(text)
    except PatternError:
        return SkipReason.PATTERN
    return ListedRule(text, None, terms, is_switch)
