"""How things stand, and what is told of what happened in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copdns.app.time_events import (
    TimeState,
    closed_budgets,
    time_events,
    time_state,
    upcoming_closures,
)
from copdns.model.events import EventKind, GrantEvent, PauseEvent, TicketEvent, TimeEvent
from copdns.model.household import Household
from copdns.model.matchers import Matcher
from copdns.model.times import (
    Budget,
    Grant,
    Origin,
    PauseSpan,
    Schedule,
    Slot,
    Subject,
    Ticket,
    Topic,
    TopicKind,
)
from copdns.model.verdict import Reason
from copdns.time.closing_soon import UpcomingClosure
from copdns.time.minutes import Minutes
from copdns.time.plan import PolicyInputs
from tests.household import MIA, NOW, family, library, live

HOUR = 3600
BED = Schedule("bed", "mia", (Slot(frozenset({"daily"}), 21 * 60, 600),))
GAMES = Budget("games", "mia", (("daily", 30),))
TODAY = int(NOW) // 86_400 * 86_400  # the family's clock shows UTC


def between(house: Household, start: float, end: float) -> list[object]:
    """Return what is told of two looks at a household."""
    first, then = (time_state(live(house, now=at), at) for at in (start, end))
    return list(time_events(first, then, end))


def test_a_bedtime_is_told_when_it_begins_and_when_it_ends() -> None:
    house = replace(family(), schedules=(BED,))
    nine = TODAY + 21 * HOUR
    assert between(house, nine - 1, nine - 0.5) == []
    (began,) = between(house, nine - 1, nine)
    assert began == TimeEvent(
        EventKind.TIME_CLOSED, "home", "mia", Reason.SCHEDULE, "bed", nine, everything=True
    )
    (ended,) = between(house, nine, nine + 10 * HOUR)
    assert isinstance(ended, TimeEvent)
    assert ended.kind is EventKind.TIME_OPENED


def test_a_clock_set_past_a_whole_night_tells_nothing_of_it() -> None:
    house = replace(family(), schedules=(BED,))
    assert between(house, TODAY + 20 * HOUR, TODAY + 32 * HOUR) == []


def test_a_pause_a_permission_and_a_ticket_are_told_once() -> None:
    house = family()
    grant = Grant(None, NOW, NOW + 60, NOW, content=False, time=True, id="g1", profile="mia")
    ticket = Ticket("t1", "d", 20, 0, 99, redeemed=int(NOW), redeemed_by="mia")
    more = replace(
        house,
        pauses=(PauseSpan("mia", int(NOW), homework=True),),
        grants=(grant, replace(grant, id="g2", origin=Origin.TICKET)),
        tickets=(ticket,),
    )
    first, then = time_state(live(house), NOW), time_state(live(more), NOW)
    assert list(time_events(first, then, NOW)) == [
        PauseEvent(EventKind.PAUSE_BEGAN, "home", "mia", NOW, None, homework=True),
        GrantEvent(EventKind.GRANT_GIVEN, "home", "mia", "g1", NOW, NOW + 60),
        TicketEvent(EventKind.TICKET_REDEEMED, "home", "mia", "t1", NOW, 20),
    ]
    assert list(time_events(then, then, NOW)) == []
    over = time_state(live(more, now=NOW + 60), NOW + 60)
    kinds = [each.kind for each in time_events(then, over, NOW + 60)]
    assert kinds == [EventKind.GRANT_ENDED, EventKind.GRANT_ENDED]


def test_nothing_happened_before_the_first_look() -> None:
    assert list(time_events(TimeState(), TimeState(), NOW)) == []


def test_a_bedtime_is_coming_in_its_last_quarter_of_an_hour() -> None:
    house = replace(family(), schedules=(BED,))
    nine = TODAY + 21 * HOUR
    assert list(upcoming_closures(live(house, now=nine - 1000), (), nine - 1000)) == []
    (found,) = upcoming_closures(live(house, now=nine - 900), (), nine - 900)
    assert found == UpcomingClosure("home", "mia", Reason.SCHEDULE, "bed", nine, None, True)


def opened(about: Subject | None, end: float, **fields: Any) -> Grant:
    usual = {"content": False, "time": True, "id": "g1", "profile": "mia"}
    return Grant(about, end - 15 * 60, end, end - 15 * 60, **{**usual, **fields})


def test_more_minutes_at_bedtime_are_coming_to_their_end_and_bedtime_is_not() -> None:
    """They begin at nine, so that bedtime begins a quarter of an hour later."""
    nine = TODAY + 21 * HOUR
    end = nine + 900
    house = replace(family(), schedules=(BED,), grants=(opened(None, end),))
    assert list(upcoming_closures(live(house, now=nine - 300), (), nine - 300)) == []
    (found,) = upcoming_closures(live(house, now=nine + 1), (), nine + 1)
    assert found == UpcomingClosure("home", "mia", Reason.GRANTED, "g1", end, None, True)
    # Whoever gets another quarter of an hour after that hears of its end alone.
    more = replace(house, grants=(*house.grants, opened(None, end + 900, id="g2")))
    assert list(upcoming_closures(live(more, now=nine + 1), (), nine + 1)) == []
    (found,) = upcoming_closures(live(more, now=end), (), end)
    assert (found.id, found.at) == ("g2", end + 900)


@pytest.mark.parametrize("about", [Matcher("games.example"), Topic(TopicKind.CATEGORY, "games")])
def test_an_hour_for_what_is_blocked_is_coming_to_its_end(about: Subject) -> None:
    end = NOW + 600
    mia = replace(MIA, categories=frozenset({"games"}))
    house = family(mia, grants=(opened(about, end, content=True, time=False),))
    lists = library(categories={"games": ["games.example"]})
    (found,) = upcoming_closures(live(house, now=NOW, lists=lists), (), NOW)
    assert found == UpcomingClosure("home", "mia", Reason.GRANTED, "g1", end, None, False)
    free = replace(house, profiles=(MIA,))
    assert list(upcoming_closures(live(free, now=NOW, lists=lists), (), NOW)) == []


def test_a_budget_is_coming_to_its_end_only_while_it_is_used() -> None:
    house = replace(family(), budgets=(GAMES, replace(GAMES, id="films")))
    read = PolicyInputs(used={("home", "mia"): {"games": Minutes(10, 20, 30)}})
    made = live(house, readings=read)
    assert list(upcoming_closures(made, (), NOW)) == []
    (found,) = upcoming_closures(made, [("home", "mia", "games")], NOW)
    assert (found.id, found.at, found.day_start) == ("games", NOW + 600, TODAY)


def closed_now(house: Household, likely: int = 0) -> dict[tuple[str, str], frozenset[str]]:
    readings = PolicyInputs(used={("home", "mia"): {"games": Minutes(likely=likely)}})
    return dict(closed_budgets(live(house, now=NOW, readings=readings), NOW))


def test_of_a_spent_budget_and_of_all_in_a_pause_nothing_can_be_used() -> None:
    mia = "home", "mia"
    house = replace(family(), budgets=(GAMES, replace(GAMES, id="films", minutes=(("daily", 90),))))
    assert closed_now(house) == {}
    everything = frozenset({"games", "films"})
    assert closed_now(house, likely=30) == {mia: everything}  # it is about all names
    only = replace(GAMES, about=(Matcher("games.example"),))
    narrow = replace(house, budgets=(only, house.budgets[1]))
    assert closed_now(narrow, likely=30) == {mia: frozenset({"games"})}
    paused = replace(house, pauses=(PauseSpan("mia", int(NOW) - 60, None),))
    assert closed_now(paused) == {mia: everything}
