"""Pause a person for a while; homework mode allows learning."""

from __future__ import annotations

from functools import partial

from copdns.accounts.roles import Permission
from copdns.as_json.household import running_pause
from copdns.as_json.plain import utc
from copdns.as_json.times import pause_json
from copdns.household.time_edits import pause as pausing
from copdns.household.time_edits import unpause as unpausing
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Long, Moment, When, parse_end


class Pause(Given):
    """end: null until somebody ends it.  homework: names for learning stay open."""

    profile: str
    start: Moment
    end: Moment | None
    homework: bool
    author: str


class PauseWanted(Sent):
    """From now on, for some minutes or until a moment; without both until somebody ends it."""

    minutes: Long | None = None
    until: When | None = None
    homework: bool = False


async def pauses(call: Call) -> object:
    """Return the pauses that are not over, one of a profile at the most."""
    people = call.household.profiles
    found = (running_pause(call.household, each.id, call.now) for each in people)
    return [pause_json(each) for each in found if each is not None]


async def pause(call: Call) -> object:
    """Pause a person; this replaces an earlier pause."""
    wanted: PauseWanted = call.body
    end = parse_end(wanted.minutes, wanted.until, call.now)
    mode = " for homework" if wanted.homework else ""
    end_text = "until somebody ends it" if end is None else f"until {utc(end)}"
    edit = partial(
        pausing,
        profile_id=call.person.id,
        start=call.now,
        end=end,
        homework=wanted.homework,
        author=call.actor.name,
    )
    after = await call.change(f"{call.person.id} paused{mode} {end_text}", edit)
    running = running_pause(after, call.person.id, call.now)
    assert running is not None
    return pause_json(running)


async def unpause(call: Call) -> object:
    """End a pause; without one this changes nothing."""

    def edit(household: Household) -> Household:
        try:
            return unpausing(household, call.person.id, call.now)
        except HouseholdError:  # no pause runs
            return household

    await call.change(f"pause of {call.person.id} ended", edit)
    return None


OPERATIONS = (
    Operation("GET", "/pauses", Permission.SEE_PROFILES, "Who is paused", pauses, list[Pause]),
    Operation(
        "PUT",
        "/profiles/{profile}/pause",
        Permission.GIVE_TIME,
        "Stop everything for a person, for a while",
        pause,
        Pause,
        body=PauseWanted,
    ),
    Operation(
        "DELETE",
        "/profiles/{profile}/pause",
        Permission.GIVE_TIME,
        "End the pause of a person",
        unpause,
        status=204,
    ),
)
