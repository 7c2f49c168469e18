"""Somebody who lives by another clock: what holds for them goes by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from copdns.dns.records import A
from copdns.household.edits import set_profile
from copdns.model.errors import HouseholdError
from copdns.model.times import Budget, Schedule, WeekParity
from copdns.policy.decide import decide
from copdns.policy.today import build_today
from copdns.time.bedtime import tonights_bedtime
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS, PolicyInputs
from copdns.time.schedule import parse_slots
from tests.household import ADA, MIA, TOM, family, live
from tests.unit.households import KNOWN

AWAY = replace(MIA, timezone="America/New_York")
EVERYONES = Schedule("bedtime", "", parse_slots("21:00-07:00"))
HOUSE = family(AWAY, TOM, ADA, timezone="Europe/Paris", schedules=(EVERYONES,))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


EVENING = at("2026-11-27T20:30")  # half past nine in Paris, half past three in New York


def test_a_schedule_for_everyone_begins_on_the_clock_of_each() -> None:
    there = live(HOUSE, now=EVENING)
    toms = decide(there.policy("home", "tom"), "tube.example", A, EVENING)
    mias = decide(there.policy("home", "mia"), "tube.example", A, EVENING)
    assert (toms.ends_text, toms.valid_until) == ("Sat 07:00", at("2026-11-28T06:00"))
    assert (mias.blocks, mias.valid_until) == (False, at("2026-11-28T02:00"))
    later = at("2026-11-28T02:00")
    mias = decide(live(HOUSE, now=later).policy("home", "mia"), "tube.example", A, later)
    assert (mias.ends_text, mias.valid_until) == ("Sat 07:00", at("2026-11-28T12:00"))


def test_tonights_bedtime_and_the_day_are_the_person_s() -> None:
    tonight = tonights_bedtime(HOUSE, AWAY, EVENING)
    assert tonight is not None
    assert tonight.start == at("2026-11-28T02:00")
    policy = live(HOUSE, now=EVENING).policy("home", "mia")
    today = build_today(HOUSE, AWAY, policy, NO_INPUTS, EVENING)
    assert today.now == round(1000 * 15.5 / 24)
    assert [(each.start, each.end) for each in today.day] == [(0, 292), (875, 1000)]


def test_the_week_is_that_of_their_date() -> None:
    """It is Monday of week 49 in Paris, and Sunday of week 48 in New York."""
    weekly = replace(EVERYONES, slots=parse_slots("00:00-24:00"), weeks=WeekParity.EVEN)
    house = replace(HOUSE, schedules=(weekly,))
    now = at("2026-11-30T01:00")
    there = live(house, now=now)
    blocked = {
        who: decide(there.policy("home", who), "tube.example", A, now).blocks
        for who in ("mia", "tom")
    }
    assert blocked == {"mia": True, "tom": False}


def test_the_minutes_of_a_date_are_those_of_their_date() -> None:
    """It is Saturday, without minutes, in Paris; in New York still Friday, with some."""
    budget = Budget("all", "", (("sat", 0), ("daily", 60)))
    house = replace(HOUSE, schedules=(), budgets=(budget,))
    now = at("2026-11-28T01:00")
    used = {("home", "mia"): {"all": Minutes(10, 10, 10)}}
    inputs = PolicyInputs(used=used)
    there = live(house, now=now, readings=inputs)
    assert decide(there.policy("home", "tom"), "tube.example", A, now).no_minutes
    (mias,) = build_today(house, AWAY, there.policy("home", "mia"), inputs, now).minutes
    assert (mias.whole, mias.left) == (60, 50)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("paris", "Europe/Paris"),
        ("America/NewYork", "America/New_York"),
        ("nowhere", ""),
    ],
)
def test_a_zone_that_nobody_knows_is_refused_with_what_may_be_meant(
    written: str, meant: str
) -> None:
    with pytest.raises(HouseholdError) as refused:
        set_profile(HOUSE, "mia", KNOWN, timezone=written)
    assert (f"did you mean {meant}?" if meant else "such as Europe/Paris") in str(refused.value)


def test_the_household_s_own_zone_again_changes_nothing_for_others() -> None:
    back = set_profile(HOUSE, "mia", KNOWN, timezone="")
    assert back.profile("tom") == HOUSE.profile("tom")
    assert tonights_bedtime(back, replace(AWAY, timezone=""), EVENING) == tonights_bedtime(
        HOUSE, TOM, EVENING
    )
