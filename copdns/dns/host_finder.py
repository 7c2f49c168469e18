"""Find the address of an upstream of which the settings have only the name.

Only the setting `bootstrap` is asked, in clear text; whoever answers with a wrong address has no
certificate for the name, so that it gets no query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

from copdns.dns.connections import HostLookup
from copdns.dns.exchange import Asks
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import AAAA, A
from copdns.model.addresses import UpstreamAddress

SHORTEST = 60.0  # seconds that addresses are used at least, whatever their TTL


class HostFinder:
    """The addresses of one upstream, remembered for their TTL; older ones are better than none."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, asks: Asks, address: UpstreamAddress
    ) -> None:
        self._loop = loop
        self._asks = asks
        self._name = address.name
        self._known: tuple[str, ...] = (address.host,) if address.host else ()
        self._known_until = float("inf") if address.host else 0.0

    async def find(self) -> Sequence[str]:
        """Return the addresses, the first to be tried first; () where nobody knew any."""
        mono = self._loop.time()
        if mono >= self._known_until:
            answers = await asyncio.gather(self._look_up(A), self._look_up(AAAA))
            good = [each for each in answers if each is not None and each.facts.addresses]
            found = [packed for each in good for packed in each.facts.addresses]
            if found:
                self._known = tuple(dict.fromkeys(str(ip_address(packed)) for packed in found))
                self._known_until = mono + max(SHORTEST, min(each.cache_ttl for each in good))
        return self._known

    async def _look_up(self, qtype: int) -> UpstreamResponse | None:
        came: asyncio.Future[UpstreamResponse | None] = self._loop.create_future()

        def take(answer: UpstreamResponse | None) -> None:
            if not came.done():  # who waited may have given up
                came.set_result(answer)

        self._asks.ask(HostLookup(self._name, qtype, take))
        return await came
