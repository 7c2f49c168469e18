"""When something is closed for somebody: add, change and remove schedules and budgets."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from aiohttp import web

from copdns.errors import HouseholdError
from copdns.household import suggest_times
from copdns.household_times import (
    add_budget,
    add_schedule,
    remove_budget,
    remove_schedule,
    set_budget,
    set_schedule,
)
from copdns.library import bundled_presets
from copdns.model import Household
from copdns.roles import Permission
from copdns.time_forms import budget_values, new_id, schedule_values
from copdns.times import Budget, Schedule
from copdns.timing import in_scope
from copdns.web.desk.theirs import Theirs, form_of, quietly, theirs

Value = TypeVar("Value", Schedule, Budget)


async def add_a_schedule(request: web.Request) -> web.Response:
    """Close something at times that come again."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    form = await form_of(request)
    values = schedule_values(form, them.profile)
    them.may_everyone(values["scope"])
    made = Schedule(new_id(form, them.profile, values["about"], "times"), **values)
    edit = partial(_once_schedule, made=made, them=them)
    await them.change(f"schedule {made.id} added for {made.scope or 'everyone'}", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


async def change_a_schedule(request: web.Request) -> web.Response:
    """Change what is written in a schedule."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    found = _schedule(them)
    values = schedule_values(await form_of(request), them.profile)
    them.may_everyone(found.scope)
    them.may_everyone(values["scope"])
    edit = partial(set_schedule, schedule_id=found.id, known=them.parts.known(), **values)
    await them.change(f"schedule {found.id} changed", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


async def remove_a_schedule(request: web.Request) -> web.Response:
    """Take a schedule away."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    key = request.match_info["schedule"]
    found = {each.id: each for each in in_scope(them.household.schedules, them.profile)}
    if key in found:
        them.may_everyone(found[key].scope)
        edit = quietly(partial(remove_schedule, schedule_id=key))
        await them.change(f"schedule {key} removed", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


async def suggest(request: web.Request) -> web.Response:
    """Take over the times that are suggested for a person's age."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    band = them.profile.band_at(them.now)
    preset = bundled_presets()[band]
    if not any(preset.times(them.profile.id)):
        raise HouseholdError("nothing is suggested for this age; write times of your own")
    edit = partial(
        suggest_times, profile_id=them.profile.id, known=them.parts.known(), preset=preset
    )
    await them.change(f"times suggested for {band} taken over for {them.profile.id}", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


async def add_a_budget(request: web.Request) -> web.Response:
    """Give something minutes a day."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    form = await form_of(request)
    values = budget_values(form, them.profile)
    them.may_everyone(values["scope"])
    made = Budget(new_id(form, them.profile, values["about"], "minutes"), **values)
    edit = partial(_once_budget, made=made, them=them)
    await them.change(f"budget {made.id} added for {made.scope or 'everyone'}", edit)
    raise web.HTTPSeeOther(f"{them.page}#budgets")


async def change_a_budget(request: web.Request) -> web.Response:
    """Change what is written in a budget; minutes that were used or given stay."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    found = budget_of(them)
    values = budget_values(await form_of(request), them.profile)
    them.may_everyone(found.scope)
    them.may_everyone(values["scope"])
    edit = partial(set_budget, budget_id=found.id, known=them.parts.known(), **values)
    await them.change(f"budget {found.id} changed", edit)
    raise web.HTTPSeeOther(f"{them.page}#budgets")


async def remove_a_budget(request: web.Request) -> web.Response:
    """Take a budget away, and the minutes that were given for it."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    key = request.match_info["budget"]
    found = {each.id: each for each in in_scope(them.household.budgets, them.profile)}
    if key in found:
        them.may_everyone(found[key].scope)
        edit = quietly(partial(remove_budget, budget_id=key))
        await them.change(f"budget {key} removed", edit)
    raise web.HTTPSeeOther(f"{them.page}#budgets")


def budget_of(them: Theirs) -> Budget:
    """Return the budget of the path; raise HTTPNotFound for none of this person."""
    return _of(them, in_scope(them.household.budgets, them.profile), "budget")


def _schedule(them: Theirs) -> Schedule:
    return _of(them, in_scope(them.household.schedules, them.profile), "schedule")


def _of(them: Theirs, there: tuple[Value, ...], part: str) -> Value:
    key = them.request.match_info[part]
    found = next((each for each in there if each.id == key), None)
    if found is None:
        raise web.HTTPNotFound(reason="This is not there any more")
    return found


def _once_schedule(household: Household, made: Schedule, them: Theirs) -> Household:
    """Add a schedule; the same form sent twice adds it once."""
    return (
        household
        if made in household.schedules
        else add_schedule(household, made, them.parts.known())
    )


def _once_budget(household: Household, made: Budget, them: Theirs) -> Household:
    return (
        household if made in household.budgets else add_budget(household, made, them.parts.known())
    )
