"""Learn through which prefix the network's devices reach IPv4 (NAT64).

A router may announce it (RFC 8781), which counts.  Else, whoever translates names for such a
network answers for the IPv6 addresses of ipv4only.arpa, which has none, and so shows the prefix
(RFC 7050).  It is asked for again before that answer expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import IPv6Network

import structlog

from copdns.dns.connections import NAT64_ZONE, HostLookup
from copdns.dns.exchange import Asks
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import AAAA
from copdns.model.nat64 import learned_prefixes, nat64_prefix
from copdns.network.announced_prefix import AnnouncedPrefixes
from copdns.settings.config import AUTO, Settings

log = structlog.get_logger("copdns")

NAME = "ipv4only.arpa"
# Seconds until the prefix is asked for again.
SHORTEST, LONGEST = 60.0, 3600.0  # bounds of the TTL that it came with
AFTER_NONE = 300.0  # the network has no NAT64, or the servers do not know of it
AFTER_SILENCE = 10.0
BETWEEN_ANNOUNCEMENTS = 10.0  # seconds between two changes that routers announce


class Nat64Chores:
    """prefixes: as they were learned last; () where the settings do not say that they should be.

    An earlier prefix stays while nobody answers.
    """

    def __init__(
        self,
        upstreams: Asks,
        settings: Callable[[], Settings],
        loop: asyncio.AbstractEventLoop,
        announced: AnnouncedPrefixes | None = None,
    ) -> None:
        """upstreams: whose group NAT64_ZONE is asked.  settings: returns those in force.

        announced: what routers announce; None for those of this machine's networks.
        """
        self.prefixes: tuple[IPv6Network, ...] = ()
        self._shown: tuple[IPv6Network, ...] = ()  # by the servers that were asked
        self._heard: tuple[IPv6Network, ...] = ()  # from routers
        self._hears_at = 0.0  # monotonic seconds
        self._announced = announced or AnnouncedPrefixes()
        self._upstreams = upstreams
        self._settings = settings
        self._loop = loop
        self._asked_by: object = None  # the settings under which it was asked last
        self._due_at = 0.0  # monotonic seconds

    def close(self) -> None:
        """Hear no more of routers."""
        self._announced.close()

    async def follow(self) -> bool:
        """Ask if it is time; tell whether the prefixes are others now."""
        settings, before = self._settings(), self.prefixes
        if settings.dns64.prefix != AUTO:
            self.prefixes = self._shown = self._heard = ()
            self._hears_at = 0.0
            self._asked_by = None
            self._announced.close()
            return False  # the settings in force say what holds
        self._announced.open()
        about = settings.dns64, settings.upstreams
        mono = self._loop.time()
        announced = self._hear(mono)
        if not announced and (about != self._asked_by or mono >= self._due_at):
            self._asked_by = about
            self._take(await self._ask(), mono)
        self.prefixes = announced or self._shown
        if self.prefixes != before:
            log.info("learned the prefix of NAT64", prefixes=[*map(str, self.prefixes)])
        return self.prefixes != before

    def _hear(self, mono: float) -> tuple[IPv6Network, ...]:
        """Return what routers announce; what they say next counts after a while.

        Anyone in the network can announce something else each second, and each time all rules are
        built anew.
        """
        announced = tuple(map(nat64_prefix, self._announced.now(mono)))
        if announced != self._heard and mono >= self._hears_at:
            self._heard, self._hears_at = announced, mono + BETWEEN_ANNOUNCEMENTS
        return self._heard

    def _take(self, answer: UpstreamResponse | None, mono: float) -> None:
        if answer is None or answer.rcode not in (0, 3):
            self._due_at = mono + AFTER_SILENCE
            return
        self._shown = learned_prefixes(answer.facts.addresses)
        ttl = min(max(float(answer.cache_ttl), SHORTEST), LONGEST)
        self._due_at = mono + (ttl if self._shown else AFTER_NONE)

    async def _ask(self) -> UpstreamResponse | None:
        came: asyncio.Future[UpstreamResponse | None] = self._loop.create_future()

        def take(answer: UpstreamResponse | None) -> None:
            if not came.done():  # who waited may have been cancelled
                came.set_result(answer)

        self._upstreams.ask(HostLookup(NAME, AAAA, take, NAT64_ZONE))
        return await came
