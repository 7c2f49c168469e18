"""Targets of events: whether they take them, and a test for each.

The settings file has their addresses and tokens; nothing here shows or changes them.
"""

from __future__ import annotations

from copdns.accounts.roles import Permission
from copdns.model.events import EventKind
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.event_targets import find_target, send_test, target_id
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
    """Return where events are sent.  waiting, dropped: numbers of events; trouble: "" for none."""
    return [
        {
            "id": target_id(each),
            "way": each.way,
            "kinds": each.kinds,
            "waiting": each.waiting,
            "dropped": each.dropped,
            "trouble": each.trouble,
        }
        for each in call.context.targets.statuses
    ]


async def test(call: Call) -> object:
    """Send an event `test`, whichever kinds the target gets.  One target is tested at a time."""
    found = find_target(call.context, call.part("target"))
    if found is None:
        raise Refused(404, "There is no such target")
    trouble = await send_test(call.context, found, call.household.id, call.actor.name, call.now)
    return {"taken": not trouble, "trouble": trouble}


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
