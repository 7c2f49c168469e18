"""All that is recorded of a person: export it as one document, and erase it."""

from __future__ import annotations

from typing import Any

from copdns.accounts.roles import Permission
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.personal_data import erase_records, export_document

_Parts = list[dict[str, Any]]


class Document(Given):
    """All that is kept of a person, as the desk's file has it.  docs/privacy.md tells what each
    part is and how long it stays.

    made: when it was written.  What follows `bypass_signs` is for the person alone.
    """

    made: str
    profile: dict[str, Any]
    devices: _Parts
    rules: _Parts
    schedules: _Parts
    budgets: _Parts
    pauses: _Parts
    moved_bedtimes: _Parts
    filter_breaks: _Parts
    permissions: _Parts
    bonuses: _Parts
    tickets: _Parts
    look_ups: _Parts
    counts: _Parts
    minutes: _Parts
    appeals: _Parts
    who_looked: _Parts
    changes: list[Any]
    full_logs: _Parts
    bypass_signs: _Parts
    device_weeks: _Parts | None = None
    browsers: _Parts | None = None
    devices_for_a_while: _Parts | None = None
    accounts: _Parts | None = None
    last_blocks: _Parts | None = None
    pin: bool | None = None
    question: dict[str, Any] | None = None
    proposal: dict[str, Any] | None = None


async def document(call: Call) -> object:
    """Return all that is recorded of a person; only this view is written."""
    return await export_document(call.context, call.actor, call.household, call.person, call.now)


async def erase(call: Call) -> None:
    """Erase records; rules and devices stay.  No token can.  A second time is harmless."""
    await erase_records(call.context, call.actor, call.household.id, call.person.id, call.now)


OPERATIONS = (
    Operation(
        "GET",
        "/profiles/{profile}/export",
        Permission.EXPORT,
        "All that is kept of a person",
        document,
        Document,
        step_up=True,
    ),
    Operation(
        "POST",
        "/profiles/{profile}/erase",
        Permission.ERASE,
        "Delete look-ups, minutes and appeals of a person, for good",
        erase,
        status=204,
        step_up=True,
    ),
)
