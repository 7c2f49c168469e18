"""Schedules, daily limits (budgets), and extra minutes."""

from __future__ import annotations

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
from copdns.model.times import DAY_MINUTES, Budget, Extra, Schedule, parse_weeks
from copdns.model.violations import sentence_of
from copdns.time.days import budget_day, zone_of
from copdns.time.schedule import parse_slots
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.people.profiles import ProfileShown
from copdns.web.api.types import (
    WHOLE,
    About,
    Date,
    Id,
    Minutes,
    Moment,
    Scope,
    Text,
    parse_day,
    parse_subjects,
)
from copdns.web.more_time import Kind, give_more_time, require_more_time
from copdns.web.time_view import time_view

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
    weeks: str
    learning: bool


class ScheduleWanted(Sent):
    """slots: such as "school_night 21:00-07:00"; docs/time.md has all ways to write them.  weeks:
    even, odd, or the date from which every second week counts; "" is every week.  learning: what
    homework mode opens stays open."""

    scope: Scope = Field("", alias="for")
    slots: list[_Slot] = Field(min_length=1, max_length=50)
    about: _About = ()
    open: bool = False
    grace: _Grace = 0
    note: Text = ""
    weeks: Annotated[str, Field(max_length=10)] = ""
    learning: bool = False


class NewSchedule(ScheduleWanted):
    """A schedule to be added."""

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
    """A daily limit to be added."""

    id: Id


class BonusShown(Given):
    """More minutes of a limit, on one day."""

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
    """How many minutes more."""

    minutes: Annotated[int, Field(ge=1, le=240), WHOLE]


class MoreShown(Given):
    """kind: open: everything is, from start on; later: what closes next begins so much later than
    at start; minutes: budgets got them."""

    kind: Kind
    start: Moment | None
    budgets: list[str]


# --- schedules ------------------------------------------------------------------------------------


def _read_schedule(schedule_id: str, wanted: ScheduleWanted) -> Schedule:
    try:
        found = parse_slots(wanted.slots)
    except ValueError as error:
        raise HouseholdError(sentence_of(error)) from None
    about = parse_subjects(wanted.about)
    return Schedule(
        schedule_id,
        wanted.scope,
        found,
        about,
        wanted.open,
        wanted.grace,
        wanted.note,
        parse_field(parse_weeks, wanted.weeks),
        wanted.learning,
    )


async def schedules(call: Call) -> object:
    """Return all schedules, also those of tags and of everyone."""
    return [schedule_json(each) for each in call.household.schedules]


async def add_schedule(call: Call) -> object:
    """Add a schedule; raise HouseholdError where its id is taken."""
    return schedule_json(await _add(call, _read_schedule(call.body.id, call.body)))


async def set_schedule(call: Call) -> object:
    """Replace a schedule; what is not sent has its default."""
    found = call.find("schedule", call.household.schedules)
    return schedule_json(await _put(call, _read_schedule(found.id, call.body)))


async def remove_schedule(call: Call) -> None:
    """Remove a schedule; raise Refused (404)."""
    await _remove(call, Schedule, "schedule")


# --- budgets --------------------------------------------------------------------------------------


def _read_budget(budget_id: str, wanted: BudgetWanted) -> Budget:
    minutes = tuple((parse_field(day_word, word), count) for word, count in wanted.minutes.items())
    about = parse_subjects(wanted.about)
    return Budget(
        budget_id, wanted.scope, minutes, about, wanted.carry_over, wanted.grace, wanted.note
    )


async def budgets(call: Call) -> object:
    """Return all budgets, also those of tags and of everyone."""
    return [budget_json(each) for each in call.household.budgets]


async def add_budget(call: Call) -> object:
    """Add a budget; raise HouseholdError where its id is taken."""
    return budget_json(await _add(call, _read_budget(call.body.id, call.body)))


async def set_budget(call: Call) -> object:
    """Replace a budget; what is not sent has its default.  Used and given minutes stay."""
    found = call.find("budget", call.household.budgets)
    return budget_json(await _put(call, _read_budget(found.id, call.body)))


async def remove_budget(call: Call) -> None:
    """Remove a budget, and the minutes that were given for it."""
    await _remove(call, Budget, "budget")


# --- both -----------------------------------------------------------------------------------------


async def _add(call: Call, period: Period) -> Period:
    edit = partial(add_period, made=period, known=call.context.known_ids())
    await call.change(f"{_noun(period)} {period.id} added for {period.scope or 'everyone'}", edit)
    return period


async def _put(call: Call, period: Period) -> Period:
    """Store a schedule or budget instead of the one with its id."""
    values = {each.name: getattr(period, each.name) for each in fields(period) if each.name != "id"}
    edit = partial(
        set_period, kind=type(period), key=period.id, known=call.context.known_ids(), **values
    )
    await call.change(f"{_noun(period)} {period.id} changed", edit)
    return period


async def _remove(call: Call, kind: type[Period], noun: str) -> None:
    found = call.find(noun, periods(call.household, kind))
    edit = partial(remove_period, kind=kind, key=found.id)
    await call.change(f"{noun} {found.id} removed", edit)


def _noun(period: Schedule | Budget) -> str:
    return "schedule" if isinstance(period, Schedule) else "budget"


# --- given ----------------------------------------------------------------------------------------


async def bonus(call: Call) -> object:
    """Give minutes of a budget for one day; each call gives more."""
    wanted: BonusWanted = call.body
    household = call.household
    local = household.local_to(call.person)
    this_day = budget_day(call.now, zone_of(local.timezone), household.day_starts).day
    bonus_day = this_day if wanted.day is None else parse_day(wanted.day)
    edit = partial(
        add_bonus,
        profile_id=call.person.id,
        budget_id=wanted.budget,
        day=bonus_day,
        minutes=wanted.minutes,
        kind=wanted.kind,
        author=call.actor.name,
        at=call.now,
    )
    what = f"{wanted.kind} of {wanted.minutes} minutes of {wanted.budget} for {call.person.id}"
    after = await call.change(f"{what} on {bonus_day}", edit)
    return bonus_json(after.bonuses[-1])


async def more(call: Call) -> object:
    """Give more time: a grant, a later bedtime, or minutes of budgets, by what blocks
    (`web/more_time.py`).  Each call gives more."""
    wanted: MoreWanted = call.body
    household, person = call.household, call.person
    view = time_view(call.context, household, call.actor)
    policy, today = view.policy(person.id), view.today(person)
    found = require_more_time(household, person, policy, today, call.now)
    edit = partial(
        give_more_time,
        profile_id=person.id,
        more=found,
        minutes=wanted.minutes,
        known=call.context.known_ids(),
        author=call.actor.name,
        now=call.now,
    )
    await call.change(f"{wanted.minutes} more minutes for {person.id} ({found.kind})", edit)
    start = utc(found.start) if found.kind is not Kind.MINUTES else None
    return {"kind": found.kind, "start": start, "budgets": list(found.budgets)}


async def suggested(call: Call) -> object:
    """Take over the suggested times; they replace earlier ones from a suggestion, so twice is
    once."""
    band, known = call.person.band_at(call.now), call.context.known_ids()
    preset = known.presets[band]
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
