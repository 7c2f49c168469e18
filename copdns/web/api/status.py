"""The state of copdns, and how many appeals wait."""

from __future__ import annotations

from dataclasses import replace

from copdns import __version__
from copdns.accounts.roles import Permission, may
from copdns.appeals.appeal import WAITING
from copdns.as_json.plain import utc
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.api.types import Moment


class Status(Given):
    """missing: what keeps it from answering as it should.  warnings: what is not as it should be,
    though it answers.  waiting: appeals without an answer; null for whoever may not see them."""

    version: str
    now: Moment
    household: str
    name: str
    timezone: str
    revision: int
    ready: bool
    missing: list[str]
    warnings: list[str]
    waiting: int | None


async def status(call: Call) -> object:
    """Return which copdns this is, whether it is ready, and how many appeals wait.

    missing, warnings: sentences in English; [] where all is well.
    """
    context, household = call.context, call.household
    missing = context.readiness()
    waiting = None
    if may(replace(call.actor, scopes=None), Permission.SEE_APPEALS):
        waiting = len(await context.appeals.appeals(household.id, states=WAITING))
    return {
        "version": __version__,
        "now": utc(call.now),
        "household": household.id,
        "name": household.name,
        "timezone": household.timezone,
        "revision": household.revision,
        "ready": not missing,
        "missing": list(missing),
        "warnings": list(context.warnings_to_show()),
        "waiting": waiting,
    }


OPERATIONS = (Operation("GET", "/status", Permission.SEE_STATUS, "How copdns is", status, Status),)
