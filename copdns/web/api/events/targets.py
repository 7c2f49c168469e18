"""Who hears of events: whether they take them, and a test for each.

Their addresses and tokens are in the settings file, where whoever runs the machine writes them;
nothing here shows or changes them.
"""

from __future__ import annotations

from copdns.accounts.roles import Permission
from copdns.events.targets import TargetStatus
from copdns.model.events import EventKind, TrialEvent
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.problem import Refused


class TargetShown(Given):
    """way: webhook, command, or what the address of a notice begins with, such as mailto.
    dropped: events that were never passed on.  trouble: why the last one was not taken."""

    id: str
    way: str
    kinds: list[EventKind]
    waiting: int
    dropped: int
    trouble: str


class Tried(Given):
    """trouble: "" where it was taken."""

    taken: bool
    trouble: str


async def targets(call: Call) -> object:
    return [
        {
            "id": _id(each),
            "way": each.way,
            "kinds": each.kinds,
            "waiting": each.waiting,
            "dropped": each.dropped,
            "trouble": each.trouble,
        }
        for each in call.parts.targets.shown
    ]


async def test(call: Call) -> object:
    """It hears of an event `test`, whichever kinds it hears of.  What came of it is told; one
    target is tried at a time."""
    wanted = call.part("target")
    found = next((each for each in call.parts.targets.shown if _id(each) == wanted), None)
    if found is None:
        raise Refused(404, "There is no such target")
    what = f"test event sent to {found.name}"
    await call.parts.store.note(call.household.id, call.actor.name, what, call.now)
    event = TrialEvent(EventKind.TEST, call.household.id, call.now)
    trouble = await call.parts.targets.send_test(found.name, event)
    return {"taken": not trouble, "trouble": trouble}


def _id(target: TargetStatus) -> str:
    return target.name.replace(" ", "-")


OPERATIONS = (
    Operation(
        "GET",
        "/targets",
        Permission.SEE_AUDIT,
        "Who hears of events, without their addresses",
        targets,
        list[TargetShown],
    ),
    Operation(
        "POST",
        "/targets/{target}/test",
        Permission.EDIT_HOUSEHOLD,
        "Send a test to a target",
        test,
        Tried,
    ),
)
