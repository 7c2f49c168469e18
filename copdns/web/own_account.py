"""Somebody's own account, in a browser: a program has none of its own.

What must not be done by whoever finds an open browser asks for the password again, unless it was
typed a moment ago.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import Account, Session
from copdns.accounts.roles import Actor
from copdns.model.errors import AccountError
from copdns.model.sentences import plural_sentence
from copdns.web.context import context_of
from copdns.web.logins import Outcome
from copdns.web.person import requestor_of
from copdns.web.session import BROWSER, LOGGED_IN


class Own(NamedTuple):
    actor: Actor
    account: Account
    session: Session


async def own_of(request: web.Request, actor: Actor) -> Own:
    """Return whose account it is; raise HTTPForbidden for a program."""
    session = request.get(LOGGED_IN)
    if session is None or actor.scopes is not None:
        raise web.HTTPForbidden(reason="This is for people, not for programs")
    account = await context_of(request).accounts.get(actor.household, actor.id)
    if account is None:
        raise web.HTTPNotFound
    return Own(actor, account, session)


async def confirm(request: web.Request, own: Own, password: str, *, always: bool = False) -> None:
    """Raise AccountError unless it is surely the owner of the account.

    always: a login a moment ago is not enough.
    """
    parts = context_of(request)
    now = int(parts.now())
    if not always and own.session.is_fresh(now):
        return
    known = await parts.sessions.known_browser(own.account, request.cookies.get(BROWSER, ""), now)
    address = requestor_of(request).address
    done = await parts.logins.confirm(own.account, password, address, known)
    if done.outcome is Outcome.WAIT:
        raise AccountError(
            plural_sentence(
                "too many tries; wait %(num)d second",
                "too many tries; wait %(num)d seconds",
                done.wait,
            ),
            name="current",
        )
    if done.outcome is not Outcome.IN:
        raise AccountError("the password of now is not right", name="current")
