"""Tests of profiles that share their steps: they decide as if they did not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.dns.records import A
from copdns.model.household import Band, BlockMode, Default, Profile, Rule
from copdns.model.matchers import Matcher
from copdns.model.times import PauseSpan
from copdns.model.verdict import Action, Reason, StepNumber
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.context import build_context
from copdns.policy.decide import decide, explain
from copdns.policy.order import build_policy
from copdns.policy.shared_steps import RulesByScope, StepSharing
from copdns.time.plan import NO_TIME_PLAN, in_scope
from tests.household import DEFAULTS, MIA, NOW, allow, block, family, library, live
from tests.whole import examples

CHILD = replace(MIA, categories=frozenset({"games"}), safe_search=(("seek", "strict"),))
LISTS = library(
    categories={"games": ["games.example"]},
    security={"malware": ["bad.example"]},
    engines={"seek": (["seek.example"], {"strict": "safe.seek.example"})},
)
SHARED = build_context(LISTS, DEFAULTS, family())
NAMES = ["games.example", "a.games.example", "bad.example", "seek.example", "b.example", "x.test"]
RULES = st.lists(
    st.builds(
        lambda make, name, scope: make(name, scope),
        st.sampled_from([allow, block]),
        st.sampled_from(NAMES),
        st.sampled_from(["", "mia", "tom", "#children", "#other"]),
    )
)


@given(RULES)
def test_rules_by_scope_are_those_that_hold_in_their_order(rules: list[Rule]) -> None:
    for profile in (MIA, replace(MIA, id="tom", tags=frozenset({"other", "children"}))):
        assert RulesByScope(rules).for_profile(profile) == in_scope(rules, profile)


@pytest.mark.parametrize("mode", BlockMode)
@settings(deadline=None, max_examples=examples(30))
@given(RULES, RULES)
def test_who_shares_steps_is_decided_for_as_if_alone(
    mode: BlockMode, first: list[Rule], second: list[Rule]
) -> None:
    models = StepSharing()
    for number, rules in enumerate((first, second)):
        profile = replace(CHILD, id=f"child-{number}", block_mode=mode)
        alone = build_policy(profile, tuple(rules), SHARED, NOW)
        shared = models.share_steps(profile, build_policy(profile, tuple(rules), SHARED, NOW))
        assert shared.profile == profile.id
        for name in NAMES:
            assert decide(shared, name, A, NOW) == decide(alone, name, A, NOW)


@pytest.mark.parametrize("mode", BlockMode)
@settings(deadline=None, max_examples=examples(30))
@given(st.tuples(RULES, RULES, RULES))
def test_what_a_kin_decides_is_decided_for_each_of_it(
    mode: BlockMode, of_each: tuple[list[Rule], ...]
) -> None:
    models = StepSharing()
    kin = []
    for number, rules in enumerate(of_each):
        profile = replace(CHILD, id=f"child-{number}", block_mode=mode)
        kin.append(models.share_steps(profile, build_policy(profile, tuple(rules), SHARED, NOW)))
    for name in NAMES:
        if kin[0].group is kin[1].group is kin[2].group and kin[0].group.shares_verdict(name):
            assert len({decide(each, name, A, NOW) for each in kin}) == 1


def test_profiles_set_alike_are_kin_whatever_their_rules() -> None:
    models = StepSharing()
    mia, tom, sister = (
        models.share_steps(profile, build_policy(profile, rules, SHARED, NOW))
        for profile, rules in (
            (CHILD, (block("a.b.example"),)),
            (replace(CHILD, id="tom"), (allow("=test"),)),
            (replace(CHILD, id="sister", security=False), ()),
        )
    )
    assert mia.group is tom.group
    assert sister.group is not mia.group
    names = ("b.example", "c.a.b.example", "x.test", "other.example")
    assert [mia.group.shares_verdict(name) for name in names] == [False, False, False, True]


def test_profiles_that_are_set_alike_share_all_but_their_rules() -> None:
    models = StepSharing()
    mia, tom = (
        models.share_steps(profile, build_policy(profile, rules, SHARED, NOW))
        for profile, rules in (
            (CHILD, (block("a.example"),)),
            (replace(CHILD, id="tom"), (allow("games.example"),)),
        )
    )
    apart = [
        step.number for step, other in zip(mia.order, tom.order, strict=True) if step is not other
    ]
    assert apart == [5, 10]  # the two that ask for rules
    assert decide(tom, "games.example", A, NOW).action is Action.ALLOW
    assert decide(mia, "games.example", A, NOW).action is Action.BLOCK


def test_where_a_failure_opens_what_is_always_open_that_is_no_default_of_others() -> None:
    only = replace(CHILD, default=Default.ALLOWLIST, always=(Matcher("essential.example"),))
    other = replace(only, id="tom")
    for essential in ("mia", "tom"):
        models = StepSharing()
        for person in (only, other):
            plan = replace(
                NO_TIME_PLAN, always_open=only.always, is_essential=person.id == essential
            )
            policy = build_policy(person, (), SHARED, NOW, plan)
            shared = models.share_steps(person, policy)
            verdict = decide(shared, "essential.example", A, NOW)
            assert (verdict.action is Action.ALLOW) is (person.id == essential)


def test_a_pause_of_one_is_no_pause_of_another_who_is_set_alike() -> None:
    lists = library(protected={"education_reference": ["wiki.example"]})
    people = CHILD, replace(CHILD, id="tom")
    for pair in (people, people[::-1]):
        house = family(*pair, pauses=(PauseSpan("mia", int(NOW)),))
        tom = build_snapshot(None, lists, DEFAULTS, [house], NOW).policy("home", "tom")
        assert decide(tom, "wiki.example", A, NOW).reason is Reason.PROTECTED
        paused = [
            each for each in explain(tom, "b.example", A, NOW) if each.number == StepNumber.PAUSE
        ]
        assert [each.verdict for each in paused] == [None]


def test_profiles_that_are_set_otherwise_share_nothing_that_differs() -> None:
    models = StepSharing()
    adult = Profile("ada", "Ada", Band.ADULT)
    for profile in (CHILD, adult):
        policy = models.share_steps(profile, build_policy(profile, (), SHARED, NOW))
        blocked = decide(policy, "games.example", A, NOW).action is Action.BLOCK
        assert blocked is (profile is CHILD)


def test_who_is_paused_is_no_kin_of_whoever_is_not() -> None:
    other = replace(MIA, id="tom", name="Tom")
    house = replace(family(MIA, other), pauses=(PauseSpan("mia", int(NOW)),))
    made = live(house)
    paused, free = made.policy("home", "mia"), made.policy("home", "tom")
    assert paused.group is not free.group
    assert decide(paused, "a.example", A, NOW).reason == "paused"
    assert decide(free, "a.example", A, NOW).reason == "default"
