"""How far a question is, in words: each state has its own, at each level, and none blames."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.appeals.appeal import (
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealState,
    ContestedVerdict,
    WantedLength,
)
from copdns.appeals.life import add_answer, add_disagreement, mark_seen, withdraw
from copdns.appeals.opening import Decision, carry_out, open_provisionally
from copdns.appeals.other_closures import FOLLOWS
from copdns.appeals.review import DecisionReason
from copdns.household.rule_edits import remove_rule
from copdns.household.time_edits import end_grant
from copdns.model.household import Household
from copdns.model.verdict import Action, Reason
from copdns.words.appeals import (
    STANDS,
    STANDS_UNTIL_A_DAY,
    StatusText,
    appeal_status,
)
from copdns.words.levels import Level
from copdns.words.phrases import placeholders
from tests.reading import average, longest
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, TODAY, ask, home, yes

HOUR = 3600
ASKED = Appeal("a1", ask(), asked=AT, since=AT)


def refused(
    because: DecisionReason = DecisionReason.AGREED_TIME, state: AppealState = AppealState.REFUSED
) -> Appeal:
    return add_answer(ASKED, AppealAnswer(AT, state, because, ADA))


def granted(decision: Decision, appeal: Appeal = ASKED) -> tuple[Appeal, Household]:
    """Return a question with a yes, and the household in which that holds."""
    assert decision.yes is not None
    done = carry_out(home(), appeal, decision.yes, KNOWN, SERVICES, ADA, AT)
    answer = AppealAnswer(
        AT, done.state, DecisionReason.FAIR_ENOUGH, ADA, made=done.made, until=done.until
    )
    return add_answer(appeal, answer), done.household


def minutes(given: int) -> tuple[Appeal, Household]:
    about = replace(ask().to, period="play")
    asked = replace(ASKED, ask=ask("", kind=AppealKind.MINUTES, to=about, minutes=30, day=TODAY))
    state = AppealState.GRANTED if given >= 30 else AppealState.LIMITED
    return add_answer(
        asked, AppealAnswer(AT, state, DecisionReason.MINUTES_WRONG, ADA, made=("bonus b1",))
    ), home()


@pytest.mark.parametrize(
    ("appeal", "stand"),
    [
        (ASKED, StatusText.OPEN),
        (mark_seen(ASKED, AT), StatusText.SEEN),
        (refused(), StatusText.REFUSED),
        (refused(DecisionReason.NEEDS_TALK, AppealState.TALK), StatusText.TALK),
        (withdraw(ASKED, AT), StatusText.WITHDRAWN),
        (add_disagreement(refused(), "", AT, second=True), StatusText.SECOND),
        (add_disagreement(refused(), "", AT, second=False), StatusText.TALK_AGAIN),
        (replace(ASKED, state=AppealState.ESCALATED, overdue=AT), StatusText.OVERDUE),
        (
            replace(add_disagreement(refused(), "", AT, second=True), overdue=AT),
            StatusText.OVERDUE,
        ),
    ],
)
def test_what_waits_or_was_no_yes_says_so(appeal: Appeal, stand: StatusText) -> None:
    assert appeal_status(appeal, home(), AT) == (stand, None)


def test_a_yes_tells_until_when_and_then_that_it_is_over() -> None:
    appeal, household = granted(yes())
    assert appeal_status(appeal, household, AT + 60) == (StatusText.UNTIL, AT + HOUR)
    assert appeal_status(appeal, household, AT + HOUR) == (StatusText.OVER, None)


def test_a_yes_for_less_than_was_asked_says_so() -> None:
    long = replace(ASKED, ask=ask(wanted=WantedLength.ALWAYS))
    appeal, household = granted(yes(lasts=ASKED.ask.wanted), long)
    assert appeal.state is AppealState.LIMITED
    assert appeal_status(appeal, household, AT + 60) == (StatusText.SHORTER, AT + HOUR)


def test_what_somebody_ended_since_is_not_called_open() -> None:
    appeal, household = granted(yes())
    ended = end_grant(household, household.grants[-1].id, AT + 60)
    assert appeal_status(appeal, ended, AT + 61).stand is StatusText.TAKEN_BACK
    assert appeal_status(appeal, ended, AT + HOUR).stand is StatusText.OVER
    at_once = end_grant(household, household.grants[-1].id, AT + 1)
    assert appeal_status(appeal, at_once, AT + 2).stand is StatusText.TAKEN_BACK
    # Right after the answer the household in force may not have it yet.
    assert appeal_status(appeal, home(), AT + FOLLOWS - 1).stand is StatusText.UNTIL


def test_a_yes_for_always_is_taken_back_when_its_rule_is_gone() -> None:
    appeal, household = granted(yes(), replace(ASKED, ask=ask(wanted=WantedLength.ALWAYS)))
    assert appeal_status(appeal, household, AT + 60) == (StatusText.GRANTED, None)
    gone = remove_rule(household, household.rules[-1].id)
    assert appeal_status(appeal, gone, AT + 60).stand is StatusText.TAKEN_BACK


def test_a_yes_that_keeps_something_always_open_stands_while_that_is_so() -> None:
    closed = ContestedVerdict(Action.BLOCK, Reason.SCHEDULE, period="bed")
    asked = replace(ASKED, ask=ask(to=closed, wanted=WantedLength.ALWAYS))
    appeal, household = granted(yes(), asked)
    assert appeal.answer is not None
    assert appeal.answer.made[0].startswith("always ")
    assert appeal_status(appeal, household, AT + 60).stand is StatusText.GRANTED
    assert appeal_status(appeal, home(), AT + 60).stand is StatusText.TAKEN_BACK


def test_minutes_that_were_given_back_do_not_end() -> None:
    for given, stand in ((30, StatusText.MINUTES), (10, StatusText.PART)):
        appeal, household = minutes(given)
        assert appeal_status(appeal, household, AT + 60 * HOUR) == (stand, None)


def test_what_is_open_while_nobody_answers_says_so() -> None:
    household, grant = open_provisionally(home(), ASKED, KNOWN, SERVICES, AT)
    waits = replace(ASKED, state=AppealState.ESCALATED, overdue=AT, provisional=grant)
    assert appeal_status(waits, household, AT + 60).stand is StatusText.MEANWHILE
    ended = end_grant(household, grant, AT + 60)
    assert appeal_status(waits, ended, AT + 61).stand is StatusText.OVERDUE


def test_every_stand_has_words_at_each_level_and_tells_an_end_where_it_has_one() -> None:
    assert set(STANDS) == set(StatusText)
    for stand, three in STANDS.items():
        assert [each.context for each in three] == list(Level)
        wanted = ["%(time)s"] if stand in (StatusText.UNTIL, StatusText.SHORTER) else []
        assert all(placeholders(each.text) == wanted for each in three)


def test_an_end_on_another_day_is_told_in_the_same_words_with_that_day() -> None:
    ending = [stand for stand, three in STANDS.items() if placeholders(three.full.text)]
    assert list(STANDS_UNTIL_A_DAY) == ending
    for stand, three in STANDS_UNTIL_A_DAY.items():
        told = [each.text.replace("%(day)s", "%(time)s") for each in three]
        assert told == [each.text for each in STANDS[stand]]


@pytest.mark.parametrize("level", Level)
def test_no_two_stands_have_the_same_words(level: Level) -> None:
    texts = [three.at(level).text for three in STANDS.values()]
    assert len(set(texts)) == len(texts)


BOUNDS = {Level.PICTURES: (10, 4.1), Level.PLAIN: (14, 4.1), Level.FULL: (18, 4.2)}


@pytest.mark.parametrize("level", Level)
def test_sentences_are_as_short_as_their_readers_need(level: Level) -> None:
    most, letters = BOUNDS[level]
    texts = [three.at(level).text for three in STANDS.values()]
    assert longest(texts) <= most
    assert average(texts) <= letters


def test_teenagers_read_of_no_grown_ups() -> None:
    assert not [text for three in STANDS.values() if "grown" in (text := three.full.text)]
