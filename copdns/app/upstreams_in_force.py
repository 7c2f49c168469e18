"""Choose the upstreams from settings, machine and households.

The upstream `system` stands for the resolvers configured on this machine, without copdns itself.
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
    """Configures `upstreams`.  settings: returns those in force."""

    def __init__(self, upstreams: UpstreamClient, settings: Callable[[], Settings]) -> None:
        self._upstreams = upstreams
        self._settings = settings
        self._machine: object = None  # its addresses and resolvers, as they were chosen by

    async def apply(self, households: Iterable[Household]) -> None:
        """Use the upstreams of settings, machine and households from now on."""
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
        self._machine = own, machine.resolv_conf_stamp()

    def is_current(self, own: tuple[str, ...]) -> bool:
        """Tell whether the machine is as it was at the last `apply`.  own: where we listen now."""
        return self._machine == (own, machine.resolv_conf_stamp())
