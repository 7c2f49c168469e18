"""Who may log in: invite, let back in, and remove those whom a guardian may.

Guardians are equal: none removes another here (`accounts/roles.py`, which the store asks).  No
token lets people in or puts them out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from copdns.accounts.account import CODE_LASTS, Account, Code, Purpose
from copdns.accounts.codes import CODE, one_time_code
from copdns.accounts.roles import Permission, Role
from copdns.accounts.tickets import code_digest
from copdns.as_json.accounts import account_json
from copdns.as_json.plain import utc
from copdns.model.errors import AccountError
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Id, Moment


class AccountShown(Given):
    """profile: the person in the household that it belongs to, "" for none."""

    id: str
    name: str
    role: Role
    profile: str
    made: Moment
    has_password: bool
    second_factor: bool


class AccountInvited(AccountShown):
    """code: with which its owner sets a password at /guardian/join, told this once."""

    code: str
    code_until: Moment


class Invited(StrEnum):
    """An owner, and a child's account, come from the console."""

    GUARDIAN = "guardian"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


class AccountWanted(Sent):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: Invited
    profile: Id | None = None


async def accounts(call: Call) -> object:
    return [account_json(each) for each in await call.parts.accounts.all(call.household.id)]


async def invite(call: Call) -> object:
    """The other guardians hear of one more guardian.  Twice is refused: the name is taken."""
    wanted: AccountWanted = call.body
    new = Account(call.household.id, "", wanted.name, Role(wanted.role), wanted.profile or "")
    made = await call.parts.accounts.add(new, call.actor, call.now)
    return await _with_code(call, made, Purpose.INVITE)


async def code(call: Call) -> object:
    """Where the first was lost or the password forgotten; an earlier code is good no more."""
    found = await _the_account(call)
    return await _with_code(call, found, Purpose.PASSWORD if found.has_password else Purpose.INVITE)


async def remove(call: Call) -> None:
    """With its sessions and tokens."""
    found = await _the_account(call)
    await call.parts.accounts.remove(call.household.id, found.id, call.actor, call.now)


async def _the_account(call: Call) -> Account:
    return call.one("account", await call.parts.accounts.all(call.household.id))


async def _with_code(call: Call, account: Account, purpose: Purpose) -> dict[str, object]:
    if account.id == call.actor.id:
        raise AccountError("your own password is changed on your own page")
    told, until = one_time_code(), call.now + CODE_LASTS
    wanted = Code(call.household.id, purpose, account.id, until)
    await call.parts.accounts.make_code(wanted, code_digest(told, CODE), call.actor, call.now)
    return {**account_json(account), "code": told, "code_until": utc(until)}


_MANAGE = Permission.MANAGE_ACCOUNTS
OPERATIONS = (
    Operation(
        "GET", "/accounts", Permission.SEE_AUDIT, "Who may log in", accounts, list[AccountShown]
    ),
    Operation(
        "POST",
        "/accounts",
        _MANAGE,
        "Invite somebody",
        invite,
        AccountInvited,
        body=AccountWanted,
        status=201,
    ),
    Operation(
        "POST",
        "/accounts/{account}/code",
        _MANAGE,
        "Make another code for somebody",
        code,
        AccountInvited,
        status=201,
    ),
    Operation(
        "DELETE",
        "/accounts/{account}",
        _MANAGE,
        "Remove an account that is no guardian's",
        remove,
        status=204,
    ),
)
