"""Lists that only count: they block nothing, in no step, and the verdict says what they would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.records import A
from copdns.model.household import Rule
from copdns.model.times import Schedule, Topic, TopicKind
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import decide
from copdns.policy.snapshot import Snapshot
from copdns.time.plan import PolicyInputs
from copdns.time.schedule import parse_slots
from tests.household import ADA, MIA, NOW, TOM, allow, block, family, library, live

LISTS = library(
    categories={"games": ["games.example", "both.example"]},
    bypass=["vpn.example"],
    security={"malware": ["bad.example"]},
    more={"boards": ("games", ["chess.example", "both.example"])},
    protected={"child_helpline": ["help.chess.example"]},
)
STRICT = replace(MIA, categories=frozenset({"games"}), bypass=True, security=True)
TRIAL = PolicyInputs(log_only=frozenset({"boards", "bypass", "malware-list"}))


def snapshot(
    readings: PolicyInputs = TRIAL, before: Snapshot | None = None, *rules: Rule
) -> Snapshot:
    house = family(STRICT, TOM, replace(ADA, categories=frozenset()), rules=rules)
    return live(house, lists=LISTS, readings=readings, before=before)


def verdict(of: Snapshot, name: str, who: str = "mia") -> Verdict:
    return decide(of.policy("home", who), name, A, NOW)


@pytest.mark.parametrize(
    ("name", "reason", "log_only"),
    [
        ("chess.example", "default", "boards"),
        ("a.chess.example", "default", "boards"),
        ("vpn.example", "default", "bypass"),
        ("games.example", "category", ""),
        ("both.example", "category", ""),  # another list has it too
        ("bad.example", "security", ""),  # a list against harm never only counts
        ("help.chess.example", "protected", ""),
        ("else.example", "default", ""),
    ],
)
def test_a_list_on_trial_blocks_nothing_and_is_named(name: str, reason: str, log_only: str) -> None:
    found = verdict(snapshot(), name)
    assert (str(found.reason), found.log_only) == (reason, log_only)


def test_whoever_the_list_would_not_block_is_not_counted() -> None:
    assert verdict(snapshot(), "chess.example", "ada").log_only == ""


def test_a_rule_of_the_household_still_decides() -> None:
    ruled = snapshot(TRIAL, None, block("chess.example"), allow("vpn.example"))
    assert verdict(ruled, "chess.example").reason is Reason.RULE
    assert verdict(ruled, "vpn.example").log_only == ""


def test_the_same_verdict_is_the_same_object() -> None:
    of = snapshot()
    assert verdict(of, "chess.example") is verdict(of, "a.chess.example")


def test_afterwards_it_blocks_and_policies_are_built_again() -> None:
    before = snapshot()
    same = snapshot(TRIAL, before)
    assert same.policy("home", "mia") is before.policy("home", "mia")
    after = snapshot(PolicyInputs(), before)
    assert verdict(after, "chess.example").list == "boards"
    assert verdict(after, "vpn.example").reason is Reason.BYPASS


def test_a_bedtime_of_the_category_does_not_close_what_is_on_trial() -> None:
    games = Topic(TopicKind.CATEGORY, "games")
    closed = Schedule("games", "mia", parse_slots("00:00-24:00"), (games,))
    house = family(replace(MIA, categories=frozenset()), schedules=(closed,))
    of = live(house, lists=LISTS, readings=TRIAL)
    assert verdict(of, "games.example").reason is Reason.SCHEDULE
    assert verdict(of, "chess.example").reason is Reason.DEFAULT
