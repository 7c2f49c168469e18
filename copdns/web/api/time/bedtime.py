"""Tonight's bedtime of a person, which can begin earlier or later in this one night."""

from __future__ import annotations

from functools import partial

from copdns.accounts.roles import Permission
from copdns.as_json.times import bedtime_json
from copdns.household.time_edits import move_bedtime
from copdns.model.household import Household
from copdns.time.bedtime import tonights_bedtime
from copdns.time.moments import moment_text
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment, When, parse_moment


class TonightsBedtime(Given):
    """usual: when the schedules say; start: when it begins tonight.  All are null where nothing
    turns everything off over the coming night."""

    usual: Moment | None
    start: Moment | None
    end: Moment | None


class BedtimeWanted(Sent):
    """start: when tonight's begins; tomorrow it is as usual."""

    start: When


async def bedtime(call: Call) -> object:
    """Return tonight's bedtime."""
    return _bedtime_json(call, call.household)


async def move(call: Call) -> object:
    """Let tonight's bedtime begin earlier or later."""
    wanted: BedtimeWanted = call.body
    at = parse_moment(wanted.start)
    edit = partial(
        move_bedtime, profile_id=call.person.id, at=at, now=call.now, author=call.actor.name
    )
    when = moment_text(at, call.household.local_to(call.person).timezone, call.now)
    after = await call.change(f"tonight's bedtime of {call.person.id} at {when}", edit)
    return _bedtime_json(call, after)


async def put_back(call: Call) -> object:
    """Let tonight's bedtime begin as usual; one that was not moved stays as it is."""
    tonight = tonights_bedtime(call.household, call.person, call.now)
    if tonight is not None and tonight.is_moved:
        edit = partial(move_bedtime, profile_id=call.person.id, at=tonight.usual, now=call.now)
        await call.change(f"tonight's bedtime of {call.person.id} as usual", edit)
    return None


def _bedtime_json(call: Call, household: Household) -> object:
    return bedtime_json(tonights_bedtime(household, call.person, call.now))


OPERATIONS = (
    Operation(
        "GET",
        "/profiles/{profile}/bedtime",
        Permission.SEE_PROFILES,
        "When tonight's bedtime is",
        bedtime,
        TonightsBedtime,
    ),
    Operation(
        "PUT",
        "/profiles/{profile}/bedtime",
        Permission.GIVE_TIME,
        "Let tonight's bedtime begin earlier or later, this night only",
        move,
        TonightsBedtime,
        body=BedtimeWanted,
    ),
    Operation(
        "DELETE",
        "/profiles/{profile}/bedtime",
        Permission.GIVE_TIME,
        "Let tonight's bedtime begin as usual",
        put_back,
        status=204,
    ),
)
