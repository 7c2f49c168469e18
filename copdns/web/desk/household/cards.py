"""Two help sheets, to print: "the copdns computer is not working" and "is it the filter?".

The second one has an action: for ten minutes a device opens everything but what is dangerous
(`policy/filter_break.py`).  Its person is told, and may see how long it lasts.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.household.time_edits import (
    begin_filter_break,
    end_filter_break,
    filter_break_end_line,
    filter_break_line,
)
from copdns.model.hosts import DESK_HOST, desk_url
from copdns.model.household import Device
from copdns.policy.filter_break import has_break
from copdns.web.desk.house_request import HouseRequest, require_house
from copdns.web.device_setup.qr import qr

PAGE = "/guardian/cards"


async def cards(request: web.Request) -> web.Response:
    """Show both cards, and the devices that can be tried."""
    home = await require_house(request, Permission.SEE_PROFILES)
    household, chosen = home.household, home.context.settings().web
    address = f"{desk_url(chosen.port, chosen.tls_port, DESK_HOST)}cards"
    tried = {each.id for each in household.devices if has_break(household, each, home.now)}
    running = {each.device: each for each in household.filter_breaks if each.device in tried}
    return home.context.pages.render(
        request,
        "desk/cards.html",
        actor=home.actor,
        household=household,
        people={each.id: each.name for each in household.profiles},
        devices=[each for each in household.devices if _may_try(home, each)],
        running=running,
        may_try=may(home.actor, Permission.GIVE_TIME),
        addresses=[each for each in home.context.addresses_for_others() if ":" not in each],
        address=address,
        code=qr(address),
        zone=household.timezone,
    )


async def begin(request: web.Request) -> web.Response:
    """Let a device open everything but what is dangerous for ten minutes."""
    home = await require_house(request, Permission.GIVE_TIME)
    device = _device_of(home)
    edit = partial(begin_filter_break, device_id=device.id, now=home.now, author=home.actor.name)
    await home.change(filter_break_line(home.household, device.id, home.now), edit)
    raise web.HTTPSeeOther(f"{PAGE}#try")


async def end(request: web.Request) -> web.Response:
    """End it before its time."""
    home = await require_house(request, Permission.GIVE_TIME)
    device = _device_of(home)
    edit = partial(end_filter_break, device_id=device.id)
    await home.change(filter_break_end_line(device.id), edit)
    raise web.HTTPSeeOther(f"{PAGE}#try")


def _device_of(home: HouseRequest) -> Device:
    """Return the device in the path; raise HTTPNotFound, or HTTPForbidden for somebody else's."""
    wanted = home.request.match_info["device"]
    found = next((each for each in home.household.devices if each.id == wanted), None)
    if found is None or home.household.profile(found.profile) is None:
        raise web.HTTPNotFound(reason="There is no such device")
    if not _may_try(home, found):
        raise web.HTTPForbidden(reason="You may not do this")
    return found


def _may_try(home: HouseRequest, device: Device) -> bool:
    person = home.household.profile(device.profile)
    return person is not None and may(home.actor, Permission.GIVE_TIME, person)
