"""What holds while copdns cannot know better: one test a line of the table in docs/time.md."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.records import A
from copdns.model.household import Household
from copdns.model.times import FailureChoices, OnFailure, Schedule, Slot
from copdns.model.verdict import Requestor
from copdns.policy.decide import decide
from copdns.policy.guest import GUEST
from copdns.policy.snapshot import Snapshot
from copdns.time.plan import PolicyInputs
from tests.household import ADA, MIA, NOW, allow, family, library, live

ALL_DAY = Schedule("day", "mia", (Slot(frozenset({"daily"}), 0, 1440),))
GAMES = replace(MIA, categories=frozenset({"games"}))
STRANGER = "192.0.2.99"
LISTS = library(
    categories={"games": ["games.example"]}, protected={"child_helpline": ["h.example"]}
)


def home(failures: FailureChoices, readings: PolicyInputs, **more: object) -> Snapshot:
    house: Household = replace(family(GAMES, ADA), failures=failures, **more)  # type: ignore[arg-type]
    return live(house, lists=LISTS, readings=readings)


def asked(made: Snapshot, name: str, profile: str = "mia") -> str:
    return decide(made.policy("home", profile), name, A, NOW).reason


@pytest.mark.parametrize(
    ("chosen", "any_name", "help_name"),
    [
        (OnFailure.LAST_KNOWN, "schedule", "protected"),
        (OnFailure.OPEN, "default", "protected"),
        (OnFailure.ESSENTIAL, "not_on_allowlist", "protected"),
    ],
)
def test_a_wrong_clock(chosen: OnFailure, any_name: str, help_name: str) -> None:
    made = home(
        FailureChoices(clock=chosen), PolicyInputs(clock_is_wrong=True), schedules=(ALL_DAY,)
    )
    assert asked(made, "a.example") == any_name
    assert asked(made, "h.example") == help_name


@pytest.mark.parametrize(
    ("chosen", "game", "any_name"),
    [
        (OnFailure.LAST_KNOWN, "category", "default"),
        (OnFailure.OPEN, "default", "default"),
        (OnFailure.ESSENTIAL, "category", "not_on_allowlist"),
    ],
)
def test_a_list_that_was_never_here(chosen: OnFailure, game: str, any_name: str) -> None:
    made = home(FailureChoices(lists=chosen), PolicyInputs(missing_categories=frozenset({"games"})))
    assert (asked(made, "games.example"), asked(made, "a.example")) == (game, any_name)
    assert asked(made, "a.example", "ada") == "default"  # who does not block games


@pytest.mark.parametrize(
    ("chosen", "game", "any_name"),
    [
        (OnFailure.LAST_KNOWN, "category", "default"),
        (OnFailure.OPEN, "default", "default"),
        (OnFailure.ESSENTIAL, "category", "not_on_allowlist"),
    ],
)
def test_a_device_that_nobody_named(chosen: OnFailure, game: str, any_name: str) -> None:
    made = home(FailureChoices(devices=chosen), PolicyInputs(), guest="mia")
    policy = made.identify(Requestor("", STRANGER, "udp")).policy
    found = [decide(policy, name, A, NOW).reason for name in ("games.example", "a.example")]
    assert found == [game, any_name]
    assert asked(made, "a.example") == "default"  # Mia's own devices are known


@pytest.mark.parametrize(
    ("chosen", "any_name"),
    [(OnFailure.ESSENTIAL, "not_on_allowlist"), (OnFailure.OPEN, "default")],
)
def test_a_device_that_nobody_named_is_the_household_s_own_guest(
    chosen: OnFailure, any_name: str
) -> None:
    made = home(
        FailureChoices(devices=chosen),
        PolicyInputs(),
        guest="mia",
        rules=(allow("chess.example", "mia"),),
    )
    policy = made.identify(Requestor("", STRANGER, "udp")).policy
    assert (policy.profile, policy.privacy) == ("mia", made.policy("home", "mia").privacy)
    found = [decide(policy, name, A, NOW).reason for name in ("chess.example", "a.example")]
    assert found == ["rule", any_name]
    assert asked(made, "games.example") == "category"  # Mia's own devices are known


def test_without_a_guest_of_its_own_it_is_the_built_in_one() -> None:
    made = home(FailureChoices(devices=OnFailure.ESSENTIAL), PolicyInputs())
    policy = made.identify(Requestor("", STRANGER, "udp")).policy
    assert policy.profile == GUEST
    assert decide(policy, "a.example", A, NOW).reason == "not_on_allowlist"
