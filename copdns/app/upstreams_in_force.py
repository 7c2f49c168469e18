"""Choose the upstreams from settings, machine and households.

The upstream `system` stands for the resolvers configured on this machine, without copdns itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import structlog

from copdns.dns.connections import BOOTSTRAP_ZONE, CLEAR_ZONE, NAT64_ZONE
from copdns.dns.upstream import UpstreamClient
from copdns.dns.upstream_groups import Connect
from copdns.list_files.load import filtering_resolvers
from copdns.model.addresses import Transport, UpstreamAddress
from copdns.model.encrypted_addresses import server_address
from copdns.model.household import Household
from copdns.model.scoped_names import EVERY_NAME
from copdns.network import machine
from copdns.network.machine import listen_addresses
from copdns.policy.split_table import REVERSE_ZONE
from copdns.settings.config import AUTO, SYSTEM, Settings, are_encrypted

log = structlog.get_logger("copdns.upstream")


class UpstreamsInForce:
    """Configures `upstreams`.  settings: returns those in force.

    servers: the usual ones.  are_all_encrypted: nothing but TLS is spoken with them.

    An upstream that is copdns itself, or a link-local address without its interface, has no effect:
    it is left out, and the log says so.
    """

    def __init__(self, upstreams: UpstreamClient, settings: Callable[[], Settings]) -> None:
        self._upstreams = upstreams
        self._settings = settings
        self.servers: tuple[UpstreamAddress | Literal["system"], ...] = (SYSTEM,)
        self.are_all_encrypted = False
        self._machine: object = None  # its addresses and resolvers, as they were chosen by
        self._prepared_for: Settings | None = None
        self._prepared: frozenset[UpstreamAddress] = frozenset()

    async def apply(self, households: Iterable[Household]) -> None:
        """Use the upstreams of settings, machine and households from now on."""
        settings = self._settings()
        chosen = settings.upstreams
        households = tuple(households)
        own = await asyncio.to_thread(listen_addresses, settings.dns.listen)
        self.servers = servers = chosen.usual_servers(chosen_by(households))
        self.are_all_encrypted = are_encrypted(servers)
        usual = _addresses_of(servers, own, settings)
        groups: dict[str, Sequence[UpstreamAddress]] = {"": tuple(usual)}
        if self.are_all_encrypted:
            plain = chosen.bootstrap or _in_clear(usual)
            groups[CLEAR_ZONE] = (*plain, *usual)  # with a right clock these are as good
        if any(not each.host for each in usual):
            groups[BOOTSTRAP_ZONE] = chosen.bootstrap
        if settings.dns64.prefix == AUTO:
            groups[NAT64_ZONE] = tuple(_addresses_of(settings.dns64.ask, own, settings) or usual)
        if chosen.private_reverse:
            groups[REVERSE_ZONE] = chosen.private_reverse
        for household in households:
            for split in household.split_upstreams:
                if split.key != EVERY_NAME:
                    groups[split.key] = tuple(map(server_address, split.upstreams))
        every = dict.fromkeys(each for group in groups.values() for each in group)
        encrypted = frozenset(each for each in every if each.transport is not Transport.UDP)
        # It takes a while, so it is done once a reload, and for what is new.
        if encrypted and not (self._prepared_for is settings and encrypted <= self._prepared):
            self._upstreams.connect = await asyncio.to_thread(_prepare_encrypted, encrypted)
            # Only now: one that failed is tried again, and nobody goes on without it meanwhile.
            self._prepared_for, self._prepared = settings, encrypted
        usable = {
            zone: tuple(each for each in group if not _is_useless(each, own, settings.dns.port))
            for zone, group in groups.items()
        }
        known = await asyncio.to_thread(filtering_resolvers)
        filtering = {
            each
            for group in usable.values()
            for each in group
            if each in chosen.filtering or each.host in known or each.name in known
        }
        subnets = {each.server: each.send for each in chosen.client_subnet}
        self._upstreams.configure(usable, filtering, chosen.trust_ad, subnets)
        self._upstreams.deadline, self._upstreams.attempt = chosen.deadline, chosen.attempt
        self._upstreams.fastest = chosen.order == "fastest"
        before, self._machine = self._machine, (own, machine.resolv_conf_stamp())
        if before is not None and before != self._machine:
            self._upstreams.renew_cookies()

    def is_current(self, own: tuple[str, ...]) -> bool:
        """Tell whether the machine is as it was at the last `apply`.  own: where we listen now."""
        return self._machine == (own, machine.resolv_conf_stamp())


def chosen_by(households: Sequence[Household]) -> tuple[str, ...]:
    """Return the usual upstreams that a household chose; none where several share this machine."""
    return households[0].usual_upstreams if len(households) == 1 else ()


def _addresses_of(
    servers: Iterable[UpstreamAddress | str], own: Sequence[str], settings: Settings
) -> dict[UpstreamAddress, None]:
    """Return the addresses of servers, in their order; own: where copdns listens."""
    found: dict[UpstreamAddress, None] = {}
    for server in servers:
        if isinstance(server, UpstreamAddress):
            found[server] = None
        else:
            found |= dict.fromkeys(machine.system_resolvers(own, settings.dns.port))
    return found


def _in_clear(usual: Iterable[UpstreamAddress]) -> tuple[UpstreamAddress, ...]:
    """Return the same machines as encrypted upstreams, asked in clear text."""
    return tuple(dict.fromkeys(UpstreamAddress(each.host) for each in usual if each.host))


def _prepare_encrypted(wanted: Iterable[UpstreamAddress]) -> Connect:
    """Return what connects to encrypted upstreams, with all that takes time done before."""
    from copdns.app import encrypted_upstreams

    encrypted_upstreams.prepare(wanted)
    return encrypted_upstreams.connect


def _is_useless(upstream: UpstreamAddress, own: Sequence[str], port: int) -> bool:
    """Tell whether an upstream can never answer, and log why."""
    if machine.is_copdns(upstream, own, port):
        log.warning("an upstream is copdns itself, so it is not used", upstream=str(upstream))
        return True
    if upstream.lacks_interface:
        what = "an upstream is link-local and has no interface (such as %eth0), so it is not used"
        log.warning(what, upstream=str(upstream))
        return True
    return False
