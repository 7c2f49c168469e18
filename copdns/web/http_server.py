"""What listens for browsers, on the addresses that this machine has right now.

The pages are loaded when the first browser comes: they take some ten megabytes and half a second,
and a resolver that nobody looks at should not pay for them.  Whoever comes first waits that long,
and for DNS nothing waits.

Connections are bounded: whoever in the house opens thousands and is silent takes neither memory nor
file descriptors from the answers, and no place from others.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from copdns.config import WebSettings
from copdns.model.errors import ListenError
from copdns.network.machine import ADDRESS_MISSING, listen_addresses
from copdns.web.https import Https
from copdns.web.room import to_drop

log = structlog.get_logger("copdns")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _OwnFaults(logging.Filter):
    """Keeps out what is no HTTP: any stranger could fill the log with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_HTTP = logging.getLogger("copdns.http")
_HTTP.addFilter(_OwnFaults())

BACKLOG = 128  # connections that may wait until they are taken
MOST = 512  # connections at once: a family with all its screens has some dozens
COMING = 64  # of those that are only beginning: a handshake of HTTPS takes memory
SILENT = 75.0  # seconds between two requests of a connection
HANDSHAKE = 10.0  # seconds until a client of HTTPS has to be done with it
REST = 0.1  # seconds after a connection could not be taken, such as for want of files
LAST = 5.0  # seconds for requests that are under way when we stop
_CONTINUE = "100-continue"  # the only expectation that there is (RFC 9110 section 10.1.1)
TRY_AGAIN = 10.0  # seconds after the pages could not be loaded


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a port.  context: what it needs for TLS; None for plain HTTP."""

    address: str
    port: int
    context: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


class HttpServer:
    """Listens, and serves an application once somebody comes."""

    def __init__(
        self, chosen: WebSettings, https: Https, application: Callable[[], web.Application]
    ) -> None:
        """application: makes it; called in a thread, and may take its time."""
        self._chosen = chosen
        self._https = https
        self._application = application
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[Place, socket.socket] = {}
        self._doors: dict[Place, asyncio.Task[None]] = {}  # where connections are taken
        self._coming: dict[asyncio.Task[None], str] = {}  # and from where, the oldest first
        self._runner: web.AppRunner | None = None
        self._loading: asyncio.Task[None] | None = None
        self._told: set[str] = set()  # where listening failed at the last look, and why
        self._shut = ""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Return what is listened on: a port of 0 is a number by then."""
        return [own.getsockname()[:2] for own in self._sockets.values()]

    @property
    def warning(self) -> str:
        """Return what is not as it should be, for people; "" for nothing."""
        return self._https.warning or self._shut

    async def begin(self) -> None:
        """Listen; raise ListenError where the settings want what cannot be had.

        Of HTTPS that is only told: the door, and DNS, go on without it.
        """
        await self._https.begin()
        faults = await self._use(await self._places())
        for place, error in faults.items():
            if place.context is None and error.errno not in ADDRESS_MISSING:
                raise ListenError(_why(place, error)) from error
        self._tell(faults)

    async def look(self) -> None:
        """Follow the machine's addresses and the certificate."""
        await self._https.look()
        self._tell(await self._use(await self._places()))

    async def close(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        for place in [*self._sockets]:
            await self._leave(place)
        for each in self._coming:
            each.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _places(self) -> list[Place]:
        """Return where to listen, by the settings and what this machine has."""
        chosen, context = self._chosen, self._https.context
        addresses = await asyncio.to_thread(listen_addresses, chosen.listen)
        places = [Place(each, chosen.port) for each in addresses]
        if context is not None:
            places += [Place(each, chosen.tls_port, context) for each in addresses]
        return places

    async def _use(self, places: Sequence[Place]) -> dict[Place, OSError]:
        """Listen at these places and at no other; return where that cannot be."""
        for place in [each for each in self._sockets if each not in places]:
            await self._leave(place)
        faults = {}
        for place in places:
            if place not in self._sockets:
                try:
                    await self._open(place)
                except OSError as error:
                    faults[place] = error
        return faults

    def _tell(self, faults: dict[Place, OSError]) -> None:
        """Tell of what is new; an address that is not there (yet) is no lasting trouble."""
        whys = {
            _why(place, error): error.errno in ADDRESS_MISSING for place, error in faults.items()
        }
        for why in whys.keys() - self._told:
            log.warning("pages are not served everywhere", error=why)
        self._told = set(whys)
        self._shut = "; ".join(why for why, is_absent in whys.items() if not is_absent)

    async def _open(self, place: Place) -> None:
        """Listen at a place; raise OSError."""
        own = self._sockets[place] = _listening(place)
        if self._runner is not None:
            self._serve(place)
        elif self._loading is None:
            self._loop.add_reader(own, self._somebody_comes)

    async def _leave(self, place: Place) -> None:
        own = self._sockets.pop(place)
        self._loop.remove_reader(own)
        if (door := self._doors.pop(place, None)) is not None:
            door.cancel()
            await asyncio.wait([door])  # it looks at the socket until then
        own.close()

    def _somebody_comes(self) -> None:
        for own in self._sockets.values():  # whoever comes stays in the backlog meanwhile
            self._loop.remove_reader(own)
        self._loading = self._loop.create_task(self._load())

    async def _load(self) -> None:
        try:
            runner = web.AppRunner(
                await asyncio.to_thread(self._application),
                access_log=None,
                logger=_HTTP,
                keepalive_timeout=SILENT,
                shutdown_timeout=LAST,
            )
            await runner.setup()
        except Exception:  # noqa: BLE001 - without pages the answering goes on
            log.error("the pages could not be loaded", traceback=traceback.format_exc())
            self._loop.call_later(TRY_AGAIN, self._wait_again)
            return
        assert runner.server is not None
        runner.server.request_handler = _expecting_nothing(runner.server.request_handler)
        self._runner = runner
        for place in [*self._sockets]:
            self._serve(place)

    def _wait_again(self) -> None:
        self._loading = None
        for own in self._sockets.values():
            self._loop.add_reader(own, self._somebody_comes)

    def _serve(self, place: Place) -> None:
        self._doors[place] = self._loop.create_task(self._take(place, self._sockets[place]))

    async def _take(self, place: Place, own: socket.socket) -> None:
        """Take connections, for as long as this is a place."""
        while True:
            try:
                new, peer = await self._loop.sock_accept(own)
            except OSError:  # whoever came is gone already, or there is no file for them
                await asyncio.sleep(REST)
                continue
            coming = self._loop.create_task(self._let_in(place, new))
            self._coming[coming] = str(peer[0])
            coming.add_done_callback(self._is_in)
            if len(self._coming) > COMING:
                drop = [*self._coming][to_drop([*self._coming.values()])]
                self._is_in(drop)
                drop.cancel()
            await asyncio.sleep(0)  # `sock_accept` waits for nobody while somebody comes

    async def _let_in(self, place: Place, new: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._connection,
                new,
                ssl=place.context,
                ssl_handshake_timeout=HANDSHAKE if place.context else None,
            )
        except OSError:
            pass  # gone, or no client of HTTPS, or too slow
        except asyncio.CancelledError:
            with suppress(OSError):  # else its handshake would be waited for all the same
                new.shutdown(socket.SHUT_RDWR)
            raise

    def _is_in(self, coming: asyncio.Task[None]) -> None:
        self._coming.pop(coming, None)

    def _connection(self) -> asyncio.Protocol:
        """Give what serves a new connection, in the place of older ones where there are many."""
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        found = (each.transport for each in server.connections)
        there = [each for each in found if each is not None and not each.is_closing()]
        while len(there) >= MOST:
            there.pop(to_drop([_peer(each) for each in there])).abort()  # whatever it waits for
        return server()


def _expecting_nothing(handler: Handler) -> Handler:
    """Refuse an expectation that there is not, before anything of it is read.

    aiohttp would do so before our own guards, and fail where it is no UTF-8.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
            return web.Response(status=web.HTTPExpectationFailed.status_code)
        return await handler(request)

    return handle


def _peer(transport: asyncio.Transport) -> str:
    found = transport.get_extra_info("peername")
    return str(found[0]) if found else ""


def _why(place: Place, error: OSError) -> str:
    if place.context is None:
        return f"{place} (web): {error.strerror}; see web.listen and web.port"
    return f"{place} (HTTPS): {error.strerror}; see web.tls_port"


def _listening(place: Place) -> socket.socket:
    """Return a socket that listens; raise OSError."""
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
