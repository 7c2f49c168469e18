"""The life of an appeal: filed, seen, answered, objected to once, withdrawn.

Each step takes an appeal and gives the next one, or says in a plain sentence why it cannot be.
No state is left by the mere passing of time: a reminder and a target only bring it up again.
What an answer opens is `appeals/opening.py`'s to say.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from copdns.appeals.appeal import (
    TIME_RULES,
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
    WantedLength,
    clean_text,
    reasons_for,
)
from copdns.appeals.review import DecisionReason
from copdns.model.errors import AppealError, AppealLimitError
from copdns.model.times import DAY_MINUTES
from copdns.model.verdict import Reason

HOUR = 3600
DAY = 24 * HOUR
MOST_OPEN = 5  # appeals of a profile that wait at the same time
MOST_A_DAY = 20  # appeals of a device in 24 hours


@dataclass(frozen=True, slots=True)
class AppealDeadlines:
    """How long an appeal waits, in seconds.

    reminder, target: after so long guardians are reminded, and the appeal is overdue.
    texts: so long after its end an appeal loses its texts.
    provisional: names that do little harm open at the target, until an answer.
    """

    reminder: int = 24 * HOUR
    target: int = 72 * HOUR
    texts: int = 30 * DAY
    provisional: bool = True


PATIENCE = AppealDeadlines()


class Filed(NamedTuple):
    """The appeal after filing.  merged: it was there already, waiting, about the same thing."""

    appeal: Appeal
    merged: bool = False


def file_appeal(there: Iterable[Appeal], ask: AppealRequest, appeal_id: str, now: int) -> Filed:
    """Return a new appeal, or the one that is about the same; raise AppealError.

    Only those of the same asker count: a person, or the browsers of one device that are not paired
    with them.  So nobody who has only the address, or the rules for a day, puts words into the
    child's mouth, uses up what the child may ask, or finds out what the child asked for.

    there: at least those of the profile that wait, and those of the device of the last 24 hours.
    """
    ask = check_request(ask)
    there = [each for each in there if each.ask.paired == ask.paired]
    waiting = [each for each in there if each.waits and _is_same_asker(each.ask, ask)]
    if not ask.paired:  # before the search: at the limit no answer tells what is waiting there
        _require_room(there, waiting, ask, now)
    for each in waiting:
        if _about(each.ask) == _about(ask):
            words = each.ask.words or ask.words
            return Filed(replace(each, ask=replace(each.ask, words=words)), merged=True)
    _require_room(there, waiting, ask, now)
    return Filed(Appeal(appeal_id, ask, asked=now, since=now))


def _is_same_asker(one: AppealRequest, other: AppealRequest) -> bool:
    """Tell whether two that are both paired, or both not, come from the same asker."""
    return one.profile == other.profile and (other.paired or one.device == other.device)


def _require_room(
    there: Iterable[Appeal], waiting: Sequence[Appeal], ask: AppealRequest, now: int
) -> None:
    """Raise AppealLimitError where an asker, or a device, has sent as many as it may."""
    today = [e.asked for e in there if e.ask.device == ask.device and now - e.asked < DAY]
    if len(today) >= MOST_A_DAY:
        raise AppealLimitError(
            "this device has sent %(most)s requests since yesterday, the most for one day; "
            "please try again later",
            sorted(today)[-MOST_A_DAY] + DAY,
            most=MOST_A_DAY,
        )
    if len(waiting) >= MOST_OPEN:
        raise AppealLimitError(
            "%(most)s of your requests are waiting for an answer; you can send another when one "
            "is answered, or if you cancel one",
            most=MOST_OPEN,
        )


def check_request(ask: AppealRequest) -> AppealRequest:
    """Return what was sent, cleaned; raise AppealError for what makes no sense."""
    if ask.kind is AppealKind.CATEGORY and not (ask.name and ask.to.category):
        raise AppealError("this was not blocked by a category; ask about the site instead")
    if ask.kind is AppealKind.NAME and not ask.name:
        raise AppealError("write which site it is about")
    if ask.kind is AppealKind.TIME and ask.to.reason not in TIME_RULES:
        raise AppealError("this was not blocked by a time rule; ask about the site instead")
    if ask.kind is AppealKind.MINUTES and not (
        ask.to.period and ask.day and 1 <= ask.minutes <= DAY_MINUTES
    ):
        raise AppealError("choose the day, and how many minutes were counted by mistake")
    if ask.kind is AppealKind.AGE and ask.wanted_band in (None, ask.band):
        raise AppealError("choose the age group that is right", name="band")
    return replace(ask, words=clean_text(ask.words, name="words"))


def _about(ask: AppealRequest) -> tuple[object, ...]:
    """Return what makes two of them the same question."""
    if ask.kind is AppealKind.AGE:
        return (ask.kind,)
    if ask.kind in (AppealKind.TIME, AppealKind.MINUTES):
        return ask.kind, ask.to.reason, ask.to.period, ask.day
    return AppealKind.NAME, ask.name


def mark_seen(appeal: Appeal, now: int) -> Appeal:
    """Note that a guardian looked; looking again changes nothing."""
    if appeal.seen is not None or not appeal.waits:
        return appeal
    state = AppealState.SEEN if appeal.state is AppealState.OPEN else appeal.state
    return replace(appeal, seen=now, state=state)


def withdraw(appeal: Appeal, now: int) -> Appeal:
    """Take it back, which only the child does."""
    if appeal.state is AppealState.WITHDRAWN:
        return appeal
    if not may_withdraw(appeal):
        raise AppealError("this request has been answered, so it can no longer be cancelled")
    return replace(appeal, state=AppealState.WITHDRAWN, closed=now, provisional="")


def may_withdraw(appeal: Appeal) -> bool:
    """Tell whether a child may still take an appeal back: it waits, or is to be talked about."""
    return appeal.waits or appeal.state is AppealState.TALK


def add_answer(appeal: Appeal, answer: AppealAnswer) -> Appeal:
    """Return the appeal with an answer that may be given (`require_answerable`, `check_reason`)."""
    return replace(
        appeal,
        state=answer.state,
        seen=appeal.seen if appeal.seen is not None else answer.at,
        answers=(*appeal.answers, answer),
        closed=None if answer.state is AppealState.TALK else answer.at,
        provisional="",
    )


def require_answerable(
    appeal: Appeal, by: Decider, voices: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Raise AppealError unless this person can answer it now.

    voices: as whose the answers of accounts count, by their ids, where that is not their own.
    """
    if appeal.state is AppealState.WITHDRAWN:
        raise AppealError("this request was cancelled, so it needs no answer")
    if not appeal.waits and appeal.state is not AppealState.TALK:
        raise AppealError(
            "this request has already been answered; you can change a rule or temporary access "
            "at any time",
        )
    before = appeal.answer
    if appeal.state is AppealState.ESCALATED and before is not None and before.by.id == by.id != "":
        raise AppealError(
            "you answered this request before, so someone else needs to answer it this time"
        )
    if appeal.state is AppealState.ESCALATED and before is not None and by.id:
        _require_another_voice(before.by.id, by.id, voices)


def _require_another_voice(first: str, second: str, voices: Mapping[str, str]) -> None:
    """Raise AppealError where one person made the code with which the other account was joined."""
    if first and voices.get(first, first) == voices.get(second, second):
        raise AppealError(
            "one of the two accounts was joined with a code that the other one made, so they "
            "count as the same person; someone else needs to answer this time"
        )


def has_second_opinion(appeal: Appeal, accounts: Iterable[str], voices: Mapping[str, str]) -> bool:
    """Tell whether somebody may answer who has not answered yet.

    accounts: the ids of those that may answer.  voices: as in `require_answerable`.
    """
    spoke = {voices.get(each.by.id, each.by.id) for each in appeal.answers}
    return any(voices.get(each, each) not in spoke for each in accounts)


def check_reason(
    ask: AppealRequest, state: AppealState, reason: DecisionReason | None, text: str
) -> tuple[DecisionReason, str]:
    """Return the reason and the text of an answer, cleaned; raise AppealError.

    state: GRANTED, REFUSED or TALK.
    """
    fitting = reasons_for(ask, state)
    words = ", ".join(each for each in DecisionReason if each in fitting)
    if reason is None:
        raise AppealError(
            "an answer needs a reason; for %(state)s choose one of: %(reasons)s",
            state=state,
            reasons=words,
        )
    if reason not in fitting:
        raise AppealError(
            "%(reason)s is not a reason for %(state)s; choose one of: %(reasons)s",
            reason=reason,
            state=state,
            reasons=words,
        )
    return reason, clean_text(text)


def add_disagreement(appeal: Appeal, words: str, now: int, *, second: bool) -> Appeal:
    """Return the appeal after "I still disagree", which is possible once.

    second: there is another guardian or reviewer; without one it is to be talked about.
    """
    if appeal.disagreed:
        raise AppealError("you can ask for another look only once; talk about it with your family")
    if appeal.state not in _CONTESTED:
        raise AppealError("this request has no answer yet that you could disagree with")
    if not _is_whole(appeal.ask):
        raise AppealError(
            "this request is old and its details have been deleted; please send a new one"
        )
    return replace(
        appeal,
        state=AppealState.ESCALATED if second else AppealState.TALK,
        disagreed=True,
        more_words=clean_text(words, name="words"),
        since=now,
        seen=None,
        reminded=None,
        overdue=None,
        closed=None,
    )


def may_disagree(appeal: Appeal) -> bool:
    """Tell whether a child may object to the answer: once, and while it is known what was asked."""
    return not appeal.disagreed and appeal.state in _CONTESTED and _is_whole(appeal.ask)


_CONTESTED = (AppealState.REFUSED, AppealState.LIMITED, AppealState.TALK)


def _is_whole(ask: AppealRequest) -> bool:
    """Tell whether it still is known what was asked for; a pause has no id."""
    return bool(ask.name or ask.to.period or ask.wanted_band) or ask.to.reason is Reason.PAUSED


# --- what the clock brings up again ---------------------------------------------------------------


class Due(NamedTuple):
    """What is due for an appeal that waits.

    remind: guardians are to be reminded.  overdue: they are to be told that it is overdue.
    open_meanwhile: the name is to be opened until an answer.
    """

    appeal: Appeal
    remind: bool = False
    overdue: bool = False
    open_meanwhile: bool = False


def overdue_appeals(
    appeals: Iterable[Appeal],
    low_harm: Collection[str],
    now: float,
    patience: AppealDeadlines = PATIENCE,
) -> tuple[Due, ...]:
    """Return what waits too long, each once.

    low_harm: slugs of the categories whose names open at the target until they are answered.
    """
    found = (_due(each, low_harm, now, patience) for each in appeals)
    return tuple(each for each in found if each.remind or each.overdue)


def _due(appeal: Appeal, low_harm: Collection[str], now: float, patience: AppealDeadlines) -> Due:
    waited = now - appeal.since
    if not (appeal.waits or (appeal.state is AppealState.TALK and appeal.disagreed)):
        return Due(appeal)
    overdue = appeal.waits and appeal.overdue is None and waited >= patience.target
    remind = not overdue and appeal.reminded is None and waited >= patience.reminder
    # A refusal that was disagreed with was an answer: it holds until there is another.
    harmless = does_little_harm(appeal.ask, low_harm) and not appeal.answers
    return Due(appeal, remind, overdue, overdue and harmless and patience.provisional)


def does_little_harm(ask: AppealRequest, low_harm: Collection[str]) -> bool:
    """Tell whether a name may open while nobody answers: a list closed it, and nothing else."""
    return (
        ask.kind in (AppealKind.NAME, AppealKind.CATEGORY)
        and ask.to.reason is Reason.CATEGORY
        and ask.to.category in low_harm
    )


def mark_reminded(each: Due, now: int, grant: str = "") -> Appeal:
    """Return the appeal after that was told.  grant: what opens it meanwhile."""
    if each.overdue:
        return replace(
            each.appeal,
            state=AppealState.ESCALATED,
            overdue=now,
            reminded=now if each.appeal.reminded is None else each.appeal.reminded,
            provisional=grant,
        )
    return replace(each.appeal, reminded=now)


def without_texts(appeal: Appeal) -> Appeal:
    """Return what is left of an appeal some time after its end: which kind, when, how it ended."""
    ask = appeal.ask
    to = ContestedVerdict(ask.to.action, ask.to.reason)
    bare = replace(ask, device="", name="", words="", why=AppealMotive.OTHER, to=to)
    return replace(
        appeal,
        ask=replace(bare, band=None, wanted_band=None),
        answers=tuple(replace(each, text="") for each in appeal.answers),
        more_words="",
    )


# How long each wish is, for telling a yes from a yes with a limit.
LENGTHS: Mapping[WantedLength, float] = {
    WantedLength.QUARTER: 15 * 60,
    WantedLength.HOUR: HOUR,
    WantedLength.TODAY: DAY,
    WantedLength.ALWAYS: float("inf"),
}
