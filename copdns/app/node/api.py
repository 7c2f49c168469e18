"""Where a provider's own programs tell whose lines are, and which addresses they have.

Plain HTTP on an address that only those programs reach, with a token.  Each request is taken as a
whole: it is answered with 204 when all of it is in the database, and with an error when none is.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from copdns.app.node.collector import BindingCollector
from copdns.model.errors import StoreError
from copdns.provider.address_blocks import AddressError, read_block
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.store.postgres.lines import LineRow

MOST_OCTETS = 4 << 20
MOST_ENTRIES = 10_000

Text = Annotated[str, Field(min_length=1, max_length=253)]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ToldLine(BaseModel):
    """Whose a line is.  household: "" for nobody's."""

    model_config = ConfigDict(extra="forbid")
    line: Text
    household: str = Field(max_length=253)


class ToldSession(BaseModel):
    """What became of a session.  at: seconds since 1970.  addresses: all that it has."""

    model_config = ConfigDict(extra="forbid")
    kind: SessionChange
    machine: Text
    session: Text
    line: Text
    at: FiniteFloat
    addresses: Annotated[tuple[str, ...], Field(max_length=16)] | None = None


_LINES = TypeAdapter(Annotated[list[ToldLine], Field(max_length=MOST_ENTRIES)])
_SESSIONS = TypeAdapter(Annotated[list[ToldSession], Field(max_length=MOST_ENTRIES)])


def bindings_api(collector: BindingCollector, token: str) -> web.Application:
    """Return the application.  token: what has to be shown as `Authorization: Bearer`."""

    @web.middleware
    async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token or not hmac.compare_digest(shown.encode(), token.encode()):
            return _problem(HTTPStatus.UNAUTHORIZED, "show the token of node.bindings_token")
        return await handler(request)

    async def put_lines(request: web.Request) -> web.Response:
        found = _LINES.validate_json(await request.read())
        await collector.take(lines=[LineRow(each.line, each.household) for each in found])
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def post_sessions(request: web.Request) -> web.Response:
        found = _SESSIONS.validate_json(await request.read())
        await collector.take(map(_event, found))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    application = web.Application(
        client_max_size=MOST_OCTETS, middlewares=[check_token, _tell_problems]
    )
    application.router.add_put("/v1/lines", put_lines)
    application.router.add_post("/v1/sessions", post_sessions)
    return application


@web.middleware
async def _tell_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        # Without what was written: it names lines and addresses, and an answer may be logged.
        wrong: list[Any] = error.errors(include_input=False, include_context=False)
        where = "; ".join(f"{'/'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong[:5])
        return _problem(HTTPStatus.BAD_REQUEST, where)
    except AddressError:
        return _problem(HTTPStatus.BAD_REQUEST, "an address is none that a line can have")
    except StoreError as error:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def _event(told: ToldSession) -> SessionEvent:
    blocks = None if told.addresses is None else tuple(map(read_block, told.addresses))
    return SessionEvent(told.kind, told.machine, told.session, told.line, told.at, blocks)


def _problem(status: HTTPStatus, detail: str) -> web.Response:
    return web.json_response({"title": status.phrase, "detail": detail}, status=status)
