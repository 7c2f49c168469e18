"""What applies while copdns cannot know something: the clock, a list, or whose a device is."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.edits import set_household
from copdns.model.household import Household
from copdns.model.times import FailureChoices, OnFailure
from copdns.web.desk.house_request import form_of, require_house
from copdns.web.desk.time.forms import read_choice
from copdns.web.step_up import require_step_up

PAGE = "/guardian/names"
KINDS = ("clock", "lists", "devices")


async def set_failures(request: web.Request) -> NoReturn:
    """Set the choices of the form; it can open what is blocked, so a guardian has to be there."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require_step_up(request, home.actor)
    form = await form_of(request)
    chosen = FailureChoices(*(read_choice(OnFailure, form.one(each), each) for each in KINDS))

    def edit(household: Household) -> Household:
        return set_household(household, failures=chosen)

    if home.household.failures != chosen:
        await home.change("what applies when copdns cannot know something was changed", edit)
    raise web.HTTPSeeOther(PAGE)
