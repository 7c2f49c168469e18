"""One client's connection: who asks on it, when it ends, and how much of it waits at once.

What travels on it is up to its `Speaker` (`server/messages.py` for DNS with lengths, over TCP and
TLS); how octets get to the client, up to who inherits from `ClientConnection`: as they are
(`server/tcp.py`), or encrypted (`server/tls.py`).
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from copdns.model.errors import ListenError
from copdns.model.verdict import Requestor
from copdns.server.answer import Resolver
from copdns.server.forwarders import NO_FORWARDERS, Forwarder, Forwarders, with_edns_device
from copdns.server.pending_query import SendReply
from copdns.server.places import AS_STRANGER, Places
from copdns.server.tokens import NO_TOKENS, DeviceTokens, is_refused
from copdns.server.udp import bind_socket
from copdns.time.clock import Moment

# What is read goes through one buffer for all connections, since each reads it at once: one of its
# own would be most of what a silent connection takes.
READ_SIZE: Final = 16_384
READ_BUFFER: Final = memoryview(bytearray(READ_SIZE))
BACKLOG: Final = 128  # connections that may wait until they are taken


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of one server.

    idle: seconds before a silent connection is closed.  connections: open at once.
    in_flight: queries of one connection that wait for a reply at once.
    """

    idle: float = 10.0
    connections: int = 256
    in_flight: int = 64


class Server(ABC):
    """Listens on one address and port.

    tokens: how devices say here which one they are.
    """

    tokens: DeviceTokens = NO_TOKENS

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: int,
        limits: StreamLimits,
        places: Places[ClientConnection],
        forwarders: Forwarders = NO_FORWARDERS,
    ) -> None:
        """places: of the connections; several servers may share them."""
        self.resolver = resolver
        self.clock = clock
        self.address = address
        self.limits = limits
        self.places = places
        self.forwarders = forwarders
        self._port = port

    @abstractmethod
    async def start(self) -> None:
        """Begin to listen; raise ListenError where that is not possible."""

    def set_forwarders(self, forwarders: Forwarders) -> None:
        """Believe these forwarders, and no others, in connections that begin from now on."""
        self.forwarders = forwarders

    @abstractmethod
    def close(self) -> None:
        """Stop listening, and drop all connections."""


class StreamServer(Server):
    """Listens for connections of TCP."""

    _server: asyncio.Server | None = None
    _bound: socket.socket | None = None

    @abstractmethod
    def make_connection(self) -> ClientConnection:
        """Return the protocol for a new connection."""

    async def start(self) -> None:
        """Begin to listen; raise ListenError where that is not possible."""
        loop = asyncio.get_running_loop()
        sock = self._bound or bind_socket(self.address, self._port, socket.SOCK_STREAM)
        try:
            self._server = await loop.create_server(
                self.make_connection, sock=sock, backlog=BACKLOG
            )
        except OSError as error:
            sock.close()
            raise ListenError(f"{self.address} port {self._port}: {error.strerror}") from error

    def close(self) -> None:
        """Stop listening, and drop all connections."""
        if self._server is not None:
            self._server.close()
        for connection in self.places.all:
            if connection.server is self:
                connection.drop()


class Speaker(ABC):
    """What is said on a connection."""

    @abstractmethod
    def read(self, octets: bytes) -> None:
        """Read what came, and answer it."""

    @abstractmethod
    def go_on(self) -> None:
        """Go on with what was read, since the client takes replies again."""

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether something that the client sent has no answer yet."""


class ClientConnection(asyncio.BufferedProtocol, ABC):
    """One client's connection.

    requestor: who asks.  forwarder: who the peer is, if it may say for whom it asks.
    is_clogged: the client does not read what it is sent.  is_ended: it sends nothing more.
    """

    over = "tcp"  # the transport, as `Requestor` tells it

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requestor = self.peer = Requestor(server.address, "", self.over)
        self.shown: frozenset[str] = frozenset()  # digests of the tokens that were right here
        self.forwarder: Forwarder | None = None
        self.is_clogged = self.is_ended = False
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self._deadline = 0.0  # of silence, in the loop's time
        self._timer: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def speaker(self) -> Speaker:
        """What is said; only asked for once something came."""

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is at the other end, and begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        peer = transport.get_extra_info("peername")
        address = str(peer[0]).partition("%")[0]
        self.requestor = self.peer = replace(self.requestor, address=address)
        self.forwarder = self.server.forwarders.find(address)
        self.begin()

    def begin(self) -> None:
        """Take a place, and wait for what comes."""
        self.wait_for(self.server.limits.idle)
        self._take_place()

    def _take_place(self) -> None:
        """Take a place of the address; all strangers share theirs where only tokens count."""
        is_stranger = self.server.tokens.only and not self.shown
        too_many = self.server.places.add(self, AS_STRANGER if is_stranger else self.peer.address)
        if too_many is not None:
            too_many.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; replies that come later are dropped."""
        self._forget()
        self._transport = None

    def get_buffer(self, sizehint: int) -> memoryview:
        return READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self.speaker.read(bytes(READ_BUFFER[:nbytes]))

    def eof_received(self) -> bool:
        """Keep the connection for a client that only stopped sending and waits for replies."""
        self.is_ended = True
        return self.speaker.is_waiting

    def pause_writing(self) -> None:
        """Note that the client does not read its replies; `throttle` then has no more read."""
        self.is_clogged = True

    def resume_writing(self) -> None:
        """Go on: the client takes its replies again."""
        self.is_clogged = False
        self.speaker.go_on()

    # --- what its speaker calls ---

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def who_asks(self, shown: str | None) -> Requestor | None:
        """Return who asks; None for someone who is refused.

        shown: what a request says that is its device's token; None for nothing.
        """
        return self.requestor

    def admit(self, requestor: Requestor) -> Requestor | None:
        """Return who asks, after noting their token; None for someone who is refused for it."""
        snapshot = self.server.resolver.snapshot
        if is_refused(snapshot, requestor):
            return None
        is_new = bool(requestor.token) and requestor.token not in self.shown
        if is_new and snapshot.has_token(requestor.token):
            self.shown |= {requestor.token}
            self.note_token()
        return requestor

    def note_token(self) -> None:
        """Note that a valid token was shown here, where that matters to who comes next."""
        if self.server.tokens.only and self in self.server.places:
            self.server.places.remove(self)
            self._take_place()

    def ask(
        self,
        message: bytes,
        moment: Moment,
        send_reply: SendReply,
        reply_to: Any,
        requestor: Requestor | None = None,
    ) -> bytes | None:
        """Return the reply to a message; b"" for none, None where `send_reply` is called later.

        requestor: of a request that says itself who asks (`who_asks`).
        """
        requestor, resolver = requestor or self.requestor, self.server.resolver
        if self.forwarder is not None:
            requestor = with_edns_device(requestor, self.forwarder, message)
            if requestor == self.peer:  # a forwarder itself has no bounds, and who it names has
                return resolver.answer(message, requestor, moment, send_reply, reply_to)
        limits = resolver.limits_of(requestor, moment)
        bound = None if limits is None else limits.take(moment.mono, over_udp=False)
        if limits is None or bound is None:
            return resolver.answer(message, requestor, moment, send_reply, reply_to)
        return resolver.answer_excess(
            message, requestor, limits, bound, moment, send_reply, reply_to
        )

    def write(self, *pieces: bytes) -> None:
        """Send octets to the client, at once; where it is gone, they are lost.

        Where they are encrypted, each piece is for itself.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def throttle(self, *, is_full: bool) -> None:
        """Stop reading while too much waits: TCP then slows the client down."""
        if not self.is_open or self.is_ended or is_full == self._is_paused:
            return
        assert self._transport is not None
        self._is_paused = is_full
        if is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def note_use(self) -> None:
        """Begin to wait anew; single octets that never make a message do not count."""
        self._deadline = asyncio.get_running_loop().time() + self.server.limits.idle
        self.server.places.note_use(self)

    def finish(self) -> None:
        """End the connection when the client has what it was sent."""
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """End the connection now, and do not wait until the client took what it was sent."""
        self._forget()
        if self._transport is not None:
            self._transport.abort()

    # --- waiting ---

    def wait_for(self, seconds: float) -> None:
        """Drop the connection in so many seconds, unless it is used before."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + seconds
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._deadline, self._end_of_wait)

    def _end_of_wait(self) -> None:
        """A timer is not moved with each use, which would cost more than the use."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._deadline:
            self._timer = loop.call_at(self._deadline, self._end_of_wait)
        else:
            self.drop()

    def _forget(self) -> None:
        self.server.places.remove(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def report_bug(error: Exception) -> None:
    """Have the loop log a bug that one query met, while the connection goes on."""
    context = {"message": "a bug in answering a query", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
