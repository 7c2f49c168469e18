"""An appeal: what a child objects to, why, what they would like, and what came of it.

The values only.  `appeals/life.py` has its life, from filing to the last answer;
`appeals/opening.py` says what a yes opens.  Frozen, like all of `model/household.py`; moments are
seconds since the epoch, UTC. docs/appeals.md tells it to people.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from copdns.appeals.review import (
    GRANTING,
    NO_PERSONS,
    NOT_OF_MINUTES,
    OF_AGE,
    OF_CONTENT,
    OF_LISTS,
    OF_MINUTES,
    OF_TIME,
    REFUSING,
    TALKING,
    DecisionReason,
)
from copdns.model.errors import AppealError
from copdns.model.household import Band
from copdns.model.verdict import Action, Reason, Verdict

MOST_WORDS = 280  # characters
CURRENT_FOR = 7 * 86_400  # seconds after its end in which an appeal is still news to the child


class AppealKind(StrEnum):
    """What an appeal is against."""

    NAME = "name"  # that a name is blocked
    CATEGORY = "category"  # that a name counts as one of a category: "this is not gambling"
    TIME = "time"  # a schedule, a pause or a used-up budget itself
    MINUTES = "minutes"  # that minutes were counted
    AGE = "age"  # the age group itself: "this is not my age group"


class AppealMotive(StrEnum):
    """Why the child asks; shown as pictures first."""

    SCHOOL = "school"
    FRIENDS = "friends"
    HEALTH = "health"
    GAME = "game"
    MISTAKE = "mistake"
    OTHER = "other"


class WantedLength(StrEnum):
    """For how long."""

    QUARTER = "15min"
    HOUR = "1h"
    TODAY = "today"  # until the household's day ends
    ALWAYS = "always"


class AppealState(StrEnum):
    """How far an appeal is."""

    OPEN = "open"
    SEEN = "seen"
    GRANTED = "granted"
    LIMITED = "limited"  # granted, for less than was asked for
    REFUSED = "refused"
    TALK = "talk"  # somebody wants to talk about it first
    WITHDRAWN = "withdrawn"
    ESCALATED = "escalated"  # overdue, or objected to: somebody else may look at it


# Somebody is to answer; nothing but an answer or the child ends this.
WAITING = frozenset({AppealState.OPEN, AppealState.SEEN, AppealState.ESCALATED})


# The reasons of each answer, of which `reasons_for` says which fit; docs/review-policy.md says when
# to use each.
REASONS: dict[AppealState, frozenset[DecisionReason]] = {
    AppealState.GRANTED: GRANTING - OF_AGE,
    AppealState.REFUSED: REFUSING - OF_AGE,
    AppealState.TALK: TALKING,
}
_REASONS_OF_AGE = {
    AppealState.GRANTED: GRANTING & OF_AGE,
    AppealState.REFUSED: REFUSING & OF_AGE,
    AppealState.TALK: TALKING,
}


@dataclass(frozen=True, slots=True)
class ContestedVerdict:
    """The fields of the contested Verdict that tell what decided.

    revision: of the household when the name was decided; 0 where it is not known.
    """

    action: Action
    reason: Reason
    list: str = ""
    list_version: str = ""
    category: str = ""
    service: str = ""
    rule: str = ""
    via: str = ""
    period: str = ""
    revision: int = 0


# Of an appeal against the age group, which blocks nothing by itself.
NO_VERDICT = ContestedVerdict(Action.ALLOW, Reason.DEFAULT)


def contest(verdict: Verdict, revision: int = 0) -> ContestedVerdict:
    """Return what an appeal stores of a verdict.  revision: the household's at that time."""
    return ContestedVerdict(
        verdict.action,
        verdict.reason,
        verdict.list,
        verdict.list_version,
        verdict.category,
        verdict.service,
        verdict.rule,
        verdict.via,
        verdict.period,
        revision,
    )


@dataclass(frozen=True, slots=True)
class AppealRequest:
    """What a child sends.

    profile, device: ids.  to: the verdict; for MINUTES its reason is BUDGET and its period the
        budget; for AGE NO_VERDICT.
    name: in normal form; "" where the appeal is about time, minutes or the age group alone.
    why: the motive.  words: the child's own, at most 280 characters.  wanted: for how long.
    minutes, day: of an appeal against counted minutes: 1 to 1440, on a day as budgets count it.
    band, wanted_band: of an appeal against the age group: the one at that time, and the one that
        the person says is right.  None for other kinds, and where that is deleted.
    paired: it came from a browser that is paired with the person, or after their PIN; not just from
        their address, nor from somebody who has their rules for a day.
    """

    profile: str
    device: str
    kind: AppealKind
    to: ContestedVerdict
    name: str = ""
    why: AppealMotive = AppealMotive.OTHER
    words: str = ""
    wanted: WantedLength = WantedLength.HOUR
    minutes: int = 0
    day: date | None = None
    band: Band | None = None
    wanted_band: Band | None = None
    paired: bool = True


def reasons_for(ask: AppealRequest, state: AppealState) -> frozenset[DecisionReason]:
    """Return the reasons that a person may give for an answer to an appeal.

    None of them tells the child what is not true, such as that a site works again when a time ends
    that does not block it.  state: GRANTED, REFUSED or TALK.
    """
    if ask.kind is AppealKind.AGE:
        return _REASONS_OF_AGE[state]
    unfit = NO_PERSONS
    if ask.kind is AppealKind.MINUTES:
        unfit |= OF_CONTENT | OF_TIME | NOT_OF_MINUTES
    else:
        unfit |= OF_MINUTES
        unfit |= frozenset() if ask.to.reason in TIME_RULES else OF_TIME
        unfit |= OF_CONTENT if ask.kind is AppealKind.TIME else frozenset()
    if not (ask.to.list or ask.kind is AppealKind.CATEGORY):
        unfit |= OF_LISTS
    return REASONS[state] - unfit


# The reasons of what closes at a time; what a list or rule blocks is of content (`opening.py`).
TIME_RULES = frozenset({Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET})


@dataclass(frozen=True, slots=True)
class Decider:
    """Who answers.  role, name: shown to the child.  id: the account's, "" on the command line.

    for_everyone: may write a rule for the whole household, which a reviewer may not.
    """

    role: str
    name: str
    id: str = ""
    for_everyone: bool = True


@dataclass(frozen=True, slots=True)
class AppealAnswer:
    """One answer.  at: seconds since the epoch.  state: GRANTED, LIMITED, REFUSED or TALK.

    made: the grants, rules or bonuses that it created, such as ("grant g3",) or ("rule r7",); of
        an age group that was changed ("band 10-12",).
    until: when access ends again, seconds since the epoch; None for always, and where the answer
        opens nothing.
    policy: the version of the review policy that it was made by; "" before these were stored.
    """

    at: int
    state: AppealState
    reason: DecisionReason
    by: Decider
    text: str = ""
    made: tuple[str, ...] = ()
    until: float | None = None
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Appeal:
    """A request of a child, and its state.  Moments: seconds since the epoch.

    id: unique in its household, which is not a field.  ask: what was sent.
    asked: when it was filed.  since: when it began to wait: when it was filed, or when the child
        disagreed with the answer.
    seen: when a guardian first looked at it, or None.
    answers: at most two, the second after "I still disagree".
    disagreed: the child used that, and wrote `more_words`.
    provisional: the id of the grant that holds until an answer, or "".
    reminded, overdue: when guardians were reminded, and told that it is overdue; None before.
    closed: when it was granted, refused or withdrawn; None while it waits or is to be discussed.
    """

    id: str
    ask: AppealRequest
    asked: int
    since: int
    state: AppealState = AppealState.OPEN
    seen: int | None = None
    answers: tuple[AppealAnswer, ...] = ()
    disagreed: bool = False
    more_words: str = ""
    provisional: str = ""
    reminded: int | None = None
    overdue: int | None = None
    closed: int | None = None

    @property
    def waits(self) -> bool:
        """Whether a guardian must answer."""
        return self.state in WAITING

    @property
    def answer(self) -> AppealAnswer | None:
        """The newest answer; None while there is none."""
        return self.answers[-1] if self.answers else None

    def is_current(self, now: float) -> bool:
        """Tell whether it still concerns the child: it waits, is to be talked about, allows
        something until a moment that is to come, or came to its end in the last CURRENT_FOR
        seconds."""
        if self.closed is None:
            return True
        until = self.answer.until if self.answer is not None else None
        return now - self.closed < CURRENT_FOR or (until is not None and now < until)


# Separators, and what turns a line around or is not seen: a text must look like what it says.
_BLANK = frozenset({"Zl", "Zp", "Zs"})
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # words and emoji need these


def clean_text(text: str, most: int = MOST_WORDS, *, name: str = "") -> str:
    """Return what a person wrote on one line, without control characters; raise AppealError.

    name: the field of the form that it came from.
    """
    spaced = "".join(" " if each in "\t\r\n" or _kind(each) in _BLANK else each for each in text)
    seen = "".join(each for each in spaced if each in _JOINERS or _kind(each) not in _UNSEEN)
    short = " ".join(seen.split())
    if len(short) > most:
        raise AppealError(
            "this message is too long. Please make it shorter. You can use up to %(most)s letters",
            name=name,
            most=most,
        )
    return short


def _kind(character: str) -> str:
    return unicodedata.category(character)
