"""Targets of events: whether they take them, and a test for each.

Only the settings file has the targets: their addresses hold passwords and lead out of the house.
Nothing here shows or changes them.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.model.errors import BusyError
from copdns.web.desk.house_request import HouseRequest, require_house
from copdns.web.event_targets import find_target, send_test, target_id


async def targets(request: web.Request) -> web.Response:
    """Show all targets, without their addresses."""
    return _page(await require_house(request, Permission.SEE_AUDIT))


async def test(request: web.Request) -> web.Response:
    """Send a test event to a target, and show the result; one is tested at a time.

    The response is the page itself, since the result is stored nowhere.
    """
    home = await require_house(request, Permission.EDIT_HOUSEHOLD)
    found = find_target(home.context, request.match_info["target"])
    if found is None:
        raise web.HTTPNotFound
    try:
        trouble = await send_test(home.context, found, home.household.id, home.actor.name, home.now)
    except BusyError:
        return _page(home, busy=True)
    return _page(home, tried=found.name, trouble=trouble)


def _page(
    home: HouseRequest, tried: str = "", trouble: str = "", *, busy: bool = False
) -> web.Response:
    return home.context.pages.render(
        home.request,
        "desk/targets.html",
        status=429 if busy else 200,
        actor=home.actor,
        targets=[(target_id(each), each) for each in home.context.targets.statuses],
        tried=tried,
        trouble=trouble,
        busy=busy,
        may_test=may(home.actor, Permission.EDIT_HOUSEHOLD),
    )
