"""Who else may come to the desk: invite, let back in, and remove those whom a guardian may.

Guardians are equal: here none removes another.  Who may do what is asked of `accounts/roles.py` in
the store, so that no page gets past it; the buttons only follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.account import CODE_LASTS, Account, Code, Purpose
from copdns.accounts.codes import CODE, one_time_code
from copdns.accounts.roles import Actor, Permission, Role, may_add, may_remove
from copdns.accounts.tickets import code_digest
from copdns.model.errors import AccountError
from copdns.web.context import context_of
from copdns.web.desk.account.login import DESK, label_of, let_in
from copdns.web.logins import Typed
from copdns.web.person import requestor_of
from copdns.web.received import fields_of
from copdns.web.session import over_safe_way, require

INVITED = (Role.GUARDIAN, Role.REVIEWER, Role.AUDITOR)


class Shown(NamedTuple):
    """An account, and what its reader may do to it."""

    account: Account
    removable: bool
    invitable: bool  # a new code can be made


async def accounts(request: web.Request) -> web.Response:
    """Everybody who may log in."""
    actor, parts = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    found = await parts.accounts.all(actor.household)
    return parts.pages.render(
        request,
        "desk/accounts.html",
        actor=actor,
        shown=[_shown(each, actor) for each in found],
        roles=[each for each in INVITED if may_add(actor.role, each)],
        household=parts.live().households[actor.household],
    )


async def invite(request: web.Request) -> web.Response:
    """Make an account, and show the code by which its owner sets a password, this once."""
    actor, parts = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    fields, now = await fields_of(request), int(parts.now())
    new = Account(actor.household, "", str(fields.get("name", "")), _role(fields))
    made = await parts.accounts.add(new, actor, now)
    return await _told(request, actor, made, Purpose.INVITE)


async def code(request: web.Request) -> web.Response:
    """Make another code for somebody, where the first was lost or the password forgotten."""
    actor = await require(request, Permission.MANAGE_ACCOUNTS)
    found = await _the_account(request, actor)
    purpose = Purpose.PASSWORD if found.has_password else Purpose.INVITE
    return await _told(request, actor, found, purpose)


async def remove(request: web.Request) -> web.Response:
    """Remove an account that is no guardian's."""
    actor, parts = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    account = request.match_info["account"]
    await parts.accounts.remove(actor.household, account, actor, int(parts.now()))
    raise web.HTTPSeeOther("/guardian/accounts")


async def join_form(request: web.Request) -> web.Response:
    """Set a password with a code from a guardian or the console."""
    over_safe_way(request)
    return context_of(request).pages.render(request, "desk/join.html")


async def join(request: web.Request) -> web.Response:
    """Take the code and the password, and log in."""
    over_safe_way(request)
    parts, fields = context_of(request), await fields_of(request)
    password, now, address = (
        str(fields.get("password", "")),
        int(parts.now()),
        requestor_of(request).address,
    )
    if password != str(fields.get("again", "")):
        raise AccountError("the two passwords do not match; enter both again", name="password")
    code = str(fields.get("code", ""))
    account = await parts.logins.use_code(code, password, address, now, ())
    typed = Typed(account.name, password, address, label=label_of(request))
    done = await parts.logins.log_in(account.household, typed, now)
    raise let_in(request, done, DESK)


def _role(fields: Any) -> Role:
    try:
        role = Role(str(fields.get("role", "")))
    except ValueError:
        role = Role.CHILD
    if role not in INVITED:
        raise AccountError("choose one of the roles on the page", name="role")
    return role


async def _told(
    request: web.Request, actor: Actor, account: Account, purpose: Purpose
) -> web.Response:
    parts, told = context_of(request), one_time_code()
    now = int(parts.now())
    wanted = Code(actor.household, purpose, account.id, now + CODE_LASTS)
    await parts.accounts.make_code(wanted, code_digest(told, CODE), actor, now)
    return parts.pages.render(
        request,
        "desk/invited.html",
        actor=actor,
        account=account,
        told=told,
        host=f"{request.scheme}://{request.host}",
    )


async def _the_account(request: web.Request, actor: Actor) -> Account:
    parts = context_of(request)
    found = await parts.accounts.get(actor.household, request.match_info["account"])
    if found is None:
        raise web.HTTPNotFound
    return found


def _shown(account: Account, actor: Actor) -> Shown:
    mine = account.id == actor.id
    allowed = may_remove if account.has_password else may_add
    removable = not mine and may_remove(actor.role, account.role)
    return Shown(account, removable, not mine and allowed(actor.role, account.role))
