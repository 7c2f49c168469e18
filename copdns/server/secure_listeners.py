"""Listen for encrypted DNS on every address that plain DNS is answered on.

A port that cannot be opened is a warning, and tried again: plain DNS works without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from copdns.dns.service_params import OpenPort
from copdns.model.errors import ListenError
from copdns.network.machine import ADDRESS_MISSING
from copdns.policy.snapshot import Snapshot
from copdns.server.answer import Resolver
from copdns.server.connection import ClientConnection, Server
from copdns.server.places import Places
from copdns.server.tls import Handshakes, SecurePort
from copdns.time.clock import Moment

if TYPE_CHECKING:
    from copdns.server.quic import QuicPort

log = structlog.get_logger("copdns")


class SecureListeners:
    """The servers of all addresses and ports, which share the bounds of connections.

    warning: where nothing could be opened, as sentences for people; "" for nothing.
    """

    def __init__(
        self,
        resolver: Resolver,
        clock: Callable[[], Moment],
        ports: Sequence[SecurePort | QuicPort],
        places: Places[ClientConnection],
        handshakes: Handshakes,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._ports = ports
        self._places = places
        self._handshakes = handshakes
        self._open: dict[tuple[str, str], Server] = {}  # by address and transport
        self.warning = ""

    async def follow(self, addresses: Iterable[str]) -> None:
        """Listen at these addresses and at no others."""
        wanted = [(address, port) for address in addresses for port in self._ports]
        keys = {(address, port.over) for address, port in wanted}
        for key in [each for each in self._open if each not in keys]:
            self._open.pop(key).close()
        whys = []
        for address, port in wanted:
            if (address, port.over) not in self._open:
                why = await self._try_to_open(address, port)
                if why:
                    whys.append(why)
        self._warn("; ".join(whys))

    async def _try_to_open(self, address: str, port: SecurePort | QuicPort) -> str:
        """Listen at an address; return why that fails, "" where it does not or may soon work."""
        server = port.make_server(
            self._resolver, self._clock, address, self._places, self._handshakes
        )
        try:
            await server.start()
        except ListenError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in ADDRESS_MISSING:
                return ""
            why = cause.strerror if isinstance(cause, OSError) else str(error)
            return f"{address} port {port.port} ({port.name}): {why}; see {port.setting}"
        self._open[address, port.over] = server
        return ""

    def ports_at(self, address: str) -> list[OpenPort]:
        """Return what is open at an address of this machine."""
        ports = (each for each in self._ports if (address, each.over) in self._open)
        return [OpenPort(each.over, each.port) for each in ports]

    def _warn(self, warning: str) -> None:
        if warning and warning != self.warning:
            log.warning("encrypted DNS is not served everywhere", error=warning)
        self.warning = warning

    def drop_revoked(self, snapshot: Snapshot) -> None:
        """End the connections on which a token was shown that no device has any more."""
        for each in self._places.all:
            if not all(map(snapshot.has_token, each.shown)):
                each.drop()

    def count_connections(self) -> Mapping[str, int]:
        """Return how many connections are open, by transport."""
        found = Counter({port.over: 0 for port in self._ports})
        found.update(each.over for each in self._places.all)
        return found

    def close(self) -> None:
        """Stop listening, and drop all connections."""
        for server in self._open.values():
            server.close()
