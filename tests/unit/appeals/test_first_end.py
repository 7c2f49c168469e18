"""A yes says what ends it first, before it is given and after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.appeals.appeal import Appeal, AppealAnswer, AppealKind, WantedLength
from copdns.appeals.first_end import FirstEnd, end_of_a_yes, end_of_the_yes
from copdns.appeals.life import add_answer
from copdns.appeals.opening import carry_out
from copdns.appeals.review import DecisionReason
from copdns.model.household import Household
from copdns.model.times import Budget, PauseSpan, Schedule, Slot
from copdns.model.verdict import Reason
from copdns.policy.today import build_today
from copdns.time.minutes import Minutes
from copdns.time.plan import PolicyInputs
from tests.household import NOW, live
from tests.unit.appealing import ADA, AT, GAMES, KNOWN, SERVICES, ask, home, lists, yes

HOUR = 3600
BED = Schedule("bed", "mia", (Slot(frozenset({"daily"}), 16 * 60 + 20, 600),))  # in 20 minutes
LATE = Schedule("late", "mia", (Slot(frozenset({"daily"}), 21 * 60, 600),))
PLAY = Budget("play", "mia", (("daily", 45),), (GAMES,))


def first(house: Household, used: int = 0, **fields: Any) -> FirstEnd | None:
    inputs = PolicyInputs(used={(house.id, "mia"): {"play": Minutes(used, used, used)}})
    policy = live(house, now=NOW, lists=lists(), readings=inputs).policy(house.id, "mia")
    profile = house.profile("mia")
    assert profile is not None
    budgets = build_today(house, profile, policy, inputs, NOW).minutes
    return end_of_a_yes(policy, house, ask(**fields), budgets, NOW)


@pytest.mark.parametrize(
    ("times", "used", "expected"),
    [
        ({}, 0, FirstEnd(Reason.GRANTED, at=NOW + HOUR)),
        ({"schedules": (BED,)}, 0, FirstEnd(Reason.SCHEDULE, "bed", NOW + 1200)),
        ({"schedules": (LATE,)}, 0, FirstEnd(Reason.GRANTED, at=NOW + HOUR)),
        ({"budgets": (PLAY,)}, 15, FirstEnd(Reason.BUDGET, "play", None, 30)),
        (
            {"budgets": (replace(PLAY, minutes=(("daily", 90),)),)},
            0,
            FirstEnd(Reason.GRANTED, at=NOW + HOUR),
        ),
        (
            {"budgets": (PLAY,), "schedules": (BED,)},
            15,
            FirstEnd(Reason.SCHEDULE, "bed", NOW + 1200),
        ),
        ({"budgets": (PLAY,), "schedules": (BED,)}, 35, FirstEnd(Reason.BUDGET, "play", None, 10)),
        (
            {"pauses": (PauseSpan("mia", AT + 60, AT + 120),)},
            0,
            FirstEnd(Reason.PAUSED, "", NOW + 60),
        ),
    ],
)
def test_an_hour_is_said_to_end_by_what_ends_it_first(
    times: dict[str, Any], used: int, expected: FirstEnd
) -> None:
    assert first(home(**times), used) == expected


def test_for_always_it_is_said_of_today() -> None:
    found = first(home(schedules=(LATE,)), wanted=WantedLength.ALWAYS)
    assert found == FirstEnd(Reason.SCHEDULE, "late", NOW + 5 * HOUR)


def test_nothing_is_said_of_what_stays_closed_or_is_about_no_name() -> None:
    house = home(pauses=(PauseSpan("mia", AT - 60),))
    assert first(house) is None
    assert first(home(), name="", kind=AppealKind.TIME) is None


def test_after_the_yes_the_same_is_said_of_what_it_made() -> None:
    house, about = home(schedules=(BED,)), ask()
    appeal = Appeal("a1", about, AT, AT)
    done = carry_out(house, appeal, yes().yes, KNOWN, SERVICES, ADA, AT)
    reason = DecisionReason.FAIR_ENOUGH
    made = AppealAnswer(AT, done.state, reason, ADA, made=done.made, until=done.until)
    answered = add_answer(appeal, made)
    for house_after, expected in (
        (done.household, FirstEnd(Reason.SCHEDULE, "bed", NOW + 1200)),
        (replace(done.household, schedules=()), FirstEnd(Reason.GRANTED, at=NOW + HOUR)),
    ):
        policy = live(house_after, now=NOW, lists=lists()).policy(house.id, "mia")
        assert end_of_the_yes(policy, answered, (), NOW) == expected
        assert end_of_the_yes(policy, answered, (), NOW + HOUR) is None
