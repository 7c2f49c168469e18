"""Judge the names and addresses inside an upstream's response.

An innocent name can point to one that is not (CNAME cloaking), an HTTPS record can carry another
target and addresses of its own (RFC 9460 section 7.3), and an outside name can point into the home.
`dns/message.py` reads them (`ResponseFacts`).  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain
from math import inf
from typing import Final

from copdns.dns.response_facts import ResponseFacts, ipv4_inside, is_home_address
from copdns.lists.index import ListKind
from copdns.model.addresses import Network
from copdns.model.encrypted_addresses import server_address
from copdns.model.household import Household, Rule, RuleAction, SplitUpstream
from copdns.model.matchers import Matcher
from copdns.model.nat64 import Nat64
from copdns.model.verdict import SCHOOL, Action, Reason, StepNumber, Verdict
from copdns.policy.decide import AddressList, AddressRule, Policy, decide
from copdns.policy.lookup import Lookup, Step
from copdns.policy.matching import block_by_list
from copdns.policy.time_rules import with_end

Address = IPv4Address | IPv6Address

ADDRESS_TTL: Final = 10  # seconds
REBINDING_TTL: Final = 60
# A person vouched for the name asked; LOCAL is a rewrite that the household wrote.
_VOUCHED: Final = frozenset({Reason.GRANTED, Reason.RULE, Reason.LOCAL})
MAX_ADDRESSES: Final = 4096  # that are remembered
_REVERSE: Final = ("in-addr.arpa", "ip6.arpa")  # below them are names, and no addresses
# The steps that can block a target, by how the name asked came through.
_TARGET_STEPS: Final = frozenset(
    {
        StepNumber.LEGAL,
        StepNumber.SECURITY,
        StepNumber.RULES,
        StepNumber.BYPASS,
        StepNumber.SERVICES,
        StepNumber.CATEGORIES,
    }
)
_TARGET_STEPS_VOUCHED: Final = frozenset({StepNumber.LEGAL, StepNumber.SECURITY})
_TARGET_STEPS_PROTECTED: Final = frozenset({StepNumber.LEGAL})
_TARGET_STEPS_SCHOOL: Final = frozenset({StepNumber.LEGAL, StepNumber.SECURITY, StepNumber.RULES})


@dataclass(frozen=True, slots=True)
class RebindingGuard:
    """Rejects outside names that point into the home (DNS rebinding).

    allow: networks that are exempt.  names: domains that may point there.
    """

    enabled: bool = True
    allow: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    # Few addresses are in the home, and the same ones come again and again.
    _exempt_by_address: dict[bytes, bool] = field(default_factory=dict, compare=False, repr=False)

    def rejects(self, qname: str, home: Iterable[bytes]) -> bool:
        """Tell whether a name may not have the addresses that it has in `HOME_NETWORKS`.

        home: only these, so for a response without any it is never called.
        """
        if not self.enabled or any(Matcher(name).covers(qname) for name in self.names):
            return False
        return not all(map(self._is_exempt, home))

    def _is_exempt(self, packed: bytes) -> bool:
        exempt = self._exempt_by_address.get(packed)
        if exempt is None:
            if len(self._exempt_by_address) >= MAX_ADDRESSES:
                self._exempt_by_address.clear()
            exempt = self._is_allowed(packed) or self._are_allowed_inside(packed)
            self._exempt_by_address[packed] = exempt
        return exempt

    def _is_allowed(self, packed: bytes) -> bool:
        address = ip_address(packed)
        return any(address in network for network in self.allow)

    def _are_allowed_inside(self, packed: bytes) -> bool:
        """Tell whether all home addresses that an IPv6 address may stand for are exempt."""
        if len(packed) == 4:
            return False
        inside = [each for each in ipv4_inside(packed) if is_home_address(each)]
        return bool(inside) and all(map(self._is_allowed, inside))


def _addresses(packed: bytes) -> tuple[Address, ...]:
    """Return an address, and the IPv4 ones that it may stand for (`ipv4_inside`)."""
    if len(packed) == 4:
        return (ip_address(packed),)
    return tuple(map(ip_address, (packed, *ipv4_inside(packed))))


def guarded_splits(household: Household, rebinding: RebindingGuard) -> frozenset[str]:
    """Return the domains with upstreams in the home network whose addresses there are withheld.

    Such a domain often has addresses of the home network, and no exemption of the guard is made by
    upstream; so whoever forwards it is told.
    """
    return frozenset(
        split.name
        for split in household.split_upstreams
        if split.name
        and not split.name.endswith(_REVERSE)
        and rebinding.rejects(split.name, _home_hosts(split))
    )


def _home_hosts(split: SplitUpstream) -> Iterator[bytes]:
    for text in split.upstreams:
        packed = ip_address(server_address(text).host).packed
        if is_home_address(packed):
            yield packed


def judge_response(
    policy: Policy,
    rebinding: RebindingGuard,
    qname: str,
    verdict: Verdict,
    facts: ResponseFacts,
    now: float,
    qtype: int = 0,
) -> Verdict | None:
    """Return the verdict that blocks a response to an allowed name; None where it may be given.

    qtype: of the question; 0 where it is not known.
    verdict: the one that let the name asked through.  It says what can block what is inside:

        the name asked came through as      its targets         its addresses  rebinding, filtered
        protected                           legal               -              yes
        protected by the household itself   legal, security, own rules
                                                                rules, security  yes
        granted, by an own rule, rewritten  legal, security     security       yes
        sent to a safe host                 `_TARGET_STEPS`     rules          yes
        anything else                       `_TARGET_STEPS`     rules, lists   yes

    A target that is protected itself is never blocked; one that the household protects, only as the
    name asked would be.  In this order the first that blocks counts, and its reason is the
    verdict's: `via` names a target.  A response that the upstream filtered (UPSTREAM_FILTERED) is
    passed on as it came, with that reason.
    """
    blocked, addresses, home = None, facts.addresses, facts.home_addresses
    if policy.nat64 is not None:
        inside = _ipv4_behind(policy.nat64, addresses)
        addresses = (*addresses, *inside)
        home = (*home, *filter(is_home_address, inside))
    if facts.targets:
        blocked = _judge_targets(policy, verdict, facts.targets, now, qtype)
    if blocked is None and addresses and policy.judges_addresses:
        blocked = _judge_addresses(policy, qname, verdict, addresses)
    if blocked is None and home and rebinding.rejects(qname, home):
        blocked = Verdict(Action.BLOCK, Reason.REBINDING, StepNumber.RESPONSE, ttl=REBINDING_TTL)
    if blocked is None and facts.is_filtered:
        blocked = Verdict(Action.BLOCK, Reason.UPSTREAM_FILTERED, StepNumber.RESPONSE)
    if blocked is None:
        return None
    # Its end is that of the verdict about the name asked: no clock changes what blocks inside.  An
    # untraced query stays untraced when its response is withheld.
    return replace(blocked, valid_until=verdict.valid_until, is_untraced=verdict.is_untraced)


def _ipv4_behind(nat64: Nat64, addresses: Iterable[bytes]) -> list[bytes]:
    """Return the IPv4 addresses that the network translates the IPv6 ones into, packed."""
    found = [nat64.ipv4_in(each) for each in addresses if len(each) == 16]
    return [each for each in found if each]


def with_end_inside(
    policy: Policy, verdict: Verdict, targets: Iterable[str], now: float
) -> Verdict:
    """Return the verdict with its end, or that of the first name inside its answer to change.

    targets: of the response; a rewrite's own target counts too.  A schedule is about the name asked
    and closes no answer that leads to what it closes, but a device keeps what is inside by its own
    name, and may use it for that name when it is closed.
    """
    time_rules = policy.time_rules
    if time_rules is None:
        return verdict
    inside = (*targets, verdict.target) if verdict.target else targets
    ends = [decide(policy, name, 0, now).valid_until for name in inside]
    first = min((end for end in ends if end is not None), default=inf)
    if verdict.valid_until is not None and verdict.valid_until <= first:
        return verdict
    return with_end(time_rules, verdict, first)


def _judge_targets(
    policy: Policy, verdict: Verdict, targets: Iterable[str], now: float, qtype: int
) -> Verdict | None:
    steps = [step for step in policy.steps if step.number in _target_steps(verdict)]
    for target in targets:
        lookup = Lookup(target, qtype, policy.find_entries(target, qtype))
        blocked = _first(steps, lookup, now)
        if blocked is not None and blocked.blocks and not _is_protected(policy, lookup, blocked):
            # Only this response is blocked, which says nothing of the names below.
            return replace(blocked, via=target, nothing_open_below=False)
    return None


def _target_steps(verdict: Verdict) -> frozenset[int]:
    """Return the steps that can block a target, by how the name asked came through."""
    if verdict.reason is Reason.PROTECTED:
        return _TARGET_STEPS_SCHOOL if verdict.category == SCHOOL else _TARGET_STEPS_PROTECTED
    if verdict.reason in _VOUCHED:
        return _TARGET_STEPS_VOUCHED
    return _TARGET_STEPS


def _first(steps: Iterable[Step], lookup: Lookup, now: float) -> Verdict | None:
    for step in steps:
        verdict = step(lookup, now)
        if verdict is not None:
            return verdict
    return None


def _is_protected(policy: Policy, lookup: Lookup, blocked: Verdict) -> bool:
    """Tell whether a target is protected from the step that blocks it."""
    infos = policy.index.infos
    found = [each for each in lookup.entries if infos[each.list].kind is ListKind.PROTECTED]
    if not found or any(each.allow for each in found):
        return False
    is_school = all(infos[each.list].subject == SCHOOL for each in found)
    return not (is_school and blocked.step in _TARGET_STEPS_SCHOOL)


def _judge_addresses(
    policy: Policy, qname: str, verdict: Verdict, addresses: Iterable[bytes]
) -> Verdict | None:
    is_school = verdict.category == SCHOOL
    if verdict.reason in _VOUCHED:
        # As with targets, a person's own word for the name lifts all but security.
        return _judge_by_lists(policy.security_address_lists, addresses)
    if verdict.reason is Reason.PROTECTED and not is_school:
        return None
    for address in chain.from_iterable(map(_addresses, addresses)):
        rule = _address_rule(policy.address_rules, address)
        if rule is not None:
            target = str(rule.target)
            return Verdict(
                Action.BLOCK, Reason.ADDRESS, StepNumber.RESPONSE, rule=target, ttl=ADDRESS_TTL
            )
    if verdict.reason is Reason.SAFE_SEARCH:
        return None  # the safe host is protected, so that no list can break the search
    lists = policy.security_address_lists if is_school else policy.address_lists
    return _judge_by_lists(lists, addresses)


def _judge_by_lists(lists: Sequence[AddressList], addresses: Iterable[bytes]) -> Verdict | None:
    """Return the block of the first list that has one of these addresses, or None."""
    if not lists:
        return None
    for address in chain.from_iterable(map(_addresses, addresses)):
        for info, networks, step, reason in lists:
            network = networks.find(address.packed)
            if network:
                return block_by_list(step, reason, info, network, ADDRESS_TTL)
    return None


def _address_rule(rules: Iterable[AddressRule], address: Address) -> Rule | None:
    """Return the address rule that blocks an address: the longest prefix counts, allow first."""
    covering = [each for each in rules if address in each.network]
    if not covering:
        return None
    longest = max(covering, key=_address_rank).rule
    return longest if longest.action is RuleAction.BLOCK else None


def _address_rank(each: AddressRule) -> tuple[int, bool]:
    return each.network.prefixlen, each.rule.action is RuleAction.ALLOW
