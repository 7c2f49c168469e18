"""The steps of time, asked about a name: what is closed, what lifts it, and what it says."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from copdns.dns.records import A
from copdns.model.household import BlockMode
from copdns.model.times import Grant, parse_subject
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import Policy, decide
from copdns.policy.time_steps import weekday_and_time
from copdns.time.budget import RemainingBudget
from copdns.time.minutes import MAX_ADDED
from copdns.time.plan import Closure, Homework, TimePlan
from tests.household import MIA, NOW, policy

CLOSES = {"paused": Reason.PAUSED, "schedule": Reason.SCHEDULE, "budget": Reason.BUDGET}
HOUR = 3600.0
LISTS = {
    "categories": {"games": ["games.example", "!fair.games.example"]},
    "services": {"tube": ["tube.example"], "chat": ["chat.tube.example"]},
    "protected": {"child_helpline": ["help.example"], "education_reference": ["wiki.example"]},
}


def closure(
    reason: str = "schedule", *about: str, start: float = NOW, end: float = NOW + HOUR
) -> Closure:
    return Closure(CLOSES[reason], start, end, tuple(map(parse_subject, about)), "bedtime")


def grant(about: str = "", given: float = NOW, **lifts: bool) -> Grant:
    return Grant(parse_subject(about) if about else None, NOW, NOW + 600, given, **lifts)


def made(*closures: Closure, grants: tuple[Grant, ...] = (), **more: object) -> Policy:
    return policy(MIA, timing=TimePlan(closures, grants, **more), **LISTS)  # type: ignore[arg-type]


def verdict(of: Policy, name: str = "other.example", now: float = NOW) -> Verdict:
    return decide(of, name, A, now)


@pytest.mark.parametrize(("reason", "step"), [("paused", 7), ("schedule", 8), ("budget", 9)])
def test_a_closure_closes_from_its_start_to_before_its_end(reason: str, step: int) -> None:
    policy = made(closure(reason))
    moments = [NOW - 0.1, NOW, NOW + HOUR - 0.1, NOW + HOUR]
    assert [verdict(policy, now=each).blocks for each in moments] == [False, True, True, False]
    found = verdict(policy)
    assert (found.reason, found.step, found.valid_until) == (CLOSES[reason], step, NOW + HOUR)
    assert found.period == "bedtime"


def test_a_pause_goes_before_a_schedule_and_a_schedule_before_a_budget() -> None:
    several = [closure("budget"), closure("schedule"), closure("paused")]
    assert verdict(made(*several)).reason is Reason.PAUSED
    assert verdict(made(*several[:2])).reason is Reason.SCHEDULE


@pytest.mark.parametrize(
    ("about", "name", "closed"),
    [
        ("category:games", "chess.games.example", True),
        ("category:games", "fair.games.example", False),
        ("category:games", "other.example", False),
        ("service:tube", "tube.example", True),
        ("service:tube", "chat.tube.example", False),  # a service of its own
        ("service:chat", "chat.tube.example", True),
        ("tube.example", "chat.tube.example", True),  # but a name is a name
        ("=tube.example", "www.tube.example", False),
        ("list:games-list", "games.example", True),
    ],
)
def test_a_closure_is_about_what_it_says(about: str, name: str, closed: bool) -> None:
    assert verdict(made(closure("schedule", about)), name).blocks is closed


def test_a_closed_service_denies_no_name_below_that_another_service_owns() -> None:
    """NXDOMAIN for tube.example would take chat.tube.example along (RFC 8020 section 2)."""
    house = replace(MIA, block_mode=BlockMode.NXDOMAIN)
    made = policy(house, timing=TimePlan((closure("paused", "service:tube"),)), **LISTS)  # type: ignore[arg-type]
    above, below = (decide(made, name, A, NOW) for name in ("tube.example", "chat.tube.example"))
    assert above.blocks
    assert not above.nothing_open_below
    assert not below.blocks


def test_a_verdict_names_what_was_closed() -> None:
    by_service = verdict(made(closure("schedule", "service:tube")), "tube.example")
    assert (by_service.service, by_service.category, by_service.list) == ("tube", "", "tube")
    by_category = verdict(made(closure("budget", "category:games")), "games.example")
    assert (by_category.category, by_category.list) == ("games", "games-list")
    by_name = verdict(made(closure("schedule", "music.example")), "x.music.example")
    assert by_name.rule == "music.example"


def test_a_longer_closure_of_the_same_step_takes_over_without_a_gap() -> None:
    whole = closure("schedule", end=NOW + 60)
    games = closure("schedule", "category:games")
    policy = made(whole, games)
    assert verdict(policy, "games.example").valid_until == NOW + 60
    after = verdict(policy, "games.example", NOW + 60)
    assert (after.category, after.valid_until) == ("games", NOW + HOUR)


# --- what goes before -----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", CLOSES)
def test_help_is_open_and_an_encyclopedia_is_not(reason: str) -> None:
    policy = made(closure(reason))
    assert verdict(policy, "help.example").reason is Reason.PROTECTED
    assert verdict(policy, "wiki.example").blocks


@pytest.mark.parametrize("reason", CLOSES)
def test_what_is_always_open_stays_open(reason: str) -> None:
    policy = made(
        closure(reason), always_open=(parse_subject("music.example"), parse_subject("service:tube"))
    )
    assert not verdict(policy, "x.music.example").blocks
    assert not verdict(policy, "tube.example").blocks
    assert verdict(policy).blocks


@pytest.mark.parametrize(
    ("reason", "closed"), [("paused", False), ("schedule", True), ("budget", False)]
)
def test_homework_is_open_in_its_pause_and_takes_no_minutes_but_goes_to_bed(
    reason: str, closed: bool
) -> None:
    homework = Homework(NOW, NOW + 60, (parse_subject("school.example"),))
    policy = made(closure(reason), homework=homework)
    assert verdict(policy, "school.example").blocks is closed
    assert verdict(policy, "wiki.example").blocks is closed
    assert verdict(policy).blocks
    assert verdict(policy, "school.example", NOW + 60).blocks


@pytest.mark.parametrize("reason", CLOSES)
def test_a_permission_lifts_what_it_says_for_what_it_is_about(reason: str) -> None:
    policy = made(closure(reason), grants=(grant("tube.example", time=True),))
    assert not verdict(policy, "tube.example").blocks
    assert verdict(policy, "other.example").blocks
    assert verdict(policy, "tube.example", NOW + 600).blocks
    content = made(closure(reason), grants=(grant("tube.example", content=True),))
    assert verdict(content, "tube.example").blocks


@pytest.mark.parametrize(
    ("reason", "closed"), [("paused", True), ("schedule", False), ("budget", False)]
)
def test_a_permission_from_before_gives_way_to_a_pause_alone(reason: str, closed: bool) -> None:
    policy = made(closure(reason), grants=(grant(given=NOW - 1, time=True),))
    assert verdict(policy).blocks is closed


# --- until ----------------------------------------------------------------------------------------


def test_what_is_open_is_open_until_something_begins() -> None:
    policy = made(closure("schedule", start=NOW + 100), closure("budget", start=NOW + 200))
    assert verdict(policy).valid_until == NOW + 100
    games = made(closure("schedule", "category:games", start=NOW + 100))
    assert verdict(games, "games.example").valid_until == NOW + 100
    assert verdict(games, "other.example").valid_until is None


def test_what_stands_behind_the_step_that_decided_does_not_count() -> None:
    policy = made(closure("paused"), closure("schedule", end=NOW + 60))
    assert verdict(policy).valid_until == NOW + HOUR


def test_an_end_that_was_just_told_is_told_of_no_other_name_or_moment() -> None:
    def new() -> Policy:
        left = (
            RemainingBudget("all", (), 3, NOW + HOUR),
            RemainingBudget("films", tuple(map(parse_subject, ("films.example",))), 1, NOW + HOUR),
        )
        music = tuple(map(parse_subject, ("music.example", "service:chat")))
        later = closure("schedule", start=NOW + 200, end=NOW + 400)
        return made(later, closure("budget", "category:games"), remaining=left, always_open=music)

    asked = new()
    names = ("other.example", "another.example", "films.example", "x.music.example")
    for now in (NOW, NOW + 59, NOW + 60, NOW + 30, NOW + 199, NOW + 200, NOW + 400, NOW - 60):
        for name in (*names, "games.example", "fair.games.example", "chat.tube.example", names[0]):
            assert verdict(asked, name, now) == verdict(new(), name, now), (name, now - NOW)


def test_a_budget_is_open_as_long_as_it_surely_lasts_and_no_longer_than_its_day() -> None:
    def until(minutes: int, end: float, now: float = NOW) -> float | None:
        return verdict(
            made(remaining=(RemainingBudget("films", (), minutes, end),)), now=now
        ).valid_until

    assert until(1, NOW + HOUR) == NOW + 60
    assert until(MAX_ADDED + 1, NOW + HOUR, NOW + 59) == NOW + 120
    assert until(600, NOW + HOUR) == NOW + HOUR
    assert until(600, NOW, NOW + 0.5) == NOW + 60  # its day is over: what comes is not known


def test_a_pause_that_nobody_ended_tells_no_end() -> None:
    found = verdict(made(closure("paused", end=inf)))
    assert (found.reason, found.valid_until, found.ends_text) == (Reason.PAUSED, None, "")


def test_an_end_is_told_on_the_household_s_clock() -> None:
    assert verdict(made(closure(end=NOW + 600), zone="Europe/Berlin")).ends_text == "Sun 18:10"
    assert weekday_and_time(NOW + 1, "UTC") == "Sun 16:01"  # never before it is true
