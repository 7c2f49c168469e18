"""How many minutes of a budget are left, and until when it is closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from copdns.model.household import Household, PrivacyMode
from copdns.model.times import (
    USUAL_WEEK,
    WEEKDAYS,
    Bonus,
    Budget,
    DayType,
    Extra,
    SchoolCalendar,
)
from copdns.time.budget import (
    GRID,
    PLENTY,
    RECHECK_BEFORE,
    RemainingBudget,
    SpentBudget,
    carried_minutes,
    daily_limit,
    earliest_end,
    has_effect,
    minutes_of_day,
    split_budgets,
)
from copdns.time.minutes import MAX_ADDED, Minutes
from tests.household import MIA, family

SUNDAY = date(2026, 3, 29)
MONDAY = date(2026, 3, 30)
FILMS = Budget("films", "mia", (("daily", 60),))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-03-29T12:00")
MIDNIGHT = at("2026-03-30T00:00")


def used(minutes: int) -> Minutes:
    return Minutes(minutes - minutes // 2, minutes, 2 * minutes)


def house(*budgets: Budget, **fields: object) -> Household:
    return family(budgets=budgets, **fields)


def left(
    home: Household, now: float = NOON, today: int = 0, before: int = 0
) -> tuple[tuple[RemainingBudget, ...], tuple[SpentBudget, ...]]:
    return split_budgets(
        home.budgets, home, "mia", now, {"films": used(today)}, {"films": used(before)}
    )


def minutes_left(home: Household, today: int = 0, before: int = 0) -> int:
    found, _ = left(home, NOON, today, before)
    return found[0].minutes if found else 0


# --- what a day has -------------------------------------------------------------------------------


def test_the_first_word_that_fits_a_date_gives_its_minutes() -> None:
    budget = replace(FILMS, minutes=(("holiday", 120), ("sun", 90), ("weekend", 80)))
    assert daily_limit(budget, USUAL_WEEK, SUNDAY) == 90
    assert daily_limit(budget, USUAL_WEEK, date(2026, 3, 28)) == 80
    assert daily_limit(budget, SchoolCalendar(days=((SUNDAY, DayType.HOLIDAY),)), SUNDAY) == 120


def test_a_date_that_no_word_fits_has_no_limit() -> None:
    budget = replace(FILMS, minutes=(("sat", 60),))
    assert daily_limit(budget, USUAL_WEEK, SUNDAY) is None
    assert minutes_of_day(budget, house(budget), "mia", SUNDAY) is None
    assert left(house(budget)) == ((), ())


def test_bonus_and_credit_are_added_for_their_day_and_person_alone() -> None:
    bonus = Bonus("b1", "mia", "films", SUNDAY, 10)
    home = house(
        FILMS,
        bonuses=(
            bonus,
            replace(bonus, id="b2", kind=Extra.CREDIT, minutes=5),
            replace(bonus, id="b3", day=MONDAY, minutes=100),
            replace(bonus, id="b4", profile="tom", minutes=100),
            replace(bonus, id="b5", budget="games", minutes=100),
        ),
    )
    assert minutes_of_day(FILMS, home, "mia", SUNDAY) == 75


@pytest.mark.parametrize(
    ("carry_over", "before", "more"),
    [
        (False, 0, 0),
        (True, 0, 60),
        (True, 45, 15),
        (True, 60, 0),
        (True, 200, 0),  # nobody owes minutes
    ],
)
def test_what_was_left_the_day_before_is_carried_over_where_the_budget_says_so(
    carry_over: bool, before: int, more: int
) -> None:
    budget = replace(FILMS, carry_over=carry_over)
    assert carried_minutes(budget, USUAL_WEEK, SUNDAY, used(before)) == more


def test_of_a_day_on_which_it_was_not_counted_nothing_is_carried_over() -> None:
    budget = replace(FILMS, carry_over=True)
    assert carried_minutes(budget, USUAL_WEEK, SUNDAY, None) == 0


def test_nothing_is_carried_over_where_nothing_is_kept_of_a_day() -> None:
    budget = replace(FILMS, carry_over=True)
    off = family(replace(MIA, privacy=PrivacyMode.OFF), budgets=(budget,))
    assert minutes_of_day(budget, off, "mia", SUNDAY, used(0)) == 60
    assert minutes_of_day(budget, house(budget), "mia", SUNDAY, used(0)) == 120


def test_no_more_than_a_day_s_minutes_are_carried_over() -> None:
    budget = replace(FILMS, carry_over=True, minutes=(("sat", 300), ("daily", 60)))
    assert carried_minutes(budget, USUAL_WEEK, SUNDAY, used(0)) == 60


def test_from_a_day_without_a_limit_nothing_is_carried_over() -> None:
    budget = replace(FILMS, carry_over=True, minutes=(("sun", 60),))
    assert carried_minutes(budget, USUAL_WEEK, SUNDAY, used(0)) == 0


# --- what is left ---------------------------------------------------------------------------------


def test_the_likely_minutes_are_taken_off() -> None:
    assert left(house(FILMS), today=59) == ((RemainingBudget("films", (), 1, MIDNIGHT),), ())


def test_a_budget_without_a_minute_is_closed_for_its_whole_day() -> None:
    """From the day's start, so that each minute makes the same closure and the policy stays."""
    spent = SpentBudget("films", (), at("2026-03-29T00:00"), MIDNIGHT)
    assert left(house(FILMS), NOON, today=60) == ((), (spent,))
    assert left(house(FILMS), NOON + 90, today=75) == ((), (spent,))


def test_a_bonus_opens_a_budget_that_was_used_up() -> None:
    bonus = Bonus("b1", "mia", "films", SUNDAY, 10)
    assert minutes_left(house(FILMS, bonuses=(bonus,)), today=60) == 10


def test_days_to_come_without_a_minute_are_known_before_they_begin() -> None:
    budget = replace(FILMS, minutes=(("mon", 0), ("daily", 60)))
    (today,), (monday,) = left(house(budget))
    assert today.minutes == PLENTY
    assert (monday.start, monday.end) == (MIDNIGHT, at("2026-03-31T00:00"))


def test_a_day_begins_when_the_household_says() -> None:
    home = house(FILMS, day_starts=4 * 60)
    (night,), _ = left(home, at("2026-03-29T03:59"))
    (morning,), _ = left(home, at("2026-03-29T04:00"))
    assert night.end == at("2026-03-29T04:00")
    assert morning.end == at("2026-03-30T04:00")


def test_a_day_of_a_changed_clock_has_its_own_length() -> None:
    (found,), _ = left(house(FILMS, timezone="Europe/Berlin"))
    assert found.end == at("2026-03-29T22:00")
    (before,), _ = left(house(FILMS, timezone="Europe/Berlin"), at("2026-03-28T12:00"))
    assert found.end - before.end == 23 * 3600


# --- how long it surely lasts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "sure"),
    [
        (1, 1),  # the minute that runs may be the last
        (MAX_ADDED, 1),
        (MAX_ADDED + 1, 2),
        (60, 61 - MAX_ADDED),
    ],
)
def test_a_budget_surely_lasts_until_a_full_minute(minutes: int, sure: int) -> None:
    assert earliest_end(minutes, NOON, MAX_ADDED) == NOON + 60 * sure
    assert earliest_end(minutes, NOON + 59.9, MAX_ADDED) == NOON + 60 * sure


def test_plenty_of_minutes_stay_the_same_while_they_are_used() -> None:
    """So that a policy is not another one in each minute in which a child watches films."""
    first, *others = [left(house(FILMS), NOON + 60 * minute, today=minute) for minute in range(31)]
    assert all(each == first for each in others)
    assert left(house(FILMS), NOON + 31 * 60, today=31) != first


@pytest.mark.parametrize("minutes", [PLENTY, 45, 60])
@pytest.mark.parametrize("second", [0, 59.9, 601])
def test_plenty_of_minutes_are_sure_for_a_while_and_never_for_longer_than_they_are(
    minutes: int, second: float
) -> None:
    now = NOON + second
    ((found,), _) = left(house(FILMS), now, today=60 - minutes)
    sure = earliest_end(minutes, now, MAX_ADDED)
    assert sure - GRID < found.earliest_end(now) == found.sure_until <= sure
    assert found.sure_until - RECHECK_BEFORE > now + 60


def test_what_was_sure_for_a_while_is_sure_for_the_minute_behind_it() -> None:
    ((found,), _) = left(house(FILMS))
    assert found.earliest_end(found.sure_until + 1) == found.sure_until + 60


@pytest.mark.parametrize(
    ("minutes", "effect"),
    [
        ((("daily", 60),), True),
        ((("daily", 0),), True),
        ((("daily", 1439),), True),
        ((("daily", 1440),), False),
        ((("mon", 60), ("daily", 1440)), True),
        ((("daily", 1440), ("mon", 60)), False),  # the second line is never reached
        ((("school", 1440), ("weekend", 1440), ("holiday", 1440), ("mon", 60)), False),
        ((("school", 1440), ("weekend", 1440), ("mon", 60)), True),  # a Monday in the holidays
        ((("school_night", 1440), ("fri", 30)), True),
        ((("mon", 1440),), False),  # no limit on the other days
        ((*((day, 1440) for day in WEEKDAYS), ("holiday", 5)), False),
        ((), False),
    ],
)
def test_a_limit_of_whole_days_has_no_effect(
    minutes: tuple[tuple[str, int], ...], effect: bool
) -> None:
    assert has_effect(minutes) is effect
