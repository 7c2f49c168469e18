"""Tests of events: who hears them, and what the log says."""

from __future__ import annotations

from structlog.testing import capture_logs

from copdns.events import Event, Events, Kind

NEW = Event(Kind.UNKNOWN_DEVICE, "home", "u1", private=True)


def test_an_event_is_in_the_log_by_ids_only() -> None:
    with capture_logs() as logs:
        Events().tell(NEW)
        Events().tell(Event(Kind.DEVICE_RECOGNISED, "home", "u1", "tablet"))
    assert logs == [
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
    ]


def test_whoever_subscribed_hears_though_another_one_fails() -> None:
    heard: list[Event] = []

    def fails(_event: Event) -> None:
        raise ZeroDivisionError

    events = Events()
    events.subscribe(fails)
    events.subscribe(heard.append)
    with capture_logs() as logs:
        events.tell(NEW)
    assert heard == [NEW]
    assert "ZeroDivisionError" in logs[1]["traceback"]
