"""Which upstreams there are, in groups, and the sockets and connections of each.

A group is named by its zone: "" is the usual one, the others belong to split domains.  A few names
are no domains, such as `PROBE_ZONE` and those in `dns/connections.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from copdns.dns.client_subnet import subnet_option
from copdns.dns.connections import UpstreamConnections
from copdns.dns.cookies import CLIENT_SIZE
from copdns.dns.exchange import Asks, Exchange, Health
from copdns.dns.socket_pool import (
    EpollReader,
    RandomOctets,
    SentQuery,
    SocketOwner,
    SocketPool,
    UpstreamSocket,
)
from copdns.dns.upstream_counters import UpstreamCounters
from copdns.model.addresses import Network, Transport, UpstreamAddress

NO_SUBNETS: Final[Mapping[UpstreamAddress, Network | None]] = {}


class UpstreamReader:
    """Who is told what came from an upstream, and what could not be sent to it."""

    __slots__ = ()

    def read_socket(self, upstream: Upstream, source: UpstreamSocket) -> None:
        """Use the responses that came over a socket."""
        raise NotImplementedError

    def send_elsewhere(self, upstream: Upstream, sent: SentQuery) -> None:
        """Ask another upstream what could not be sent to this one."""
        raise NotImplementedError

    def read_message(self, upstream: Upstream, sent: SentQuery, message: bytes) -> None:
        """Use what came over a connection for a query; b"" where nothing came."""
        raise NotImplementedError


class Upstream(SocketOwner):
    """One resolver that queries are sent to.  stream: set where it is asked over TLS or HTTPS."""

    __slots__ = ("address", "counters", "health", "pool", "reader", "stream")

    def __init__(self, reader: UpstreamReader, address: UpstreamAddress, pool: SocketPool) -> None:
        self.reader = reader
        self.address = address
        self.health = Health()
        self.counters = UpstreamCounters()
        self.pool = pool
        self.stream: UpstreamConnections | None = None
        pool.owner = self

    def read_socket(self, source: UpstreamSocket) -> None:
        self.reader.read_socket(self, source)

    def send_elsewhere(self, sent: SentQuery) -> None:
        self.reader.send_elsewhere(self, sent)

    def read_message(self, sent: SentQuery, message: bytes) -> None:
        self.reader.read_message(self, sent, message)


Connect = Callable[
    [asyncio.AbstractEventLoop, UpstreamAddress, SocketOwner, Asks], UpstreamConnections
]


class UpstreamGroups:
    """The upstreams that the settings name.  reader: gets what comes from them.

    by_zone: the groups, each in the order in which its upstreams are asked.
    in_order: those of all groups, in the order of the settings.
    gone: no longer asked, but responses are still waited for.
    has_seconds: some group has more than one upstream.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, reader: UpstreamReader, chance: RandomOctets
    ) -> None:
        self.by_zone: dict[str, dict[Health, Upstream]] = {"": {}}
        self.in_order: tuple[Upstream, ...] = ()
        self.gone: list[Upstream] = []
        self.has_seconds = False
        self._loop = loop
        self._reader = reader
        self._chance = chance
        self._poll = EpollReader(loop)

    def of(self, exchange: Exchange) -> dict[Health, Upstream]:
        """Return the upstreams for what an exchange is about; the usual ones where its group is
        gone."""
        return self.by_zone.get(exchange.key.zone) or self.by_zone.get("", {})

    def all_upstreams(self) -> list[Upstream]:
        """Return the upstreams of all groups, and those that are no longer asked."""
        found = {upstream for group in self.by_zone.values() for upstream in group.values()}
        return [*found, *self.gone]

    def configure(
        self,
        connect: Callable[[UpstreamAddress, Upstream], UpstreamConnections],
        groups: Mapping[str, Sequence[UpstreamAddress]],
        filtering: Collection[UpstreamAddress],
        trusted: Collection[UpstreamAddress],
        subnets: Mapping[UpstreamAddress, Network | None],
    ) -> None:
        """Have these from now on; those that stay keep their health and counters.

        connect: makes the connections of a new one that is asked over TLS or HTTPS.  The rest is
        that of `UpstreamClient.configure`.
        """
        before = {each.address: each for each in self.all_upstreams()}
        upstreams: dict[UpstreamAddress, Upstream] = {}
        for address in dict.fromkeys(each for group in groups.values() for each in group):
            upstream = before.pop(address, None) or self._build_upstream(address, connect)
            health = upstream.health
            health.label = str(len(upstreams) + 1)
            health.filtering = address in filtering
            # Whoever is encrypted has proved who it is, so nobody else can have set AD (RFC 4035
            # section 4.9.3).
            health.trusted = (
                address in trusted or health.encrypted or ip_address(address.host).is_loopback
            )
            network = subnets.get(address)
            health.subnet = b"" if network is None else subnet_option(network)
            health.forwards_subnet = network is None and address in subnets
            upstreams[address] = upstream
        self.by_zone = {
            zone: {upstreams[each].health: upstreams[each] for each in group}
            for zone, group in groups.items()
        }
        self.has_seconds = any(len(group) > 1 for group in self.by_zone.values())
        self.in_order = tuple(upstreams.values())
        for gone in before.values():
            gone.pool.retire()
            if gone.stream is not None:
                gone.stream.retire()
            self.gone.append(gone)

    def _build_upstream(
        self,
        address: UpstreamAddress,
        connect: Callable[[UpstreamAddress, Upstream], UpstreamConnections],
    ) -> Upstream:
        pool = SocketPool(self._loop, self._poll, address, self._chance)
        upstream = Upstream(self._reader, address, pool)
        if address.transport is Transport.UDP:
            upstream.health.set_cookies(self._chance.take(CLIENT_SIZE), b"")
        else:
            upstream.health.encrypted = True
            upstream.health.randomizes_case = False  # nobody can forge an answer
            upstream.stream = connect(address, upstream)
        return upstream

    def renew_cookies(self) -> None:
        """Have a new cookie for each upstream (`UpstreamClient.renew_cookies`)."""
        for upstream in self.in_order:
            if upstream.stream is None:
                upstream.health.set_cookies(self._chance.take(CLIENT_SIZE), b"")

    def close_idle(self, mono: float) -> None:
        """Close sockets and connections that nothing waits on, and forget who has none left."""
        for upstream in self.all_upstreams():
            upstream.pool.close_idle(mono)
            if upstream.stream is not None:
                upstream.stream.check(mono)
        self.gone = [
            each
            for each in self.gone
            if each.pool.open or (each.stream is not None and each.stream.is_open())
        ]

    def close(self) -> None:
        """Close all sockets and connections; there are no upstreams any more."""
        for upstream in self.all_upstreams():
            upstream.pool.close()
            if upstream.stream is not None:
                upstream.stream.close()
        self.by_zone, self.gone = {"": {}}, []
        self._poll.close()
