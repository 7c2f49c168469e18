"""Tests of events: who hears them, what the log says, and what the log keeps quiet about."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from copdns.events.bus import EventBus
from copdns.model.events import (
    ClockEvent,
    DeviceEvent,
    Event,
    EventKind,
    GrantEvent,
    PauseEvent,
    PersonEvent,
    TicketEvent,
    TimeEvent,
)
from copdns.model.verdict import Reason
from tests.reading import has_word

NEW = DeviceEvent(EventKind.UNKNOWN_DEVICE, "home", "u1", private=True)
NINE = 1_795_636_800.0  # 2026-11-25T20:00:00Z
CLOSED = TimeEvent(
    EventKind.TIME_CLOSED, "home", "mia", Reason.SCHEDULE, "bedtime", NINE, everything=True
)
ABOUT_MIA: tuple[Event, ...] = (
    CLOSED,
    PauseEvent(EventKind.PAUSE_BEGAN, "home", "mia", NINE),
    GrantEvent(EventKind.GRANT_GIVEN, "home", "mia", "g1", NINE, NINE + 60),
    TicketEvent(EventKind.TICKET_REDEEMED, "home", "mia", "t1", NINE, 30),
)


def logged(events: EventBus, *told: Event) -> list[dict[str, object]]:
    with capture_logs() as logs:
        for each in told:
            events.publish(each)
    return [dict(each) for each in logs]


def test_an_event_is_in_the_log_by_ids_only() -> None:
    recognised = DeviceEvent(EventKind.DEVICE_RECOGNISED, "home", "u1", "tablet")
    assert logged(EventBus(lambda *_: False), NEW, recognised, CLOSED) == [
        {
            "event": "unknown device",
            "household": "home",
            "visitor": "u1",
            "private": True,
            "log_level": "info",
        },
        {
            "event": "device recognised",
            "household": "home",
            "visitor": "u1",
            "device": "tablet",
            "log_level": "info",
        },
        {
            "event": "time closed",
            "household": "home",
            "profile": "mia",
            "reason": "schedule",
            "id": "bedtime",
            "at": "2026-11-25T20:00:00Z",
            "everything": True,
            "log_level": "info",
        },
    ]


@pytest.mark.parametrize("event", ABOUT_MIA, ids=lambda event: event.kind)
def test_the_log_says_nothing_of_whom_nothing_is_kept_and_subscribers_hear(event: Event) -> None:
    heard: list[Event] = []
    events = EventBus(lambda household, profile: (household, profile) == ("home", "mia"))
    events.subscribe(heard.append)
    assert logged(events, event) == []
    assert heard == [event]
    (line,) = logged(events, event._replace(profile="tom"))  # type: ignore[call-arg]
    assert line["profile"] == "tom"


def test_nobody_is_named_until_somebody_says_who_may_be() -> None:
    wrong = ClockEvent(EventKind.CLOCK_WRONG, NINE)
    lines = logged(EventBus(), *ABOUT_MIA, wrong)
    assert [each["event"] for each in lines] == ["clock wrong"]


def test_whoever_subscribed_hears_though_another_one_fails() -> None:
    heard: list[Event] = []

    def fails(_event: Event) -> None:
        raise ZeroDivisionError

    events = EventBus()
    events.subscribe(fails)
    events.subscribe(heard.append)
    logs = logged(events, NEW)
    assert heard == [NEW]
    assert "ZeroDivisionError" in str(logs[1]["traceback"])


def test_the_log_does_not_say_which_child_wants_to_talk() -> None:
    told = PersonEvent(EventKind.WANTS_TO_TALK, "home", "mia", NINE)
    heard: list[Event] = []
    events = EventBus(lambda *_: False)
    events.subscribe(heard.append)
    (line,) = logged(events, told)
    assert not has_word(str(line), "mia")
    assert heard == [told]
