"""DNS over TCP: messages with their length before them (RFC 1035 section 4.2.2, RFC 7766).

Many queries may come on one connection; each is answered as soon as its reply is ready.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from copdns.model.errors import ProxyError
from copdns.model.verdict import Requestor
from copdns.server.answer import Resolver
from copdns.server.forwarded import (
    NO_FORWARDERS,
    Forwarder,
    Forwarders,
    read_proxy,
    with_edns_device,
    with_proxy_source,
)
from copdns.server.udp import bind_socket
from copdns.time.clock import Moment


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """Limits of one server.

    idle: seconds before a silent connection is closed.  connections: open at once.
    in_flight: queries of one connection that wait for a reply at once.
    """

    idle: float = 10.0
    connections: int = 256
    in_flight: int = 64


class TcpServer:
    """Answers on one address and port."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: int,
        limits: TcpLimits,
        forwarders: Forwarders = NO_FORWARDERS,
    ) -> None:
        self.resolver = resolver
        self.clock = clock
        self.address = address
        self.limits = limits
        self.forwarders = forwarders
        self.open: dict[TcpConnection, None] = {}  # the longest silent first
        self._port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; raise ListenError where that is not possible."""
        loop = asyncio.get_running_loop()
        sock = bind_socket(self.address, self._port, socket.SOCK_STREAM)
        self._server = await loop.create_server(lambda: TcpConnection(self), sock=sock)

    def make_room(self) -> None:
        """Drop the connection that was silent for longest, when there are too many."""
        if len(self.open) > self.limits.connections:
            next(iter(self.open)).drop()

    def set_forwarders(self, forwarders: Forwarders) -> None:
        """Believe these forwarders, and no others, in connections that begin from now on."""
        self.forwarders = forwarders

    def close(self) -> None:
        """Stop listening, and drop all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.open):
            connection.drop()


class TcpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._requestor = self._peer = Requestor(server.address, "", "tcp")
        self._forwarder: Forwarder | None = None
        self._may_have_header = False  # a PROXY header may come first
        self._is_reading = False
        self._in_flight = 0
        self._clogged = False  # the client does not read its replies
        self._paused = False
        self._ended = False  # the client sends nothing more
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is at the other end, and make room for it."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        peer = transport.get_extra_info("peername")
        self._requestor = self._requestor._replace(address=peer[0].partition("%")[0])
        self._peer = self._requestor
        self._forwarder = self._server.forwarders.find(self._requestor.address)
        self._may_have_header = self._forwarder is not None and self._forwarder.proxy
        self._restart_idle_timer()
        self._server.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; replies that come later are dropped."""
        self._server.open.pop(self, None)
        if self._idle is not None:
            self._idle.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Read a PROXY header, where one is due, and then messages."""
        self._buffer += data
        if self._may_have_header:
            self._read_header()
        if not self._may_have_header:
            self._read()

    def eof_received(self) -> bool:
        """Keep the connection for a client that only stopped sending and waits for replies."""
        self._ended = True
        return self._in_flight > 0

    def pause_writing(self) -> None:
        """Read no more until the client takes its replies."""
        self._clogged = True
        self._throttle()

    def resume_writing(self) -> None:
        """Read on: the client takes its replies again."""
        self._clogged = False
        self._read()

    @property
    def _is_full(self) -> bool:
        return self._clogged or self._in_flight >= self._server.limits.in_flight

    def _read_header(self) -> None:
        """Take a PROXY header off the front: whoever it names asks everything that follows."""
        try:
            proxied = read_proxy(self._buffer)
        except ProxyError:
            self.drop()  # where the first message would begin cannot be known
            return
        if proxied is not None:
            self._may_have_header = False
            self._requestor = with_proxy_source(self._requestor, proxied)
            del self._buffer[: proxied.size]

    def _read(self) -> None:
        """Take whole messages out of the buffer, as long as there is room for more."""
        if self._is_reading:
            return  # a reply was there at once, and the loop below goes on by itself
        buffer = self._buffer
        taken = 0
        self._is_reading = True
        try:
            while len(buffer) - taken >= 2 and not self._is_full:
                end = taken + 2 + int.from_bytes(buffer[taken : taken + 2], "big")
                if len(buffer) < end:
                    break
                message = bytes(buffer[taken + 2 : end])
                taken = end
                self._ask(message)
        finally:  # also after a bug in one query: the others of this connection are answered
            self._is_reading = False
            del buffer[:taken]
            if taken:
                self._restart_idle_timer()
            self._throttle()

    def _ask(self, message: bytes) -> None:
        self._in_flight += 1
        try:
            reply = self._answer(message)
        except BaseException:
            self._in_flight -= 1  # nothing is sent for it later
            raise
        if reply is not None:
            self._in_flight -= 1
        if reply:
            self._write(reply)

    def _answer(self, message: bytes) -> bytes | None:
        """Return the reply of the resolver; None: it is sent later."""
        requestor, moment = self._requestor, self._server.clock()
        if self._forwarder is not None:
            requestor = with_edns_device(requestor, self._forwarder, message)
        resolver, limits, bound = self._server.resolver, None, None
        if self._forwarder is None or requestor != self._peer:
            limits = resolver.limits_of(requestor, moment)
            bound = None if limits is None else limits.take(moment.mono, over_udp=False)
        if limits is not None and bound is not None:
            return resolver.answer_excess(
                message, requestor, limits, bound, moment, self._send_later, None
            )
        return resolver.answer(message, requestor, moment, self._send_later, None)

    def _send_later(self, reply: bytes, _reply_to: Any) -> None:
        """Send a reply that had to wait."""
        self._in_flight -= 1
        self._write(reply)
        self._read()
        if self._ended and not self._in_flight and self._transport is not None:
            self._transport.close()

    def _write(self, reply: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(reply).to_bytes(2, "big") + reply)

    def _throttle(self) -> None:
        """Stop reading while too much is open: TCP then slows the client down."""
        if self._transport is None or self._transport.is_closing() or self._ended:
            return
        if self._is_full and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not self._is_full:
            self._transport.resume_reading()
        self._paused = self._is_full

    def _restart_idle_timer(self) -> None:
        """Begin to wait anew; single octets that never make a message do not count."""
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._server.limits.idle, self.drop)
        self._server.open.pop(self, None)
        self._server.open[self] = None

    def drop(self) -> None:
        """End the connection now, and do not wait until the client took what it was sent."""
        self._server.open.pop(self, None)
        if self._transport is not None:
            self._transport.abort()
