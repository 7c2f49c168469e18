"""The blocklists: which are in force, how old they are, and which of them have a name."""

from __future__ import annotations

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.appeals.list_errors import still_listed
from copdns.as_json.lists import entry_json, status_json
from copdns.as_json.plain import utc
from copdns.lists.index import ListKind, find_shown
from copdns.model.names import normalize
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Moment, Name


class ProblemShown(Given):
    line: int
    reason: str
    text: str


class HeldShown(Given):
    """An entry that the gate left out.  name: what it would have taken away."""

    entry: str
    reason: str
    name: str


class ListShown(Given):
    """used: its names; unused: how many are not, by why.  report: where mistakes are told.

    held: the first entries that the gate left out; unused counts all of them.

    fetched_at to failures: of the copy of one that is fetched.  age: seconds since its server
    vouched for it.  error: why it is not in force.
    """

    slug: str = Field(alias="list")
    kind: ListKind
    about: str
    title: str
    licence: str
    maintainer: str
    report: str
    version: str
    used: int
    unused: dict[str, int]
    problems: list[ProblemShown]
    held: list[HeldShown]
    error: str
    fetched_at: Moment | None
    checked_at: Moment | None
    age: float | None
    octets: int
    fetch_error: str
    failures: int


class EntryShown(Given):
    """entry: as in a rule.  exception: the list says of it that it is not blocked."""

    slug: str = Field(alias="list")
    kind: ListKind
    about: str
    title: str
    entry: str
    exception: bool
    version: str


class SearchShown(Given):
    name: str
    entries: list[EntryShown]
    search_engines: list[str]


class ErrorShown(Given):
    """A name that a list named wrongly, as was decided here.  still: the list still names it."""

    name: str
    list: str
    category: str
    still: bool


class NameAsked(Sent):
    name: Name


class AskedShown(Given):
    """asked: the lists are looked at as soon as that is possible."""

    asked: bool


async def lists(call: Call) -> object:
    """Return all lists, with the state of their copies; lists that ship are never fetched."""
    updates, found = call.context.updates, []
    for each in call.context.snapshot().library.statuses:
        state = updates.copy_state(each.info.slug)
        found.append(
            status_json(each)
            | {
                "fetched_at": utc(state.fetched_at),
                "checked_at": utc(state.checked_at),
                "age": state.age(call.now),
                "octets": state.octets,
                "fetch_error": state.error,
                "failures": state.failures,
            }
        )
    return found


async def update(call: Call) -> object:
    """Request newer copies; a second request before they are fetched changes nothing."""
    call.context.updates.request_fetch()
    return {"asked": True}


async def errors(call: Call) -> object:
    """Return false positives; they name no person."""
    index = call.context.snapshot().contexts[call.household.id].index
    found = await call.context.appeals.list_errors(call.household.id)
    return [{**each._asdict(), "still": still_listed(each, index)} for each in found]


async def search(call: Call) -> object:
    """Return the entries of lists that cover a name; `check` tells whether they block it for
    somebody."""
    query: NameAsked = call.query
    name, snapshot = normalize(query.name), call.context.snapshot()
    index = snapshot.contexts[call.household.id].index
    engines = [each.title for each in snapshot.library.engines.values() if name in each.hosts]
    return {
        "name": name,
        "entries": [entry_json(each) for each in find_shown(index, name)],
        "search_engines": engines,
    }


OPERATIONS = (
    Operation("GET", "/lists", Permission.SEE_STATUS, "All lists", lists, list[ListShown]),
    Operation(
        "POST",
        "/lists/update",
        Permission.EDIT_HOUSEHOLD,
        "Look for newer lists now",
        update,
        AskedShown,
        status=202,
    ),
    Operation(
        "GET",
        "/lists/errors",
        Permission.SEE_STATUS,
        "Names that lists named wrongly",
        errors,
        list[ErrorShown],
    ),
    Operation(
        "GET",
        "/lists/search",
        Permission.SEE_STATUS,
        "Which lists hold a name",
        search,
        SearchShown,
        query=NameAsked,
    ),
)
