"""Who hears of events, as pages and programs name them, and a test for one of them."""

from __future__ import annotations

from copdns.events.targets import TargetStatus
from copdns.model.events import EventKind, TrialEvent
from copdns.web.context import AppContext


def target_id(target: TargetStatus) -> str:
    """Return the name of a target as it is written in paths: "webhook-1"."""
    return target.name.replace(" ", "-")


def find_target(context: AppContext, wanted: str) -> TargetStatus | None:
    """Return the target with this id; None where there is none."""
    return next((each for each in context.targets.statuses if target_id(each) == wanted), None)


async def send_test(
    context: AppContext, target: TargetStatus, household: str, author: str, now: int
) -> str:
    """Send a test event, and note in the list of changes who did; return why it was not taken, ""
    where it was.

    now: seconds since the epoch.  Raises BusyError while another target is tested.
    """
    what = f"test event sent to {target.name}"
    await context.store.note(household, author, what, now)
    event = TrialEvent(EventKind.TEST, household, now)
    return await context.targets.send_test(target.name, event)
