"""DNS over TCP (RFC 7766): the connections of devices, and of forwarders."""

from __future__ import annotations

import socket
from collections.abc import Callable

from copdns.server.answer import Resolver
from copdns.server.connection import ClientConnection, Speaker, StreamLimits, StreamServer
from copdns.server.forwarders import NO_FORWARDERS, Forwarders
from copdns.server.messages import Messages
from copdns.server.places import Places
from copdns.time.clock import Moment


class TcpServer(StreamServer):
    """Answers on one address and port."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        address: str,
        port: int,
        limits: StreamLimits,
        forwarders: Forwarders = NO_FORWARDERS,
        sock: socket.socket | None = None,
    ) -> None:
        """sock: one that is bound to the address and port already; it is closed with the server."""
        places: Places[ClientConnection] = Places(limits.connections)
        super().__init__(resolver, clock, address, port, limits, places, forwarders)
        self._bound = sock

    def make_connection(self) -> ClientConnection:
        return TcpConnection(self)


class TcpConnection(ClientConnection):
    """One client's connection, in clear text."""

    def begin(self) -> None:
        """Read messages from the first octet on."""
        self._messages = Messages(self)
        super().begin()

    @property
    def speaker(self) -> Speaker:
        return self._messages
