"""What closes a name although its question was answered with a yes.

A yes opens what was appealed and nothing else: what was asked for at bedtime may be closed by a
service, too, and the other way round.  Whoever answers, and whoever reads the answer, is told so.
Pure; moments are seconds since the epoch, UTC.
"""

from __future__ import annotations

from math import inf

from copdns.appeals.appeal import (
    TIME_RULES,
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealRequest,
    AppealState,
)
from copdns.dns.records import A
from copdns.model.household import Band, Household
from copdns.model.times import Grant, Origin
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy, decide, decide_with_grant

_YES = frozenset({AppealState.GRANTED, AppealState.LIMITED})

FOLLOWS = 3  # seconds, in which the household in force has what an answer made


def is_taken_back(appeal: Appeal, household: Household, now: float) -> bool:
    """Tell whether nothing is left of what a yes made, before its time was over.

    household: as it is in force.  False for other answers, and for a yes that found all of it
    there.
    """
    answer = appeal.answer
    if answer is None or appeal.state not in _YES or not answer.made:
        return False
    if appeal.ask.kind is AppealKind.MINUTES:
        return False
    if appeal.ask.kind is AppealKind.AGE:
        return now - answer.at >= FOLLOWS and _is_age_set_back(appeal, answer, household, now)
    if answer.until is not None and answer.until <= now:
        return False
    # An id may come back after what had it ended, so the moment is compared too.
    mine = [
        each
        for each in household.grants
        if each.profile == appeal.ask.profile
        and each.origin is Origin.APPEAL
        and each.given == answer.at
        and f"grant {each.id}" in answer.made
    ]
    if any(each.end > now for each in mine):
        return False
    if not mine and now - answer.at < FOLLOWS:
        return False
    profile = household.profile(appeal.ask.profile)
    return not (
        any(
            f"rule {each.id}" in answer.made and each.created == answer.at
            for each in household.rules
        )
        or any(f"always {each}" in answer.made for each in (profile.always if profile else ()))
    )


def _is_age_set_back(
    appeal: Appeal, answer: AppealAnswer, household: Household, now: float
) -> bool:
    """Tell whether somebody is no longer in the age group of a yes, nor will be: that one is the
    one from before again, or a younger one.  Whoever grew older lost nothing."""
    profile = household.profile(appeal.ask.profile)
    given = next((each for each in Band if f"band {each}" in answer.made), None)
    if profile is None or given is None:
        return False
    change, band = profile.band_change, profile.band_at(now)
    if band is given or (change is not None and now < change.at and change.band is given):
        return False
    return band is appeal.ask.band or band.age < given.age


def find_other_closure(
    policy: Policy, ask: AppealRequest, given: float, now: float
) -> Verdict | None:
    """Return what closes the name under a yes of the moment `given`; None where nothing does.

    policy: of whoever asked, in which the yes need not be yet.
    """
    if not ask.name:
        return None
    time = ask.to.reason in TIME_RULES
    yes = Grant(None, given, inf, given, content=not time, time=time)
    verdict = decide_with_grant(policy, ask.name, A, yes, now)
    return verdict if verdict.blocks else None


def find_later_closure(policy: Policy, appeal: Appeal, now: float) -> Verdict | None:
    """Return what closes the name of a question whose answer says that it is open now.

    It may be what was written since: a block, or what the permission kept open and was taken back.
    """
    answer = appeal.answer
    if answer is None or appeal.state not in _YES:
        return None
    if answer.until is not None and answer.until <= now:
        return None
    if not appeal.ask.name or now - answer.at < FOLLOWS:
        return find_other_closure(policy, appeal.ask, answer.at, now)
    verdict = decide(policy, appeal.ask.name, A, now)
    return verdict if verdict.blocks else None
