"""Moving in from another filter: a file is sent, shown line by line, and stored with a yes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final, NoReturn

from aiohttp import web

from copdns.accounts.codes import make_device_token
from copdns.accounts.roles import Permission
from copdns.household.moving_in.draft import Result
from copdns.household.moving_in.plan import store_plan
from copdns.model.errors import HouseholdError
from copdns.model.household import Band
from copdns.model.sentences import sentence
from copdns.web.browser_input import whole_number
from copdns.web.desk.change import change_household
from copdns.web.desk.form import Form
from copdns.web.desk.house_request import HouseRequest, form_of, require_house
from copdns.web.desk.upload import read_upload
from copdns.web.languages import phrases_in
from copdns.web.moving_in.plans import keep_lists, plan_for, slugs_of
from copdns.web.moving_in.previews import PREVIEWS, SHOWN_FOR, Preview
from copdns.web.moving_in.read_file import MAX_OCTETS, read_in_process
from copdns.web.own_account import own_account_of
from copdns.web.pages import language_of
from copdns.web.session import require
from copdns.web.step_up import require_step_up
from copdns.web.wording import desk_wording

PAGE: Final = "/guardian/move-in"
LINES: Final = 200  # that a page shows


async def move_in(request: web.Request) -> web.Response:
    """Show which files can be brought over, and the form for one."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    return home.context.pages.render(
        request,
        "desk/move_in.html",
        actor=home.actor,
        household=home.household,
        most=MAX_OCTETS >> 20,
    )


async def send(request: web.Request) -> web.Response:
    """Read a file, and lead to what it would become; nothing is stored."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    own = await own_account_of(request, home.actor)
    none = sentence("choose a file first")
    too_large = sentence(
        "this file is larger than %(most)s MiB; bring it over with the command “copdns household "
        "move-in”",
        most=MAX_OCTETS >> 20,
    )
    sent = await read_upload(request, MAX_OCTETS, none, too_large)
    previews = request.app[PREVIEWS]
    async with previews.one_by_one:
        found = await read_in_process(sent.octets, sent.name)
        # The name is stored with the person, in the language of whoever brings the file.
        found = found.call_all(phrases_in(language_of(request)).gettext("Everyone"))
        plan = await plan_for(home.context, home.household, found, {})
        made = Preview(
            make_device_token(),
            home.household.id,
            own.session.digest,
            found,
            plan,
            home.now + SHOWN_FOR,
        )
        previews.put(made)
    asyncio.get_running_loop().call_later(SHOWN_FOR, previews.forget, made.code)
    raise web.HTTPSeeOther(f"{PAGE}/{made.code}")


async def preview(request: web.Request) -> web.Response:
    """Show what becomes of each line, and who is new."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    found = await _require_preview(home)
    plan, wanted = found.plan, request.query.get("show", "")
    results = [each for each in Result if each == wanted] or [Result.PARTLY, Result.LEFT]
    lines = [each for each in plan.outcomes if each.result in results]
    start = whole_number(request.query.get("from", "0"), 6) or 0
    return home.context.pages.render(
        request,
        "desk/move_in_preview.html",
        actor=home.actor,
        household=home.household,
        plan=plan,
        code=found.code,
        counts=plan.count_results(),
        lines=lines[start : start + LINES],
        show=wanted if len(results) == 1 else "",
        later=start + LINES if start + LINES < len(lines) else 0,
        earlier=max(0, start - LINES) if start else None,
        new=[each for each in plan.people if each.is_new],
        bands=tuple(Band),
        until=found.until,
        say=desk_wording(request, home.household),
        has_changed=home.household.revision != plan.before.revision,
    )


async def set_ages(request: web.Request) -> web.Response:
    """Choose the age groups of new people, and show what comes over then."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    form, previews = await form_of(request), request.app[PREVIEWS]
    async with previews.one_by_one:
        found = await _require_preview(home)
        ages = _read_ages(form, found)
        plan = await plan_for(home.context, home.household, found.found, ages)
        previews.put(found._replace(plan=plan, ages=ages))
    raise web.HTTPSeeOther(f"{PAGE}/{found.code}")


def _read_ages(form: Form, found: Preview) -> Mapping[str, Band]:
    ages = {}
    for each in found.plan.people:
        if each.is_new and form.has(f"age-{each.id}"):
            chosen = form.one(f"age-{each.id}")
            if chosen not in tuple(Band):
                raise HouseholdError("Choose an age group")
            ages[each.id] = Band(chosen)
    return ages


async def store(request: web.Request) -> web.Response:
    """Store what was shown, as one change of the household."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    await require(request, Permission.EDIT_DEVICES)  # a file says whose devices are
    await require_step_up(request, home.actor)
    found = await _require_preview(home)
    plan = found.plan
    if plan.is_empty:
        raise HouseholdError("nothing from this file will be copied, so there is nothing to save")
    async with keep_lists(home.context, home.household, home.actor.name, plan) as kept:
        edit = partial(store_plan, plan=plan, slugs=slugs_of(kept))
        await change_household(
            request,
            home.actor,
            edit,
            plan.history_line,
            weighed=True,
            person="",
            lists=kept,
            removable=True,
        )
    request.app[PREVIEWS].forget(found.code)
    raise web.HTTPSeeOther("/guardian/people")


async def drop(request: web.Request) -> NoReturn:
    """Forget a file that was sent; nothing happens where it is gone."""
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    found = await _find_preview(home)
    if found is not None:
        request.app[PREVIEWS].forget(found.code)
    raise web.HTTPSeeOther(PAGE)


async def _require_preview(home: HouseRequest) -> Preview:
    found = await _find_preview(home)
    if found is None:
        raise web.HTTPNotFound(
            reason="This file is no longer here; it was shown for half an hour. Send it again"
        )
    return found


async def _find_preview(home: HouseRequest) -> Preview | None:
    own = await own_account_of(home.request, home.actor)
    previews, code = home.request.app[PREVIEWS], home.request.match_info["code"]
    return previews.find(code, home.household.id, own.session.digest, home.now)
