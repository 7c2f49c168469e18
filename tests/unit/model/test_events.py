"""Tests of events as JSON: ids, minutes and moments."""

from __future__ import annotations

from copdns.model.events import ClockEvent, EventKind, GrantEvent, PauseEvent, TimeEvent, event_json
from copdns.model.times import Origin
from copdns.model.verdict import Reason

NINE = 1_795_636_800.0  # 2026-11-25T20:00:00Z


def test_a_warning_says_what_closes_when_and_in_how_many_minutes() -> None:
    warning = TimeEvent(
        EventKind.TIME_WARNING, "home", "mia", Reason.BUDGET, "play", NINE + 0.9, minutes=5
    )
    assert event_json(warning) == {
        "event": "time warning",
        "household": "home",
        "profile": "mia",
        "reason": "budget",
        "id": "play",
        "at": "2026-11-25T20:00:00Z",
        "minutes": 5,
        "everything": False,
    }


def test_a_pause_without_an_end_says_so() -> None:
    assert event_json(PauseEvent(EventKind.PAUSE_BEGAN, "home", "mia", NINE, homework=True)) == {
        "event": "pause began",
        "household": "home",
        "profile": "mia",
        "at": "2026-11-25T20:00:00Z",
        "until": None,
        "homework": True,
    }


def test_moments_are_written_in_utc_to_the_second() -> None:
    grant = GrantEvent(EventKind.GRANT_GIVEN, "home", "mia", "g1", NINE, NINE + 90, Origin.APPEAL)
    told = event_json(grant)
    assert (told["until"], told["origin"]) == ("2026-11-25T20:01:30Z", "appeal")
    # What a machine without a clock of its own says after it started.
    assert event_json(ClockEvent(EventKind.CLOCK_WRONG, 0)) == {
        "event": "clock wrong",
        "at": "1970-01-01T00:00:00Z",
    }
