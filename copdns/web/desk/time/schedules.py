"""When something is closed for somebody: add, change and remove schedules and budgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.edits import suggest_times
from copdns.household.time_edits import Period, add_period, periods, remove_period, set_period
from copdns.list_files.load import bundled_presets
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.times import Budget, Schedule
from copdns.time.plan import in_scope
from copdns.web.desk.time.forms import Form, budget_values, new_id, schedule_values
from copdns.web.desk.time.page import Theirs, form_of, quietly, theirs


class _Kind(NamedTuple, Generic[Period]):
    """noun: in paths, and in the list of changes.  usual: of ids, for what has no better name.
    values: what a form says, as fields."""

    of: type[Period]
    noun: str
    usual: str
    values: Callable[[Form, Profile], dict[str, Any]]


_SCHEDULE = _Kind(Schedule, "schedule", "times", schedule_values)
_BUDGET = _Kind(Budget, "budget", "minutes", budget_values)


async def add_a_schedule(request: web.Request) -> web.Response:
    """Close something at times that come again."""
    await _add(await theirs(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def change_a_schedule(request: web.Request) -> web.Response:
    """Change what is written in a schedule."""
    await _change(await theirs(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def remove_a_schedule(request: web.Request) -> web.Response:
    """Take a schedule away."""
    await _remove(await theirs(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def suggest(request: web.Request) -> web.Response:
    """Take over the times that are suggested for a person's age."""
    them = await theirs(request, Permission.EDIT_PROFILES)
    band = them.profile.band_at(them.now)
    preset = bundled_presets()[band]
    if not any(preset.times(them.profile.id)):
        raise HouseholdError("nothing is suggested for this age group; add times of your own")
    edit = partial(
        suggest_times, profile_id=them.profile.id, known=them.parts.known(), preset=preset
    )
    await them.change(f"times suggested for {band} applied for {them.profile.id}", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


async def add_a_budget(request: web.Request) -> web.Response:
    """Give something minutes a day."""
    await _add(await theirs(request, Permission.EDIT_PROFILES), _BUDGET)


async def change_a_budget(request: web.Request) -> web.Response:
    """Change what is written in a budget; minutes that were used or given stay."""
    await _change(await theirs(request, Permission.EDIT_PROFILES), _BUDGET)


async def remove_a_budget(request: web.Request) -> web.Response:
    """Take a budget away, and the minutes that were given for it."""
    await _remove(await theirs(request, Permission.EDIT_PROFILES), _BUDGET)


def budget_of(them: Theirs) -> Budget:
    """Return the budget of the path; raise HTTPNotFound for none of this person."""
    return _the(them, _BUDGET)


async def _add(them: Theirs, kind: _Kind[Period]) -> NoReturn:
    """The same form sent twice adds it once."""
    form = await form_of(them.request)
    values = kind.values(form, them.profile)
    them.may_everyone(values["scope"])
    made = kind.of(id=new_id(form, them.profile, values["about"], kind.usual), **values)

    def edit(household: Household) -> Household:
        there = made in periods(household, kind.of)
        return household if there else add_period(household, made, them.parts.known())

    await them.change(f"{kind.noun} {made.id} added for {made.scope or 'everyone'}", edit)
    _back(them, kind)


async def _change(them: Theirs, kind: _Kind[Period]) -> NoReturn:
    found = _the(them, kind)
    values = kind.values(await form_of(them.request), them.profile)
    them.may_everyone(found.scope)
    them.may_everyone(values["scope"])
    edit = partial(set_period, kind=kind.of, key=found.id, known=them.parts.known(), **values)
    await them.change(f"{kind.noun} {found.id} changed", edit)
    _back(them, kind)


async def _remove(them: Theirs, kind: _Kind[Period]) -> NoReturn:
    """One that is gone is gone."""
    if (found := _named(them, kind)) is not None:
        them.may_everyone(found.scope)
        edit = quietly(partial(remove_period, kind=kind.of, key=found.id))
        await them.change(f"{kind.noun} {found.id} removed", edit)
    _back(them, kind)


def _back(them: Theirs, kind: _Kind[Period]) -> NoReturn:
    raise web.HTTPSeeOther(f"{them.page}#{kind.noun}s")


def _the(them: Theirs, kind: _Kind[Period]) -> Period:
    found = _named(them, kind)
    if found is None:
        raise web.HTTPNotFound(reason="This no longer exists")
    return found


def _named(them: Theirs, kind: _Kind[Period]) -> Period | None:
    """Return what the path names, if it holds for this person."""
    key = them.request.match_info[kind.noun]
    there = in_scope(periods(them.household, kind.of), them.profile)
    return next((each for each in there if each.id == key), None)
