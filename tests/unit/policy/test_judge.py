"""Tests of what is asked again of an answer: the names and addresses inside it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from copdns.dns.records import A
from copdns.dns.response_facts import ResponseFacts, is_home_address
from copdns.model.household import Profile
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Grant, Topic, TopicKind
from copdns.model.verdict import SCHOOL, Action, Reason, Verdict
from copdns.policy.decide import Policy, decide
from copdns.policy.judge import RebindingGuard, judge_response
from copdns.time.plan import Closure, TimePlan
from tests.household import MIA, NOW, allow, block, family, policy

OPEN = Verdict(Action.ALLOW, Reason.DEFAULT, 15)
RULED = Verdict(Action.ALLOW, Reason.RULE, 10)
GRANTED = Verdict(Action.ALLOW, Reason.GRANTED, 6)
PROTECTED = Verdict(Action.ALLOW, Reason.PROTECTED, 4)
OF_THE_HOUSE = replace(PROTECTED, category=SCHOOL)  # a school
HELP = replace(PROTECTED, is_untraced=True)
SAFE = Verdict(Action.REWRITE, Reason.SAFE_SEARCH, 14)
REWRITTEN = Verdict(Action.REWRITE, Reason.LOCAL, 2)

CLOSED: Profile = replace(
    MIA, categories=frozenset({"games"}), services=frozenset({"tube"}), bypass=True
)


def closed(*rules: str, **lists: object) -> Policy:
    """Return a policy with something at every step that a target can meet."""
    return policy(
        CLOSED,
        block("ruled.example"),
        *(block(each) for each in rules),
        legal=["banned.example"],
        security={"malware": ["malware.example"]},
        bypass=["vpn.example"],
        services={"tube": ["tube.example"]},
        categories={"games": ["games.example"]},
        protected={"connectivity": ["portal.example", "portal.games.example"]},
        **lists,
    )


def targets(*names: str) -> ResponseFacts:
    return ResponseFacts(targets=names)


def addresses(*texts: str) -> ResponseFacts:
    packed = tuple(ip_address(each).packed for each in texts)
    return ResponseFacts(addresses=packed, home_addresses=tuple(filter(is_home_address, packed)))


def judged(
    made: Policy,
    facts: ResponseFacts,
    verdict: Verdict = OPEN,
    rebinding: RebindingGuard | None = None,
) -> tuple[str, str] | None:
    """Return the reason of a block, and the target that made it."""
    found = judge_response(made, rebinding or RebindingGuard(), "a.example", verdict, facts, NOW)
    return None if found is None else (str(found.reason), found.via)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("banned.example", "legal"),
        ("malware.example", "security"),
        ("ruled.example", "rule"),
        ("vpn.example", "bypass"),
        ("tube.example", "service"),
        ("www.games.example", "category"),
    ],
)
def test_an_answer_is_blocked_for_a_name_that_it_points_to(target: str, reason: str) -> None:
    assert judged(closed(), targets("cdn.example", target)) == (reason, target)


def test_the_first_target_that_is_blocked_says_why() -> None:
    assert judged(closed(), targets("games.example", "malware.example")) == (
        "category",
        "games.example",
    )


def test_an_answer_with_innocent_names_and_addresses_passes() -> None:
    facts = addresses("198.51.100.1")
    facts.targets = ("cdn.example",)
    assert judged(closed(), facts) is None


@pytest.mark.parametrize(
    ("verdict", "still"),
    [
        (OPEN, {"legal", "security", "rule", "bypass", "service", "category"}),
        (SAFE, {"legal", "security", "rule", "bypass", "service", "category"}),
        (RULED, {"legal", "security"}),  # a person vouches for the name, not for malware
        (GRANTED, {"legal", "security"}),
        (REWRITTEN, {"legal", "security"}),
        (PROTECTED, {"legal"}),
        (OF_THE_HOUSE, {"legal", "security", "rule"}),
    ],
)
def test_who_vouched_for_the_name_asked_vouched_for_where_it_leads(
    verdict: Verdict, still: set[str]
) -> None:
    names = ("banned", "malware", "ruled", "vpn", "tube", "games")
    found = [judged(closed(), targets(f"{each}.example"), verdict) for each in names]
    assert {each[0] for each in found if each is not None} == still


def test_a_protected_target_is_never_the_reason_of_a_block() -> None:
    assert judged(closed(), targets("portal.games.example")) is None


def test_a_school_that_an_answer_points_to_is_blocked_as_it_would_be_itself() -> None:
    names = ("malware", "ruled", "vpn", "tube", "games")
    house = family(CLOSED, protected=tuple(f"school.{each}.example" for each in names))
    lists = {
        "security": {"malware": ["malware.example"]},
        "bypass": ["fast.vpn.example"],
        "categories": {"games": ["vpn.example", "tube.example", "games.example"]},
    }
    made = policy(CLOSED, block("ruled.example"), house=house, **lists)
    found = [judged(made, targets(f"school.{each}.example")) for each in names]
    reasons = [each and each[0] for each in found]
    assert reasons == ["security", "rule", None, None, None]


def test_a_rule_that_allows_a_target_is_asked_before_the_lists() -> None:
    made = policy(CLOSED, allow("cdn.games.example"), categories={"games": ["games.example"]})
    assert judged(made, targets("cdn.games.example")) is None
    assert judged(made, targets("games.example")) == ("category", "games.example")


def test_a_block_through_a_target_denies_nothing_below_the_name_asked() -> None:
    found = judge_response(
        closed(), RebindingGuard(), "a.example", OPEN, targets("banned.example"), NOW
    )
    assert found is not None
    assert not found.nothing_open_below


def test_time_is_asked_of_the_name_asked_only() -> None:
    closure = Closure(Reason.SCHEDULE, NOW - 60, NOW + 60, (Topic(TopicKind.CATEGORY, "games"),))
    made = policy(
        MIA, timing=TimePlan(closures=(closure,)), categories={"games": ["games.example"]}
    )
    assert judged(made, targets("games.example")) is None


@pytest.mark.parametrize(
    ("rules", "address", "blocked"),
    [
        (["198.51.100.0/24"], "198.51.100.9", True),
        (["198.51.100.0/24"], "203.0.113.9", False),
        (["198.51.100.9/32"], "198.51.100.9", True),
        (["2001:db8:1::/48"], "2001:db8:1::9", True),
        (["198.51.100.0/24"], "::ffff:198.51.100.9", True),  # the same address, written in IPv6
        (["198.51.100.0/24"], "64:ff9b::198.51.100.9", True),  # and where IPv6 is translated
        (["198.51.100.0/24"], "64:ff9b:1::198.51.100.9", True),
        (["198.51.100.0/24"], "64:ff9b:1:c633:64:900::", True),  # with a prefix of 48 bits
        (["198.51.100.0/24"], "64:ff9b:1:ffc6:33:6409::", True),  # of 56
        (["198.51.100.0/24"], "64:ff9b:1:ffff:c6:3364:900:0", True),  # of 64
        (["198.51.100.0/24"], "2002:c633:6409::1", True),  # 6to4
        (["198.51.100.0/24"], "64:ff9b::203.0.113.9", False),
        (["198.51.100.0/24"], "2002:cb00:7109::1", False),
        (["64:ff9b::c600:0/104"], "64:ff9b::198.51.100.9", True),
        (["64:ff9b::/96"], "64:ff9b::198.51.100.9", False),  # too broad: as if it were not there
        (["::/0"], "2001:db8:1::9", False),
        (["2000::/3", "2001:db8:1::/48"], "2001:db8:1::9", True),
    ],
)
def test_an_address_rule_blocks_answers_in_its_network(
    rules: list[str], address: str, blocked: bool
) -> None:
    found = judged(policy(MIA, *map(block, rules)), addresses("203.0.113.1", address))
    assert found == (("address", "") if blocked else None)


def test_of_two_address_rules_the_longer_prefix_counts_and_then_the_one_that_allows() -> None:
    made = policy(
        MIA,
        block("198.51.100.0/24"),
        allow("198.51.100.128/25"),
        block("198.51.100.200/32"),
        allow("198.51.100.200/32", "mia"),
    )
    for last, blocked in ((9, True), (129, False), (200, False)):
        assert bool(judged(made, addresses(f"198.51.100.{last}"))) is blocked


@pytest.mark.parametrize(
    ("verdict", "blocked"),
    [(OPEN, True), (SAFE, True), (RULED, False), (GRANTED, False), (PROTECTED, False)],
)
def test_an_address_rule_does_not_take_back_what_a_person_opened(
    verdict: Verdict, blocked: bool
) -> None:
    found = judged(policy(MIA, block("198.51.100.0/24")), addresses("198.51.100.9"), verdict)
    assert bool(found) is blocked


@pytest.mark.parametrize(
    ("address", "offends"),
    [
        ("10.0.0.1", True),
        ("192.168.1.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("127.0.0.1", True),
        ("169.254.1.1", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("198.51.100.1", False),
        ("::1", True),
        ("::", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("::ffff:192.168.1.1", True),
        ("::ffff:198.51.100.1", False),
        ("64:ff9b::192.168.1.1", True),
        ("64:ff9b::127.0.0.1", True),
        ("64:ff9b::198.51.100.1", False),
        ("64:ff9b:1::10.0.0.1", True),
        ("64:ff9b:1:a00:0:100::", True),  # 10.0.0.1 with a prefix of 48 bits
        ("64:ff9b:1:ff0a:0:1::", True),  # of 56
        ("64:ff9b:1:ffff:a:0:100:0", True),  # of 64
        ("64:ff9b:1::198.51.100.1", False),
        ("64:ff9b:1:c633:64:100::", False),
        ("64:ff9b:2::10.0.0.1", False),  # of nobody's translation
        ("2002:a00:1::1", True),
        ("2002:c0a8:101::", True),
        ("2002:c633:6401::1", False),
        ("2001:db8::1", False),
    ],
)
def test_an_outside_name_may_not_point_into_the_home(address: str, offends: bool) -> None:
    found = judged(policy(MIA), addresses("198.51.100.1", address))
    assert found == (("rebinding", "") if offends else None)


@pytest.mark.parametrize("verdict", [OPEN, RULED, GRANTED, PROTECTED, SAFE, REWRITTEN])
def test_nobody_can_vouch_for_an_address_inside_the_home(verdict: Verdict) -> None:
    assert judged(policy(MIA), addresses("192.168.1.1"), verdict) == ("rebinding", "")


@pytest.mark.parametrize(
    ("rebinding", "offends"),
    [
        (RebindingGuard(enabled=False), False),
        (RebindingGuard(allow=(ip_network("192.168.1.0/24"),)), False),
        (RebindingGuard(allow=(ip_network("192.168.2.0/24"),)), True),
        (RebindingGuard(names=("example",)), False),
        (RebindingGuard(names=("b.example",)), True),
    ],
)
@pytest.mark.parametrize("address", ["192.168.1.1", "64:ff9b::192.168.1.1", "2002:c0a8:101::1"])
def test_networks_and_domains_can_be_exempt_from_rebinding_protection(
    address: str, rebinding: RebindingGuard, offends: bool
) -> None:
    assert bool(judged(policy(MIA), addresses(address), OPEN, rebinding)) is offends


def test_a_network_of_translated_addresses_can_be_exempt_as_it_is() -> None:
    guard = RebindingGuard(allow=(ip_network("64:ff9b:1::/48"),))
    assert judged(policy(MIA), addresses("64:ff9b:1::192.168.1.1"), OPEN, guard) is None
    assert judged(policy(MIA), addresses("64:ff9b::192.168.1.1"), OPEN, guard) is not None


def test_one_address_outside_what_is_exempt_spoils_the_answer() -> None:
    rebinding = RebindingGuard(allow=(ip_network("192.168.1.0/24"),))
    facts = addresses("192.168.1.1", "10.0.0.1")
    assert judged(policy(MIA), facts, OPEN, rebinding) == ("rebinding", "")


def test_an_upstream_that_says_it_blocked_is_believed() -> None:
    assert judged(policy(MIA), ResponseFacts(is_filtered=True)) == ("upstream_filtered", "")


@pytest.mark.parametrize(
    "facts",
    [
        ResponseFacts(is_filtered=True),
        targets("banned.example"),
        addresses("192.168.1.1"),
    ],
)
def test_what_is_withheld_of_a_help_name_leaves_no_trace_either(facts: ResponseFacts) -> None:
    found = judge_response(closed(), RebindingGuard(), "a.example", HELP, facts, NOW)
    assert found is not None
    assert found.is_untraced


def test_names_speak_before_addresses_and_our_own_reasons_before_the_upstreams() -> None:
    made = closed("198.51.100.0/24")
    everything = addresses("198.51.100.1", "192.168.1.1")
    everything.targets, everything.is_filtered = ("games.example",), True
    order: list[tuple[str, str, object]] = [
        ("category", "targets", ()),
        ("address", "addresses", ()),
        ("rebinding", "home_addresses", ()),
        ("upstream_filtered", "is_filtered", False),
    ]
    for reason, field, nothing in order:
        found = judged(made, everything)
        assert found is not None
        assert found[0] == reason
        setattr(everything, field, nothing)
    assert judged(made, everything) is None


def test_a_block_inside_an_answer_ends_when_the_permission_for_the_name_does() -> None:
    grant = Grant(Matcher("a.example", MatchKind.SUBTREE), NOW - 60, NOW + 60, NOW - 60)
    made = policy(CLOSED, timing=TimePlan(grants=(grant,)), security={"malware": ["m.example"]})
    allowed = decide(made, "a.example", A, NOW)
    found = judge_response(made, RebindingGuard(), "a.example", allowed, targets("m.example"), NOW)
    assert found is not None
    assert found.valid_until == NOW + 60
