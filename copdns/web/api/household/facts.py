"""The facts: protected names, helplines, services and what else ships, and newer ones of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.facts import facts_json
from copdns.list_files.facts_updates import newest_made_at
from copdns.lists.facts import FactsChoice, HeldKind
from copdns.lists.versions import HoldReason
from copdns.model.errors import HouseholdError
from copdns.web.api.household.lists import AskedShown
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment
from copdns.web.list_versions import decide_facts


class HeldFactShown(Given):
    """A change that waits or was not made.  key: the name, helpline or file.

    was, becomes: in words; "" for nothing.  reasons to removed: of a whole file; added, removed:
    its first 50 entries.
    """

    id: str
    kind: HeldKind
    key: str
    was: str
    becomes: str
    reasons: list[HoldReason]
    names_before: int
    names: int
    added: list[str]
    removed: list[str]


class EarlierFactsShown(Given):
    """Facts that were in force until then.  digest: "" for those that ship."""

    digest: str
    number: int
    made_at: Moment
    until: Moment


class FactsShown(Given):
    """number, made_at: of the newest facts here.  digest: of these as they were signed, the same in
    every house; in_force: of those in force.  "": those that ship.

    version: of all changes that wait or were kept, for accept and keep; "" for none.
    """

    number: int
    made_at: Moment
    digest: str
    in_force: str
    rolled_back: bool
    tried_at: Moment | None
    checked_at: Moment | None
    error: str
    troubles: list[str]
    version: str
    waiting: list[HeldFactShown]
    kept: list[HeldFactShown]
    earlier: list[EarlierFactsShown]


class FactsDecided(Sent):
    """version: as it was shown."""

    version: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]


class FactsGoneBack(Sent):
    """digest: of earlier facts, or "shipped"; "": those before."""

    digest: Annotated[str, Field(pattern="^([0-9a-f]{0,64}|shipped)$")]


def _facts_json(call: Call) -> object:
    updates, is_shared = call.context.facts_updates, call.context.is_shared
    state = updates.state.for_readers() if is_shared else updates.state
    troubles = () if is_shared else updates.warnings
    return facts_json(state, updates.number, newest_made_at(updates.state), troubles)


async def facts(call: Call) -> object:
    """Return which facts are in force, and what waits for a guardian."""
    return _facts_json(call)


async def update(call: Call) -> object:
    """Request newer facts; a second request before they are fetched changes nothing."""
    if not call.context.settings().facts.url:
        raise HouseholdError("no address is set for newer facts; see the setting facts.url")
    call.context.facts_updates.request_fetch()
    return {"asked": True}


async def accept(call: Call) -> object:
    """Make the changes that wait or were kept; they hold within seconds."""
    return await _decide(call, FactsChoice.ACCEPT, call.body.version)


async def keep(call: Call) -> object:
    """Leave what the changes that wait are about as it is."""
    return await _decide(call, FactsChoice.KEEP, call.body.version)


async def rollback(call: Call) -> object:
    """Go back to earlier facts; newer ones wait then until somebody accepts them."""
    return await _decide(call, FactsChoice.ROLL_BACK, call.body.digest)


async def _decide(call: Call, choice: FactsChoice, version: str) -> object:
    await decide_facts(call.context, call.household.id, call.actor.name, choice, version)
    return _facts_json(call)


OPERATIONS = (
    Operation(
        "GET", "/facts", Permission.SEE_STATUS, "The facts that are in force", facts, FactsShown
    ),
    Operation(
        "POST",
        "/facts/update",
        Permission.EDIT_HOUSEHOLD,
        "Look for newer facts now",
        update,
        AskedShown,
        status=202,
    ),
    Operation(
        "POST",
        "/facts/accept",
        Permission.EDIT_HOUSEHOLD,
        "Make the changes of the facts that wait",
        accept,
        FactsShown,
        body=FactsDecided,
        step_up=True,
    ),
    Operation(
        "POST",
        "/facts/keep",
        Permission.EDIT_HOUSEHOLD,
        "Leave out the changes of the facts that wait",
        keep,
        FactsShown,
        body=FactsDecided,
    ),
    Operation(
        "POST",
        "/facts/rollback",
        Permission.EDIT_HOUSEHOLD,
        "Go back to earlier facts",
        rollback,
        FactsShown,
        body=FactsGoneBack,
        step_up=True,
    ),
)
