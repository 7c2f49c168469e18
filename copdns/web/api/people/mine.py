"""The account of whoever is logged in: sessions, and tokens for programs.

No token can use any of it: a program must neither make tokens nor log people out.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from copdns.accounts.account import DAY, TOKEN_LONGEST, TOKEN_USUAL, Session
from copdns.accounts.roles import Permission
from copdns.as_json.accounts import session_json, token_json
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import WHOLE, Id, Moment
from copdns.web.own_account import confirm, own_account_of
from copdns.web.problem import Refused


class SessionShown(Given):
    """label: what the browser is.  used: exact to five minutes.  this: the one that asks."""

    id: str
    label: str
    made: Moment
    used: Moment
    expires: Moment
    this: bool


class TokenShown(Given):
    """used: exact to five minutes, null for never."""

    id: str
    account: Id
    label: str
    scopes: list[Permission]
    made: Moment
    expires: Moment
    used: Moment | None


class TokenMade(TokenShown):
    """token: what goes along with each call, told this once."""

    token: str


class TokenWanted(Sent):
    """current: the current password, where it was not typed within the last quarter of an hour."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=TOKEN_LONGEST // DAY), WHOLE] = TOKEN_USUAL // DAY
    current: Annotated[str, Field(max_length=256)] = ""


class _ShownSession(NamedTuple):
    """A session and the part of its digest that is shown: the id is no use for logging in."""

    id: str
    session: Session


async def sessions(call: Call) -> object:
    """Return the sessions of whoever asks, with `this` at the one that is used now."""
    own = await own_account_of(call.request, call.actor)
    return [
        session_json(each.id, each.session, this=each.session.digest == own.session.digest)
        for each in await _own_sessions(call)
    ]


async def _own_sessions(call: Call) -> list[_ShownSession]:
    own = await own_account_of(call.request, call.actor)
    found = await call.context.sessions.of(own.account, call.now)
    return [_ShownSession(each.digest[:16], each) for each in found]


async def end_session(call: Call) -> None:
    """End a session of one's own, perhaps this one; raise Refused (404)."""
    own = await own_account_of(call.request, call.actor)
    found = call.find("session", await _own_sessions(call))
    await call.context.sessions.revoke(own.account, found.session.digest)


async def end_sessions(call: Call) -> None:
    """End all other sessions; no browser is known any more.  Without others, nothing else
    changes."""
    own = await own_account_of(call.request, call.actor)
    await call.context.sessions.revoke_all(own.account, call.now, but_session=own.session.digest)


async def tokens(call: Call) -> object:
    """Return one's own tokens, without their secrets."""
    found = await call.context.tokens.all(call.household.id, call.actor.id)
    return [token_json(each) for each in found]


async def make_token(call: Call) -> object:
    """Return a new token and its secret; raise AccountError unless the owner is surely there."""
    wanted: TokenWanted = call.body
    own = await own_account_of(call.request, call.actor)
    await confirm(call.request, own, wanted.current)
    token, secret = await call.context.tokens.make(
        own.account,
        wanted.label.strip(),
        wanted.scopes,
        call.now + wanted.days * DAY,
        call.now,
        call.actor.name,
    )
    return {**token_json(token), "token": secret}


async def remove_token(call: Call) -> None:
    """Remove a token; programs that have it are refused from now on."""
    mine = await call.context.tokens.all(call.household.id, call.actor.id)
    if all(each.id != call.part("token") for each in mine):
        raise Refused(404, "There is no such token of yours")
    await call.context.tokens.remove(
        call.household.id, call.part("token"), call.actor.name, call.now
    )


_ANYBODY, _TOKENS = Permission.SEE_STATUS, Permission.MANAGE_TOKENS
OPERATIONS = (
    Operation(
        "GET", "/sessions", _ANYBODY, "Where I am logged in", sessions, list[SessionShown], own=True
    ),
    Operation(
        "DELETE",
        "/sessions",
        _ANYBODY,
        "Log me out everywhere else",
        end_sessions,
        status=204,
        own=True,
    ),
    Operation(
        "DELETE",
        "/sessions/{session}",
        _ANYBODY,
        "Log me out there",
        end_session,
        status=204,
        own=True,
    ),
    Operation("GET", "/tokens", _TOKENS, "My tokens", tokens, list[TokenShown]),
    Operation(
        "POST",
        "/tokens",
        _TOKENS,
        "Make a token for a program",
        make_token,
        TokenMade,
        body=TokenWanted,
        status=201,
    ),
    Operation("DELETE", "/tokens/{token}", _TOKENS, "Take a token away", remove_token, status=204),
)
