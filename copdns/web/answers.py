"""Answer an appeal, for the dashboard and the API alike."""

from __future__ import annotations

from copdns.accounts.roles import Actor, Permission, may
from copdns.appeals.appeal import Appeal, AppealKind, AppealRequest, AppealState, Decider
from copdns.appeals.first_end import FirstEnd, first_end_of
from copdns.appeals.opening import Decision
from copdns.model.household import Household
from copdns.web.balance import balance_of
from copdns.web.context import AppContext
from copdns.web.time_view import time_view


def decider_of(actor: Actor) -> Decider:
    """Return an actor as who answers; a token writes a rule for everyone only with that scope."""
    everyone = may(actor, Permission.EDIT_HOUSEHOLD)
    return Decider(actor.role, actor.name, actor.id, for_everyone=everyone)


def permission_to_grant(ask: AppealRequest) -> Permission:
    """Return what it takes to say yes: a reviewer cannot change an age group, for one."""
    is_age = ask.kind is AppealKind.AGE
    return Permission.EDIT_PROFILES if is_age else Permission.DECIDE_APPEALS


def gives_age(ask: AppealRequest, decision: Decision) -> bool:
    """Tell whether an answer gives somebody another age group: that takes EDIT_PROFILES."""
    return ask.kind is AppealKind.AGE and decision.state is AppealState.GRANTED


async def answer_appeal(
    context: AppContext, actor: Actor, household: Household, found: Appeal, decision: Decision
) -> Appeal:
    """Store an answer, and return the appeal with it; what is granted is in force within a second.

    Of a lower age group, which is announced first, the usual rules are proposed for then.
    household: as it was before.  Raises AppealError and HouseholdError; nothing is changed then.
    """
    before, now = household.profile(found.ask.profile), int(context.now())
    answered = await context.appeals.decide(
        actor.household,
        found.id,
        decision,
        decider_of(actor),
        context.known_ids(),
        context.services(),
        now,
        balance_of(actor),
    )
    band = decision.yes.band or found.ask.wanted_band
    if gives_age(found.ask, decision) and before is not None and band is not None:
        rules = not decision.yes.only_age
        await context.proposals.propose_or_drop(actor, before, band, now, rules=rules)
    return answered


def find_first_end(
    context: AppContext, household: Household, actor: Actor, found: Appeal
) -> FirstEnd | None:
    """Return what ends a yes first, before and after it was given, as an actor may know it.

    household: as stored.  None where nothing ends it, and for an appeal of nobody who is here.
    """
    profile = household.profile(found.ask.profile)
    if profile is None:
        return None
    view = time_view(context, household, actor)
    minutes = view.today(profile).minutes
    return first_end_of(view.policy(profile.id), household, found, minutes, view.now)
