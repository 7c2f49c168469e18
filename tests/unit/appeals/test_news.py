"""What is told of an appeal: each thing once, and by itself nothing of who asked or about what."""

from __future__ import annotations

from copdns.appeals import life
from copdns.appeals.appeal import Appeal, AppealAnswer, AppealState, Decider
from copdns.appeals.life import DAY, HOUR
from copdns.appeals.news import mark, news
from copdns.appeals.review import DecisionReason
from copdns.model.events import AppealEvent, EventKind
from tests.unit.appealing import ADA, AT, ask

NEW = Appeal("a1", ask("private.example"), AT, AT)
LOW = frozenset[str]()


def told(*lives: Appeal) -> list[EventKind]:
    """Return what is told of an appeal that is looked at in each of these states."""
    before, found = "", []
    for each in lives:
        event = news("home", each, before)
        found += [event.kind] if event is not None else []
        before = mark(each)
    return found


def answered(appeal: Appeal, state: AppealState, at: int) -> Appeal:
    return life.add_answer(
        appeal, AppealAnswer(at, state, DecisionReason.FAIR_ENOUGH, Decider("guardian", "Ada"))
    )


def brought_up(appeal: Appeal, hours: int) -> Appeal:
    (due,) = life.overdue_appeals((appeal,), LOW, appeal.since + hours * HOUR)
    return life.mark_reminded(due, appeal.since + hours * HOUR)


def test_a_long_life_is_told_step_by_step() -> None:
    reminded = brought_up(NEW, 24)
    overdue = brought_up(reminded, 72)
    refused = answered(overdue, AppealState.REFUSED, AT + 4 * DAY)
    disputed = life.add_disagreement(refused, "", AT + 5 * DAY, second=True)
    again = brought_up(disputed, 24)
    granted = answered(again, AppealState.GRANTED, AT + 7 * DAY)
    every = (NEW, life.mark_seen(NEW, AT), reminded, overdue, refused, disputed, again, granted)
    assert told(*[each for step in every for each in (step, step)]) == [
        EventKind.APPEAL_MADE,
        EventKind.APPEAL_WAITING,
        EventKind.APPEAL_OVERDUE,
        EventKind.APPEAL_ANSWERED,
        EventKind.APPEAL_DISPUTED,
        EventKind.APPEAL_WAITING,
        EventKind.APPEAL_ANSWERED,
    ]


def test_disagreeing_with_a_talk_is_told_though_it_still_is_one() -> None:
    talk = answered(NEW, AppealState.TALK, AT)
    disputed = life.add_disagreement(talk, "", AT + 1, second=False)
    assert told(talk, disputed) == [EventKind.APPEAL_ANSWERED, EventKind.APPEAL_DISPUTED]


def test_what_was_taken_back_before_anybody_heard_of_it_is_not_told() -> None:
    assert told(life.withdraw(NEW, AT)) == []
    assert told(NEW, life.withdraw(NEW, AT)) == [EventKind.APPEAL_MADE]


def test_who_asked_and_about_what_is_told_only_where_somebody_chose_that() -> None:
    assert news("home", NEW, "") == AppealEvent(EventKind.APPEAL_MADE, "home", "a1", AT, "open")
    found = news("home", answered(NEW, AppealState.REFUSED, AT + 9), "", telling=True)
    assert found is not None
    assert (found.profile, found.name, found.at) == ("mia", "private.example", AT + 9)
    assert found.about == "name"
    assert ADA.name not in str(found)
