"""Say which rules of lists hold for a person: those with terms, patterns, and hashed names.

The index finds entries by name.  `ListRules.resolve` then looks at the terms: what does not hold
for this person, type and name is taken out, and an important rule takes the exceptions of its list
with it.  So the steps see plain entries only.

A policy belongs to a person and not to a device, so a rule for a device is one for the person: a
block holds if one of their devices is meant, an exception only if all of them are.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final, NamedTuple

from copdns.lists.hashes import HIDDEN
from copdns.lists.index import Entry
from copdns.lists.special_rules import SpecialTable
from copdns.lists.terms import Terms
from copdns.model.addresses import Network
from copdns.model.household import DeviceKind, Household, Profile
from copdns.model.matchers import MatchKind

# The tags of AdGuard Home that fit a kind of device.
_DEVICE_TAGS: Final = {
    DeviceKind.PHONE: frozenset({"device_phone"}),
    DeviceKind.TABLET: frozenset({"device_tablet"}),
    DeviceKind.COMPUTER: frozenset({"device_pc", "device_laptop"}),
    DeviceKind.CONSOLE: frozenset({"device_gameconsole"}),
    DeviceKind.TELEVISION: frozenset({"device_tv"}),
    DeviceKind.SPEAKER: frozenset({"device_audio"}),
    DeviceKind.OTHER: frozenset({"device_other"}),
}


class Asker(NamedTuple):
    """What terms can say of a person with one device.  names: casefolded."""

    names: frozenset[str]
    networks: tuple[Network, ...]
    tags: frozenset[str]


def askers_of(household: Household, profile: Profile, now: float) -> tuple[Asker, ...]:
    """Return a person with each of their devices; without one, the person alone."""
    names = {profile.id.casefold(), profile.name.casefold()} - {""}
    is_child = profile.band_at(now).is_child
    tags = profile.tags | {"user_child" if is_child else "user_regular"}
    found = [
        Asker(
            frozenset({*names, device.id.casefold(), device.name.casefold()}),
            tuple(map(ip_network, device.addresses)),
            tags | _DEVICE_TAGS.get(device.kind, frozenset()),
        )
        for device in household.devices
        if device.profile == profile.id
    ]
    return tuple(found) or (Asker(frozenset(names), (), tags),)


def holds_for(terms: Terms, askers: Iterable[Asker]) -> bool:
    """Tell whether a rule is for a person: see above."""
    if not terms.is_personal:
        return True
    held = [_means(terms, each) for each in askers]
    return all(held) if terms.allow else any(held)


def _means(terms: Terms, asker: Asker) -> bool:
    if terms.clients and not _is_named(terms.clients, asker):
        return False
    if terms.not_clients and _is_named(terms.not_clients, asker):
        return False
    if terms.tags and asker.tags.isdisjoint(terms.tags):
        return False
    return asker.tags.isdisjoint(terms.not_tags)


def _is_named(clients: Iterable[str], asker: Asker) -> bool:
    for each in clients:
        if each in asker.names:
            return True
        try:
            network = ip_network(each)
        except ValueError:
            continue
        for own in asker.networks:
            # Compared as integers, since networks of two families cannot be compared.
            if own.version == network.version and own.prefixlen >= network.prefixlen:
                shift = own.max_prefixlen - network.prefixlen
                first, wanted = int(own.network_address), int(network.network_address)
                if first >> shift == wanted >> shift:
                    return True
    return False


_RULE_TEXT: Final = {
    MatchKind.EXACT: "|{}^",
    MatchKind.BELOW: "||*.{}^",
    MatchKind.SUBTREE: "||{}^",
}


class _HeldRule:
    """A rule that holds for a person, by its place in the table."""

    __slots__ = (
        "allow",
        "but_not",
        "important",
        "list",
        "not_types",
        "terms_text",
        "types",
        "types_text",
    )

    def __init__(self, number: int, terms: Terms) -> None:
        self.list = number
        self.allow = terms.allow
        self.important = terms.important
        self.types = frozenset(terms.types)
        self.not_types = frozenset(terms.not_types)
        self.but_not = terms.but_not
        self.terms_text = f"${terms}" if terms.is_partial and not terms.allow else ""
        # `privacy/retention.py` reads that such a block is about some types only.
        self.types_text = self.terms_text if terms.types or terms.not_types else ""

    def entry_for(self, name: str, match: MatchKind) -> Entry:
        """Return the rule as a plain entry of its list.

        A block that leaves something open says nothing of names below its own, as a pattern; so it
        is written as one, with its terms.
        """
        if self.terms_text:
            name = f"{_RULE_TEXT[match].format(name)}{self.terms_text}"
            match = MatchKind.EXACT
        return Entry(self.list, name, match, self.allow)

    def holds(self, qname: str, qtype: int) -> bool:
        if self.types and qtype not in self.types:
            return False
        if self.not_types and qtype in self.not_types:
            return False
        for name in self.but_not:  # noqa: SIM110 - a generator for each name would take longer
            if qname == name or qname.endswith("." + name):
                return False
        return True


class ListRules:
    """The special rules of an index, for one person."""

    __slots__ = ("_held", "_table")

    def __init__(self, table: SpecialTable, askers: tuple[Asker, ...]) -> None:
        self._table = table
        self._held = [
            _HeldRule(number, terms) if holds_for(terms, askers) else None
            for number, terms in table.rules
        ]

    def resolve(self, entries: tuple[Entry, ...], qname: str, qtype: int) -> tuple[Entry, ...]:
        """Return plain entries: those of `Index.find`, as far as they hold, and what patterns and
        hashes add."""
        table = self._table
        matched = table.patterns.find(qname)
        if not matched and not table.hashes:
            for entry in entries:
                if entry.list < 0:
                    break
            else:
                return entries
        found: list[Entry] = []
        blocking: set[int] = set()  # lists with an important rule that blocks
        opening: set[int] = set()  # lists with an important exception
        for entry in entries:
            if entry.list >= 0:
                found.append(entry)
                continue
            held = self._held[-1 - entry.list]
            if held is not None and held.holds(qname, qtype):
                found.append(held.entry_for(entry.name, entry.match))
                if held.important:
                    (opening if held.allow else blocking).add(held.list)
        for number in matched:
            held = self._held[table.pattern_rules[number]]
            if held is not None and held.holds(qname, qtype):
                text = table.patterns.texts[number] + held.types_text
                found.append(Entry(held.list, text, MatchKind.EXACT, held.allow))
                if held.important:
                    (opening if held.allow else blocking).add(held.list)
        for number, hashes in table.hashes.items():
            if hashes.covers(qname):
                found.append(Entry(number, HIDDEN, MatchKind.EXACT, False))
        overruled = blocking - opening
        if overruled:
            found = [each for each in found if not (each.allow and each.list in overruled)]
        return tuple(found)
