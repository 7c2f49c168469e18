"""How far a yes to an appeal can go: what a guardian can choose from, and what fits first.

What it opens is `appeals/opening.py`'s to say; here is for how long, for whom, and with which
reason, so that the plain yes is one tap.  Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from copdns.appeals.appeal import AppealKind, AppealMotive, AppealRequest, Decider, WantedLength
from copdns.appeals.opening import Opening
from copdns.appeals.review import DecisionReason
from copdns.model.errors import AppealError
from copdns.model.verdict import Reason

MINUTE = 60
EVERYONE = "everyone"
_MINUTES = re.compile("([1-9][0-9]{0,3})min", re.ASCII)


class Length(NamedTuple):
    """A length that a guardian can choose.

    word: its value in forms.  minutes: 0 where their number is not fixed.
    """

    word: str
    minutes: int = 0


_TEN, _QUARTER, _HALF, _HOUR = (
    Length("10min", 10),
    Length(WantedLength.QUARTER, 15),
    Length("30min", 30),
    Length(WantedLength.HOUR, 60),
)
_TODAY, _ALWAYS, _FOR_ALL = (
    Length(WantedLength.TODAY),
    Length(WantedLength.ALWAYS),
    Length(EVERYONE),
)


def lengths(ask: AppealRequest, opens: Opening, by: Decider | None = None) -> tuple[Length, ...]:
    """Return the lengths to choose from, the shortest first, without those that are refused.

    by: who answers; None for somebody who may do all of it.
    """
    if opens.minutes or opens.band is not None:
        return ()
    quarter = (_QUARTER,) if ask.wanted is WantedLength.QUARTER else ()
    found = (_TEN, *quarter, _HALF, _HOUR, _TODAY)
    if ask.kind is AppealKind.TIME:  # a time rule that is to go is changed at the time rules
        return found
    may_for_all = by is None or by.for_everyone
    for_all = may_for_all and opens.content and ask.to.reason is not Reason.RULE
    return (*found, _ALWAYS, _FOR_ALL) if for_all else (*found, _ALWAYS)


def usual(ask: AppealRequest, opens: Opening) -> str:
    """Return the word of the plain yes: the length asked for, or "today" where it is no choice."""
    words = [each.word for each in lengths(ask, opens)]
    return ask.wanted if ask.wanted in words else WantedLength.TODAY


def read_length(word: str) -> tuple[int | WantedLength | None, bool]:
    """Return how long a yes lasts, and whether it is for everyone; "" is as was asked for.

    Raises AppealError for what is no length.
    """
    if not word:
        return None, False
    if word == EVERYONE:
        return WantedLength.ALWAYS, True
    if word in list(WantedLength):
        return WantedLength(word), False
    found = _MINUTES.fullmatch(word)
    if found is None:
        raise AppealError("choose one of the answers on the page")
    return int(found[1]) * MINUTE, False


def because(ask: AppealRequest) -> DecisionReason:
    """Return the reason that fits a yes first, by why the child asks."""
    if ask.kind is AppealKind.MINUTES:
        return DecisionReason.MINUTES_WRONG
    if ask.kind is AppealKind.CATEGORY:
        return DecisionReason.LIST_ERROR
    if ask.kind is AppealKind.AGE:
        return DecisionReason.OLDER_NOW if _is_older(ask) else DecisionReason.AGE_WRONG
    return _BECAUSE.get(ask.why, DecisionReason.FAIR_ENOUGH)


def _is_older(ask: AppealRequest) -> bool:
    return (
        ask.band is not None and ask.wanted_band is not None and ask.wanted_band.age > ask.band.age
    )


_BECAUSE = {
    AppealMotive.SCHOOL: DecisionReason.NEEDED_FOR_SCHOOL,
    AppealMotive.HEALTH: DecisionReason.NEEDED_FOR_WELLBEING,
}
