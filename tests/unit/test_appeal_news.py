"""What is told of an appeal: each thing once, and by itself nothing of who asked or about what."""

from __future__ import annotations

from copdns import appeal_life as life
from copdns.appeal import Answer, Appeal, Decider, State
from copdns.appeal_life import DAY, HOUR
from copdns.appeal_news import mark, news
from copdns.happened import AppealEvent, Kind
from copdns.review import Because
from tests.unit.appealing import ADA, AT, ask

NEW = Appeal("a1", ask("private.example"), AT, AT)
LOW = frozenset[str]()


def told(*lives: Appeal) -> list[Kind]:
    """Return what is told of an appeal that is looked at in each of these states."""
    before, found = "", []
    for each in lives:
        event = news("home", each, before)
        found += [event.kind] if event is not None else []
        before = mark(each)
    return found


def answered(appeal: Appeal, state: State, at: int) -> Appeal:
    return life.answered(appeal, Answer(at, state, Because.FAIR_ENOUGH, Decider("guardian", "Ada")))


def brought_up(appeal: Appeal, hours: int) -> Appeal:
    (due,) = life.due((appeal,), LOW, appeal.since + hours * HOUR)
    return life.brought_up(due, appeal.since + hours * HOUR)


def test_a_long_life_is_told_step_by_step() -> None:
    reminded = brought_up(NEW, 24)
    overdue = brought_up(reminded, 72)
    refused = answered(overdue, State.REFUSED, AT + 4 * DAY)
    disputed = life.disagreed(refused, "", AT + 5 * DAY, second=True)
    again = brought_up(disputed, 24)
    granted = answered(again, State.GRANTED, AT + 7 * DAY)
    every = (NEW, life.seen(NEW, AT), reminded, overdue, refused, disputed, again, granted)
    assert told(*[each for step in every for each in (step, step)]) == [
        Kind.APPEAL_MADE,
        Kind.APPEAL_WAITING,
        Kind.APPEAL_OVERDUE,
        Kind.APPEAL_ANSWERED,
        Kind.APPEAL_DISPUTED,
        Kind.APPEAL_WAITING,
        Kind.APPEAL_ANSWERED,
    ]


def test_disagreeing_with_a_talk_is_told_though_it_still_is_one() -> None:
    talk = answered(NEW, State.TALK, AT)
    disputed = life.disagreed(talk, "", AT + 1, second=False)
    assert told(talk, disputed) == [Kind.APPEAL_ANSWERED, Kind.APPEAL_DISPUTED]


def test_what_was_taken_back_before_anybody_heard_of_it_is_not_told() -> None:
    assert told(life.withdrawn(NEW, AT)) == []
    assert told(NEW, life.withdrawn(NEW, AT)) == [Kind.APPEAL_MADE]


def test_who_asked_and_about_what_is_told_only_where_somebody_chose_that() -> None:
    assert news("home", NEW, "") == AppealEvent(Kind.APPEAL_MADE, "home", "a1", AT, "open")
    found = news("home", answered(NEW, State.REFUSED, AT + 9), "", telling=True)
    assert found is not None
    assert (found.profile, found.name, found.at) == ("mia", "private.example", AT + 9)
    assert ADA.name not in str(found)
