"""Proposed presets of another age, which a guardian accepts."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.accounts.account import DAY
from copdns.accounts.roles import Permission
from copdns.as_json.household import profile_json
from copdns.as_json.plain import utc
from copdns.household.edit_checks import require_profile
from copdns.household.edits import set_profile
from copdns.household.presets import rules_now
from copdns.model.errors import HouseholdError
from copdns.model.household import Band
from copdns.store.household_db.proposals import Proposal
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.people.profiles import ProfileShown
from copdns.web.api.types import WHOLE, Moment
from copdns.web.problem import Refused


class ProposalShown(Given):
    """since: from when on it should hold; nothing switches by itself."""

    profile: str
    band: Band
    since: Moment
    author: str
    at: Moment


class ProposalWanted(Sent):
    """days: until it should hold."""

    band: Band
    days: Annotated[int, Field(ge=1, le=366), WHOLE] = 30


class Accepted(Sent):
    """times: the schedules and budgets that are suggested for the age, too."""

    times: bool = False


async def proposals(call: Call) -> object:
    """Return for whom the usual rules of another age are proposed, and from when."""
    return [_proposal_json(each) for each in await call.context.proposals.all(call.household.id)]


def _proposal_json(each: Proposal) -> dict[str, object]:
    return {
        "profile": each.profile,
        "band": each.band,
        "since": utc(each.since),
        "author": each.author,
        "at": utc(each.at),
    }


async def propose(call: Call) -> object:
    """Propose the preset of another age, instead of an earlier proposal.  Both sides can read it
    till then."""
    wanted: ProposalWanted = call.body
    since = call.now + wanted.days * DAY
    proposal = Proposal(
        call.household.id, call.person.id, wanted.band, since, call.actor.name, call.now
    )
    await call.context.proposals.propose(proposal)
    return _proposal_json(proposal)


async def accept(call: Call) -> object:
    """Accept the proposal.  A lower age band from 13 on is announced first, and its rules are
    proposed for the day it holds."""
    wanted: Accepted = call.body
    found = await _require_proposal(call)
    known, person = call.context.known_ids(), call.person
    preset = rules_now(person, known.presets[found.band], call.now)
    if wanted.times and preset is None:
        raise HouseholdError("times come with the rules, and this age is announced first")
    edit = partial(
        set_profile,
        profile_id=person.id,
        known=known,
        preset=preset,
        times=wanted.times,
        band=found.band,
        band_change=None,
    )
    what = f"profile {person.id} set: {'preset' if preset else 'band'} {found.band}"
    after = await call.change(what, edit)
    await call.context.proposals.propose_or_drop(
        call.actor, person, found.band, call.now, rules=True
    )
    return profile_json(require_profile(after, person.id), after, call.now)


async def decline(call: Call) -> None:
    """Drop the proposal for a person, whose rules stay; raise Refused (404) where there is none."""
    await _require_proposal(call)
    await call.context.proposals.drop(call.household.id, call.person.id)


async def _require_proposal(call: Call) -> Proposal:
    found = await call.context.proposals.of(call.household.id, call.person.id)
    if found is None:
        raise Refused(404, "Nothing is proposed for this person")
    return found


_ONE, _EDIT = "/profiles/{profile}/proposal", Permission.EDIT_PROFILES
OPERATIONS = (
    Operation(
        "GET",
        "/proposals",
        Permission.SEE_PROFILES,
        "Rules of another age that are proposed",
        proposals,
        list[ProposalShown],
    ),
    Operation(
        "PUT",
        _ONE,
        _EDIT,
        "Propose the rules of another age",
        propose,
        ProposalShown,
        body=ProposalWanted,
    ),
    Operation(
        "POST",
        f"{_ONE}/accept",
        _EDIT,
        "Take over what is proposed",
        accept,
        ProfileShown,
        body=Accepted,
    ),
    Operation("DELETE", _ONE, _EDIT, "Take a proposal back", decline, status=204),
)
