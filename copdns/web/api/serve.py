"""Run an operation for a request: check permission, query and body, in this order, then call it."""

from __future__ import annotations

import asyncio
import math
from functools import cache
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter

from copdns.accounts.roles import Actor, may
from copdns.model.errors import (
    AccountError,
    AppealError,
    AppealLimitError,
    BusyError,
    CalendarError,
    CopdnsError,
    HouseholdError,
    NameTextError,
    TextError,
    TooManyTriesError,
)
from copdns.model.household import Household, Profile
from copdns.web.api.operation import Call, Operation, StepUp
from copdns.web.api.reading import JSON, read_body, read_query
from copdns.web.context import context_of
from copdns.web.pages import ACTOR
from copdns.web.problem import Refused, problem
from copdns.web.session import FOR_PEOPLE, require
from copdns.web.step_up import StepUpNeededError, require_owner, require_scope

MAX_AT_ONCE = 1000  # calls
CALLS_A_SECOND = 100  # refilled each second

# Valid requests that the state of the household does not allow: 409.
_CONFLICTS = (
    HouseholdError,
    AppealError,
    AccountError,
    NameTextError,
    TextError,
    CalendarError,
)
_TOO_OFTEN = (TooManyTriesError, AppealLimitError, BusyError)


def make_handler(operation: Operation) -> Handler:
    """Return the handler of an operation; each refusal becomes a problem document (RFC 9457)."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            return await _serve(operation, request)
        except Refused as refused:
            return problem(refused.status, refused.detail, refused.mistakes, refused.headers)
        except _TOO_OFTEN as error:
            return problem(429, str(error))
        except _CONFLICTS as error:
            return problem(409, str(error))

    return serve


async def _serve(operation: Operation, request: web.Request) -> web.StreamResponse:
    actor = await _require_actor(operation, request)
    _keep_pace(request, actor)
    household = await _stored_household(request, actor)
    profile = None
    if "profile" in operation.parts:
        profile = _require_profile(request, household)
        if not may(actor, operation.permission, profile):
            raise web.HTTPForbidden(reason="You may not do this")
    call = Call(
        request,
        context_of(request),
        actor,
        household,
        profile,
        read_query(request, operation.query),
        None
        if operation.body is None
        else await read_body(request, operation.body, operation.most),
        int(context_of(request).now()),
    )
    if operation.step_up and actor.scopes is None:
        typed = call.body if isinstance(call.body, StepUp) else StepUp()
        await require_owner(request, actor, typed.current, typed.code)
    return _response(operation, await operation.handler(call))


async def _require_actor(operation: Operation, request: web.Request) -> Actor:
    """Return who acts; raise as `require` does, or StepUpNeededError.

    Whatever keeps a token from an operation with step-up, its problem type says that this is for
    people.
    """
    try:
        actor = await require(request, operation.permission)
        if operation.for_people and actor.scopes is not None:
            raise web.HTTPForbidden(reason=FOR_PEOPLE)
    except web.HTTPForbidden:
        if operation.step_up and ACTOR in request and request[ACTOR].scopes is not None:
            raise StepUpNeededError(None) from None
        raise
    if operation.step_up:
        require_scope(actor)
    return actor


def _keep_pace(request: web.Request, actor: Actor) -> None:
    now = asyncio.get_running_loop().time()
    if seconds := request.app[PACE].wait(f"{actor.household} {actor.id}", now):
        after = {"Retry-After": str(math.ceil(seconds))}
        raise Refused(429, "Too many calls; wait a moment", headers=after)


async def _stored_household(request: web.Request, actor: Actor) -> Household:
    found = await context_of(request).store.household(actor.household)
    if found is None:
        raise CopdnsError("the household is gone")
    return found


def _require_profile(request: web.Request, household: Household) -> Profile:
    found = household.profile(request.match_info["profile"])
    if found is None:
        raise Refused(404, "There is no such profile")
    return found


def _response(operation: Operation, found: object) -> web.StreamResponse:
    if operation.streams:
        assert isinstance(found, web.StreamResponse)
        return found
    if operation.result is None:
        return web.Response(status=204)
    if operation.text:
        return web.Response(text=str(found), content_type=operation.text, charset="utf-8")
    # Validated, so that the OpenAPI document is true.
    adapter = adapter_of(operation)
    body = adapter.dump_json(adapter.validate_python(found), by_alias=True, exclude_unset=True)
    return web.Response(status=operation.status, body=body, content_type=JSON)


@cache
def adapter_of(operation: Operation) -> TypeAdapter[Any]:
    """Return what checks the results of an operation."""
    return TypeAdapter(operation.result)


class Pace:
    """A rate limit for each account, so that a program in a loop does not slow others down.

    A token bucket for each; moments are monotonic seconds.
    """

    def __init__(self, at_once: int = MAX_AT_ONCE, a_second: float = CALLS_A_SECOND) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}  # calls left, and when that was computed

    def wait(self, account: str, now: float) -> float:
        """Count a call; return 0, or the seconds to wait if the call must not be made now."""
        left, at = self._left.get(account, (float(self._at_once), now))
        left = min(float(self._at_once), left + (now - at) * self._a_second)
        if left < 1:
            return (1 - left) / self._a_second
        self._left[account] = (left - 1, now)
        return 0


PACE = web.AppKey("pace", Pace)
