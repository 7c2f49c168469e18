"""One button for more time: what it gives is what closes, and it gives it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from copdns.household.check import KnownIds
from copdns.household.time_edits import add_bonus, give_grant
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.times import Budget, Grant, PauseSpan, Schedule, Topic, TopicKind
from copdns.policy.today import build_today
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS
from copdns.time.schedule import parse_slots
from copdns.web.more_time import (
    Kind,
    MoreTime,
    give_more_time,
    more_time,
    time_mark,
    was_sent_before,
)
from tests.household import MIA, NOW, TOM, family, library, live

_DAY = date(2026, 3, 29)
KNOWN = KnownIds(categories=frozenset({"games"}))
GAMES = Topic(TopicKind.CATEGORY, "games")
BUDGET = Budget("games", "mia", (("daily", 60),), (GAMES,))
WHOLE = Budget("all", "mia", (("daily", 60),))
NIGHT = Schedule("night", "mia", parse_slots("19:00-07:00"))  # three hours from now
SUPPER = Schedule("supper", "mia", parse_slots("15:30-16:30"))  # now


def more(house: Household, used: int = 0) -> MoreTime | None:
    counts = {each.id: Minutes(used, used, used) for each in house.budgets}
    readings = replace(NO_INPUTS, used={("home", "mia"): counts})
    seen = live(house, lists=library(categories={"games": ["play.example"]}), readings=readings)
    policy = seen.policy("home", "mia")
    return more_time(house, MIA, policy, build_today(house, MIA, policy, readings, NOW), NOW)


def home(**fields: Any) -> Household:
    return family(MIA, TOM, **fields)


def given(house: Household, found: MoreTime | None, minutes: int = 15) -> Household:
    assert found is not None
    return give_more_time(house, "mia", found, minutes, KNOWN, author="Ada", now=int(NOW))


def test_nothing_that_closes_takes_no_more_time() -> None:
    assert more(home()) is None
    assert more(home(schedules=(replace(NIGHT, scope="tom"),))) is None


@pytest.mark.parametrize(
    "fields", [{"schedules": (SUPPER,)}, {"pauses": (PauseSpan("mia", int(NOW) - 60),)}]
)
def test_what_is_closed_opens_for_these_minutes(fields: dict[str, Any]) -> None:
    house = home(**fields)
    assert more(house) == MoreTime(Kind.OPEN, NOW, is_off=True)
    (grant,) = given(house, more(house)).grants
    assert (grant.start, grant.end, grant.time, grant.content) == (NOW, NOW + 900, True, False)


def test_more_goes_on_where_the_last_minutes_end() -> None:
    house = home(schedules=(SUPPER,))
    once = given(house, more(house))
    assert more(once) == MoreTime(Kind.OPEN, NOW + 900)


def test_a_bedtime_begins_later_and_again_later() -> None:
    house = home(schedules=(NIGHT,))
    assert more(house) == MoreTime(Kind.LATER, NOW + 3 * 3600)
    once = given(house, more(house))
    assert more(once) == MoreTime(Kind.LATER, NOW + 3 * 3600 + 900)


def test_a_budget_that_is_used_up_gets_the_minutes() -> None:
    house = home(budgets=(BUDGET, WHOLE), schedules=(NIGHT,))
    assert more(house, used=60) == MoreTime(Kind.MINUTES, budgets=("games", "all"))
    assert [each.budget for each in given(house, more(house, 60)).bonuses] == ["games", "all"]


def test_a_budget_with_minutes_left_gets_them_where_nothing_else_closes() -> None:
    assert more(home(budgets=(BUDGET,)), used=5) == MoreTime(Kind.MINUTES, budgets=("games",))
    assert more(home(budgets=(BUDGET,), schedules=(NIGHT,)), used=5) == MoreTime(
        Kind.LATER, NOW + 3 * 3600
    )


def test_a_mark_changes_with_all_that_is_given_to_this_person() -> None:
    house = home(budgets=(BUDGET,))
    bonus = add_bonus(house, "mia", "games", _DAY, 5)
    grant = give_grant(
        house,
        Grant(None, start=NOW, end=NOW + 60, given=NOW, content=False, time=True, profile="mia"),
        KNOWN,
    )
    toms = replace(grant, grants=(replace(grant.grants[0], profile="tom"),))
    assert len({time_mark(each, "mia") for each in (house, bonus, grant)}) == 3
    assert time_mark(toms, "mia") == time_mark(house, "mia")


def test_the_same_form_twice_is_known_and_an_old_one_is_told() -> None:
    house = home(schedules=(SUPPER,))
    seen, after = time_mark(house, "mia"), given(house, more(house))
    assert not was_sent_before(house, "mia", seen, "Ada", NOW)
    assert was_sent_before(after, "mia", seen, "Ada", NOW + 5)
    with pytest.raises(HouseholdError, match="reload it and check"):
        was_sent_before(after, "mia", seen, "Bo", NOW + 5)
    with pytest.raises(HouseholdError, match="reload it and check"):
        was_sent_before(after, "mia", seen, "Ada", NOW + 90)
