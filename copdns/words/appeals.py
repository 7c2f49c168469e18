"""Say to a child how far its question is: what came of it, and until when, at three levels.

How it stands is read off the appeal and off the household in force, since a yes may have ended, or
been ended, meanwhile.  Nothing here blames, or promises what nobody can.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from copdns.appeals.appeal import Appeal, AppealAnswer, AppealKind, AppealState
from copdns.appeals.opening import is_meanwhile
from copdns.appeals.other_closures import is_taken_back
from copdns.model.household import Household
from copdns.words.child_reasons import Three
from copdns.words.phrases import Phrase


class StatusText(StrEnum):
    """How a question stands, as far as its words differ."""

    OPEN = "open"
    SEEN = "seen"
    GRANTED = "granted"  # for always
    UNTIL = "until"  # for as long as was asked
    SHORTER = "shorter"  # for less than was asked
    PART = "part"  # fewer minutes than were asked back
    MINUTES = "minutes"  # all of those
    AGE = "age"  # the age group that was asked for
    OTHER_AGE = "other age"  # another one
    AGE_SOON = "age soon"  # a lower one, which is announced first
    OVER = "over"  # it was a yes, and its time has ended
    TAKEN_BACK = "taken back"  # it was a yes, and somebody ended what it opened
    REFUSED = "refused"
    TALK = "talk"
    TALK_AGAIN = "talk again"  # after "Please look again", where nobody else decides
    WITHDRAWN = "withdrawn"
    SECOND = "second"  # after "Please look again", where someone else does
    OVERDUE = "overdue"
    MEANWHILE = "meanwhile"  # overdue, and open until it is answered


class AppealStatus(NamedTuple):
    """How an appeal is, for its words.

    until: when access ends again, seconds since the epoch; None for always or closed.
    """

    stand: StatusText
    until: float | None = None


def appeal_status(appeal: Appeal, household: Household, now: float) -> AppealStatus:
    """Return how a question stands now.  household: as it is in force."""
    answer = appeal.answer
    if appeal.state is AppealState.ESCALATED:
        return AppealStatus(_escalation_status(appeal, household, now))
    if appeal.state is AppealState.TALK and appeal.disagreed:
        return AppealStatus(StatusText.TALK_AGAIN)
    if appeal.state not in (AppealState.GRANTED, AppealState.LIMITED) or answer is None:
        return AppealStatus(StatusText(appeal.state))
    if appeal.ask.kind is AppealKind.MINUTES:
        limited = appeal.state is AppealState.LIMITED
        return AppealStatus(StatusText.PART if limited else StatusText.MINUTES)
    if answer.until is not None and answer.until <= now:
        return AppealStatus(StatusText.OVER)
    if is_taken_back(appeal, household, now):
        return AppealStatus(StatusText.TAKEN_BACK)
    if appeal.ask.kind is AppealKind.AGE:
        return AppealStatus(_age_status(appeal, answer, household, now))
    if answer.until is None:
        return AppealStatus(StatusText.GRANTED)
    shorter = appeal.state is AppealState.LIMITED
    return AppealStatus(StatusText.SHORTER if shorter else StatusText.UNTIL, answer.until)


def _age_status(
    appeal: Appeal, answer: AppealAnswer, household: Household, now: float
) -> StatusText:
    profile = household.profile(appeal.ask.profile)
    change = profile.band_change if profile is not None else None
    if change is not None and now < change.at and f"band {change.band}" in answer.made:
        return StatusText.AGE_SOON
    return StatusText.OTHER_AGE if appeal.state is AppealState.LIMITED else StatusText.AGE


def _escalation_status(appeal: Appeal, household: Household, now: float) -> StatusText:
    if any(is_meanwhile(each, appeal, now) for each in household.grants):
        return StatusText.MEANWHILE
    return StatusText.SECOND if appeal.overdue is None else StatusText.OVERDUE


STANDS: Mapping[StatusText, Three] = {
    StatusText.OPEN: Three(
        Phrase("pictures", "Sent! No grown-up has seen it yet."),
        Phrase("plain", "Sent. Nobody has looked at it yet."),
        Phrase("full", "Sent. Nobody has looked at it yet."),
    ),
    StatusText.SEEN: Three(
        Phrase("pictures", "A grown-up has seen it. Look for the answer here."),
        Phrase("plain", "Someone has seen it. Look for the answer here."),
        Phrase("full", "Seen. Look for the answer here."),
    ),
    StatusText.GRANTED: Three(
        Phrase("pictures", "Yes! You can use it now."),
        Phrase("plain", "Yes! You can use it now."),
        Phrase("full", "Yes. It's allowed from now on."),
    ),
    StatusText.UNTIL: Three(
        Phrase("pictures", "Yes! You can use it until %(time)s."),
        Phrase("plain", "Yes! You can use it until %(time)s."),
        Phrase("full", "Yes, until %(time)s."),
    ),
    StatusText.SHORTER: Three(
        Phrase("pictures", "Yes, for a short time: until %(time)s."),
        Phrase("plain", "Yes, but for less time than you asked: until %(time)s."),
        Phrase("full", "Yes, but for less time than you asked for: until %(time)s."),
    ),
    StatusText.PART: Three(
        Phrase("pictures", "Yes, you get some minutes back."),
        Phrase("plain", "Yes, you get some of the minutes back."),
        Phrase("full", "Yes, you get some of the minutes back."),
    ),
    StatusText.MINUTES: Three(
        Phrase("pictures", "Yes! You get your minutes back."),
        Phrase("plain", "Yes! You get your minutes back."),
        Phrase("full", "Yes. You get the minutes back."),
    ),
    StatusText.AGE: Three(
        Phrase("pictures", "Yes! You have new rules now."),
        Phrase("plain", "Yes! You are in your right age group now."),
        Phrase("full", "Yes. Your age group was changed."),
    ),
    StatusText.OTHER_AGE: Three(
        Phrase("pictures", "You have other rules now. Read the answer."),
        Phrase("plain", "Your age group is another one now, but not the one you asked for."),
        Phrase("full", "Your age group was changed, but not to the one you asked for."),
    ),
    StatusText.AGE_SOON: Three(
        Phrase("pictures", "Yes! It changes in a day."),
        Phrase("plain", "Yes! Your age group changes in a day."),
        Phrase("full", "Yes. Your age group changes within a day, since it becomes a younger one."),
    ),
    StatusText.OVER: Three(
        Phrase("pictures", "The answer was yes. That time is over now."),
        Phrase("plain", "The answer was yes, but that time is over. You can ask again."),
        Phrase("full", "This was allowed, but the time is over. You can ask again."),
    ),
    StatusText.TAKEN_BACK: Three(
        Phrase("pictures", "The answer was yes. A grown-up has changed it."),
        Phrase("plain", "The answer was yes, but a grown-up has changed it. You can ask again."),
        Phrase("full", "This was allowed, but it has been taken back. You can ask again."),
    ),
    StatusText.REFUSED: Three(
        Phrase("pictures", "Not this time. Here is why."),
        Phrase("plain", "Not this time. You can read why."),
        Phrase("full", "Not this time. The answer says why."),
    ),
    StatusText.TALK: Three(
        Phrase("pictures", "Let's talk about it."),
        Phrase("plain", "A grown-up wants to talk about it with you."),
        Phrase("full", "Someone would like to talk about it with you first."),
    ),
    StatusText.TALK_AGAIN: Three(
        Phrase("pictures", "You do not agree. Talk about it together."),
        Phrase("plain", "You said you do not agree. Talk about it together."),
        Phrase(
            "full",
            "You asked for a second opinion, but nobody else can decide here. Talk about it "
            "together.",
        ),
    ),
    StatusText.WITHDRAWN: Three(
        Phrase("pictures", "You cancelled this. That's fine."),
        Phrase("plain", "You cancelled this. You can ask again any time."),
        Phrase("full", "You cancelled this. You can ask again any time."),
    ),
    StatusText.SECOND: Three(
        Phrase("pictures", "Another grown-up will look at it now."),
        Phrase("plain", "Another grown-up will look at it now."),
        Phrase("full", "Someone else is looking at it now."),
    ),
    StatusText.OVERDUE: Three(
        Phrase("pictures", "You have waited a long time. We told the grown-ups."),
        Phrase("plain", "You have waited a long time. We have reminded the grown-ups."),
        Phrase(
            "full",
            "This has taken too long. We've sent a reminder, and your request is still waiting.",
        ),
    ),
    StatusText.MEANWHILE: Three(
        Phrase("pictures", "You waited a long time. You can use it for now."),
        Phrase("plain", "You have waited a long time. You can use it until there is an answer."),
        Phrase("full", "This has taken too long, so it's allowed until someone answers."),
    ),
}

# What ends on another day than today is told with that day: "until" is another word then in some
# languages.
STANDS_UNTIL_A_DAY: Mapping[StatusText, Three] = {
    StatusText.UNTIL: Three(
        Phrase("pictures", "Yes! You can use it until %(day)s."),
        Phrase("plain", "Yes! You can use it until %(day)s."),
        Phrase("full", "Yes, until %(day)s."),
    ),
    StatusText.SHORTER: Three(
        Phrase("pictures", "Yes, for a short time: until %(day)s."),
        Phrase("plain", "Yes, but for less time than you asked: until %(day)s."),
        Phrase("full", "Yes, but for less time than you asked for: until %(day)s."),
    ),
}
