"""The account of whoever is logged in: sessions, and tokens for programs.

No token can use any of it: a program must neither make tokens nor log people out.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from copdns.accounts.account import DAY, TOKEN_LONGEST, TOKEN_USUAL, Session
from copdns.accounts.roles import Permission
from copdns.as_json.accounts import digest_json, session_json, token_json
from copdns.household.edit_checks import parse_field
from copdns.household.time_dump import clock_text
from copdns.household.time_shape import clock
from copdns.privacy.digest import (
    DIGEST_LANGUAGES,
    USUAL_DAY,
    USUAL_MINUTE,
    DigestChoice,
    parse_address,
)
from copdns.web.api.operation import Call, Given, Operation, Sent, StepUp
from copdns.web.api.types import WHOLE, Id, Moment, Text
from copdns.web.own_account import own_account_of, require_digest
from copdns.web.problem import Refused
from copdns.web.step_up import step_up


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


class TokenWanted(StepUp):
    """current, code: as of a step-up."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=20)]
    days: Annotated[int, Field(ge=1, le=TOKEN_LONGEST // DAY), WHOLE] = TOKEN_USUAL // DAY


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


async def enter_password(call: Call) -> None:
    """Enter the password, and the code of two-step verification, again: for five minutes this
    session may do what needs that."""
    typed: StepUp = call.body
    await step_up(call.request, call.actor, typed.current, typed.code)


async def tokens(call: Call) -> object:
    """Return one's own tokens, without their secrets."""
    found = await call.context.tokens.all(call.household.id, call.actor.id)
    return [token_json(each) for each in found]


async def make_token(call: Call) -> object:
    """Return a new token and its secret."""
    wanted: TokenWanted = call.body
    own = await own_account_of(call.request, call.actor)
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


class DigestShown(Given):
    """weekday: 0 is Monday.  at: on the household's clock.  trouble: why the last one was not sent,
    "" where it was."""

    address: str
    weekday: int
    at: str
    language: str
    trouble: str


class DigestWanted(Sent):
    """language: en, fr or es; what is left out is as on the page: Sunday, 18:00, English."""

    address: Text
    weekday: Annotated[int, Field(ge=0, le=6), WHOLE] = USUAL_DAY
    at: Annotated[str, Field(pattern=r"^\d{1,2}:\d{2}$")] = clock_text(USUAL_MINUTE)
    language: Annotated[str, Field(pattern=f"^({'|'.join(DIGEST_LANGUAGES)})$")] = DIGEST_LANGUAGES[
        0
    ]


async def digest(call: Call) -> object:
    """Return my choice of a weekly summary by email; raise Refused (404) where there is none."""
    found = await call.context.digests.of(call.household.id, call.actor.id)
    if found is None:
        raise Refused(404, "You get no weekly summary")
    return digest_json(found)


async def choose_digest(call: Call) -> object:
    """Send me a weekly summary from now on; raise HouseholdError."""
    require_digest(call.context)
    wanted: DigestWanted = call.body
    choice = DigestChoice(
        call.household.id,
        call.actor.id,
        parse_address(wanted.address),
        wanted.weekday,
        parse_field(clock, wanted.at),
        wanted.language,
        call.now,
    )
    await call.context.digests.choose(choice, call.actor.name, call.now)
    return digest_json(choice)


async def stop_digest(call: Call) -> None:
    """Send me no weekly summary; without one, nothing changes."""
    await call.context.digests.stop(call.household.id, call.actor.id, call.actor.name, call.now)


_ANYBODY, _TOKENS = Permission.SEE_STATUS, Permission.MANAGE_TOKENS
_GUARDIAN = Permission.MANAGE_ACCOUNTS
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
    Operation(
        "POST",
        "/step-up",
        _ANYBODY,
        "Enter the password again",
        enter_password,
        body=StepUp,
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
        step_up=True,
    ),
    Operation("DELETE", "/tokens/{token}", _TOKENS, "Take a token away", remove_token, status=204),
    Operation(
        "GET",
        "/digest",
        _GUARDIAN,
        "My weekly summary by email",
        digest,
        DigestShown,
        may_be_missing=True,
    ),
    Operation(
        "PUT",
        "/digest",
        _GUARDIAN,
        "Send me a weekly summary by email",
        choose_digest,
        DigestShown,
        body=DigestWanted,
        step_up=True,
    ),
    Operation("DELETE", "/digest", _GUARDIAN, "Send me no weekly summary", stop_digest, status=204),
)
