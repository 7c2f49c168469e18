"""The account of somebody who is logged in with a browser; a program has none.

Dangerous actions ask for the password again, unless it was typed a moment ago: somebody else may
use an open browser.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import Account, Session
from copdns.accounts.roles import Actor
from copdns.model.errors import AccountError
from copdns.model.sentences import plural_sentence
from copdns.web.context import AppContext, context_of
from copdns.web.logins import Outcome
from copdns.web.many_households.shown_secrets import typist_of
from copdns.web.session import BROWSER, LOGGED_IN, cookie_of


class OwnAccount(NamedTuple):
    """Somebody who changes their own account.  session: the one that asks."""

    actor: Actor
    account: Account
    session: Session


async def own_account_of(request: web.Request, actor: Actor) -> OwnAccount:
    """Return the account that acts; raise HTTPForbidden for a program."""
    session = request.get(LOGGED_IN)
    if session is None or actor.scopes is not None:
        raise web.HTTPForbidden(reason="This is for people, not for programs")
    account = await context_of(request).accounts.get(actor.household, actor.id)
    if account is None:
        raise web.HTTPNotFound
    return OwnAccount(actor, account, session)


async def confirm(
    request: web.Request, own: OwnAccount, password: str, *, always: bool = False
) -> None:
    """Raise AccountError unless the owner of the account is surely there.

    always: a login a moment ago is not enough.
    """
    context = context_of(request)
    now = int(context.now())
    if not always and own.session.is_fresh(now):
        return
    browser = await context.sessions.find_browser(own.account, cookie_of(request, BROWSER), now)
    address = typist_of(request)
    result = await context.logins.confirm(own.account, password, address, browser)
    if result.outcome is Outcome.WAIT:
        raise AccountError(
            plural_sentence(
                "too many tries; wait %(num)d second",
                "too many tries; wait %(num)d seconds",
                result.wait,
            ),
            name="current",
        )
    if result.outcome is not Outcome.IN:
        raise AccountError("your current password is wrong", name="current")


def require_digest(context: AppContext) -> None:
    """Raise HTTPForbidden where nobody is offered a weekly summary by email."""
    if not context.offers_digest:
        raise web.HTTPForbidden(reason="Your internet provider sends no weekly summaries")
