"""The guest rules: what applies to devices that are nobody's yet, and whose rules they get."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.edits import set_guest_rules
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.policy.guest import guest_profile
from copdns.time.plan import budgets_in_force, in_scope
from copdns.web.desk.house_request import form_of, require_house
from copdns.web.desk.person.page import sort_categories
from copdns.web.desk.time.page import template_values
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of
from copdns.web.step_up import require_step_up

PAGE = "/guardian/guests"
BUILT_IN, OWN = "built-in", "own"  # of the form; all else is the id of a profile


async def guest_rules(request: web.Request) -> web.Response:
    """Show what applies to guests, and where that is changed."""
    home = await require_house(request, Permission.SEE_PROFILES)
    household, built_in = home.household, guest_profile()
    own = household.profile(built_in.id)
    guest = household.profile(household.guest or built_in.id) or built_in
    return home.context.pages.render(
        request,
        "desk/guest_rules.html",
        **template_values(home),
        guest=guest,
        chosen=_choice_of(household, built_in),
        blocked=sort_categories(guest.categories, home.context.snapshot().library),
        rules=in_scope(household.rules, guest),
        schedules=in_scope(household.schedules, guest),
        budgets=budgets_in_force(household, guest),
        people=[each for each in household.profiles if each is not own],
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
    )


async def choose(request: web.Request) -> web.Response:
    """Give guests copdns's own rules, rules that can be changed, or those of a person."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    wanted = (await form_of(request)).one("rules")
    named = phrases_in(language_of(request)).gettext("Guest")
    built_in = replace(guest_profile(), name=named)
    choice = {BUILT_IN: "", OWN: built_in.id}.get(wanted, wanted)
    if not choice and wanted != BUILT_IN:
        raise HouseholdError("choose one of the answers on the page", name="rules")
    edit = partial(
        set_guest_rules, choice=choice, built_in=built_in, known=home.context.known_ids()
    )
    if edit(home.household) != home.household:
        await home.change(f"household set: guest {choice or 'none'}", edit)
    raise web.HTTPSeeOther(PAGE)


def _choice_of(household: Household, built_in: Profile) -> str:
    """Return which answer of the form applies now."""
    chosen = household.guest or built_in.id
    if chosen != built_in.id:
        return chosen
    return BUILT_IN if household.profile(built_in.id) is None else OWN
