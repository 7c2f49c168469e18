"""What a profile's page says of time is what its policy does."""

from __future__ import annotations

import pytest

from copdns.model.household import Household
from copdns.model.times import Budget, Grant, PauseSpan, parse_subject
from copdns.model.verdict import Reason
from copdns.policy.today import ClosingSoon, Today, build_today
from copdns.time.minutes import Minutes
from copdns.time.plan import NO_INPUTS, PolicyInputs
from tests.household import MIA, NOW, TOM, family, live

HOUR = 3600
GAMES = Budget("games", "mia", (("daily", 30),), (parse_subject("games.example"),))


def seen(house: Household, now: float = NOW, readings: PolicyInputs = NO_INPUTS) -> Today:
    policy = live(house, now=now, readings=readings).policy(house.id, "mia")
    return build_today(house, MIA, policy, readings, now)


def test_without_rules_about_time_everything_is_open() -> None:
    found = seen(family(MIA))
    assert (found.closed, found.shut, found.minutes, found.day) == (None, (), (), ())
    assert found.now == round(1000 * 16 / 24)  # four in the afternoon, UTC


def test_a_pause_closes_everything_until_its_end() -> None:
    found = seen(family(MIA, pauses=(PauseSpan("mia", int(NOW), int(NOW) + HOUR),)))
    assert found.closed is not None
    assert (found.closed.reason, found.closed.valid_until) == (Reason.PAUSED, NOW + HOUR)
    assert [(each.start, each.end) for each in found.day] == [(667, 708)]


def test_a_permission_for_everything_opens_it_again() -> None:
    pause = PauseSpan("mia", int(NOW) - HOUR)
    end = NOW + 10
    grant = Grant(None, NOW - 10, end, given=NOW - 10, content=False, time=True, profile="mia")
    house = family(MIA, pauses=(pause,), grants=(grant,))
    assert seen(house).closed is None
    assert seen(house, end).closed is not None


def test_the_end_of_a_permission_is_drawn_and_told_before() -> None:
    pause = PauseSpan("mia", int(NOW) - HOUR, int(NOW) + HOUR)
    end = NOW + HOUR / 4
    grant = Grant(None, NOW, end, given=NOW, content=False, time=True, id="g1", profile="mia")
    house = family(MIA, pauses=(pause,), grants=(grant,))
    found = seen(house)
    assert [(each.start, each.end) for each in found.day] == [(625, 667), (677, 708)]
    assert found.soon == (ClosingSoon(Reason.GRANTED, (), 15),)
    assert seen(house, end - 24).soon == (ClosingSoon(Reason.GRANTED, (), 1),)


def test_what_a_permission_keeps_open_past_bedtime_closes_at_its_end() -> None:
    pause = PauseSpan("mia", int(NOW) + 300)
    grant = Grant(
        None, NOW, NOW + 600, given=NOW + 300, content=False, time=True, id="g1", profile="mia"
    )
    found = seen(family(MIA, pauses=(pause,), grants=(grant,)))
    assert found.soon == (ClosingSoon(Reason.GRANTED, (), 10),)


def test_what_a_permission_opens_alone_at_bedtime_is_told_before_its_end() -> None:
    about = parse_subject("games.example")
    grant = Grant(about, NOW, NOW + 240, NOW, content=False, time=True, id="g1", profile="mia")
    found = seen(family(MIA, pauses=(PauseSpan("mia", int(NOW) - 1),), grants=(grant,)))
    assert found.closed is not None
    assert found.soon == (ClosingSoon(Reason.GRANTED, (about,), 4),)


def test_what_closes_a_part_is_told_apart_from_what_closes_all() -> None:
    readings = PolicyInputs(used={("home", "mia"): {"games": Minutes(20, 30, 40)}})
    found = seen(family(MIA, budgets=(GAMES,)), readings=readings)
    assert found.closed is None
    assert [(each.reason, each.period) for each in found.shut] == [(Reason.BUDGET, "games")]
    (games,) = found.minutes
    assert (games.whole, games.left, games.percent) == (30, 0, 100)


@pytest.mark.parametrize(("used", "left", "percent"), [(0, 30, 0), (12, 18, 40), (45, 0, 100)])
def test_minutes_are_told_as_they_are_counted(used: int, left: int, percent: int) -> None:
    readings = PolicyInputs(used={("home", "mia"): {"games": Minutes(used, used, used)}})
    (games,) = seen(family(MIA, TOM, budgets=(GAMES,)), readings=readings).minutes
    assert (games.left, games.percent) == (left, percent)
