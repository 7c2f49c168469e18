"""For how long a yes is given: what can be chosen, and what is the plain yes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.appeals.appeal import (
    REASONS,
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
    WantedLength,
)
from copdns.appeals.lengths import because, lengths, read_length, usual
from copdns.appeals.opening import Opening
from copdns.appeals.review import DecisionReason
from copdns.model.errors import AppealError
from copdns.model.verdict import Action, Reason

CONTENT, TIME = Opening(content=True), Opening(time=True)


def ask(
    reason: Reason = Reason.CATEGORY,
    kind: AppealKind = AppealKind.NAME,
    wanted: WantedLength = WantedLength.HOUR,
    why: AppealMotive = AppealMotive.OTHER,
) -> AppealRequest:
    to = ContestedVerdict(Action.BLOCK, reason, category="games")
    return AppealRequest("mia", "mia-phone", kind, to, name="toys.example", why=why, wanted=wanted)


def words(asked: AppealRequest, opens: Opening) -> list[str]:
    return [each.word for each in lengths(asked, opens)]


def test_fewer_minutes_than_were_asked_for_can_be_chosen_and_everyone() -> None:
    all_of_them = ["10min", "30min", "1h", "today", "always", "everyone"]
    assert words(ask(), CONTENT) == all_of_them
    assert "15min" in words(ask(wanted=WantedLength.QUARTER), CONTENT)


def test_what_the_core_would_refuse_is_not_offered() -> None:
    assert words(ask(Reason.RULE), CONTENT)[-1] == "always"
    assert words(ask(Reason.SCHEDULE), TIME)[-1] == "always"
    assert words(ask(Reason.PAUSED, AppealKind.TIME), TIME)[-1] == "today"
    assert words(ask(Reason.BUDGET, AppealKind.MINUTES), Opening(minutes=20)) == []


def test_a_reviewer_is_offered_nothing_for_everyone() -> None:
    rita = Decider("reviewer", "Rita", "r1", for_everyone=False)
    assert [each.word for each in lengths(ask(), CONTENT, rita)][-1] == "always"


@pytest.mark.parametrize("wanted", WantedLength)
def test_the_plain_yes_is_what_was_asked_for(wanted: WantedLength) -> None:
    assert usual(ask(wanted=wanted), CONTENT) == wanted


def test_a_time_rule_opens_for_today_at_most() -> None:
    assert (
        usual(ask(Reason.PAUSED, AppealKind.TIME, WantedLength.ALWAYS), TIME) == WantedLength.TODAY
    )


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("", (None, False)),
        ("10min", (600, False)),
        ("15min", (WantedLength.QUARTER, False)),
        ("today", (WantedLength.TODAY, False)),
        ("always", (WantedLength.ALWAYS, False)),
        ("everyone", (WantedLength.ALWAYS, True)),
    ],
)
def test_a_length_is_read(word: str, found: tuple[object, bool]) -> None:
    assert read_length(word) == found


@given(st.text())
def test_what_is_no_length_is_refused(word: str) -> None:
    try:
        lasts, _ = read_length(word)
    except AppealError:
        return
    assert lasts is None or isinstance(lasts, WantedLength) or 60 <= lasts < 600_000


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (ask(why=AppealMotive.SCHOOL), DecisionReason.NEEDED_FOR_SCHOOL),
        (ask(why=AppealMotive.HEALTH), DecisionReason.NEEDED_FOR_WELLBEING),
        (ask(why=AppealMotive.GAME), DecisionReason.FAIR_ENOUGH),
        (ask(kind=AppealKind.CATEGORY), DecisionReason.LIST_ERROR),
        (ask(Reason.BUDGET, AppealKind.MINUTES), DecisionReason.MINUTES_WRONG),
    ],
)
def test_the_first_reason_fits_why_the_child_asks(
    asked: AppealRequest, reason: DecisionReason
) -> None:
    assert because(asked) is reason
    assert reason in REASONS[AppealState.GRANTED]
