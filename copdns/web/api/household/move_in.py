"""Moving in from another filter: what a file becomes here, and storing that."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from copdns.accounts.roles import Permission, may
from copdns.as_json.moving_in import plan_json
from copdns.household.moving_in.draft import Result
from copdns.household.moving_in.plan import Plan, store_plan
from copdns.model.errors import HouseholdError
from copdns.model.household import Band
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.moving_in.plans import keep_lists, plan_for, slugs_of
from copdns.web.moving_in.previews import PREVIEWS
from copdns.web.moving_in.read_file import read_in_process
from copdns.web.problem import Refused

MAX_OCTETS = 2 << 20  # of a file
_MAX_LETTERS = (MAX_OCTETS + 2) // 3 * 4  # in base64
_MAX_BODY = _MAX_LETTERS + (64 << 10)  # octets


class PlannedPersonShown(Given):
    """is_new: they come with the file.  is_child: the file says so."""

    id: str
    name: str
    band: Band
    is_new: bool
    is_child: bool


class PlannedListShown(Given):
    """A list that is pasted.  people: ids of those for whom it blocks."""

    title: str
    text: str
    people: list[str]


class PlannedLineShown(Given):
    """A thing that the file says.  said: as what it comes over, or why not."""

    place: str
    text: str
    result: Result
    said: str


class PlanShown(Given):
    """counts: lines, by what happens.  settings: YAML that somebody has to add to the settings; ""
    for none.  revision: of the household for which it was made."""

    product: str
    counts: dict[Result, int]
    people: list[PlannedPersonShown]
    lists: list[PlannedListShown]
    settings: str
    lines: list[PlannedLineShown]
    revision: int


class MoveInFile(Sent):
    """file: its octets in base64.  name: of the file, for what is told.  ages: the age groups of
    new people, by the id that the plan gives them."""

    file: Annotated[str, Field(min_length=1, max_length=_MAX_LETTERS)]
    name: Annotated[str, Field(max_length=100)] = "file"
    ages: Annotated[dict[str, Band], Field(default_factory=dict, max_length=100)]


class PlanWanted(MoveInFile):
    """revision: of the household, as the plan has it that somebody read."""

    revision: int


async def plan(call: Call) -> object:
    """Return what a file would become here; nothing is stored."""
    return _with_revision(await _plan(call, call.body))


async def bring(call: Call) -> object:
    """Store what a file becomes here, as one change; raise HouseholdError where the household is
    another one than the plan was made for."""
    body: PlanWanted = call.body
    if not may(call.actor, Permission.EDIT_DEVICES):  # a file says whose devices are
        raise Refused(403, "Bringing over devices takes the permission to change them, too")
    if body.revision != call.household.revision:
        raise HouseholdError("something else was changed here meanwhile; look at the plan again")
    found = await _plan(call, body)
    if found.is_empty:
        raise HouseholdError("nothing from this file will be copied, so there is nothing to save")
    async with keep_lists(call.context, call.household, call.actor.name, found) as kept:
        edit = partial(store_plan, plan=found, slugs=slugs_of(kept))
        await call.change(found.history_line, edit)
    return _with_revision(found)


async def _plan(call: Call, sent: MoveInFile) -> Plan:
    try:
        octets = b64decode(sent.file, validate=True)
    except (binascii.Error, ValueError):
        raise HouseholdError("send the file in base64", name="file") from None
    name = sent.name if sent.name.isprintable() else ascii(sent.name)[1:-1]
    ages: Mapping[str, Any] = sent.ages
    async with call.request.app[PREVIEWS].one_by_one:
        found = await read_in_process(octets, name)
        return await plan_for(call.context, call.household, found, ages)


def _with_revision(found: Plan) -> dict[str, object]:
    return {**plan_json(found), "revision": found.before.revision}


_EDIT = Permission.EDIT_HOUSEHOLD
OPERATIONS = (
    Operation(
        "POST",
        "/move-in/plan",
        _EDIT,
        "Show what a file of another filter becomes here",
        plan,
        PlanShown,
        body=MoveInFile,
        most=_MAX_BODY,
    ),
    Operation(
        "POST",
        "/move-in",
        _EDIT,
        "Bring over a file of another filter",
        bring,
        PlanShown,
        body=PlanWanted,
        most=_MAX_BODY,
        step_up=True,
    ),
)
