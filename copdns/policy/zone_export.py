"""Write what a profile may open as a response policy zone (RPZ) or a hosts file, for others.

The lines say what `decide` says of each name that a list, a rule or a setting knows, leaving out
time: a zone knows no bedtime.  A name and what is below it have a line each, since a zone's line is
about one of them; what the line above it already says is left out.  Of rules with patterns, hashes,
or different verdicts by type a zone can say nothing: they are counted in a remark.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, ip_network
from itertools import takewhile
from struct import unpack
from typing import Final

from copdns.dns.records import AAAA, HTTPS, A
from copdns.model.addresses import Network
from copdns.model.household import RuleAction
from copdns.model.names import suffixes
from copdns.model.verdict import Action
from copdns.policy.decide import AddressList, AddressRule, Policy, decide
from copdns.policy.steps import RuleStep, SafeSearchStep
from copdns.policy.without_time import without_time

BLOCKED: Final = "CNAME ."
OPEN: Final = "CNAME rpz-passthru."
_PROBE: Final = "zz-other-name"  # below a name: no list has it
_TYPES: Final = (A, AAAA, HTTPS)
TTL: Final = 60  # seconds


def zone_lines(policy: Policy, serial: int, title: str) -> Iterator[str]:
    """Yield the lines of the zone.

    serial: of its SOA record, at most 32 bits.  title: a remark.
    """
    policy = without_time(policy)
    yield f"$TTL {TTL}"
    yield f"@ SOA localhost. hostmaster.localhost. {serial} 3600 600 86400 {TTL}"
    yield "@ NS localhost."
    yield f"; {title}"
    records, unsaid = _records(policy)
    for owner, action in sorted(records.items(), key=_from_the_end):
        yield f"{owner} {action}"
    for network, action in _networks(policy):
        yield f"{_trigger(network)} {action}"
    table = policy.index.special
    unsaid += sum(not table.rules[each].terms.is_of_gate for each in table.pattern_rules)
    unsaid += sum(map(len, table.hashes.values()))
    if unsaid:
        yield f"; {unsaid} rules cannot be said in a zone: patterns, hashes, rules for some types"


def host_lines(policy: Policy, title: str) -> Iterator[str]:
    """Yield the lines of a hosts file, which knows single names only.  title: a remark."""
    policy = without_time(policy)
    yield f"# {title}"
    yield "# A hosts file has no wildcards: subdomains that no rule and no list names stay open."
    if _action(policy, f"{_PROBE}.{_PROBE}") == BLOCKED:
        yield "# For this profile all other domains are blocked too, which cannot be said here."
    for name in sorted(_known_names(policy), key=lambda each: each.split(".")[::-1]):
        if "." in name and _action(policy, name) == BLOCKED:
            yield f"0.0.0.0 {name}"


def _records(policy: Policy) -> tuple[dict[str, str], int]:
    """Return the action of each owner, and how many names a zone can say nothing of."""
    default = _action(policy, f"{_PROBE}.{_PROBE}") or OPEN
    records = {"*": BLOCKED} if default == BLOCKED else {}
    below = {"": default}
    unsaid = 0
    for name in sorted(_known_names(policy), key=lambda each: each.split(".")[::-1]):
        above = next((below[each] for each in suffixes(name)[1:] if each in below), default)
        at, under = _action(policy, name), _action(policy, f"{_PROBE}.{name}")
        if at is None or under is None:
            unsaid += 1
            continue
        if under != above:
            below[name] = records[f"*.{name}"] = under
        if at != above:
            records[name] = at
    # A wildcard holds only below the closest name that is there (RFC 4592 section 3.3.1), and each
    # owner makes all names above it be there.
    nodes = {
        each for owner in records for each in suffixes(owner.removeprefix("*.")) if each != "*"
    }
    for node in nodes:
        for owner, asked in ((node, node), (f"*.{node}", f"{_PROBE}.{node}")):
            action = _action(policy, asked)
            if action not in (None, OPEN):
                records.setdefault(owner, action)
    return records, unsaid


def _action(policy: Policy, name: str) -> str | None:
    """Return what a zone says of a name; None where that depends on the type."""
    found = {_action_of_type(policy, name, qtype) for qtype in _TYPES}
    return found.pop() if len(found) == 1 else None


def _action_of_type(policy: Policy, name: str, qtype: int) -> str:
    verdict = decide(policy, name, qtype, 0.0)
    if verdict.action is Action.REWRITE:
        return f"CNAME {verdict.target}."
    denied = verdict.local is not None and verdict.local.rcode != 0
    return BLOCKED if verdict.blocks or denied else OPEN


def _known_names(policy: Policy) -> Iterator[str]:
    """Yield each name once that a list, a rule or safe search knows."""
    names = set(policy.index.names())
    for step in policy.order:
        if isinstance(step, RuleStep):
            names.update(step.rules.names)
        elif isinstance(step, SafeSearchStep):
            names.update(step.targets)
    for _, terms in policy.index.special.rules:
        names.update(terms.but_not)
    return iter(names)


def _from_the_end(record: tuple[str, str]) -> list[str]:
    return record[0].split(".")[::-1]


def _networks(policy: Policy) -> Iterator[tuple[Network, str]]:
    """Yield each network that a rule or a list is about, with its action.

    An exception lifts what its own list blocks, and an allow rule what rules block: what another
    one blocks stays blocked.
    """
    found: dict[Network, bool] = {}
    for network, is_blocked, source in _address_entries(policy):
        first = network.network_address.packed
        others = (each for each in policy.address_lists if each is not source)
        is_blocked = (
            is_blocked
            or _is_blocked_by_rule(policy.address_rules, network)
            or any(each.networks.find(first) for each in others)
        )
        found[network] = found.get(network, False) or is_blocked
    for network, is_blocked in found.items():
        yield network, BLOCKED if is_blocked else OPEN


def _address_entries(policy: Policy) -> Iterator[tuple[Network, bool, AddressList | None]]:
    """Yield each network with whether its list blocks it, and that list; None for a rule's."""
    for rule in policy.address_rules:
        yield rule.network, False, None
    for each in policy.address_lists:
        exceptions = {text for text, allow in each.networks.texts if allow}
        for text, _ in each.networks.texts:
            yield ip_network(text), text not in exceptions, each


def _is_blocked_by_rule(rules: Iterable[AddressRule], network: Network) -> bool:
    """Tell whether a rule blocks a network: the longest prefix counts, allow first."""
    covering = [
        each
        for each in rules
        if network.network_address in each.network and each.network.prefixlen <= network.prefixlen
    ]
    ranks = [(each.network.prefixlen, each.rule.action is RuleAction.ALLOW) for each in covering]
    return bool(ranks) and not max(ranks)[1]


def _trigger(network: Network) -> str:
    """Return the owner of an address trigger: the prefix length, then the parts from the last.

    Of IPv6, `zz` stands for the longest run of zeros, as `::` does (RFC 5952 section 4.2): BIND
    complains of an owner that is written otherwise.
    """
    address = network.network_address
    if isinstance(network, IPv4Network):
        parts = str(address).split(".")
    else:
        parts = _with_zz([f"{each:x}" for each in unpack("!8H", address.packed)])
    return f"{network.prefixlen}.{'.'.join(reversed(parts))}.rpz-ip"


def _with_zz(groups: list[str]) -> list[str]:
    """Return the groups of an address, the first of the longest runs of zeros as `zz`."""
    runs = [len([*takewhile(_is_zero, groups[start:])]) for start in range(len(groups))]
    longest = max(runs)
    if longest < 2:
        return groups
    start = runs.index(longest)
    return [*groups[:start], "zz", *groups[start + longest :]]


def _is_zero(group: str) -> bool:
    return group == "0"
