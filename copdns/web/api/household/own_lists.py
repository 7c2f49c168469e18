"""The household's own lists: pasted, read line by line, changed and removed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.own_lists import lines_json, own_json
from copdns.list_files.own_list_edits import AUTO, Wanted, report_lines
from copdns.lists.own_lists import MAX_LETTERS, MAX_TITLE, LineOutcome, OwnList
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment
from copdns.web.list_versions import all_own, find_own, keep_own, remove_own
from copdns.web.problem import Refused

_MAX_BODY = 1 << 20  # octets: JSON may escape a character in 12


class OwnListShown(Given):
    """format: how it is written.  match: what a line covers that does not say it itself."""

    slug: str = Field(alias="list")
    title: str
    category: str
    format: str
    match: str
    changed_at: Moment


class ListLine(Given):
    """reason: as in `unused` of a list; null where the line is taken."""

    line: int
    text: str
    outcome: LineOutcome
    reason: str | None


class OwnListLines(OwnListShown):
    """taken, ignored, refused: how many lines.  lines: all but comments and empty ones."""

    taken: int
    ignored: int
    refused: int
    lines: list[ListLine]


class OwnListWhole(OwnListLines):
    """text: as it was pasted."""

    text: str


class ListPasted(Sent):
    """category: "" for one that only this list is about."""

    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
    text: Annotated[str, Field(min_length=1, max_length=MAX_LETTERS)]
    category: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$")] = ""
    format: Literal["auto", "domains", "hosts", "adblock"] = AUTO
    match: Literal["exact", "subtree"] = "subtree"


async def all_lists(call: Call) -> object:
    """Return the lists that were pasted, by title."""
    return [own_json(each) for each in await all_own(call.context)]


async def show(call: Call) -> object:
    """Return a list with its text, and what became of each line; raise Refused (404)."""
    own, text = await _require_list(call)
    lines = await asyncio.to_thread(report_lines, call.context.updates.own, own, text)
    return {**own_json(own), **lines_json(lines), "text": text}


async def add(call: Call) -> object:
    """Keep a new list, and return what became of each line; it blocks within seconds."""
    return await _keep(call, None)


async def change(call: Call) -> object:
    """Put a new text in place of a list's; raise Refused (404)."""
    return await _keep(call, (await _require_list(call))[0])


async def remove(call: Call) -> None:
    """Remove a list; raise Refused (404), or HouseholdError while something uses its category."""
    own, _ = await _require_list(call)
    await remove_own(call.context, call.household, call.actor.name, own)


async def _keep(call: Call, before: OwnList | None) -> object:
    body: ListPasted = call.body
    wanted = Wanted(body.title, body.category, body.text, body.format, body.match == "exact")
    kept = await keep_own(call.context, call.household, call.actor.name, wanted, before)
    return {**own_json(kept.own), **lines_json(kept.lines)}


async def _require_list(call: Call) -> tuple[OwnList, str]:
    found = await find_own(call.context, call.part("list"))
    if found is None:
        raise Refused(404, "There is no such list")
    return found


_EDIT = Permission.EDIT_HOUSEHOLD
OPERATIONS = (
    Operation(
        "GET",
        "/lists/own",
        Permission.SEE_PROFILES,
        "The household's own lists",
        all_lists,
        list[OwnListShown],
    ),
    Operation(
        "POST",
        "/lists/own",
        _EDIT,
        "Add a list of your own",
        add,
        OwnListLines,
        body=ListPasted,
        status=201,
        most=_MAX_BODY,
        step_up=True,
    ),
    Operation(
        "GET",
        "/lists/own/{list}",
        Permission.SEE_PROFILES,
        "A list of your own, line by line",
        show,
        OwnListWhole,
    ),
    Operation(
        "PUT",
        "/lists/own/{list}",
        _EDIT,
        "Change a list of your own",
        change,
        OwnListLines,
        body=ListPasted,
        most=_MAX_BODY,
        step_up=True,
    ),
    Operation(
        "DELETE",
        "/lists/own/{list}",
        _EDIT,
        "Remove a list of your own",
        remove,
        status=204,
        step_up=True,
    ),
)
