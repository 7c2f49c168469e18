"""The rules of lists that are more than a name.

A plain entry is a name and what it covers, and nearly all entries of all lists are that; the index
finds them by their names alone.  What else lists have is here: names with terms (`terms.py`),
patterns (`patterns.py`), addresses, and hashes of names (`hashes.py`).

In an index, the entry of a name with terms has a negative number in place of its list's:
`-1 - place` in `SpecialTable.rules`.  So an index without such rules is neither larger nor slower
for them, and whoever asks for plain entries of a list never mistakes one for that.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

from copdns.lists.hashes import NO_HASHES, HashedNames, hashes_from
from copdns.lists.patterns import PatternSet
from copdns.lists.terms import Terms, terms_from
from copdns.model.matchers import MatchKind


@dataclass(frozen=True, slots=True)
class SpecialRules:
    """Those of one list.

    ruled: names by their terms.  patterns: each with its terms.  networks: CIDR text, and whether
    it is an exception.  hashes: names that nobody can read.
    """

    ruled: Mapping[Terms, dict[str, MatchKind]] = field(default_factory=dict)
    patterns: tuple[tuple[str, Terms], ...] = ()
    networks: tuple[tuple[str, bool], ...] = ()
    hashes: HashedNames = NO_HASHES

    def __bool__(self) -> bool:
        return bool(self.ruled or self.patterns or self.networks or self.hashes)

    @property
    def count(self) -> int:
        """The number of rules, without those that the gate made."""
        names = sum([len(each) for terms, each in self.ruled.items() if not terms.is_of_gate])
        patterns = sum([not terms.is_of_gate for _, terms in self.patterns])
        return names + patterns + len(self.networks) + len(self.hashes)

    def with_rules_of(self, other: SpecialRules) -> SpecialRules:
        """Return these rules and those of another list."""
        if not other:
            return self
        ruled = {terms: dict(names) for terms, names in self.ruled.items()}
        for terms, names in other.ruled.items():
            ruled.setdefault(terms, {}).update(names)
        patterns = tuple(dict.fromkeys((*self.patterns, *other.patterns)))
        networks = tuple(dict.fromkeys((*self.networks, *other.networks)))
        return SpecialRules(ruled, patterns, networks, self.hashes)

    def as_exceptions(self) -> SpecialRules:
        """Return all of these rules as exceptions; hashes are none."""
        ruled: dict[Terms, dict[str, MatchKind]] = {}
        for terms, names in self.ruled.items():
            ruled.setdefault(replace(terms, allow=True), {}).update(names)
        patterns = tuple((text, replace(terms, allow=True)) for text, terms in self.patterns)
        return SpecialRules(ruled, patterns, tuple((text, True) for text, _ in self.networks))


NOTHING_SPECIAL: Final = SpecialRules()


def special_digest(special: SpecialRules) -> bytes:
    """Return octets that change with the content of these rules, not with their order."""
    digest = sha256()
    for terms in sorted(special.ruled, key=repr):
        digest.update(f"{terms!r}\n".encode())
        for name, match in sorted(special.ruled[terms].items()):
            digest.update(f"{match} {name}\n".encode())
    for text, terms in sorted(special.patterns, key=repr):
        digest.update(f"{text} {terms!r}\n".encode())
    for network, allow in sorted(special.networks):
        digest.update(f"{network} {allow}\n".encode())
    digest.update(special.hashes.octets)
    return digest.digest()


class NumberedTerms(NamedTuple):
    """The terms of a rule, and the number of its list."""

    list: int
    terms: Terms


class Networks:
    """Addresses of one list, to be asked for one address."""

    __slots__ = ("_allowed", "_blocked", "texts")

    def __init__(self, texts: tuple[tuple[str, bool], ...]) -> None:
        """texts: CIDR text, and whether it is an exception."""
        self.texts = texts
        self._blocked: dict[tuple[int, int], dict[int, str]] = {}
        self._allowed: dict[tuple[int, int], dict[int, str]] = {}
        for text, allow in texts:
            network = ip_network(text)
            shift = network.max_prefixlen - network.prefixlen
            names = self._allowed if allow else self._blocked
            by_start = names.setdefault((network.max_prefixlen, shift), {})
            by_start[int(network.network_address) >> shift] = text

    def __len__(self) -> int:
        return len(self.texts)

    def find(self, packed: bytes) -> str:
        """Return the network that blocks an address of 4 or 16 octets, "" for none.

        The longest prefix counts; of the same length, the exception.
        """
        number, size = int.from_bytes(packed, "big"), 8 * len(packed)
        blocked, block_shift = _find(self._blocked, number, size)
        if not blocked:
            return ""
        allowed, allow_shift = _find(self._allowed, number, size)
        return "" if allowed and allow_shift <= block_shift else blocked


def _find(
    networks: dict[tuple[int, int], dict[int, str]], number: int, size: int
) -> tuple[str, int]:
    found, least = "", size + 1
    for (length, shift), by_start in networks.items():
        if length == size and shift < least:
            text = by_start.get(number >> shift)
            if text is not None:
                found, least = text, shift
    return found, least


class SpecialTable:
    """The special rules of all lists of an index, but for names, which the index finds.

    rules: terms, by the place that entries refer to.  patterns: one automaton of all;
    pattern_rules: the place in `rules` of each.  networks, hashes: by the number of their list.
    """

    __slots__ = ("hashes", "networks", "pattern_rules", "patterns", "rules")

    def __init__(
        self,
        rules: tuple[NumberedTerms, ...] = (),
        patterns: tuple[tuple[str, int], ...] = (),
        networks: Mapping[int, tuple[tuple[str, bool], ...]] | None = None,
        hashes: Mapping[int, HashedNames] | None = None,
    ) -> None:
        self.rules = rules
        self.patterns = PatternSet([text for text, _ in patterns])
        self.pattern_rules = tuple([rule for _, rule in patterns])
        self.networks = {number: Networks(each) for number, each in (networks or {}).items()}
        self.hashes = dict(hashes or {})

    def __bool__(self) -> bool:
        return bool(self.rules or self.networks or self.hashes)

    @property
    def opens_anywhere(self) -> bool:
        """Tell whether names that are not known may be open below a blocked one: a pattern may be
        an exception.  Those of the gate are about whole schools, above which lists block nothing.
        """
        found = (self.rules[each].terms for each in self.pattern_rules)
        return any(terms.allow and not terms.is_of_gate for terms in found)

    @property
    def is_personal(self) -> bool:
        """Tell whether a rule holds for some people or devices only."""
        return any(each.terms.is_personal for each in self.rules)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as values for JSON, which `table_from` reads."""
        patterns = zip(self.patterns.texts, self.pattern_rules, strict=True)
        return {
            "rules": [[each.list, asdict(each.terms)] for each in self.rules],
            "patterns": list(patterns),
            "networks": {number: each.texts for number, each in self.networks.items()},
            "hashes": {number: each.as_json() for number, each in self.hashes.items()},
        }


EMPTY_TABLE: Final = SpecialTable()


def table_from(found: Mapping[str, Any]) -> SpecialTable:
    """Return what `SpecialTable.as_json` was made from; raise KeyError, TypeError or ValueError."""
    return SpecialTable(
        tuple([NumberedTerms(number, terms_from(each)) for number, each in found["rules"]]),
        tuple([(text, rule) for text, rule in found["patterns"]]),
        {
            int(number): tuple([(text, allow) for text, allow in each])
            for number, each in found["networks"].items()
        },
        {int(number): hashes_from(each) for number, each in found["hashes"].items()},
    )


class TableBuilder:
    """Collects the special rules of lists, one list after another."""

    def __init__(self) -> None:
        self.rules: list[NumberedTerms] = []
        self.patterns: list[tuple[str, int]] = []
        self.networks: dict[int, tuple[tuple[str, bool], ...]] = {}
        self.hashes: dict[int, HashedNames] = {}
        self._places: dict[NumberedTerms, int] = {}

    def add(self, number: int, special: SpecialRules) -> None:
        """Take in all of a list's but its names with terms, for which `place_of` is asked."""
        for text, terms in special.patterns:
            self.patterns.append((text, self.place_of(number, terms)))
        if special.networks:
            self.networks[number] = (*self.networks.get(number, ()), *special.networks)
        if special.hashes:
            self.hashes[number] = special.hashes

    def place_of(self, number: int, terms: Terms) -> int:
        """Return the place of a list's terms among the rules."""
        key = NumberedTerms(number, terms)
        place = self._places.setdefault(key, len(self.rules))
        if place == len(self.rules):
            self.rules.append(key)
        return place

    def result(self) -> SpecialTable:
        """Return the table of what was added."""
        if not (self.rules or self.networks or self.hashes):
            return EMPTY_TABLE
        return SpecialTable(tuple(self.rules), tuple(self.patterns), self.networks, self.hashes)


def rule_number(place: int) -> int:
    """Return what stands in an entry for the list of a rule at a place."""
    return -1 - place
