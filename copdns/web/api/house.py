"""Who may log in, who changed what, and the household as a file."""

from __future__ import annotations

from copdns.as_json.accounts import account_json
from copdns.as_json.plain import utc
from copdns.household_file import dump
from copdns.roles import Permission, Role
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Limit, Moment


class ChangeShown(Given):
    """A line of the list of changes.  author: in people's words."""

    revision: int
    at: Moment
    author: str
    what: str


class AccountShown(Given):
    """profile: the person in the household that it belongs to, "" for none."""

    id: str
    name: str
    role: Role
    profile: str
    made: Moment
    has_password: bool
    second_factor: bool


class AuditAsked(Sent):
    limit: Limit = 100


async def audit(call: Call) -> object:
    asked: AuditAsked = call.query
    found = await call.parts.store.changes(call.household.id, asked.limit)
    return [
        {"revision": each.revision, "at": utc(each.at), "author": each.author, "what": each.what}
        for each in found
    ]


async def accounts(call: Call) -> object:
    return [account_json(each) for each in await call.parts.accounts.all(call.household.id)]


async def export(call: Call) -> object:
    """People, devices and rules, and nothing that anybody looked up."""
    return dump(call.household)


OPERATIONS = (
    Operation(
        "GET",
        "/audit",
        Permission.SEE_AUDIT,
        "Who changed what, the newest last",
        audit,
        list[ChangeShown],
        query=AuditAsked,
    ),
    Operation(
        "GET", "/accounts", Permission.SEE_AUDIT, "Who may log in", accounts, list[AccountShown]
    ),
    Operation(
        "GET",
        "/household.yaml",
        Permission.EXPORT,
        "The household as a file, which `copdns household import` takes back",
        export,
        str,
        text="application/yaml",
    ),
)
