"""The web server: listens on the addresses that this machine has at the moment.

The pages are loaded when the first browser connects: they take 10 MB and half a second, which a
resolver without visitors need not pay.  The first visitor waits for that; DNS does not.

Connections are bounded, so that a client that opens thousands takes neither memory nor file
descriptors from DNS, and no place from other clients.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from copdns.config import WebSettings
from copdns.model.errors import ListenError
from copdns.network.machine import ADDRESS_MISSING, listen_addresses
from copdns.web.https import Https

log = structlog.get_logger("copdns")

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
BACKLOG = 128  # connections that may wait until they are taken
MAX_CONNECTIONS = 512  # connections at once: a family with all its screens has some dozens
MAX_HANDSHAKES = 64  # of those in their TLS handshake, which takes memory
_NETWORK_BITS = 64  # an IPv6 network of a household
KEEPALIVE = 75.0  # seconds between two requests of a connection
HANDSHAKE = 10.0  # seconds until a TLS handshake must be complete
# Seconds after a connection could not be accepted, such as without free file descriptors.
ACCEPT_AGAIN = 0.1
SHUTDOWN = 5.0  # seconds for requests that are under way when we stop
_CONTINUE = "100-continue"  # the only expectation that RFC 9110 has (section 10.1.1)
LOAD_AGAIN = 10.0  # seconds after the pages could not be loaded


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a port to listen on.  context: for TLS; None for plain HTTP."""

    address: str
    port: int
    context: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


class BareResponse(web.Response):
    """A status without a word or a header that tells what this is, for whom we do not serve."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        del self.headers["Server"]  # which aiohttp sets where there is none


class HttpServer:
    """Listens, and serves an application from the first connection on."""

    def __init__(
        self, settings: WebSettings, https: Https, application: Callable[[], web.Application]
    ) -> None:
        """application: builds it; called in a thread, and may take seconds."""
        self._settings = settings
        self._https = https
        self._application = application
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[Place, socket.socket] = {}
        self._acceptors: dict[Place, asyncio.Task[None]] = {}  # accept connections
        self._handshakes: dict[
            asyncio.Task[None], str
        ] = {}  # with the peer's address, the oldest first
        self._runner: web.AppRunner | None = None
        self._serves: Serves = _serve_all
        self._loading: asyncio.Task[None] | None = None
        self._reported: set[str] = set()  # errors of listening that were logged
        self._failure = ""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Return the addresses and ports that it listens on; a port of 0 in the settings is
        resolved."""
        return [own.getsockname()[:2] for own in self._sockets.values()]

    @property
    def warning(self) -> str:
        """Return what is wrong, as a sentence for people; "" for nothing."""
        return self._https.warning or self._failure

    async def begin(self) -> None:
        """Listen; raise ListenError where the settings name an address that cannot be bound.

        Failures of HTTPS only warn: the child's page and DNS work without it.
        """
        await self._https.begin()
        errors = await self._listen_only_at(await self._places())
        for place, error in errors.items():
            if place.context is None and error.errno not in ADDRESS_MISSING:
                raise ListenError(_why(place, error)) from error
        self._report(errors)

    async def refresh(self) -> None:
        """Follow changes of the machine's addresses and of the certificate."""
        await self._https.refresh()
        self._report(await self._listen_only_at(await self._places()))

    async def close(self) -> None:
        """Stop listening, and end requests under way after SHUTDOWN seconds."""
        if self._loading is not None:
            self._loading.cancel()
        for place in [*self._sockets]:
            await self._close(place)
        for each in self._handshakes:
            each.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _places(self) -> list[Place]:
        """Return where to listen, by the settings and the addresses of this machine."""
        settings, context = self._settings, self._https.context
        addresses = await asyncio.to_thread(listen_addresses, settings.listen)
        places = [Place(each, settings.port) for each in addresses]
        if context is not None:
            places += [Place(each, settings.tls_port, context) for each in addresses]
        return places

    async def _listen_only_at(self, places: Sequence[Place]) -> dict[Place, OSError]:
        """Listen at these places and at no others; return the errors of those that failed."""
        for place in [each for each in self._sockets if each not in places]:
            await self._close(place)
        errors = {}
        for place in places:
            if place not in self._sockets:
                try:
                    await self._open(place)
                except OSError as error:
                    errors[place] = error
        return errors

    def _report(self, errors: dict[Place, OSError]) -> None:
        """Log new errors.  An address that is not there (yet) is no lasting failure."""
        whys = {
            _why(place, error): error.errno in ADDRESS_MISSING for place, error in errors.items()
        }
        for why in whys.keys() - self._reported:
            log.warning("pages are not served everywhere", error=why)
        self._reported = set(whys)
        self._failure = "; ".join(why for why, is_absent in whys.items() if not is_absent)

    async def _open(self, place: Place) -> None:
        """Listen at a place; raise OSError."""
        own = self._sockets[place] = _open_socket(place)
        if self._runner is not None:
            self._serve(place)
        elif self._loading is None:
            self._loop.add_reader(own, self._on_first_connection)

    async def _close(self, place: Place) -> None:
        own = self._sockets.pop(place)
        self._loop.remove_reader(own)
        if (acceptor := self._acceptors.pop(place, None)) is not None:
            acceptor.cancel()
            await asyncio.wait([acceptor])  # it uses the socket until then
        own.close()

    def _on_first_connection(self) -> None:
        for own in self._sockets.values():  # connections wait in the backlog meanwhile
            self._loop.remove_reader(own)
        self._loading = self._loop.create_task(self._load())

    async def _load(self) -> None:
        try:
            runner = web.AppRunner(
                await asyncio.to_thread(self._application),
                shutdown_timeout=SHUTDOWN,
                **_CONNECTION,
            )
            await runner.setup()
        except Exception:  # noqa: BLE001 - without pages the answering goes on
            log.error("the pages could not be loaded", traceback=traceback.format_exc())
            self._loop.call_later(LOAD_AGAIN, self._wait_again)
            return
        assert runner.server is not None
        self._serves = runner.app.get(SERVES, _serve_all)
        runner.server.request_handler = _refuse_expectations(
            runner.server.request_handler, self._serves
        )
        self._runner = runner
        for place in [*self._sockets]:
            self._serve(place)

    def _wait_again(self) -> None:
        self._loading = None
        for own in self._sockets.values():
            self._loop.add_reader(own, self._on_first_connection)

    def _serve(self, place: Place) -> None:
        self._acceptors[place] = self._loop.create_task(self._accept(place, self._sockets[place]))

    async def _accept(self, place: Place, own: socket.socket) -> None:
        """Accept connections until the place is closed."""
        while True:
            try:
                new, peer = await self._loop.sock_accept(own)
            except OSError:  # the client is gone, or no file descriptor is free
                await asyncio.sleep(ACCEPT_AGAIN)
                continue
            handshake = self._loop.create_task(self._shake_hands(place, new))
            self._handshakes[handshake] = str(peer[0])
            handshake.add_done_callback(self._end_handshake)
            if len(self._handshakes) > MAX_HANDSHAKES:
                drop = [*self._handshakes][connection_to_drop([*self._handshakes.values()])]
                self._end_handshake(drop)
                drop.cancel()
            await asyncio.sleep(0)  # `sock_accept` never yields while connections wait

    async def _shake_hands(self, place: Place, new: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make_protocol,
                new,
                ssl=place.context,
                ssl_handshake_timeout=HANDSHAKE if place.context else None,
            )
        except OSError:
            pass  # the client is gone, speaks no TLS, or is too slow
        except asyncio.CancelledError:
            with suppress(OSError):  # otherwise asyncio waits for the handshake
                new.shutdown(socket.SHUT_RDWR)
            raise

    def _end_handshake(self, handshake: asyncio.Task[None]) -> None:
        self._handshakes.pop(handshake, None)

    def _make_protocol(self) -> asyncio.Protocol:
        """Return the protocol for a new connection; at MAX_CONNECTIONS, close older ones first."""
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        found = (each.transport for each in server.connections)
        open_transports = [each for each in found if each is not None and not each.is_closing()]
        while len(open_transports) >= MAX_CONNECTIONS:
            open_transports.pop(
                connection_to_drop([_peer(each) for each in open_transports])
            ).abort()  # also within a request
        return _Connection(self._serves, server, loop=self._loop, **_CONNECTION)


_CONNECTION: dict[str, Any] = {
    "access_log": None,
    "logger": _HTTP,
    "keepalive_timeout": KEEPALIVE,
}


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


def connection_to_drop(peers: Sequence[str]) -> int:
    """Return the index of the connection to close for a new one: the oldest of the network with
    the most.

    A client with few connections never loses one to a client with thousands.  A device with IPv6
    has many addresses, so those of one /64 count as one.
    peers: addresses, the oldest first; not empty.
    """
    whose = [_network_of(each) for each in peers]
    ((most, _),) = Counter(whose).most_common(1)
    return whose.index(most)


@lru_cache(4096)  # a flood calls it for every connection, each time
def _network_of(peer: str) -> str:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return str(address)
    return str(int(address) >> (128 - _NETWORK_BITS))


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


def _why(place: Place, error: OSError) -> str:
    if place.context is None:
        return f"{place} (web): {error.strerror}; see web.listen and web.port"
    return f"{place} (HTTPS): {error.strerror}; see web.tls_port"


def _open_socket(place: Place) -> socket.socket:
    """Return a listening socket; raise OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        place.address,
        place.port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE,
    )[0]
    own = socket.socket(family, kind, protocol)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        own.setblocking(False)
        own.bind(address)
        own.listen(BACKLOG)
    except OSError:
        own.close()
        raise
    return own
