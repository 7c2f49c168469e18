"""Learn through which prefix the network's devices reach IPv4 (NAT64, RFC 7050).

Whoever translates names for such a network answers for the IPv6 addresses of ipv4only.arpa, which
has none, and so shows the prefix.  It is asked for again before that answer expires.
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
from copdns.model.nat64 import learned_prefixes
from copdns.settings.config import AUTO, Settings

log = structlog.get_logger("copdns")

NAME = "ipv4only.arpa"
# Seconds until the prefix is asked for again.
SHORTEST, LONGEST = 60.0, 3600.0  # bounds of the TTL that it came with
AFTER_NONE = 300.0  # the network has no NAT64, or the servers do not know of it
AFTER_SILENCE = 10.0


class Nat64Chores:
    """prefixes: as they were learned last; () where the settings do not say that they should be.

    An earlier prefix stays while nobody answers.
    """

    def __init__(
        self, upstreams: Asks, settings: Callable[[], Settings], loop: asyncio.AbstractEventLoop
    ) -> None:
        """upstreams: whose group NAT64_ZONE is asked.  settings: returns those in force."""
        self.prefixes: tuple[IPv6Network, ...] = ()
        self._upstreams = upstreams
        self._settings = settings
        self._loop = loop
        self._asked_by: object = None  # the settings under which it was asked last
        self._due_at = 0.0  # monotonic seconds

    async def follow(self) -> bool:
        """Ask if it is time; tell whether the prefixes are others now."""
        settings, before = self._settings(), self.prefixes
        if settings.dns64.prefix != AUTO:
            self.prefixes = ()
            self._asked_by = None
            return False  # the settings in force say what holds
        about = settings.dns64, settings.upstreams
        mono = self._loop.time()
        if about == self._asked_by and mono < self._due_at:
            return False
        self._asked_by = about
        self._take(await self._ask(), mono)
        if self.prefixes != before:
            log.info("learned the prefix of NAT64", prefixes=[*map(str, self.prefixes)])
        return self.prefixes != before

    def _take(self, answer: UpstreamResponse | None, mono: float) -> None:
        if answer is None or answer.rcode not in (0, 3):
            self._due_at = mono + AFTER_SILENCE
            return
        self.prefixes = learned_prefixes(answer.facts.addresses)
        ttl = min(max(float(answer.cache_ttl), SHORTEST), LONGEST)
        self._due_at = mono + (ttl if self.prefixes else AFTER_NONE)

    async def _ask(self) -> UpstreamResponse | None:
        came: asyncio.Future[UpstreamResponse | None] = self._loop.create_future()

        def take(answer: UpstreamResponse | None) -> None:
            if not came.done():  # who waited may have been cancelled
                came.set_result(answer)

        self._upstreams.ask(HostLookup(NAME, AAAA, take, NAT64_ZONE))
        return await came
