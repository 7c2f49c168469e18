"""Which upstreams are asked, and for how long: as settings, machine and households have it.

An upstream called `system` stands for the resolvers that this machine was given, without copdns
itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from copdns.config import SYSTEM, Settings
from copdns.dns.upstream import UpstreamClient
from copdns.model.addresses import UpstreamAddress, upstream_address
from copdns.model.household import Household
from copdns.network import machine
from copdns.network.machine import listen_addresses


class UpstreamsInForce:
    """What `upstreams` ask for whom.  settings: gives those in force."""

    def __init__(self, upstreams: UpstreamClient, settings: Callable[[], Settings]) -> None:
        self._upstreams = upstreams
        self._settings = settings
        self._machine: object = None  # its addresses and resolvers, as they were chosen by

    async def use(self, households: Iterable[Household]) -> None:
        """Ask what settings, machine and households say, from now on."""
        settings = self._settings()
        chosen = settings.upstreams
        own = await asyncio.to_thread(listen_addresses, settings.dns.listen)
        usual: dict[UpstreamAddress, None] = {}
        for server in chosen.servers:
            if server == SYSTEM:
                usual |= dict.fromkeys(machine.system_resolvers(own, settings.dns.port))
            else:
                usual[server] = None
        groups: dict[str, Sequence[UpstreamAddress]] = {"": tuple(usual)}
        for household in households:
            for split in household.split_upstreams:
                groups[split.name] = tuple(map(upstream_address, split.upstreams))
        self._upstreams.configure(groups, chosen.filtering, chosen.trust_ad)
        self._upstreams.deadline, self._upstreams.attempt = chosen.deadline, chosen.attempt
        self._machine = own, machine.identity()

    def fits(self, own: tuple[str, ...]) -> bool:
        """Tell whether the machine is as it was at the last choice.  own: where we listen now."""
        return self._machine == (own, machine.identity())
