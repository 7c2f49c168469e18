"""What the overview tells of a person, and what a privacy mode keeps from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from copdns.model.household import FullLogSpan, Household, PrivacyMode, Profile
from copdns.model.times import Budget, Grant, PauseSpan, Schedule, Topic, TopicKind
from copdns.policy.today import build_today
from copdns.privacy.retention import CountKey
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS
from copdns.time.schedule import parse_slots
from copdns.web.desk.person_cards import (
    Activity,
    DeviceSeen,
    Edge,
    PersonCard,
    Standing,
    hours_of_day,
    person_card,
    upcoming,
)
from tests.household import MIA, NOW, TOM, family, library, live

GAMES = Topic(TopicKind.CATEGORY, "games")
PLAY = Budget("games", "mia", (("daily", 60),), (GAMES,))
FILMS = Budget("films", "mia", (("daily", 30),))
NIGHT = Schedule("night", "mia", parse_slots("21:00-07:00"))
HOUR = 3600
AT = int(NOW)  # a Sunday, 16:00 in UTC


def at(hour: int, day: int = 29) -> float:
    return datetime(2026, 3, day, hour, tzinfo=UTC).timestamp()


def card(profile: Profile = MIA, used: int = 0, **fields: Any) -> PersonCard:
    """Return Mia's card.  used: minutes of each limit; other fields: of the household, or of
    `person_card`."""
    own = {key: fields.pop(key) for key in ("requests", "activity") if key in fields}
    sees_use = fields.pop("sees_use", True)
    house = family(profile, TOM, **fields)
    minutes = {each.id: Minutes(used, used, used) for each in house.budgets}
    readings = replace(NO_INPUTS, used={("home", "mia"): minutes})
    seen = live(house, lists=library(categories={"games": ["play.example"]}), readings=readings)
    policy = seen.policy("home", "mia")
    today = build_today(house, profile, policy, readings, NOW)
    return person_card(house, profile, policy, today, NOW, sees_use=sees_use, **own)


def paused(until: int | None, homework: bool = False) -> dict[str, Any]:
    return {"pauses": (PauseSpan("mia", AT - 60, until, homework),)}


@pytest.mark.parametrize(
    ("fields", "standing", "edge"),
    [
        ({}, Standing.ON, None),
        ({"schedules": (NIGHT,)}, Standing.ON, Edge(at(21), Standing.OFF)),
        (paused(AT + HOUR), Standing.PAUSED, Edge(at(17), Standing.ON)),
        (paused(AT + HOUR, homework=True), Standing.HOMEWORK, Edge(at(17), Standing.ON)),
        (paused(None), Standing.PAUSED, None),
        (
            {**paused(AT + 6 * HOUR), "schedules": (NIGHT,)},  # bedtime comes while it is paused
            Standing.PAUSED,
            Edge(at(22), Standing.OFF),
        ),
        (
            {"schedules": (replace(NIGHT, slots=parse_slots("15:00-18:00")),)},
            Standing.OFF,
            Edge(at(18), Standing.ON),
        ),
        ({"budgets": (replace(FILMS, minutes=(("daily", 0),)),)}, Standing.NO_TIME, None),
    ],
)
def test_it_says_how_it_stands_and_what_comes_next(
    fields: dict[str, Any], standing: Standing, edge: Edge | None
) -> None:
    found = card(**fields)
    assert (found.standing, found.edge) == (standing, edge)


def test_a_limit_that_is_used_up_is_said_until_the_day_is_over() -> None:
    found = card(used=30, budgets=(FILMS,))
    assert (found.standing, found.edge) == (Standing.USED_UP, Edge(at(0, 30), Standing.ON))


def test_access_that_was_given_counts_for_what_comes_next() -> None:
    night = replace(NIGHT, slots=parse_slots("15:00-18:00"))
    grant = Grant(None, AT - 60, AT + 900, AT - 60, content=False, time=True, id="g", profile="mia")
    found = card(schedules=(night,), grants=(grant,))
    assert (found.standing, found.edge) == (Standing.ON, Edge(AT + 900, Standing.OFF))


def test_extra_time_that_was_given_twice_is_shown_once_with_its_last_end() -> None:
    extra = Grant(None, AT - 60, AT + 840, AT - 60, content=False, time=True, id="g", profile="mia")
    more = replace(extra, start=AT + 840, end=AT + 1740, given=AT, id="h")
    site = replace(extra, about=Topic(TopicKind.SERVICE, "youtube"), end=AT + 1000, id="i")
    found = card(**paused(AT + HOUR), grants=(extra, more, site))
    assert [(each.about, each.end) for each in found.grants] == [
        (site.about, AT + 1000),
        (None, AT + 1740),
    ]
    assert found.edge == Edge(AT + 1740, Standing.PAUSED)


def test_the_limit_with_the_least_left_comes_first() -> None:
    found = card(used=20, budgets=(PLAY, FILMS))
    assert [(each.today.left, each.percent) for each in found.limits] == [(10, 33), (40, 66)]
    assert card(used=90, budgets=(PLAY,)).limits[0].percent == 0


def test_who_may_not_see_minutes_gets_none() -> None:
    found = card(used=20, sees_use=False, budgets=(PLAY,), activity=ACTIVITY)
    assert (found.limits, found.hours) == ((), None)
    assert not found.has_use


def count(hour: int, n: int, profile: str = "mia", day: int = 29) -> tuple[CountKey, int]:
    key = CountKey("home", profile, int(at(hour, day)) // HOUR, "allow", "default", "")
    return key, n


ACTIVITY = Activity(
    (count(7, 3), count(15, 20), count(15, 1), count(15, 9, "tom"), count(23, 7, day=28)),
    {"mia": {"mia-phone": AT - 60}},
)


def in_mode(mode: PrivacyMode) -> Profile:
    if mode is PrivacyMode.FULL:
        return replace(MIA, full_log=FullLogSpan(AT - 60, AT + HOUR))
    return replace(MIA, privacy=mode)


@pytest.mark.parametrize(
    ("mode", "has_hours", "has_use"),
    [
        (PrivacyMode.OFF, False, False),
        (PrivacyMode.COUNTS, False, False),
        (PrivacyMode.BLOCKED, True, False),
        (PrivacyMode.FULL, True, True),
    ],
)
def test_hours_and_devices_are_shown_as_far_as_the_mode_lets(
    mode: PrivacyMode, has_hours: bool, has_use: bool
) -> None:
    found = card(in_mode(mode), used=10, budgets=(PLAY,), activity=ACTIVITY)
    assert (found.hours is not None, found.has_use) == (has_hours, has_use)
    assert found.mode is mode
    assert found.limits, "minutes of a limit are for everyone who may see them"


def test_the_hours_are_of_this_person_and_of_today() -> None:
    found = card(in_mode(PrivacyMode.BLOCKED), activity=ACTIVITY).hours
    assert found is not None
    assert {hour: n for hour, n in enumerate(found) if n} == {7: 3, 15: 21}


def test_an_hour_is_one_of_the_households_clock() -> None:
    home: Household = family(MIA, timezone="Asia/Kolkata")  # half an hour beside the others
    found = hours_of_day(home, "mia", [count(4, 2), count(19, 5, day=28)], at(6))
    assert {hour: n for hour, n in enumerate(found) if n} == {0: 5, 9: 2}


def test_a_device_is_told_with_the_moment_that_a_full_log_has() -> None:
    phone = family(MIA).devices[0]
    assert card(in_mode(PrivacyMode.FULL), activity=ACTIVITY).devices == (
        DeviceSeen(phone, AT - 60),
    )
    assert card(activity=Activity(ACTIVITY.counts)).devices == (DeviceSeen(phone, None),)


def test_tonights_bedtime_can_be_chosen() -> None:
    found = card(schedules=(NIGHT,))
    assert found.bedtime is not None
    assert found.bedtime.start == at(21)
    assert [int(each) for each in found.choices] == [at(20), at(20) + 1800, at(21) + 1800, at(22)]
    assert card().choices == ()


def test_what_comes_soonest_is_told_first() -> None:
    later, sooner = card(schedules=(NIGHT,)), card(**paused(AT + HOUR))
    found = upcoming([later, card(), sooner])
    assert [each.edge.at for each in found] == [at(17), at(21)]
