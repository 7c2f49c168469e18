"""Read a rule as ad blockers and AdGuard Home write them, as what a household can say of it.

A whole name becomes a rule; what has terms or is a pattern becomes a line of an own list; an answer
of one's own (`$dnsrewrite`) becomes a local name or a rewrite.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from copdns.household.moving_in.wishes import (
    LineWish,
    LocalWish,
    NoWish,
    RewriteWish,
    RuleWish,
    Wish,
)
from copdns.lists.line import (
    ListedName,
    ListedNetwork,
    ListedRule,
    ListFormat,
    Outcome,
    SkipReason,
    read_line,
)
from copdns.lists.terms import PLAIN
from copdns.model.addresses import is_address
from copdns.model.household import RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.sentences import Sentence, sentence

_WHY: Final[dict[SkipReason, Sentence]] = {
    SkipReason.LOCAL: sentence("it names the device itself"),
    SkipReason.SUFFIX: sentence("it would cover far too much"),
    SkipReason.ADDRESS: sentence("it is an address, not a site"),
    SkipReason.URL: sentence("it is a web address; write the site alone, such as games.example"),
    SkipReason.PAGE: sentence("this is for a single page, and copdns can only block whole sites"),
    SkipReason.PATTERN: sentence("this pattern cannot be read here"),
    SkipReason.MODIFIER: sentence("it has a condition that copdns does not have"),
    SkipReason.COSMETIC: sentence(
        "this hides part of a page, and copdns can only block whole sites"
    ),
    SkipReason.ANSWER: sentence("it answers with data that cannot be written here"),
    SkipReason.LONG: sentence("the line is too long"),
    SkipReason.DUPLICATE: sentence("it is there already"),
    SkipReason.PROTECTED: sentence("it is protected and cannot be blocked"),
    SkipReason.INFRASTRUCTURE: sentence("many other sites and apps need it"),
    SkipReason.MISTAKE: sentence("it is a known mistake of such lists"),
}
_NO_SITE: Final = sentence("it is not a site, such as games.example")

_ANSWER: Final = re.compile(
    r"(?P<start>\|\|?)?(?P<name>[\w*.-]+)\^?\|?\$dnsrewrite=(?P<value>[^,$]+)(?:,important)?",
    re.IGNORECASE,
)
_ADDRESS_RULE: Final = re.compile(r"(?:@@)?\|{0,2}\[?([0-9a-fA-F.:/]+?)\]?\^?\|?(?:\$important)?")


def why_skipped(reason: SkipReason) -> Sentence:
    """Return in words why a line names nothing that can be used."""
    return _WHY.get(reason, _NO_SITE)


def is_no_rule(line: str) -> bool:
    """Tell whether a line of rules is empty or a comment."""
    return not [*read_line(line, ListFormat.ADBLOCK, MatchKind.SUBTREE)]


def read_rule(line: str) -> Iterator[Wish]:
    """Yield what a line of rules says; nothing for a comment."""
    line = line.strip()
    hosts = _read_local_names(line)
    if hosts:
        yield from hosts
        return
    for named in read_line(line, ListFormat.ADBLOCK, MatchKind.SUBTREE):
        yield from _wishes(line, named)


def _read_local_names(line: str) -> list[Wish]:
    """Return the names of a line of a hosts file with an address in the home; [] for another."""
    fields = line.partition("#")[0].split()
    if len(fields) < 2 or not is_address(fields[0]):
        return []
    found = ip_address(fields[0])
    if found.is_unspecified or found.is_loopback:
        return []
    return [LocalWish(name, fields[0]) for name in fields[1:]]


def _wishes(line: str, named: Outcome) -> Iterator[Wish]:
    if isinstance(named, ListedName):
        yield rule_for(named.name, named.match, allow=named.allow)
    elif isinstance(named, ListedRule):
        yield _wish_of_rule(line, named)
    elif isinstance(named, ListedNetwork):
        yield RuleWish(_action(allow=named.allow), named.network)
    elif named is SkipReason.ADDRESS and (found := _ADDRESS_RULE.fullmatch(line)):
        yield RuleWish(_action(allow=line.startswith("@@")), found[1])
    elif named is SkipReason.ANSWER and (answer := _ANSWER.fullmatch(line)):
        yield from _answers(answer)
    else:
        yield NoWish(why_skipped(named))


def _wish_of_rule(line: str, rule: ListedRule) -> Wish:
    """A rule of a household beats every list, so it needs no `$important`."""
    is_plain = replace(rule.terms, important=False, allow=False) == PLAIN
    if rule.match is not None and is_plain and not rule.is_switch:
        return rule_for(rule.name, rule.match, allow=rule.terms.allow)
    return LineWish(re.sub(r"\s#.*", "", line))


def rule_for(name: str, match: MatchKind, *, allow: bool) -> RuleWish:
    """Return a rule about a name in normal form."""
    return RuleWish(_action(allow=allow), str(Matcher(name, match)))


def _action(*, allow: bool) -> RuleAction:
    return RuleAction.ALLOW if allow else RuleAction.BLOCK


def _answers(found: re.Match[str]) -> Iterator[Wish]:
    """Yield what a rule with an answer of its own says."""
    name, covers_below = found["name"].lower(), found["start"] == "||"
    rcode, _, rest = found["value"].strip().partition(";")
    kind, _, data = rest.partition(";")
    if not rest:
        kind, data = ("A" if is_address(rcode) else "CNAME"), rcode
    if kind.upper() == "CNAME":
        yield RewriteWish(name if covers_below else f"={name}", data)
    elif kind.upper() in ("A", "AAAA"):
        yield LocalWish(name, data)
        if covers_below and not name.startswith("*."):
            yield LocalWish(f"*.{name}", data)
    elif kind.upper() in ("TXT", "SRV"):
        yield LocalWish(name, f"{kind.upper()} {data}")
    else:
        yield NoWish(why_skipped(SkipReason.ANSWER))
