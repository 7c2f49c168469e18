"""Add, change and remove schedules and budgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Generic, NamedTuple, NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.edits import suggest_times
from copdns.household.suggestions import TimesPlan, plan_times
from copdns.household.time_edits import Period, add_period, periods, remove_period, set_period
from copdns.list_files.load import bundled_presets
from copdns.model.household import Household, Profile
from copdns.model.times import Budget, Schedule
from copdns.time.plan import in_scope
from copdns.web.desk.form import Form
from copdns.web.desk.form_mark import SEEN, require_same_lines, unless_changed
from copdns.web.desk.house_request import form_of
from copdns.web.desk.time.forms import budget_values, is_bedtime, new_id, schedule_values
from copdns.web.desk.time.page import PersonRequest, require_person, unless_gone
from copdns.web.wording import desk_wording


class _PeriodKind(NamedTuple, Generic[Period]):
    """Schedules or budgets.  noun: in paths and the audit log.  usual: of ids without a better
    word.  values: reads a form into fields."""

    of: type[Period]
    noun: str
    usual: str
    values: Callable[[Form, Profile], dict[str, Any]]


_SCHEDULE = _PeriodKind(Schedule, "schedule", "times", schedule_values)
_BUDGET = _PeriodKind(Budget, "budget", "minutes", budget_values)


async def add_a_schedule(request: web.Request) -> web.Response:
    """Add a schedule."""
    await _add(await require_person(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def change_a_schedule(request: web.Request) -> web.Response:
    """Change a schedule."""
    await _change(await require_person(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def remove_a_schedule(request: web.Request) -> web.Response:
    """Remove a schedule."""
    await _remove(await require_person(request, Permission.EDIT_PROFILES), _SCHEDULE)


async def suggest(request: web.Request) -> web.Response:
    """Take over the times that are suggested for a person's age, as the page listed them."""
    them = await require_person(request, Permission.EDIT_PROFILES)
    form = await form_of(request)
    require_same_lines(form.one(SEEN), plan_suggested(them))
    band = them.profile.band_at(them.now)
    preset = bundled_presets()[band]
    edit = partial(
        suggest_times, profile_id=them.profile.id, known=them.context.known_ids(), preset=preset
    )
    await them.change(f"times suggested for {band} applied for {them.profile.id}", edit)
    raise web.HTTPSeeOther(f"{them.page}#schedules")


def plan_suggested(them: PersonRequest) -> TimesPlan:
    """Return what taking over the times suggested for the age would do; nothing for no times."""
    preset = bundled_presets().get(them.profile.band_at(them.now))
    if preset is None or not any(preset.times(them.profile.id)):
        return TimesPlan()
    return plan_times(them.household, them.profile.id, preset, bundled_presets())


async def add_a_budget(request: web.Request) -> web.Response:
    """Add a budget."""
    await _add(await require_person(request, Permission.EDIT_PROFILES), _BUDGET)


async def change_a_budget(request: web.Request) -> web.Response:
    """Change a budget; used and given minutes stay."""
    await _change(await require_person(request, Permission.EDIT_PROFILES), _BUDGET)


async def remove_a_budget(request: web.Request) -> web.Response:
    """Remove a budget, and the minutes that were given for it."""
    await _remove(await require_person(request, Permission.EDIT_PROFILES), _BUDGET)


def budget_of(them: PersonRequest) -> Budget:
    """Return the budget in the path; raise HTTPNotFound for none of this person."""
    return _require(them, _BUDGET)


async def _add(them: PersonRequest, kind: _PeriodKind[Period]) -> NoReturn:
    """Add it once, also where the same form is sent twice."""
    form = await form_of(them.request)
    values = kind.values(form, them.profile)
    them.require_may_edit(values["scope"])
    period = kind.of(id=_new_id(form, them, kind, values), **values)

    def edit(household: Household) -> Household:
        there = period in periods(household, kind.of)
        return household if there else add_period(household, period, them.context.known_ids())

    await them.change(f"{kind.noun} {period.id} added for {period.scope or 'everyone'}", edit)
    _back(them, kind)


def _new_id(
    form: Form, them: PersonRequest, kind: _PeriodKind[Period], values: dict[str, Any]
) -> str:
    """Return the id of something new; of a bedtime, which has no name, one with a number where
    another bedtime is there."""
    if not is_bedtime(form):
        return new_id(form, them.profile, values["about"], kind.usual)
    first = new_id(form, them.profile, (), "bedtime")
    there = {each.id: each for each in periods(them.household, kind.of)}
    ids = (first if number == 1 else f"{first}-{number}" for number in count(1))
    # The same form sent twice makes one bedtime.
    return next(each for each in ids if there.get(each) in (None, kind.of(id=each, **values)))


async def _change(them: PersonRequest, kind: _PeriodKind[Period]) -> NoReturn:
    found = _require(them, kind)
    form = await form_of(them.request)
    values = kind.values(form, them.profile)
    say = desk_wording(them.request, them.household)
    values["note"] = say.note_to_keep(values["note"], found.note)
    them.require_may_edit(found.scope)
    them.require_may_edit(values["scope"])
    edit = partial(set_period, kind=kind.of, key=found.id, known=them.context.known_ids(), **values)
    checked = unless_changed(edit, form.one(SEEN), partial(_by_id, kind=kind, key=found.id))
    await them.change(f"{kind.noun} {found.id} changed", checked)
    _back(them, kind)


async def _remove(them: PersonRequest, kind: _PeriodKind[Period]) -> NoReturn:
    """Remove it; a second time is harmless."""
    if (found := _find(them, kind)) is not None:
        them.require_may_edit(found.scope)
        edit = unless_gone(partial(remove_period, kind=kind.of, key=found.id))
        seen = (await form_of(them.request)).one(SEEN)
        checked = unless_changed(edit, seen, partial(_by_id, kind=kind, key=found.id))
        await them.change(f"{kind.noun} {found.id} removed", checked)
    _back(them, kind)


def _by_id(household: Household, kind: _PeriodKind[Period], key: str) -> Period | None:
    return next((each for each in periods(household, kind.of) if each.id == key), None)


def _back(them: PersonRequest, kind: _PeriodKind[Period]) -> NoReturn:
    raise web.HTTPSeeOther(f"{them.page}#{kind.noun}s")


def _require(them: PersonRequest, kind: _PeriodKind[Period]) -> Period:
    found = _find(them, kind)
    if found is None:
        raise web.HTTPNotFound(reason="This no longer exists")
    return found


def _find(them: PersonRequest, kind: _PeriodKind[Period]) -> Period | None:
    """Return what the path names; None unless it applies to this person."""
    key = them.request.match_info[kind.noun]
    there = in_scope(periods(them.household, kind.of), them.profile)
    return next((each for each in there if each.id == key), None)
