"""A request that has its answer: what a further one meets, and how to change one's mind.

Two guardians may have the same request open, or one of them in two tabs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.appeal import (
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealRequest,
    AppealState,
    WantedLength,
    clean_text,
)
from copdns.appeals.opening import ApprovalTerms, Decision, Opening, ends_at, local_household
from copdns.appeals.other_closures import is_taken_back
from copdns.model.household import Household
from copdns.model.times import Grant
from copdns.web.desk.waiting_requests import TO_ANSWER, is_for_others

TAPS_WITHIN = 60  # seconds after an answer, in which the same one is a second tap
YES = frozenset({AppealState.GRANTED, AppealState.LIMITED})


class LateAnswer(NamedTuple):
    """An answer that was sent when none was waited for any more.

    is_own: the answer that counts is by the same account.  text: the words that were written.
    """

    is_own: bool
    text: str


class ChangeOfMind(NamedTuple):
    """What somebody can do about an answer that was given.

    grants: what a yes opened and is still open.  has_rule, has_always: whether its rule, or its
    site among those that work at any time, is still there.  gives_time, edits: what they may do.
    """

    grants: tuple[Grant, ...]
    has_rule: bool
    has_always: bool
    gives_time: bool
    edits: bool

    @property
    def can_end(self) -> bool:
        """Whether this actor can end what a yes opened."""
        return bool((self.gives_time and self.grants) or (self.edits and self.is_lasting))

    @property
    def is_lasting(self) -> bool:
        return self.has_rule or self.has_always


def is_too_late(appeal: Appeal, actor: Actor) -> bool:
    """Tell whether a request waits for no answer of this actor, although its page may still be
    open somewhere."""
    return appeal.state not in TO_ANSWER or is_for_others(appeal, actor)


def was_given_before(
    appeal: Appeal, actor: Actor, household: Household, decision: Decision, now: float
) -> bool:
    """Tell whether somebody sent their own last answer once more, as a double tap does; False
    where what was sent may say anything else, or comes of a page that was left open.

    household: as stored.  Raises AppealError for a text that is too long.
    """
    last = appeal.answer
    if last is None or last.by.id != actor.id or now - last.at >= TAPS_WITHIN:
        return False
    if appeal.state is not last.state or is_taken_back(appeal, household, now):
        return False
    if (decision.reason, clean_text(decision.text)) != (last.reason, last.text):
        return False
    if decision.state is not AppealState.GRANTED:
        return decision.state is last.state
    return last.state in YES and _opens_the_same(appeal.ask, last, household, decision.yes)


def _opens_the_same(
    ask: AppealRequest, last: AppealAnswer, household: Household, yes: ApprovalTerms
) -> bool:
    """Tell whether a yes would open what the last one did, for as long; False where the answer
    does not tell."""
    if ask.kind is AppealKind.AGE:
        return not yes.only_age and last.made == (f"band {yes.band or ask.wanted_band}",)
    if ask.kind is AppealKind.MINUTES:
        given = {each.minutes for each in household.bonuses if f"bonus {each.id}" in last.made}
        return given == {ask.minutes if yes.minutes is None else yes.minutes}
    if yes.narrow or yes.besides:
        return False
    lasts = ask.wanted if yes.lasts is None else yes.lasts
    if lasts is WantedLength.ALWAYS:
        scopes = {each.scope for each in household.rules if f"rule {each.id}" in last.made}
        return last.until is None and scopes <= {"" if yes.everyone else ask.profile}
    return last.until == ends_at(lasts, local_household(household, ask.profile), last.at)


def find_late_answer(appeal: Appeal, actor: Actor, fields: Mapping[str, Any]) -> LateAnswer:
    """Return what is told of an answer that was not stored."""
    last = appeal.answer
    is_own = last is not None and last.by.id == actor.id
    return LateAnswer(is_own, str(fields.get("text", "")).strip())


def find_change_of_mind(
    appeal: Appeal, household: Household, actor: Actor, now: float, opens: Opening | None
) -> ChangeOfMind | None:
    """Return what an actor can still do about an answer; None where nothing is.

    household: as it is in force.  opens: what a yes would open; None where none can, as of what the
    law blocks.  A request about minutes or an age group is settled elsewhere.
    """
    answer, profile = appeal.answer, household.profile(appeal.ask.profile)
    if answer is None or profile is None or appeal.state not in YES | {AppealState.REFUSED}:
        return None
    made = answer.made
    grants = tuple(
        each
        for each in household.grants
        if f"grant {each.id}" in made and each.profile == profile.id and each.end > now
    )
    rules = (each for each in household.rules if f"rule {each.id}" in made)
    found = ChangeOfMind(
        grants,
        has_rule=any(each.created == answer.at for each in rules),
        has_always=any(f"always {each}" in made for each in profile.always),
        gives_time=may(actor, Permission.GIVE_TIME, profile),
        edits=may(actor, Permission.EDIT_PROFILES, profile),
    )
    if appeal.state is AppealState.REFUSED:
        is_elsewhere = appeal.ask.kind in (AppealKind.MINUTES, AppealKind.AGE)
        can_allow = opens is not None and not is_elsewhere
        return found if can_allow and (found.gives_time or found.edits) else None
    return found if found.can_end else None
