"""Accounts of others: invite people, make new codes, and remove accounts.

Guardians are equal: none removes another.  The store checks permissions (`accounts/roles.py`), so
no page can skip that; the buttons only follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.account import Account, Purpose
from copdns.accounts.roles import Actor, Permission, Role, may_add, may_remove
from copdns.model.errors import AccountError
from copdns.model.sentences import sentence
from copdns.web.browser_input import fields_of, label_of
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.account.login import DESK, let_in, require_same_passwords
from copdns.web.desk.change import say_done
from copdns.web.desk.page import household_in_force
from copdns.web.logins import LoginForm
from copdns.web.many_households.choose_household import keep_code
from copdns.web.many_households.shown_secrets import typist_of
from copdns.web.session import require, require_safe_connection
from copdns.web.step_up import require_step_up

INVITABLE = (Role.GUARDIAN, Role.REVIEWER, Role.AUDITOR)


class AccountRow(NamedTuple):
    """An account, and what the reader may do to it.  invitable: they may make a new code."""

    account: Account
    removable: bool
    invitable: bool  # a new code can be made


async def accounts(request: web.Request) -> web.Response:
    """Show all accounts."""
    actor, context = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    found = await context.accounts.all(actor.household)
    return context.pages.render(
        request,
        "desk/accounts.html",
        actor=actor,
        shown=[_account_row(each, actor) for each in found],
        roles=[each for each in INVITABLE if may_add(actor.role, each)],
        household=household_in_force(request, actor),
    )


async def invite(request: web.Request) -> web.Response:
    """Create an account, and show its code, once."""
    actor, context = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    await require_step_up(request, actor)
    fields, now = await fields_of(request), int(context.now())
    new = Account(actor.household, "", str(fields.get("name", "")), _parse_role(fields))
    account = await context.accounts.add(new, actor, now)
    return await _show_code(request, actor, account, Purpose.INVITE)


async def code(request: web.Request) -> web.Response:
    """Make another code, where the first one was lost or the password forgotten."""
    actor = await require(request, Permission.MANAGE_ACCOUNTS)
    await require_step_up(request, actor)
    found = await _require_account(request, actor)
    purpose = Purpose.PASSWORD if found.has_password else Purpose.INVITE
    return await _show_code(request, actor, found, purpose)


async def remove(request: web.Request) -> web.Response:
    """Remove an account, unless it is a guardian's."""
    actor, context = await require(request, Permission.MANAGE_ACCOUNTS), context_of(request)
    account = request.match_info["account"]
    there = await context.accounts.get(actor.household, account)
    if there is not None and may_remove(actor.role, there.role):
        question = sentence(
            "remove %(name)s's account? They are logged out at once, and a code that was made for "
            "it no longer works",
            name=there.name,
        )
        await require_sure(request, question)
    await context.accounts.remove(actor.household, account, actor, int(context.now()))
    if there is not None:
        say_done(request, actor, sentence("%(name)s can no longer log in", name=there.name))
    raise web.HTTPSeeOther("/guardian/accounts")


async def join_form(request: web.Request) -> web.Response:
    """Show the form that takes a code from a guardian or the console, and a password."""
    require_safe_connection(request)
    return context_of(request).pages.render(request, "desk/join.html")


async def join(request: web.Request) -> web.Response:
    """Set the password, and log in."""
    require_safe_connection(request)
    context, fields = context_of(request), await fields_of(request)
    password = str(fields.get("password", ""))
    now = int(context.now())
    address = typist_of(request)
    require_same_passwords(fields)
    code = str(fields.get("code", ""))
    account = await context.logins.use_code(code, password, address, now, ())
    form = LoginForm(account.name, password, address, label=label_of(request), joined=True)
    result = await context.logins.log_in(account.household, form, now)
    redirect = let_in(request, result, DESK)
    if context.door is not None:
        # So that who logs in here later need not know the household's own code.
        family = await context.door.families.code_of(account.household)
        keep_code(request, redirect, family)
    raise redirect


def _parse_role(fields: Any) -> Role:
    try:
        role = Role(str(fields.get("role", "")))
    except ValueError:
        role = Role.CHILD
    if role not in INVITABLE:
        raise AccountError("choose one of the roles on the page", name="role")
    return role


async def _show_code(
    request: web.Request, actor: Actor, account: Account, purpose: Purpose
) -> web.Response:
    context = context_of(request)
    code = await context.logins.make_code(account, purpose, actor, int(context.now()))
    return context.pages.render(
        request,
        "desk/invited.html",
        actor=actor,
        account=account,
        told=code,
        host=f"{request.scheme}://{request.host}",
    )


async def _require_account(request: web.Request, actor: Actor) -> Account:
    context = context_of(request)
    found = await context.accounts.get(actor.household, request.match_info["account"])
    if found is None:
        raise web.HTTPNotFound
    return found


def _account_row(account: Account, actor: Actor) -> AccountRow:
    mine = account.id == actor.id
    allowed = may_remove if account.has_password else may_add
    removable = not mine and may_remove(actor.role, account.role)
    return AccountRow(account, removable, not mine and allowed(actor.role, account.role))
