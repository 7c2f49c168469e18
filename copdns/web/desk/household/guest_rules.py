"""The guest rules: what applies to devices that are nobody's yet, and whose rules they get.

At a provider a line is one address, so they are the family filter of all devices of a line; there
this page also switches it off and on (`policy/chosen_filter.py`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.edits import set_guest_rules
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.sentences import sentence
from copdns.policy.chosen_filter import is_filter_chosen, is_filter_on, set_filter
from copdns.policy.guest import GUEST, guest_profile
from copdns.time.plan import budgets_in_force, in_scope
from copdns.web.desk.change import change_household
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.person.page import sort_categories
from copdns.web.desk.time.page import template_values
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of
from copdns.web.step_up import require_step_up

PAGE, WIZARD_STEP = "/guardian/guests", "/guardian/wizard/children"
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
        chosen=choice_of(household),
        blocked=sort_categories(guest.categories, home.context.snapshot().library),
        rules=in_scope(household.rules, guest),
        schedules=in_scope(household.schedules, guest),
        budgets=budgets_in_force(household, guest),
        people=[each for each in household.profiles if each is not own],
        may_edit=may(home.actor, Permission.EDIT_HOUSEHOLD),
        is_line=home.context.door is not None,
        is_chosen=is_filter_chosen(household),
        is_on=is_filter_on(household),
    )


async def choose(request: web.Request) -> web.Response:
    """Give guests copdns's own rules, rules that can be changed, or those of a person."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    wanted = (await form_of(request)).one("rules")
    is_line, say = home.context.door is not None, phrases_in(language_of(request))
    named = say.gettext("Everyone") if is_line else say.gettext("Guest")
    built_in = replace(guest_profile(), name=named)
    choice = {BUILT_IN: "", OWN: built_in.id}.get(wanted, wanted)
    if not choice and (wanted != BUILT_IN or is_line):  # there, what nobody chose is no filter
        raise HouseholdError("choose one of the answers on the page", name="rules")
    if is_line:
        await _choose_filter(home, choice, built_in)
        raise web.HTTPSeeOther(_way_back(request))
    edit = partial(
        set_guest_rules, choice=choice, built_in=built_in, known=home.context.known_ids()
    )
    if edit(home.household) != home.household:
        await home.change(f"household set: guest {choice or 'none'}", edit)
    raise web.HTTPSeeOther(PAGE)


async def _choose_filter(home: HouseRequest, choice: str, built_in: Profile) -> None:
    """Let a person's rules, or those of guests, be in force on the line of a subscriber."""
    known = home.context.known_ids()

    def edit(found: Household) -> Household:
        chosen = set_guest_rules(found, choice=choice, built_in=built_in, known=known)
        return set_filter(chosen, is_on=True)

    if edit(home.household) == home.household:
        return
    there = home.household.profile(choice) or built_in
    said = sentence("the family filter is on, with %(name)s's rules", name=there.name)
    what = f"family filter on: rules of {there.name}"
    await change_household(home.request, home.actor, edit, what, said=said)


async def switch(request: web.Request) -> web.Response:
    """Switch the filter of a subscriber off, or on again as it was."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    if home.context.door is None:
        raise web.HTTPNotFound
    await require_step_up(request, home.actor)
    is_on = (await form_of(request)).one("filter") == "on"
    if is_on and not is_filter_chosen(home.household):
        raise HouseholdError("choose one of the answers on the page", name="rules")
    edit = partial(set_filter, is_on=is_on)
    if edit(home.household) != home.household:
        what, said = "family filter off", sentence("the family filter is off")
        if is_on:
            what, said = "family filter on", sentence("the family filter is on")
        await change_household(home.request, home.actor, edit, what, said=said)
    raise web.HTTPSeeOther(PAGE)


def _way_back(request: web.Request) -> str:
    """Return the page to go to: the step of the wizard that asked, or the filter's own."""
    return WIZARD_STEP if request.query.get("next") == WIZARD_STEP else PAGE


def choice_of(household: Household) -> str:
    """Return which answer of the form applies now."""
    chosen = household.guest or GUEST
    if chosen != GUEST:
        return chosen
    return BUILT_IN if household.profile(GUEST) is None else OWN
