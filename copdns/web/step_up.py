"""Step-up: what opens doors or data needs the password again, and the second factor.

A cookie can be stolen and a browser left open.  So these actions need a login or a step-up of the
last five minutes (`Session.is_fresh`); else a page asks, and carries on with the form that was
sent.  Step-up is for people: a program needs a token that was made for it (`Permission.STEP_UP`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.accounts.account import Account
from copdns.accounts.roles import Actor, Permission
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.logins import LoginForm, LoginResult, Outcome
from copdns.web.many_households.shown_secrets import typist_of
from copdns.web.own_account import own_account_of
from copdns.web.recent_actions import STEPPED_UP
from copdns.web.session import BROWSER, cookie_of

# Fields of the page that asks, beside those of the form that was sent.
PASSWORD_FIELD, CODE_FIELD = "step_up_password", "step_up_code"
PROBLEM_TYPE = "urn:copdns:problem:step-up"  # of the API's refusals (RFC 9457 section 3.1.1)

FOR_TOKENS = "This asks people for their password again, and this token was not made for it"
FOR_SESSIONS = "Enter your password again first: it was not entered in the last five minutes"


class StepUpNeededError(web.HTTPForbidden):
    """Nothing was done: the password has to be typed first.

    account: of whoever is logged in; None for a program.  result: of what was typed already; None
    for nothing yet.
    """

    def __init__(self, account: Account | None, result: LoginResult | None = None) -> None:
        super().__init__(reason=FOR_TOKENS if account is None else FOR_SESSIONS)
        self.account = account
        self.result = result


async def require_step_up(request: web.Request, actor: Actor) -> None:
    """Raise StepUpNeededError unless whoever acts is surely there, or is a program that was made
    for this.

    The second line of a handler of a form, after `require`.
    """
    request[STEPPED_UP] = True  # undoing it takes the same
    if actor.scopes is not None:
        require_scope(actor)
        return
    fields = await fields_of(request)
    password, code = fields.get(PASSWORD_FIELD, ""), fields.get(CODE_FIELD, "")
    await require_owner(request, actor, str(password), str(code))


def require_scope(actor: Actor) -> None:
    """Raise StepUpNeededError for a program whose token was not made for this."""
    if actor.scopes is not None and Permission.STEP_UP not in actor.scopes:
        raise StepUpNeededError(None)


async def require_sure(request: web.Request, actor: Actor) -> None:
    """Raise StepUpNeededError as `require_owner` does, or for a program as `require_scope`.

    For an operation of the API of which only some calls are grave.
    """
    require_scope(actor)
    if actor.scopes is None:
        await require_owner(request, actor)


async def require_owner(
    request: web.Request, actor: Actor, password: str = "", code: str = ""
) -> None:
    """Raise StepUpNeededError unless the owner of the session is surely there, by a login or
    step-up a moment ago or by what was typed now."""
    own = await own_account_of(request, actor)
    if own.session.is_fresh(int(context_of(request).now())):
        return
    if not password:
        raise StepUpNeededError(own.account)
    await step_up(request, actor, password, code)


async def step_up(request: web.Request, actor: Actor, password: str, code: str) -> None:
    """Make the session of a request fresh; raise StepUpNeededError where password or code is
    wrong."""
    own, context = await own_account_of(request, actor), context_of(request)
    form = LoginForm(
        own.account.name,
        password,
        typist_of(request),
        code,
        browser=cookie_of(request, BROWSER),
    )
    result = await context.logins.step_up(own.account, own.session.digest, form, int(context.now()))
    if result.outcome is not Outcome.IN:
        raise StepUpNeededError(own.account, result)


def names_sent(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields of a form, each once, without those of step-up: what was
    typed there is shown and filled in nowhere."""
    return [each for each in dict.fromkeys(fields) if each not in (PASSWORD_FIELD, CODE_FIELD)]
