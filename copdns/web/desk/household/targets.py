"""Who hears of events: whether they take them, and a test for each.

Where events go is written in the settings file alone, by whoever runs the machine: those addresses
hold passwords and lead out of the house.  Nothing here shows or changes them.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.events.targets import TargetStatus
from copdns.model.errors import BusyError
from copdns.model.events import EventKind, TrialEvent
from copdns.web.desk.time.page import House, house


async def targets(request: web.Request) -> web.Response:
    """All of them, without their addresses."""
    return _page(await house(request, Permission.SEE_AUDIT))


async def test(request: web.Request) -> web.Response:
    """Send a test to one, and show what came of it; one is tried at a time.

    The page itself is the answer, since what came of it is kept nowhere.
    """
    home = await house(request, Permission.EDIT_HOUSEHOLD)
    wanted = request.match_info["target"]
    found = next((each for each in home.parts.targets.shown if _id(each) == wanted), None)
    if found is None:
        raise web.HTTPNotFound
    what = f"test event sent to {found.name}"
    await home.parts.store.note(home.household.id, home.actor.name, what, home.now)
    event = TrialEvent(EventKind.TEST, home.household.id, home.now)
    try:
        trouble = await home.parts.targets.send_test(found.name, event)
    except BusyError:
        return _page(home, busy=True)
    return _page(home, tried=found.name, trouble=trouble)


def _page(home: House, tried: str = "", trouble: str = "", *, busy: bool = False) -> web.Response:
    return home.parts.pages.render(
        home.request,
        "desk/targets.html",
        status=429 if busy else 200,
        actor=home.actor,
        targets=[(_id(each), each) for each in home.parts.targets.shown],
        tried=tried,
        trouble=trouble,
        busy=busy,
        may_test=may(home.actor, Permission.EDIT_HOUSEHOLD),
    )


def _id(target: TargetStatus) -> str:
    """Return the name as it stands in paths, the API's too."""
    return target.name.replace(" ", "-")
