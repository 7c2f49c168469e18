"""What guardians are told: enough to act on, nothing that mail should not carry, not too often."""

from __future__ import annotations

from typing import get_args

import pytest

from copdns.events.notices import (
    MAX_AT_ONCE,
    MAX_REMEMBERED,
    ONE_MORE_EVERY,
    SAME_WITHIN,
    NoticeThrottle,
    build_notice,
    with_suppressed,
)
from copdns.model.events import (
    USUAL,
    AccountEvent,
    AppealEvent,
    ClockEvent,
    DeviceEvent,
    Event,
    EventKind,
    GrantEvent,
    HeldEvent,
    HouseholdEvent,
    MistakeEvent,
    PauseEvent,
    PersonEvent,
    SignEvent,
    TicketEvent,
    TimeEvent,
    TrialEvent,
    TroubleEvent,
)
from copdns.model.verdict import Reason
from copdns.words.phrases import phrases
from tests.reading import has_word

DESK = "https://copdns.home.arpa:8443/guardian/"
AT = 1_795_636_800.0
MADE = AppealEvent(EventKind.APPEAL_MADE, "home", "k7qf2m9d", AT, "open")
BEDTIME = TimeEvent(
    EventKind.TIME_WARNING, "home", "mia", Reason.SCHEDULE, "bedtime", AT, 15, everything=True
)


def event(kind: EventKind) -> Event:
    """Return one event of a kind."""
    match str(kind).split()[0]:
        case "unknown" | "device":
            return DeviceEvent(kind, "home", "v1")
        case "time":
            return BEDTIME._replace(kind=kind)
        case "pause":
            return PauseEvent(kind, "home", "mia", AT)
        case "grant":
            return GrantEvent(kind, "home", "mia", "g1", AT, AT)
        case "ticket":
            return TicketEvent(kind, "home", "mia", "t1", AT, 30)
        case "appeal":
            return MADE._replace(kind=kind)
        case "clock":
            return ClockEvent(kind, AT)
        case "list" | "facts" if kind in (EventKind.LIST_HELD, EventKind.FACTS_HELD):
            return HeldEvent(kind, "boards", AT)
        case "upstream" | "list":
            return TroubleEvent(kind, AT)
        case "test":
            return TrialEvent(kind, "home", AT)
        case "mistake":
            return MistakeEvent(kind, "home", "boards", AT, 2)
        case "lookups" | "site":
            return HouseholdEvent(kind, "home", AT)
        case "bypass":
            return SignEvent(kind, "home", "mia", "phone", AT)
        case "full" | "guardians":
            return PersonEvent(kind, "home", "mia", AT)
    return AccountEvent(kind, "home", "Ada", AT)


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_has_words_and_no_gap_in_them(kind: EventKind) -> None:
    told = build_notice(event(kind), DESK)
    assert told.title
    assert "\n" not in told.title
    for each in ("{", "}", "None", "  "):
        assert each not in told.body
    assert told.body.endswith(DESK)


def test_every_family_of_events_is_tried_above() -> None:
    assert {type(event(kind)) for kind in EventKind} == set(get_args(Event))


def test_what_is_usual_is_no_everyday_matter() -> None:
    assert set(USUAL).isdisjoint(
        {EventKind.TIME_WARNING, EventKind.TIME_CLOSED, EventKind.GRANT_ENDED}
    )


def test_neither_who_nor_what_is_told_of_an_appeal_unless_the_event_has_it() -> None:
    body = build_notice(MADE, DESK).body
    assert not has_word(body, "mia")
    assert "k7qf2m9d" not in body
    telling = build_notice(MADE._replace(profile="mia", name="chess.games.example"), DESK).body
    assert "mia: chess.games.example" in telling
    assert "mia: more time" in build_notice(MADE._replace(profile="mia"), DESK).body


def test_a_warning_says_whose_what_and_when() -> None:
    assert build_notice(BEDTIME, DESK).body.startswith(
        "mia: the schedule bedtime starts blocking in 15 min."
    )


@pytest.mark.parametrize("kind", [EventKind.TIME_WARNING, EventKind.TIME_CLOSED])
def test_a_limit_is_told_in_other_words_than_a_schedule(kind: EventKind) -> None:
    games = BEDTIME._replace(kind=kind, reason=Reason.BUDGET, id="games")
    assert "the daily limit games" in build_notice(games, DESK).body


@pytest.mark.parametrize("kind", EventKind)
def test_every_notice_can_be_in_another_language(kind: EventKind) -> None:
    told = build_notice(event(kind), DESK, phrases("en-XA"))
    assert told.title.startswith("[")
    assert [line[0] for line in told.body.split("\n")] == ["[", "["]
    assert "{" not in told.body
    assert DESK in told.body


def test_a_language_without_a_text_tells_it_in_english() -> None:
    assert build_notice(MADE, DESK, phrases("ar")) == build_notice(MADE, DESK)


# --- how often ------------------------------------------------------------------------------------


def appeal(number: int) -> AppealEvent:
    return MADE._replace(id=f"a{number}")


def test_the_same_is_told_once_in_a_while() -> None:
    pace = NoticeThrottle()
    assert pace.allows(MADE, 0)
    assert not pace.allows(MADE._replace(at=AT + 5), SAME_WITHIN - 1)
    assert pace.allows(MADE, SAME_WITHIN)
    assert pace.take_suppressed() == 0  # it was said


def test_two_children_who_want_to_talk_are_two_though_no_event_says_who() -> None:
    told = NoticeThrottle()
    first = PersonEvent(EventKind.WANTS_TO_TALK, "home", "", AT)
    assert told.allows(first, 0.0)
    assert not told.allows(first, 1.0)
    assert told.allows(first._replace(at=AT + 60), 60.0)


def test_warnings_of_one_evening_are_not_the_same() -> None:
    pace = NoticeThrottle()
    assert all(pace.allows(BEDTIME._replace(minutes=each), 15 - each) for each in (15, 5, 1))


def test_a_flood_is_slowed_down_and_what_was_left_out_is_counted() -> None:
    pace = NoticeThrottle()
    let = [pace.allows(appeal(number), number * 0.06) for number in range(1000)]
    assert let == [True] * MAX_AT_ONCE + [False] * (1000 - MAX_AT_ONCE)
    assert pace.allows(appeal(2000), ONE_MORE_EVERY + 1)
    assert pace.take_suppressed() == 1000 - MAX_AT_ONCE
    assert pace.take_suppressed() == 0
    assert not pace.allows(appeal(2001), ONE_MORE_EVERY + 2)


def test_after_a_quiet_day_no_more_come_at_once_than_before() -> None:
    pace = NoticeThrottle()
    assert pace.allows(MADE, 0)
    let = [pace.allows(appeal(number), 86_400) for number in range(50)]
    assert sum(let) == MAX_AT_ONCE


def test_what_is_remembered_is_bounded() -> None:
    pace = NoticeThrottle()
    for number in range(3 * MAX_REMEMBERED):
        pace.allows(appeal(number), 0)
    assert len(pace._told) == MAX_REMEMBERED


def test_a_notice_says_how_many_were_left_out() -> None:
    told = build_notice(MADE, DESK)
    assert with_suppressed(told, 0) == told
    assert "7 more notices" in with_suppressed(told, 7).body
    assert "1 more notice came" in with_suppressed(told, 1).body
    assert "[" in with_suppressed(told, 7, phrases("en-XA")).body
