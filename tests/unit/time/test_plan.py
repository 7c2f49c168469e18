"""What was written and what was read, put together; and what holds when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import inf

import pytest

from copdns.dns.records import A
from copdns.household.time_edits import add_bonus
from copdns.model.household import Household, Profile
from copdns.model.times import (
    Budget,
    DayType,
    FailureChoices,
    Grant,
    OnFailure,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    parse_subject,
)
from copdns.model.verdict import Reason
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import decide
from copdns.policy.guest import GUEST
from copdns.policy.snapshot import Snapshot
from copdns.time.budget import PLENTY, RemainingBudget
from copdns.time.minutes import Minutes
from copdns.time.plan import (
    AFTER,
    NO_INPUTS,
    NO_TIME_PLAN,
    Closure,
    PolicyInputs,
    TimePlan,
    build_time_plan,
)
from copdns.time.schedule import parse_slots
from tests.household import ADA, DEFAULTS, MIA, NOW, TOM, allow, family, library

DAY = 86_400
TODAY = NOW // DAY * DAY
HOME_MIA = ("home", "mia")
BEDTIME = Schedule("bedtime", "mia", parse_slots("21:00-07:00"))
FILMS = Budget("films", "mia", (("daily", 60),), (parse_subject("service:tube"),))


def timing(home: Household, profile: Profile = MIA, now: float = NOW, **read: object) -> TimePlan:
    return build_time_plan(home, profile, now, PolicyInputs(**read))  # type: ignore[arg-type]


def used(minutes: int) -> dict[tuple[str, str], dict[str, Minutes]]:
    return {HOME_MIA: {"films": Minutes(minutes, minutes, minutes)}}


# --- what was written -----------------------------------------------------------------------------


def test_a_household_without_times_adds_nothing() -> None:
    assert timing(family()) is NO_TIME_PLAN
    assert timing(family(schedules=(BEDTIME,)), TOM) is NO_TIME_PLAN
    assert timing(family(replace(MIA, always=(parse_subject("a.example"),)))) is NO_TIME_PLAN


def test_a_schedule_is_worked_out_for_more_than_a_week() -> None:
    found = timing(family(schedules=(BEDTIME,)))
    assert found.until == TODAY + AFTER
    tonight = Closure(Reason.SCHEDULE, TODAY + 21 * 3600, TODAY + 31 * 3600, (), "bedtime")
    assert tonight in found.closures
    assert max(each.end for each in found.closures) == found.until


@pytest.mark.parametrize(
    ("scope", "theirs"),
    [("", {"mia", "tom", "ada"}), ("mia", {"mia"}), ("#children", {"mia", "tom"})],
)
def test_a_schedule_holds_for_whom_it_says(scope: str, theirs: set[str]) -> None:
    home = family(schedules=(replace(BEDTIME, scope=scope),))
    found = {each.id for each in (MIA, TOM, ADA) if timing(home, each) is not NO_TIME_PLAN}
    assert found == theirs


def test_the_calendar_and_the_zone_are_the_household_s() -> None:
    monday = date(2026, 3, 30)
    lessons = Schedule("lessons", "mia", parse_slots("school 08:00-13:00"))
    home = family(schedules=(lessons,), timezone="Europe/Berlin")
    starts = {each.start for each in timing(home).closures}
    assert TODAY + DAY + 6 * 3600 in starts  # summer time since this morning
    holiday = SchoolCalendar(days=((monday, DayType.HOLIDAY),))
    starts = {each.start for each in timing(replace(home, calendar=holiday)).closures}
    assert TODAY + DAY + 6 * 3600 not in starts


def test_it_is_the_same_all_day_so_that_policies_stay_the_same() -> None:
    home = family(schedules=(BEDTIME,), budgets=(FILMS,), grants=())
    few = used(60 - PLENTY + 1)
    assert timing(home, now=NOW, used=few) == timing(home, now=NOW + 3600, used=few)
    spent = used(60)
    assert timing(home, now=NOW, used=spent) == timing(home, now=NOW + 90, used=spent)
    assert timing(home, now=NOW) != timing(home, now=NOW + DAY)


def test_a_pause_is_its_profile_s_and_may_have_no_end() -> None:
    home = family(pauses=(PauseSpan("mia", int(NOW)),))
    (found,) = timing(home).closures
    assert (found.reason, found.start, found.end) == (Reason.PAUSED, NOW, inf)
    assert timing(home, TOM) is NO_TIME_PLAN


def test_homework_opens_the_profile_s_own_names_for_as_long_as_the_pause() -> None:
    mia = replace(MIA, homework=(parse_subject("school.example"),))
    home = family(mia, pauses=(PauseSpan("mia", int(NOW), int(NOW) + 60, homework=True),))
    found = timing(home, mia).homework
    assert found is not None
    assert (found.start, found.end, found.opens) == (NOW, NOW + 60, mia.homework)


def test_permissions_are_their_profile_s_and_are_left_out_when_they_are_long_over() -> None:
    def grant(name: str, end: float, profile: str = "mia") -> Grant:
        return Grant(None, end - 60, end, end - 60, id=name, profile=profile)

    now, later, over = grant("g1", NOW + 60), grant("g2", NOW + DAY), grant("g3", NOW - 3 * DAY)
    home = family(grants=(now, later, over, grant("g4", NOW + 60, "tom")))
    assert timing(home).grants == (now, later)


# --- what was read --------------------------------------------------------------------------------


def test_minutes_that_were_used_are_taken_off_the_budget_of_their_profile() -> None:
    home = family(budgets=(FILMS,))
    midnight = TODAY + DAY
    assert [each.minutes for each in timing(home).remaining] == [PLENTY]
    assert timing(home, used=used(45)).remaining == (
        RemainingBudget("films", FILMS.about, 15, midnight),
    )
    spent = timing(home, used=used(60))
    assert spent.remaining == ()
    assert Closure(Reason.BUDGET, TODAY, midnight, FILMS.about, "films") in spent.closures


def test_a_bonus_is_more_minutes() -> None:
    home = add_bonus(family(budgets=(FILMS,)), "mia", "films", date(2026, 3, 29), 30)
    assert timing(home, used=used(60)).remaining[0].minutes == 30


def test_what_is_in_use_stays_open_for_a_while() -> None:
    soft = Grant(parse_subject("a.example"), NOW, NOW + 300, NOW, content=False, time=True)
    home = family(schedules=(replace(BEDTIME, grace=5),))
    found = timing(home, in_use={HOME_MIA: (soft,)})
    assert (found.grants, found.has_grace) == ((soft,), True)


# --- when something is wrong ----------------------------------------------------------------------

GAMES = replace(MIA, categories=frozenset({"games"}))
OTHERS = ("other.example", "school.example", "help.example")


def live(home: Household, readings: PolicyInputs = NO_INPUTS) -> Snapshot:
    lists = library(
        categories={"games": ["games.example"]}, protected={"child_helpline": ["help.example"]}
    )
    return build_snapshot(None, lists, DEFAULTS, [home], NOW, readings)


def open_names(made: Snapshot, who: str = "mia") -> list[str]:
    policy = made.policy("home", who)
    return [name for name in OTHERS if not decide(policy, name, A, NOW).blocks]


@pytest.mark.parametrize(
    ("chosen", "is_open"),
    [
        (OnFailure.LAST_KNOWN, ["help.example"]),
        (OnFailure.OPEN, [*OTHERS]),
        (OnFailure.ESSENTIAL, ["school.example", "help.example"]),
    ],
)
def test_when_the_clock_is_wrong_what_was_chosen_holds(
    chosen: OnFailure, is_open: list[str]
) -> None:
    home = family(
        MIA,
        failures=FailureChoices(clock=chosen),
        schedules=(Schedule("all-day", "mia", parse_slots("00:00-24:00")),),
        budgets=(replace(FILMS, minutes=(("daily", 0),), about=()),),
        rules=(allow("school.example"),),
    )
    assert open_names(live(home, PolicyInputs(clock_is_wrong=True))) == is_open
    assert open_names(live(home)) == ["help.example"]


@pytest.mark.parametrize("chosen", OnFailure)
def test_a_wrong_clock_ends_no_pause(chosen: OnFailure) -> None:
    """A pause without an end needs no clock."""
    home = family(
        MIA,
        failures=FailureChoices(clock=chosen),
        pauses=(PauseSpan("mia", int(NOW)),),
        rules=(allow("school.example"),),
    )
    assert open_names(live(home, PolicyInputs(clock_is_wrong=True))) == ["help.example"]


@pytest.mark.parametrize(
    ("chosen", "is_open"),
    [
        (OnFailure.LAST_KNOWN, [*OTHERS]),
        (OnFailure.OPEN, [*OTHERS]),
        (OnFailure.ESSENTIAL, ["school.example", "help.example"]),
    ],
)
def test_when_a_list_was_never_here_what_was_chosen_holds_for_whom_it_was_to_protect(
    chosen: OnFailure, is_open: list[str]
) -> None:
    home = family(
        GAMES, TOM, failures=FailureChoices(lists=chosen), rules=(allow("school.example"),)
    )
    made = live(home, PolicyInputs(missing_categories=frozenset({"games"})))
    assert open_names(made) == is_open
    assert open_names(made, "tom") == [*OTHERS]
    assert open_names(live(home, PolicyInputs(missing_categories=frozenset({"adult"})))) == [
        *OTHERS
    ]


@pytest.mark.parametrize("guest", ["", "tom"])
def test_whom_nobody_named_gets_what_is_essential_where_that_was_chosen(guest: str) -> None:
    rules = (allow("school.example"),)
    home = family(MIA, TOM, guest=guest, rules=rules)
    assert open_names(live(home), guest or GUEST) == [*OTHERS]
    home = replace(home, failures=FailureChoices(devices=OnFailure.ESSENTIAL))
    assert open_names(live(home), GUEST) == ["school.example", "help.example"]
    assert open_names(live(home)) == [*OTHERS]


def test_what_is_always_open_is_open_when_only_what_is_essential_is() -> None:
    mia = replace(GAMES, always=(parse_subject("other.example"),))
    home = family(mia, failures=FailureChoices(lists=OnFailure.ESSENTIAL))
    made = live(home, PolicyInputs(missing_categories=frozenset({"games"})))
    assert open_names(made) == ["other.example", "help.example"]


def test_a_budget_without_a_limit_today_begins_tomorrow_by_itself() -> None:
    monday = Budget("b", "mia", (("mon", 0),), carry_over=True)  # NOW is a Sunday
    made = live(replace(family(), budgets=(monday,)))
    midnight = NOW // 86_400 * 86_400 + 86_400
    assert made.rebuild_at == midnight
    assert decide(made.policy("home", "mia"), "a.example", A, NOW).valid_until == midnight
