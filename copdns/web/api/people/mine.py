"""The account of whoever is logged in: where that is, and its tokens for programs.

None of it is open to a token: a program must not make keys, or keep people out.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from copdns.accounts.account import DAY, TOKEN_LONGEST, TOKEN_USUAL, Session
from copdns.accounts.roles import Permission
from copdns.as_json.accounts import session_json, token_json
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import WHOLE, Id, Moment
from copdns.web.own_account import confirm, own_of
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
    """current: the password of now, where it was not typed within the last quarter of an hour."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=TOKEN_LONGEST // DAY), WHOLE] = TOKEN_USUAL // DAY
    current: Annotated[str, Field(max_length=256)] = ""


class _Known(NamedTuple):
    """A session by what can be shown of it: whoever reads the id cannot log in with it."""

    id: str
    session: Session


async def sessions(call: Call) -> object:
    own = await own_of(call.request, call.actor)
    return [
        session_json(each.id, each.session, this=each.session.digest == own.session.digest)
        for each in await _sessions(call)
    ]


async def _sessions(call: Call) -> list[_Known]:
    own = await own_of(call.request, call.actor)
    found = await call.parts.sessions.of(own.account, call.now)
    return [_Known(each.digest[:16], each) for each in found]


async def end_session(call: Call) -> None:
    own = await own_of(call.request, call.actor)
    found = call.one("session", await _sessions(call))
    await call.parts.sessions.revoke(own.account, found.session.digest)


async def end_sessions(call: Call) -> None:
    """Browsers are no longer known.  Where there is no other this changes nothing else."""
    own = await own_of(call.request, call.actor)
    await call.parts.sessions.revoke_all(own.account, call.now, stays=own.session.digest)


async def tokens(call: Call) -> object:
    found = await call.parts.tokens.all(call.household.id, call.actor.id)
    return [token_json(each) for each in found]


async def make_token(call: Call) -> object:
    wanted: TokenWanted = call.body
    own = await own_of(call.request, call.actor)
    await confirm(call.request, own, wanted.current)
    made, told = await call.parts.tokens.make(
        own.account,
        wanted.label.strip(),
        wanted.scopes,
        call.now + wanted.days * DAY,
        call.now,
        call.actor.name,
    )
    return {**token_json(made), "token": told}


async def remove_token(call: Call) -> None:
    """Programs that have it are refused from now on."""
    mine = await call.parts.tokens.all(call.household.id, call.actor.id)
    if all(each.id != call.part("token") for each in mine):
        raise Refused(404, "There is no such token of yours")
    await call.parts.tokens.remove(call.household.id, call.part("token"), call.actor.name, call.now)


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
