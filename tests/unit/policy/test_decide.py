"""Tests of the order of decision, of `until`, and of what `explain` tells."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.dns.records import AAAA, NS, A
from copdns.model.errors import NXDOMAIN
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    BlockMode,
    Default,
    FullLogSpan,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import parse_matcher
from copdns.model.times import Grant
from copdns.model.verdict import Action, Reason, StepNumber, Verdict
from copdns.policy.decide import Policy, decide, explain, refusing_policy
from copdns.time.plan import Closure, TimePlan, in_scope
from copdns.words import child, desk
from tests.household import ADA, MIA, NOW, TOM, allow, block, family, policy
from tests.rooms import sources

DECISION = Path(__file__).parents[3] / "docs" / "decision.md"
STRICT = replace(MIA, block_mode=BlockMode.NXDOMAIN)


def verdict(of: Policy, qname: str, qtype: int = A, now: float = NOW) -> Verdict:
    return decide(of, qname, qtype, now)


def reason(of: Policy, qname: str, now: float = NOW) -> str:
    return str(verdict(of, qname, now=now).reason)


# --- the order ----------------------------------------------------------------------------------


def test_the_steps_are_numbered_in_the_order_in_which_they_are_asked() -> None:
    order = [step.number for step in policy().order]
    assert order == list(StepNumber)[:-1]
    assert order == list(range(1, 16))
    assert len(order) + 1 == StepNumber.RESPONSE


def test_every_step_has_its_words_for_children_and_for_the_desk() -> None:
    assert list(child.STEPS) == list(desk.STEPS) == list(StepNumber)[:-1]


def test_no_verdict_names_its_step_by_a_bare_number() -> None:
    """Such a number would be overlooked when a step is put in or taken out."""
    bare = [
        source.at(node, ast.unparse(node))
        for source in sources("copdns")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare | ast.Call) and _has_bare_step(ast.unparse(node))
    ]
    assert not bare


def _has_bare_step(code: str) -> bool:
    compared = re.match(r"\w*verdict\.step \S+ \d", code)
    made = re.match(r"Verdict\([^,()]+, [^,()]+, [1-9]|(List|Time)Step\([1-9]", code)
    return bool(compared or made)


def test_what_is_looked_for_above_is_found() -> None:
    for code in (
        "verdict.step <= 4",
        "Verdict(Action.ALLOW, Reason.GRANTED, 6)",
        "ListStep(3, 'x')",
    ):
        assert _has_bare_step(code)


def test_the_documentation_tells_the_same_order() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", DECISION.read_text(), re.MULTILINE)
    told = [(int(number), title) for number, title in rows]
    assert told == [(step.number, step.title) for step in policy().order]
    assert [number for number, _ in told] == list(StepNumber)[:-1]


def test_the_documentation_names_every_reason_at_its_step() -> None:
    told = set(re.findall(r"`(\w+)`", DECISION.read_text()))
    assert {str(each) for each in Reason} - told == set()


def test_steps_with_nothing_to_say_for_a_profile_are_not_asked() -> None:
    asked = [step.number for step in policy(replace(ADA, security=False)).steps]
    assert asked == [2, 4, 15]
    everything = replace(
        MIA, categories=frozenset({"games"}), services=frozenset({"tube"}), bypass=True
    )
    made = policy(
        everything,
        block("a.example"),
        security={"malware": ["b.example"]},
        services={"tube": ["c.example"]},
        categories={"games": ["d.example"]},
        bypass=["e.example"],
    )
    assert [step.number for step in made.steps] == [2, 4, 5, 10, 11, 12, 13, 15]


def test_a_step_that_needs_a_list_is_not_asked_about_a_name_in_none() -> None:
    made = policy(
        replace(MIA, categories=frozenset({"games"})), categories={"games": ["a.example"]}
    )
    assert [step.number for step in made.steps_if_unlisted] == [2, 15]
    assert reason(made, "a.example") == "category"
    assert reason(made, "b.example") == "default"


def test_whoever_is_not_served_is_refused_whatever_they_ask() -> None:
    for qname in ("a.example", "localhost", "copdns.home.arpa"):
        found = verdict(refusing_policy(), qname)
        assert (found.action, found.reason, found.step) == (Action.REFUSE, Reason.NOT_A_CLIENT, 1)


def test_a_verdict_carries_all_that_an_objection_needs() -> None:
    made = policy(
        replace(MIA, categories=frozenset({"games"})), categories={"games": ["*.a.example"]}
    )
    found = verdict(made, "www.a.example")
    (info,) = [each for each in made.index.infos if each.slug == "games-list"]
    assert found == Verdict(
        Action.BLOCK,
        Reason.CATEGORY,
        13,
        category="games",
        list="games-list",
        list_version=info.version,
        rule="*.a.example",
        ttl=10,
    )


# --- whose rules ----------------------------------------------------------------------------------


def test_a_profile_has_its_own_rules_those_of_its_tags_and_everybodys() -> None:
    rules = [block("a.example", scope) for scope in ("", "mia", "tom", "#children", "#readers")]
    assert [rule.scope for rule in in_scope(rules, MIA)] == ["", "mia", "#children"]
    assert [rule.scope for rule in in_scope(rules, ADA)] == [""]


@pytest.mark.parametrize(
    ("profile", "max_ttl"),
    [
        (MIA, 60),
        (replace(MIA, max_ttl=300), 300),
        (ADA, None),
        (replace(ADA, max_ttl=30), 30),
        (replace(ADA, band_change=AnnouncedBandChange(Band.TO_17, int(NOW) - 1)), 60),
        (replace(ADA, band_change=AnnouncedBandChange(Band.TO_17, int(NOW) + 1)), None),
    ],
)
def test_answers_to_children_are_kept_for_a_minute_at_most(
    profile: Profile, max_ttl: int | None
) -> None:
    assert policy(profile).max_ttl == max_ttl


def test_a_full_log_counts_from_its_start_to_its_end() -> None:
    full = FullLogSpan(int(NOW), int(NOW) + 60)
    made = policy(replace(TOM, privacy=PrivacyMode.OFF, full_log=full))
    modes = [made.privacy_at(NOW + after) for after in (-1, 0, 59, 60)]
    assert modes == [PrivacyMode.OFF, PrivacyMode.FULL, PrivacyMode.FULL, PrivacyMode.OFF]


# --- no such name ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", BlockMode)
def test_a_legal_order_may_deny_the_whole_subtree_in_every_block_mode(mode: BlockMode) -> None:
    made = policy(replace(MIA, block_mode=mode), legal=["a.example", "=b.example"])
    assert verdict(made, "a.example").nothing_open_below
    assert not verdict(made, "b.example").nothing_open_below


def test_nothing_is_denied_above_a_name_that_the_house_rewrites() -> None:
    house = family(rewrites=(NameRewrite(parse_matcher("start.a.example"), "b.example"),))
    made = policy(STRICT, block("a.example"), house=house, legal=["c.start.a.example"])
    assert not verdict(made, "a.example").nothing_open_below
    assert verdict(made, "x.a.example").nothing_open_below


def test_a_special_zone_is_empty_not_missing_above_a_domain_with_its_own_upstreams() -> None:
    house = family(split_upstreams=(SplitUpstream("school.lan", ("192.0.2.53:53",)),))
    made = policy(house=house)
    assert verdict(made, "school.lan").action is Action.ALLOW
    for qname, rcode in (("lan", 0), ("other.lan", NXDOMAIN)):
        local = verdict(made, qname).local
        assert local is not None
        assert local.rcode == rcode


@pytest.mark.parametrize("qname", ["", "arpa", "home.arpa", "example"])
@pytest.mark.parametrize(
    ("profile", "timing"),
    [
        (replace(STRICT, default=Default.ALLOWLIST), TimePlan()),
        (STRICT, TimePlan(closures=(Closure(Reason.PAUSED, NOW - 1, NOW + 60),))),
    ],
)
def test_what_stands_above_everything_is_never_denied(
    profile: Profile, timing: TimePlan, qname: str
) -> None:
    made = policy(profile, allow("a.example"), timing=timing)
    assert not verdict(made, qname, NS).nothing_open_below


def test_nobody_works_out_what_is_open_below_where_no_mode_needs_it() -> None:
    assert not verdict(policy(MIA, block("a.example")), "a.example").nothing_open_below
    assert verdict(policy(STRICT, block("a.example")), "a.example").nothing_open_below


# --- until ----------------------------------------------------------------------------------------


def test_a_verdict_without_any_time_in_the_policy_holds_until_that_changes() -> None:
    assert verdict(policy(), "a.example").valid_until is None
    over = TimePlan(closures=(Closure(Reason.PAUSED, NOW - 9, NOW - 1),))
    assert verdict(policy(timing=over), "a.example").valid_until is None


def test_a_verdict_holds_until_something_before_it_in_the_order_changes() -> None:
    timing = TimePlan(
        closures=(
            Closure(Reason.SCHEDULE, NOW - 60, NOW + 60),
            Closure(Reason.BUDGET, NOW + 30, NOW + 90),
        )
    )
    made = policy(timing=timing)
    assert verdict(made, "a.example", now=NOW - 90).valid_until == NOW - 60
    assert (
        verdict(made, "a.example").valid_until == NOW + 60
    )  # the budget changes nothing meanwhile
    assert verdict(made, "a.example", now=NOW + 60).valid_until == NOW + 90
    assert verdict(made, "a.example", now=NOW + 90).valid_until is None


def test_a_verdict_holds_until_a_grant_for_the_name_begins_or_ends() -> None:
    grant = Grant(parse_matcher("a.example"), NOW + 10, NOW + 20, NOW)
    made = policy(MIA, block("example.org"), timing=TimePlan(grants=(grant,)))
    assert verdict(made, "a.example").valid_until == NOW + 10
    assert verdict(made, "www.a.example", now=NOW + 10).valid_until == NOW + 20
    assert verdict(made, "b.example").valid_until is None


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-1, "rule"), (0, "granted"), (59, "granted"), (60, "rule")],
)
def test_a_grant_counts_from_its_start_to_its_end(after: int, expected: str) -> None:
    grant = Grant(parse_matcher("a.example"), NOW, NOW + 60, NOW)
    made = policy(MIA, block("a.example"), timing=TimePlan(grants=(grant,)))
    assert reason(made, "a.example", NOW + after) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-1, "default"), (0, "paused"), (59, "paused"), (60, "default")],
)
def test_a_closure_counts_from_its_start_to_its_end(after: int, expected: str) -> None:
    made = policy(timing=TimePlan(closures=(Closure(Reason.PAUSED, NOW, NOW + 60),)))
    assert reason(made, "a.example", NOW + after) == expected


@pytest.mark.parametrize(
    ("closed_by", "given", "expected"),
    [
        (Reason.PAUSED, -1, "paused"),  # given before the pause began: the pause means it
        (Reason.PAUSED, 0, "default"),
        (Reason.SCHEDULE, -1, "default"),
        (Reason.BUDGET, -1, "default"),
    ],
)
def test_a_grant_for_time_lifts_what_was_closed_when_it_was_given(
    closed_by: Reason, given: int, expected: str
) -> None:
    closure = Closure(closed_by, NOW, NOW + 60)
    grant = Grant(
        parse_matcher("a.example"), NOW - 5, NOW + 60, NOW + given, content=False, time=True
    )
    made = policy(timing=TimePlan((closure,), (grant,)))
    assert reason(made, "a.example") == expected


# --- explaining -----------------------------------------------------------------------------------


def test_every_step_says_what_it_would_decide_and_one_of_them_does() -> None:
    made = policy(
        replace(MIA, categories=frozenset({"games"}), default=Default.ALLOWLIST),
        allow("a.example"),
        categories={"games": ["a.example"]},
    )
    steps = explain(made, "a.example", A, NOW)
    said = {each.number: each.verdict.reason for each in steps if each.verdict is not None}
    assert said == {10: Reason.RULE, 13: Reason.CATEGORY, 15: Reason.NOT_ON_ALLOWLIST}
    assert [each.number for each in steps if each.is_decisive] == [10]


def test_explaining_looks_at_the_type_and_at_the_moment_too() -> None:
    house = family(local_names=(LocalName("nas.example", ("192.168.1.5",)),))
    timing = TimePlan(closures=(Closure(Reason.SCHEDULE, NOW, NOW + 60),))
    made = policy(house=house, timing=timing)
    (_, own, *_) = explain(made, "nas.example", AAAA, NOW)
    assert own.verdict is not None
    assert own.verdict.local is not None
    assert own.verdict.local.records == ()
    deciding = [
        each.number
        for now in (NOW, NOW + 60)
        for each in explain(made, "a.example", A, now)
        if each.is_decisive
    ]
    assert deciding == [8, 15]
