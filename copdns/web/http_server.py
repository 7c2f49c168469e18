"""The web server: listens on the addresses that this machine has at the moment.

The pages, and all that speaks HTTP, are loaded when the first browser connects: they take many
megabytes and most of a second, which a resolver without visitors need not pay.  The first visitor
waits for that; DNS does not.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from copdns.model.errors import ListenError
from copdns.network.machine import ADDRESS_MISSING, listen_addresses
from copdns.settings.config import WebSettings
from copdns.web.connection_limits import connection_to_drop
from copdns.web.https import Https

if TYPE_CHECKING:
    from aiohttp import web

    from copdns.web.connections import Connections

log = structlog.get_logger("copdns")

BACKLOG = 128  # connections that may wait until they are taken
MAX_HANDSHAKES = 64  # connections at once in their TLS handshake, which takes memory
HANDSHAKE = 10.0  # seconds until a TLS handshake must be complete
# Seconds after a connection could not be accepted, such as without free file descriptors.
ACCEPT_AGAIN = 0.1
LOAD_AGAIN = 10.0  # seconds after the pages could not be loaded


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a port to listen on.  context: for TLS; None for plain HTTP."""

    address: str
    port: int
    context: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


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
        self._connections: Connections | None = None  # None: the pages are not loaded
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
        """Stop listening; requests under way get `connections.SHUTDOWN` seconds more."""
        if self._loading is not None:
            self._loading.cancel()
        for place in [*self._sockets]:
            await self._close(place)
        for each in self._handshakes:
            each.cancel()
        if self._connections is not None:
            await self._connections.close()

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
        if self._connections is not None:
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
            connections = await asyncio.to_thread(self._make_connections)
            await connections.begin()
        except Exception:  # noqa: BLE001 - without pages the answering goes on
            log.error("the pages could not be loaded", traceback=traceback.format_exc())
            self._loop.call_later(LOAD_AGAIN, self._wait_again)
            return
        self._connections = connections
        for place in [*self._sockets]:
            self._serve(place)

    def _make_connections(self) -> Connections:
        from copdns.web.connections import Connections  # with aiohttp; see the top

        return Connections(self._application())

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
        assert self._connections is not None
        return self._connections.make_protocol()


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
