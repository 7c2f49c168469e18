"""Names with what they stand for, and what people write in a rule, read once: `games.example`,
`*.games.example`, `=games.example`, or a network such as `198.51.100.0/24`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from copdns.model.build import mypyc_attr
from copdns.model.errors import NameTextError
from copdns.model.names import normalize


class MatchKind(StrEnum):
    """Which names a name in a rule or list covers."""

    EXACT = "exact"  # the name itself:           =games.example
    BELOW = "below"  # every name under it:       *.games.example
    SUBTREE = "subtree"  # both:                  games.example


@mypyc_attr(acyclic=True)
@dataclass(frozen=True, slots=True)
class Matcher:
    """A name in a rule or list.  name: normal form, never the root.  match: what it covers."""

    name: str
    match: MatchKind = MatchKind.SUBTREE

    def covers(self, qname: str) -> bool:
        """Tell whether a name, in lower case and without the dot at its end, is meant."""
        if qname == self.name:
            return self.match is not MatchKind.BELOW
        return self.match is not MatchKind.EXACT and qname.endswith(f".{self.name}")

    def __str__(self) -> str:
        prefix = {MatchKind.EXACT: "=", MatchKind.BELOW: "*.", MatchKind.SUBTREE: ""}[self.match]
        return prefix + self.name


def parse_matcher(text: str) -> Matcher:
    """Return the matcher for a name; raise NameTextError for anything else.

    The root and single labels are refused: one rule must not cover a whole top-level domain.
    """
    text = text.strip()
    match = MatchKind.SUBTREE
    if text.startswith("="):
        match, text = MatchKind.EXACT, text[1:]
    elif text.startswith("*."):
        match, text = MatchKind.BELOW, text[2:]
    name = normalize(text)
    if not name:
        raise NameTextError("a rule needs a domain such as games.example")
    if "." not in name and match is not MatchKind.EXACT:
        raise NameTextError(
            "'%(written)s' is not a website; type one such as games.example", written=text
        )
    return Matcher(name, match)


def parse_target(text: str) -> Matcher | str:
    """Return a rule's target: a matcher, or the CIDR text of a network of answers."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        return parse_matcher(text)
