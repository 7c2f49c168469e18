"""When something is closed, and for how long it may be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.household import profile_json
from copdns.as_json.plain import utc
from copdns.as_json.times import bonus_json, budget_json, schedule_json
from copdns.household.edit_checks import parse_field, require_profile
from copdns.household.edits import suggest_times
from copdns.household.time_edits import (
    Period,
    add_bonus,
    add_period,
    periods,
    remove_period,
    set_period,
)
from copdns.household.time_shape import day_word
from copdns.model.errors import HouseholdError
from copdns.model.times import DAY_MINUTES, Budget, Extra, Schedule, Subject, parse_subject
from copdns.model.violations import sentence_of
from copdns.policy.today import build_today
from copdns.time.days import budget_day, zone_of
from copdns.time.schedule import parse_slots
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.people.profiles import ProfileShown
from copdns.web.api.people.standing import policy_of
from copdns.web.api.types import WHOLE, About, Date, Id, Minutes, Moment, Scope, Text, day
from copdns.web.more_time import Kind, give, more_time

_Grace = Annotated[int, Field(ge=0, le=60, description="Minutes."), WHOLE]
_Slot = Annotated[str, Field(min_length=1, max_length=200)]
_About = Annotated[tuple[About, ...], Field(max_length=100)]


class ScheduleShown(Given):
    """slots: days and times.  about: [] is every name.  open: the slots are when it is open."""

    id: str
    scope: str = Field(alias="for")
    slots: list[str]
    about: list[str]
    open: bool
    grace: int
    note: str


class ScheduleWanted(Sent):
    """slots: such as "school_night 21:00-07:00"; docs/time.md has all ways to write them."""

    scope: Scope = Field("", alias="for")
    slots: list[_Slot] = Field(min_length=1, max_length=50)
    about: _About = ()
    open: bool = False
    grace: _Grace = 0
    note: Text = ""


class NewSchedule(ScheduleWanted):
    id: Id


class BudgetShown(Given):
    """minutes: by words for days, of which the first that fits counts."""

    id: str
    scope: str = Field(alias="for")
    minutes: dict[str, int]
    about: list[str]
    carry_over: bool
    grace: int
    note: str


class BudgetWanted(Sent):
    """minutes: by words for days: daily, school, weekend, holiday, mon ... sun."""

    scope: Scope = Field("", alias="for")
    minutes: dict[str, Annotated[int, Field(ge=0, le=DAY_MINUTES), WHOLE]] = Field(
        min_length=1, max_length=20
    )
    about: _About = ()
    carry_over: bool = False
    grace: _Grace = 0
    note: Text = ""


class NewBudget(BudgetWanted):
    id: Id


class BonusShown(Given):
    id: str
    profile: str
    budget: str
    day: str
    minutes: int
    kind: Extra
    author: str
    at: str


class BonusWanted(Sent):
    """day: as budgets count; today where nothing is said.  kind: a credit gives minutes back that
    were counted though nobody used them."""

    budget: Id
    minutes: Minutes
    kind: Extra = Extra.BONUS
    day: Date | None = None


class MoreWanted(Sent):
    minutes: Annotated[int, Field(ge=1, le=240), WHOLE]


class MoreShown(Given):
    """kind: open: everything is, from start on; later: what closes next begins so much later than
    at start; minutes: budgets got them."""

    kind: Kind
    start: Moment | None
    budgets: list[str]


def _subjects(texts: Iterable[str]) -> tuple[Subject, ...]:
    return tuple(dict.fromkeys(parse_field(parse_subject, each) for each in texts))


# --- schedules ------------------------------------------------------------------------------------


def _schedule(schedule_id: str, wanted: ScheduleWanted) -> Schedule:
    try:
        found = parse_slots(wanted.slots)
    except ValueError as error:
        raise HouseholdError(sentence_of(error)) from None
    about = _subjects(wanted.about)
    return Schedule(schedule_id, wanted.scope, found, about, wanted.open, wanted.grace, wanted.note)


async def schedules(call: Call) -> object:
    return [schedule_json(each) for each in call.household.schedules]


async def add_schedule(call: Call) -> object:
    return schedule_json(await _added(call, _schedule(call.body.id, call.body)))


async def set_schedule(call: Call) -> object:
    """What is not sent is as where nothing is said."""
    found = call.one("schedule", call.household.schedules)
    return schedule_json(await _put(call, _schedule(found.id, call.body)))


async def remove_schedule(call: Call) -> None:
    await _removed(call, Schedule, "schedule")


# --- budgets --------------------------------------------------------------------------------------


def _budget(budget_id: str, wanted: BudgetWanted) -> Budget:
    minutes = tuple((parse_field(day_word, word), count) for word, count in wanted.minutes.items())
    about = _subjects(wanted.about)
    return Budget(
        budget_id, wanted.scope, minutes, about, wanted.carry_over, wanted.grace, wanted.note
    )


async def budgets(call: Call) -> object:
    return [budget_json(each) for each in call.household.budgets]


async def add_budget(call: Call) -> object:
    return budget_json(await _added(call, _budget(call.body.id, call.body)))


async def set_budget(call: Call) -> object:
    """What was used or given stays.  What is not sent is as where nothing is said."""
    found = call.one("budget", call.household.budgets)
    return budget_json(await _put(call, _budget(found.id, call.body)))


async def remove_budget(call: Call) -> None:
    """Minutes that were given for it go with it."""
    await _removed(call, Budget, "budget")


# --- both -----------------------------------------------------------------------------------------


async def _added(call: Call, made: Period) -> Period:
    edit = partial(add_period, made=made, known=call.parts.known())
    await call.change(f"{_noun(made)} {made.id} added", edit)
    return made


async def _put(call: Call, made: Period) -> Period:
    """Put another one in the place of what has this id."""
    values = {each.name: getattr(made, each.name) for each in fields(made) if each.name != "id"}
    edit = partial(set_period, kind=type(made), key=made.id, known=call.parts.known(), **values)
    await call.change(f"{_noun(made)} {made.id} set", edit)
    return made


async def _removed(call: Call, kind: type[Period], noun: str) -> None:
    found = call.one(noun, periods(call.household, kind))
    edit = partial(remove_period, kind=kind, key=found.id)
    await call.change(f"{noun} {found.id} removed", edit)


def _noun(made: Schedule | Budget) -> str:
    return "schedule" if isinstance(made, Schedule) else "budget"


# --- given ----------------------------------------------------------------------------------------


async def bonus(call: Call) -> object:
    """Each call gives once more; what was given stays for that day."""
    wanted: BonusWanted = call.body
    household = call.household
    this_day = budget_day(call.now, zone_of(household.timezone), household.day_starts).day
    meant = this_day if wanted.day is None else day(wanted.day)
    edit = partial(
        add_bonus,
        profile_id=call.person.id,
        budget_id=wanted.budget,
        day=meant,
        minutes=wanted.minutes,
        kind=wanted.kind,
        author=call.actor.name,
        at=call.now,
    )
    what = f"{wanted.kind} of {wanted.minutes} minutes of {wanted.budget} for {call.person.id}"
    after = await call.change(f"{what} on {meant}", edit)
    return bonus_json(after.bonuses[-1])


async def more(call: Call) -> object:
    """What "15 more minutes" are depends on what closes: an opening, a later bedtime, or minutes of
    budgets.  Each call gives some more."""
    wanted: MoreWanted = call.body
    household, person = call.household, call.person
    live, readings = call.parts.live(), call.parts.readings()
    policy = policy_of(live, household.id, person.id)
    seen = build_today(household, person, policy, readings, call.now)
    found = more_time(household, person, policy, seen, call.now)
    if found is None:
        raise HouseholdError("nothing is closed by time, today or soon: there is nothing to add to")
    edit = partial(
        give,
        profile_id=person.id,
        more=found,
        minutes=wanted.minutes,
        known=call.parts.known(),
        author=call.actor.name,
        now=call.now,
    )
    await call.change(f"{wanted.minutes} more minutes for {person.id} ({found.kind})", edit)
    start = utc(found.start) if found.kind is not Kind.MINUTES else None
    return {"kind": found.kind, "start": start, "budgets": list(found.budgets)}


async def suggested(call: Call) -> object:
    """They take the place of those that came from a suggestion, so twice is once."""
    band, known = call.person.band_at(call.now), call.parts.known()
    preset = known.presets[band]
    if not any(preset.times(call.person.id)):
        raise HouseholdError("nothing is suggested for this age; write times of your own")
    edit = partial(suggest_times, profile_id=call.person.id, known=known, preset=preset)
    what = f"times suggested for {band} applied for {call.person.id}"
    after = await call.change(what, edit)
    return profile_json(require_profile(after, call.person.id), after, call.now)


_EDIT, _SEE = Permission.EDIT_PROFILES, Permission.SEE_PROFILES
OPERATIONS = (
    Operation("GET", "/schedules", _SEE, "All schedules", schedules, list[ScheduleShown]),
    Operation(
        "POST",
        "/schedules",
        _EDIT,
        "Add a schedule",
        add_schedule,
        ScheduleShown,
        body=NewSchedule,
        status=201,
    ),
    Operation(
        "PUT",
        "/schedules/{schedule}",
        _EDIT,
        "Put another one in the place of a schedule",
        set_schedule,
        ScheduleShown,
        body=ScheduleWanted,
    ),
    Operation(
        "DELETE",
        "/schedules/{schedule}",
        _EDIT,
        "Remove a schedule",
        remove_schedule,
        status=204,
    ),
    Operation("GET", "/budgets", _SEE, "All budgets", budgets, list[BudgetShown]),
    Operation(
        "POST",
        "/budgets",
        _EDIT,
        "Add a budget",
        add_budget,
        BudgetShown,
        body=NewBudget,
        status=201,
    ),
    Operation(
        "PUT",
        "/budgets/{budget}",
        _EDIT,
        "Put another one in the place of a budget",
        set_budget,
        BudgetShown,
        body=BudgetWanted,
    ),
    Operation("DELETE", "/budgets/{budget}", _EDIT, "Remove a budget", remove_budget, status=204),
    Operation(
        "POST",
        "/profiles/{profile}/bonuses",
        Permission.GIVE_TIME,
        "Give more minutes of a budget for one day",
        bonus,
        BonusShown,
        body=BonusWanted,
        status=201,
    ),
    Operation(
        "POST",
        "/profiles/{profile}/more-time",
        Permission.GIVE_TIME,
        "Give some more minutes, whatever it is that closes",
        more,
        MoreShown,
        body=MoreWanted,
        status=201,
    ),
    Operation(
        "POST",
        "/profiles/{profile}/suggested-times",
        _EDIT,
        "Take over the times that are suggested for a person's age",
        suggested,
        ProfileShown,
    ),
)
