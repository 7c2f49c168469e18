"""Whether somebody of 16 or more agrees to a full log: asked at the desk, answered by that person.

Nobody answers for somebody else, and no answer is a no.  What a full log is, and when one may be,
is `household/safeguards.py`'s to say; here is the question.  Pure; moments are seconds since the
epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from copdns.household.safeguards import CONSENT_FROM, DAY, LONGEST, request_full
from copdns.model.errors import PrivacyError
from copdns.model.household import FullLogSpan, Profile

OPEN = 7 * DAY  # for so long a question can be answered
AGAIN = 7 * DAY  # after a no, nobody is asked again for so long


class Question(NamedTuple):
    """A request to keep a full log of a profile for some days.

    household, profile: ids.  author: who asks, in people's words.
    at: when it was asked.  refused: when the answer was no; None while there is none.  Both are
        seconds since the epoch.
    """

    household: str
    profile: str
    days: int
    author: str
    at: int
    refused: int | None = None

    def is_open(self, now: float) -> bool:
        """Tell whether it may still be answered.  now: seconds since the epoch."""
        return self.refused is None and 0 <= now - self.at < OPEN


def check_question(
    profile: Profile,
    before: Question | None,
    history: Sequence[FullLogSpan],
    question: Question,
) -> Question:
    """Return a question that may be asked; raise PrivacyError.

    before: the last one to this person.  history: as of `request_full`.
    """
    now = question.at
    if not needs_consent(profile, now):
        raise PrivacyError(
            "profile '%(profile)s': consent is only asked from the age of 16", profile=profile.id
        )
    if before is not None and before.refused is not None and now - before.refused < AGAIN:
        raise PrivacyError(
            "%(who)s said no; you can ask again after a week, or talk about it", who=profile.name
        )
    request_full(profile, history, now, question.days, consented=True)
    return question


def accept_question(
    profile: Profile, question: Question | None, history: Sequence[FullLogSpan], now: int
) -> FullLogSpan:
    """Return the stretch that a yes of the person themselves allows; raise PrivacyError."""
    if question is None or not question.is_open(now) or not needs_consent(profile, now):
        raise PrivacyError("this request has been withdrawn")
    return request_full(profile, history, now, question.days, consented=True)


def needs_consent(profile: Profile, now: float) -> bool:
    """Tell whether a person has to agree to a full log: from CONSENT_FROM years on."""
    return profile.band_at(now).age >= CONSENT_FROM


MOST_DAYS = LONGEST // DAY
