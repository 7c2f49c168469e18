"""Profiles: what applies to each person, what of it holds now, and changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import StrEnum
from functools import partial
from math import inf
from typing import Annotated, Any

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.household import profile_json, running_pause
from copdns.as_json.plain import utc
from copdns.household.ages import asks_guardians
from copdns.household.edit_checks import require_profile
from copdns.household.edits import add_profile, remove_profile, set_profile
from copdns.household.presets import rules_now
from copdns.household.safeguards import default_mode, request_full
from copdns.model.errors import HouseholdError
from copdns.model.household import (
    Band,
    BlockMode,
    Contact,
    Default,
    Household,
    PrivacyMode,
    Profile,
)
from copdns.model.reasons import text_of
from copdns.model.verdict import Reason
from copdns.policy.grant_ends import end_of_lift
from copdns.policy.today import build_today
from copdns.privacy.consent import Question, needs_consent
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.time.pauses import Pause
from copdns.web.api.types import WHOLE, About, Id, Moment, Text, parse_subjects


class BandChange(Given):
    """An age group that is announced.  at: when it begins."""

    band: Band
    at: Moment


class FullLog(Given):
    """From when until when names are recorded."""

    start: Moment
    end: Moment


class ProfileShown(Given):
    """A profile as stored, and what of it holds now.  Devices, rules and such by their ids."""

    id: str
    name: str
    band: Band
    band_now: Band
    band_change: BandChange | None
    tags: list[str]
    security: bool
    categories: list[str]
    services: list[str]
    contacts: list[Contact]
    contact_exceptions: list[str]
    safe_search: dict[str, str]
    no_safe_search: bool
    bypass: bool
    bypass_signs: bool
    canaries: list[str]
    default: Default
    block_mode: BlockMode
    privacy: PrivacyMode
    privacy_now: PrivacyMode
    full_log: FullLog | None
    max_ttl: int | None
    always: list[str]
    homework: list[str]
    timezone: str
    devices: list[str]
    rules: list[str]
    schedules: list[str]
    budgets: list[str]
    pause: Pause | None
    grants: list[str]


class Mode(StrEnum):
    """What holds for all names that nothing exempts."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"  # by a schedule or a budget


class State(Given):
    """For home automation: whether a person's time is open, and until when that holds.

    reason, period: what closes it; "" while it is open.  text: the same in a sentence.
    until: when that ends by itself; of `open` only where a pause or schedule comes back
    when extra time ends; null: unknown, or not by itself.  minutes_left: until then.
    homework: the pause leaves names for learning open.
    """

    profile: str
    name: str
    state: Mode
    reason: str
    period: str
    text: str
    until: Moment | None
    minutes_left: int | None
    homework: bool


async def profiles(call: Call) -> object:
    """Return all profiles, and what of them is in force now."""
    household = call.household
    return [profile_json(each, household, call.now) for each in household.profiles]


async def profile(call: Call) -> object:
    """Return the profile in the path, and what of it is in force now."""
    return profile_json(call.person, call.household, call.now)


async def state(call: Call) -> object:
    """Return the state that the child's page shows.  Limits are left out: `usage` has what was
    used."""
    context, household, person = call.context, call.household, call.person
    policy = call.policy_of(call.snapshot(), person.id)
    closed = build_today(household, person, policy, context.policy_inputs(), call.now).closed
    pause = running_pause(household, person.id, call.now)
    until = end_of_lift(policy, call.now) if closed is None else closed.valid_until
    ends = until if until is not None and until < inf else None
    mode = Mode.OPEN
    if closed is not None:
        mode = Mode.PAUSED if closed.reason is Reason.PAUSED else Mode.CLOSED
    return {
        "profile": person.id,
        "name": person.name,
        "state": mode,
        "reason": closed.reason if closed is not None else "",
        "period": closed.period if closed is not None else "",
        "text": text_of(closed) if closed is not None else "",
        "until": utc(ends),
        "minutes_left": None if ends is None else max(0, int(ends - call.now + 59) // 60),
        "homework": mode is Mode.PAUSED and pause is not None and pause.homework,
    }


# --- changes --------------------------------------------------------------------------------------


class ProfileSet(Sent):
    """What is to be different; what is left out stays.  A list takes the place of the old one.

    band: a lower one from 13 on is announced for a day.  preset: begin anew with what is fair for
    an age; of one that is announced it is proposed for when the age holds.  times: and take its
    bedtime and budgets over.
    """

    name: Text | None = None
    band: Band | None = None
    preset: Band | None = None
    times: bool = False
    tags: list[Id] | None = Field(None, max_length=50)
    security: bool | None = None
    categories: list[Id] | None = Field(None, max_length=200)
    services: list[Id] | None = Field(None, max_length=500)
    contacts: list[Contact] | None = Field(None, max_length=3)
    contact_exceptions: list[Id] | None = Field(None, max_length=500)
    safe_search: dict[str, Id] | None = Field(None, max_length=50)
    no_safe_search: bool | None = None
    bypass: bool | None = None
    bypass_signs: bool | None = None
    canaries: list[Id] | None = Field(None, max_length=50)
    default: Default | None = None
    block_mode: BlockMode | None = None
    privacy: PrivacyMode | None = None
    max_ttl: Annotated[int, Field(ge=1, le=86_400), WHOLE] | None = None
    always: list[About] | None = Field(None, max_length=100)
    homework: list[About] | None = Field(None, max_length=100)
    timezone: Text | None = None


class ProfileWanted(ProfileSet):
    """A new person, or a group of devices.  One of preset and band is needed."""

    id: Id


_SETS = ("tags", "categories", "services", "contacts", "contact_exceptions", "canaries")
_SUBJECTS = ("always", "homework")


def _profile_values(wanted: ProfileSet) -> dict[str, Any]:
    """Return the fields of a Profile that were sent; raise HouseholdError."""
    sent = wanted.model_dump(exclude={"id", "preset", "times"}, exclude_unset=True)
    values = {key: value for key, value in sent.items() if value is not None or key == "max_ttl"}
    values |= {key: frozenset(values[key]) for key in _SETS if key in values}
    values |= {key: parse_subjects(values[key]) for key in _SUBJECTS if key in values}
    if "safe_search" in values:
        values["safe_search"] = tuple(sorted(values["safe_search"].items()))
    if "band" in values or wanted.preset is not None:
        values["band_change"] = None  # setting an age cancels an announced one
    if "privacy" in values:
        values["full_log"] = None  # any other mode ends a full log
    if wanted.times and wanted.preset is None:
        raise HouseholdError("times belongs to preset; without one nothing is suggested")
    return values


async def add(call: Call) -> object:
    """Add a profile, with either preset or band; other fields override the preset."""
    wanted: ProfileWanted = call.body
    values = _profile_values(wanted)
    band = wanted.preset or wanted.band
    if band is None or (wanted.preset and wanted.band):
        raise HouseholdError("give preset for a start that fits the age, or band for none")
    known = call.context.known_ids()
    person = Profile(wanted.id, wanted.name or wanted.id, band, privacy=default_mode(band))

    def edit(household: Household) -> Household:
        preset = known.presets[band] if wanted.preset else None
        added = add_profile(household, person, known, preset, times=wanted.times)
        return set_profile(added, wanted.id, known, **values)

    after = await call.change(f"person added: {wanted.id}", edit)
    return profile_json(require_profile(after, wanted.id), after, call.now)


async def change(call: Call) -> object:
    """Set what is sent, and leave the rest; raise HouseholdError.

    With another age group a proposal of its usual rules is made, or one is dropped.
    """
    wanted: ProfileSet = call.body
    values, known = _profile_values(wanted), call.context.known_ids()
    if not values and wanted.preset is None:
        raise HouseholdError("nothing to set: send at least one key")
    preset = known.presets[wanted.preset] if wanted.preset else None
    if preset is not None:
        values.setdefault("band", preset.band)
    preset = rules_now(call.person, preset, call.now)
    edit = partial(
        set_profile,
        profile_id=call.person.id,
        known=known,
        preset=preset,
        times=wanted.times and preset is not None,
        anew=True,
        **values,
    )
    keys = ", ".join(sorted(wanted.model_fields_set))
    after = await call.change(f"profile {call.person.id} set: {keys}", edit)
    if "band" in values:
        band, rules = values["band"], wanted.preset is not None
        await call.context.proposals.propose_or_drop(
            call.actor, call.person, band, call.now, rules=rules
        )
    return profile_json(require_profile(after, call.person.id), after, call.now)


async def remove(call: Call) -> object:
    """Remove a profile without devices, with all that is recorded of it."""
    edit = partial(remove_profile, profile_id=call.person.id)
    await call.change(f"profile {call.person.id} removed", edit)
    log, whose = call.context.log, (call.household.id, call.person.id)
    await asyncio.to_thread(log.erase, *whose, float(call.now))
    return None


class AgeShown(Given):
    """confirmed: when a guardian last chose or confirmed the age group.  said: when the person
    said since then that it is right.  asks: guardians are asked whether it still is."""

    band: Band
    confirmed: Moment | None
    said: Moment | None
    asks: bool


async def age(call: Call) -> object:
    """Return when it was last said that the age group is right."""
    person = call.person
    found = (await call.context.ages.all(call.household.id)).get(person.id)
    return {
        "band": person.band_at(call.now),
        "confirmed": utc(found.at) if found else None,
        "said": utc(found.said) if found else None,
        "asks": asks_guardians(person, found, call.now),
    }


async def confirm_age(call: Call) -> object:
    """Note that the age group is still right; nothing else changes."""
    await call.context.ages.confirm(call.household.id, call.person.id, call.actor.name, call.now)
    return await age(call)


class FullLogWanted(Sent):
    """For how many days names are to be recorded."""

    days: Annotated[int, Field(ge=1, le=7), WHOLE]


async def ask_full_log(call: Call) -> object:
    """Begin a full log, by the rules of docs/privacy.md.  No token can: it is a person's decision.

    From 16 on this only asks: the person answers on their own device, and there is no full log
    without their consent.
    """
    wanted: FullLogWanted = call.body
    if needs_consent(call.person, call.now):
        home, author = call.household, call.actor.name
        question = Question(home.id, call.person.id, wanted.days, author, call.now)
        await call.context.consents.ask(question)
        return profile_json(call.person, home, call.now)
    history = await call.context.store.full_logs(call.household.id, call.person.id)

    def edit(household: Household) -> Household:
        person = require_profile(household, call.person.id)
        full = request_full(person, history, call.now, wanted.days)
        changed = replace(person, full_log=full)
        return replace(
            household,
            profiles=tuple(changed if each is person else each for each in household.profiles),
        )

    what = f"profile {call.person.id} set: full-log of {wanted.days} days"
    after = await call.change(what, edit)
    return profile_json(require_profile(after, call.person.id), after, call.now)


async def end_full_log(call: Call) -> object:
    """End a full log, or withdraw the question; where there is none this changes nothing."""
    await call.context.consents.drop(call.household.id, call.person.id)
    edit = partial(
        set_profile, profile_id=call.person.id, known=call.context.known_ids(), full_log=None
    )
    await call.change(f"profile {call.person.id} set: full-log ended", edit)
    return None


_ONE = "/profiles/{profile}"
OPERATIONS = (
    Operation(
        "GET", "/profiles", Permission.SEE_PROFILES, "All people", profiles, list[ProfileShown]
    ),
    Operation(
        "POST",
        "/profiles",
        Permission.EDIT_PROFILES,
        "Add a person, or a group of devices",
        add,
        ProfileShown,
        body=ProfileWanted,
        status=201,
    ),
    Operation("GET", _ONE, Permission.SEE_PROFILES, "What applies to one", profile, ProfileShown),
    Operation(
        "PATCH",
        _ONE,
        Permission.EDIT_PROFILES,
        "Change what applies to one",
        change,
        ProfileShown,
        body=ProfileSet,
    ),
    Operation(
        "DELETE",
        _ONE,
        Permission.ERASE,  # what is recorded of them goes with them
        "Remove a person",
        remove,
        status=204,
        step_up=True,
    ),
    Operation(
        "GET",
        f"{_ONE}/state",
        Permission.SEE_PROFILES,
        "Whether a person's time is open, and until when",
        state,
        State,
    ),
    Operation(
        "GET",
        f"{_ONE}/age",
        Permission.SEE_PROFILES,
        "When the age group was last confirmed",
        age,
        AgeShown,
    ),
    Operation(
        "POST",
        f"{_ONE}/age/confirm",
        Permission.EDIT_PROFILES,
        "Say that the age group is still right",
        confirm_age,
        AgeShown,
    ),
    Operation(
        "POST",
        f"{_ONE}/full-log",
        Permission.ASK_FULL_LOG,
        "Ask for a full log, for some days",
        ask_full_log,
        ProfileShown,
        body=FullLogWanted,
        step_up=True,
    ),
    Operation(
        "DELETE",
        f"{_ONE}/full-log",
        Permission.EDIT_PROFILES,
        "End a full log",
        end_full_log,
        status=204,
    ),
)
