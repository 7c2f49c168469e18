"""The connections of browsers: an application as aiohttp serves it, and what it must not tell.

Imported when the first browser connects (`http_server.py`).

Connections are bounded, so that a client that opens thousands takes neither memory nor file
descriptors from DNS, and no place from other clients.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from copdns.web.connection_limits import connection_to_drop

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serves = Callable[[asyncio.BaseTransport], bool]

# What an application has to tell whether it serves the peer of a connection (`dns.allow`).
SERVES: web.AppKey[Serves] = web.AppKey("serves")


class _NoForeignErrors(logging.Filter):
    """Drops errors about requests that are not HTTP: any client could fill the log with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_HTTP = logging.getLogger("copdns.http")
_HTTP.addFilter(_NoForeignErrors())

SERVER = "copdns"  # the header: without the versions of libraries
MAX_CONNECTIONS = 512  # connections at once: a family with all its screens has some dozens
KEEPALIVE = 75.0  # seconds between two requests of a connection
SHUTDOWN = 5.0  # seconds for requests that are under way when we stop
_CONTINUE = "100-continue"  # the only expectation that RFC 9110 has (section 10.1.1)
_OPTIONS: dict[str, Any] = {
    "access_log": None,
    "logger": _HTTP,
    "keepalive_timeout": KEEPALIVE,
}


class BareResponse(web.Response):
    """A status without a word or a header that tells what this is, for whom we do not serve."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        del self.headers["Server"]  # which aiohttp sets where there is none


class Connections:
    """An application, and the connections to it."""

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN, **_OPTIONS)
        self._serves = application.get(SERVES, _serve_all)

    async def begin(self) -> None:
        """Start the application."""
        await self._runner.setup()
        self._server.request_handler = _refuse_expectations(
            self._server.request_handler, self._serves
        )

    async def close(self) -> None:
        """Close all connections, after the requests that are under way."""
        await self._runner.cleanup()

    def make_protocol(self) -> asyncio.Protocol:
        """Return the protocol for a new connection; at MAX_CONNECTIONS, close older ones first."""
        found = (each.transport for each in self._server.connections)
        open_transports = [each for each in found if each is not None and not each.is_closing()]
        while len(open_transports) >= MAX_CONNECTIONS:
            open_transports.pop(
                connection_to_drop([_peer(each) for each in open_transports])
            ).abort()  # also within a request
        loop = asyncio.get_running_loop()
        return _Connection(self._serves, self._server, loop=loop, **_OPTIONS)

    @property
    def _server(self) -> web.Server:
        server = self._runner.server
        assert server is not None
        return server


class _Connection(RequestHandler):
    """A connection.  What is no HTTP does not reach the application, which adds all headers."""

    __slots__ = ("_serves",)

    def __init__(self, serves: Serves, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._serves = serves

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        response = super().handle_error(request, status, exc, message)
        if self.transport is not None and not self._serves(self.transport):
            response = BareResponse(status=status)
            response.force_close()
            return response
        response.headers["Server"] = SERVER
        return response


def _serve_all(_: asyncio.BaseTransport) -> bool:
    return True


def _refuse_expectations(handler: Handler, serves: Serves) -> Handler:
    """Refuse unknown Expect headers before the request's body is read, and any Expect header of a
    peer that we do not serve.

    aiohttp would answer them before our middlewares, and fail where the value is not UTF-8.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if "Expect" not in request.headers:
            return await handler(request)
        if request.transport is not None and not serves(request.transport):
            return BareResponse(status=web.HTTPForbidden.status_code)
        if request.headers["Expect"].lower() != _CONTINUE:
            return web.Response(
                status=web.HTTPExpectationFailed.status_code, headers={"Server": SERVER}
            )
        return await handler(request)

    return handle


def _peer(transport: asyncio.Transport) -> str:
    found = transport.get_extra_info("peername")
    return str(found[0]) if found else ""
