"""Accounts: invite people, make new codes, and remove accounts.

Guardians are equal: none removes another; the store checks that (`accounts/roles.py`).  No token
can invite or remove anybody.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from copdns.accounts.account import CODE_LASTS, Account, Purpose
from copdns.accounts.roles import Permission, Role
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
    """An account to be made.  profile: the person it is, of a child's account."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: Invited
    profile: Id | None = None


async def accounts(call: Call) -> object:
    """Return all accounts of the household, without what they log in with."""
    return [account_json(each) for each in await call.context.accounts.all(call.household.id)]


async def invite(call: Call) -> object:
    """Create an account; other guardians are told of a new guardian.  The same name twice is
    refused."""
    wanted: AccountWanted = call.body
    new = Account(call.household.id, "", wanted.name, Role(wanted.role), wanted.profile or "")
    account = await call.context.accounts.add(new, call.actor, call.now)
    return await _make_code(call, account, Purpose.INVITE)


async def code(call: Call) -> object:
    """Make another code, where the first one was lost or the password forgotten; earlier codes
    end."""
    found = await _require_account(call)
    return await _make_code(call, found, Purpose.PASSWORD if found.has_password else Purpose.INVITE)


async def remove(call: Call) -> None:
    """Remove an account, with its sessions and tokens."""
    found = await _require_account(call)
    await call.context.accounts.remove(call.household.id, found.id, call.actor, call.now)


async def _require_account(call: Call) -> Account:
    return call.find("account", await call.context.accounts.all(call.household.id))


async def _make_code(call: Call, account: Account, purpose: Purpose) -> dict[str, object]:
    if account.id == call.actor.id:
        raise AccountError("your own password is changed on your own page")
    code = await call.context.logins.make_code(account, purpose, call.actor, call.now)
    return {**account_json(account), "code": code, "code_until": utc(call.now + CODE_LASTS)}


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
        step_up=True,
    ),
    Operation(
        "POST",
        "/accounts/{account}/code",
        _MANAGE,
        "Make another code for somebody",
        code,
        AccountInvited,
        status=201,
        step_up=True,
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
