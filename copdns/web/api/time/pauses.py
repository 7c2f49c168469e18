"""Pause a person for a while; homework mode allows learning.  And timers of people's own."""

from __future__ import annotations

from functools import partial

from copdns.accounts.roles import Permission
from copdns.as_json.household import running_pause
from copdns.as_json.plain import utc
from copdns.as_json.times import pause_json, timer_json
from copdns.household.time_edits import pause as pausing
from copdns.household.time_edits import unpause as unpausing
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.privacy.own_numbers import timers_for_others
from copdns.time.own_timers import TimerKind, TimerTopic
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


class TimerShown(Given):
    """kind: `stop` is off from its end until `until`, `focus` until its end.  topic: what is."""

    profile: str
    kind: TimerKind
    topic: TimerTopic
    start: Moment
    end: Moment
    until: Moment


async def timers(call: Call) -> object:
    """Return the timers that people started for themselves, as far as their privacy lets others
    know."""
    home, running = call.household, call.context.own_timers.running(call.now)
    known = timers_for_others({home.id: home}, running, call.now)
    return [timer_json(person, each) for (_, person), each in sorted(known.items())]


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
    Operation(
        "GET",
        "/timers",
        Permission.SEE_PROFILES,
        "Timers that people started for themselves",
        timers,
        list[TimerShown],
    ),
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
