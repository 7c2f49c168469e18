"""Listen on the addresses that the settings name and this machine has."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from copdns.model.errors import ListenError
from copdns.network.machine import ADDRESS_MISSING, listen_addresses
from copdns.server.answer import Resolver
from copdns.server.connection import StreamLimits
from copdns.server.forwarders import Forwarder, Forwarders
from copdns.server.held_sockets import HeldSockets
from copdns.server.tcp import TcpServer
from copdns.server.udp import UdpServer
from copdns.settings.config import DnsSettings
from copdns.time.clock import Moment

log = structlog.get_logger("copdns")


@dataclass(slots=True)
class AddressListener:
    """Both transports of one address."""

    udp: UdpServer
    tcp: TcpServer

    def set_forwarders(self, forwarders: Forwarders) -> None:
        """Believe these forwarders, and no others."""
        self.udp.set_forwarders(forwarders)
        self.tcp.set_forwarders(forwarders)

    def close(self) -> None:
        """Stop answering at the address, and drop its connections."""
        self.udp.close()
        self.tcp.close()


class Listeners:
    """The listeners of all addresses."""

    def __init__(
        self, resolver: Resolver, clock: Callable[[], Moment], held: HeldSockets | None = None
    ) -> None:
        """held: opens the sockets."""
        self._held = held or HeldSockets()
        self._loop = asyncio.get_running_loop()
        self._resolver = resolver
        self._clock = clock
        self._open: dict[str, AddressListener] = {}
        self._warned: set[str] = set()  # addresses whose absence was logged

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(self._open)

    async def listen(self, dns: DnsSettings) -> None:
        """Open what is not open yet, and close what this machine no longer has."""
        wanted = await asyncio.to_thread(listen_addresses, dns.listen)
        for address in [each for each in self._open if each not in wanted]:
            self._open.pop(address).close()
            self._held.release(address, dns.port)
        for address in wanted:
            if address not in self._open:
                await self._open_if_there(address, dns)
        self._held.drop_unused()
        if not self._open:
            raise ListenError(f"none of {', '.join(wanted)} is an address of this machine")

    async def _open_if_there(self, address: str, dns: DnsSettings) -> None:
        """Listen on an address, or leave it for later when the machine does not have it yet.

        At boot IPv6 addresses come late, and a machine may have no IPv6 at all; the others
        should not wait for them.
        """
        try:
            self._open[address] = await self._open_listener(address, dns)
        except ListenError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in ADDRESS_MISSING:
                raise
            if address not in self._warned:
                self._warned.add(address)
                log.warning("an address is not available yet", error=str(error))

    async def _open_listener(self, address: str, dns: DnsSettings) -> AddressListener:
        forwarders = _forwarders(dns)
        datagrams = self._held.open(address, dns.port, socket.SOCK_DGRAM)
        udp = UdpServer(
            self._loop, self._resolver, self._clock, address, dns.port, forwarders, datagrams
        )
        limits = StreamLimits(dns.tcp_idle, dns.tcp_connections, dns.tcp_in_flight)
        try:
            stream = self._held.open(address, dns.port, socket.SOCK_STREAM)
            tcp = TcpServer(
                self._resolver, self._clock, address, dns.port, limits, forwarders, stream
            )
            await tcp.start()
        except ListenError:
            udp.close()
            self._held.release(address, dns.port)
            raise
        return AddressListener(udp, tcp)

    def set_forwarders(self, dns: DnsSettings) -> None:
        """Believe the forwarders of the settings, and nobody else."""
        for listener in self._open.values():
            listener.set_forwarders(_forwarders(dns))

    def count_connections(self) -> int:
        """Return how many TCP connections are open."""
        return sum(len(listener.tcp.places) for listener in self._open.values())

    def close(self) -> None:
        """Stop answering everywhere."""
        for listener in self._open.values():
            listener.close()


def _forwarders(dns: DnsSettings) -> Forwarders:
    return Forwarders(
        Forwarder(each.network, each.proxy, each.mac, each.subnet) for each in dns.forwarders
    )
