"""The configurations of dnsdist and unbound that the settings of a node ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import collapse_addresses, ip_address, ip_network
from typing import Any, TypeVar

from copdns.dns.response_facts import HOME_NETWORKS
from copdns.list_files.choose import available_lists
from copdns.list_files.load import bundled_files
from copdns.model.addresses import Network, Transport
from copdns.model.errors import ConfigError
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.keeper import LAW_ALONE, STRANGERS
from copdns.provider.plane.special_names import bundled_names, safe_targets
from copdns.provider.plane.unbound import (
    ANCHORS_FILE,
    RULES_FILE,
    SUBNET_BITS,
    ResolverSettings,
    unbound_config,
)
from copdns.settings.config import Settings
from copdns.settings.node import OtherNetwork, TenantNetwork


def dnsdist_text(settings: Settings) -> str:
    """Return the configuration of dnsdist; raise ConfigError where a setting is missing."""
    node = settings.node
    if not node.networks:
        raise ConfigError("node.networks: dnsdist would answer nobody; name those of subscribers")
    if (node.tls_listen or node.https_listen) and not (node.certificate and node.key):
        raise ConfigError("node.certificate and node.key are needed for encrypted DNS")
    if node.public and not (node.tls_listen or node.https_listen):
        raise ConfigError("node.public: devices need node.tls_listen or node.https_listen")
    _check_subnet(settings)
    _check_tenants(node.tenants)
    try:
        return dnsdist_config(
            NodeSettings(
                site=node.site,
                folder=node.folder,
                listen=node.listen,
                resolvers=node.resolvers,
                safe_source=node.safe_source,
                copdns=node.copdns,
                tenants=(
                    *(
                        Tenant(each.networks, STRANGERS if each.security else LAW_ALONE)
                        for each in (
                            *_narrow_first(node.other_networks),
                            *_narrow_first(node.tenants),
                        )
                    ),
                    Tenant(node.networks, STRANGERS),
                ),
                tls_listen=node.tls_listen,
                https_listen=node.https_listen,
                certificate=node.certificate,
                key=node.key,
                dnstap=node.dnstap,
                name=node.encrypted_name,
                mac_networks=node.mac_networks,
                is_public=node.public,
                source=node.subnet_source,
                categories=tuple(sorted(_categories(settings))),
            )
        )
    except ValueError as error:  # a path that would need escaping
        raise ConfigError(f"node: {error}") from error


_Some = TypeVar("_Some", OtherNetwork, TenantNetwork)


def _check_tenants(tenants: Iterable[TenantNetwork]) -> None:
    """Raise ConfigError for a network that two tenants have."""
    owners: dict[Network, str] = {}
    for each in tenants:
        for network in each.networks:
            if owners.setdefault(network, each.tenant) != each.tenant:
                raise ConfigError(f"node.tenants: {network} is of {owners[network]} already")


def _narrow_first(some: Iterable[_Some]) -> list[_Some]:
    """Return each network by itself, a part of another one before it, and of two that are the same
    the one with security lists: dnsdist takes the first that an address is in."""
    apart = [
        each.model_copy(update={"networks": (network,)})
        for each in some
        for network in each.networks
    ]
    return sorted(apart, key=lambda each: (-each.networks[0].prefixlen, not each.security))


def _categories(settings: Settings) -> set[str]:
    """Return the categories of all lists that a family here could choose."""
    bundled = {each.category for each in available_lists(bundled_files()).sources}
    own = {each.category for each in settings.sources.own}
    return bundled | own | {each.category for each in settings.lists}


def unbound_text(settings: Settings) -> str:
    """Return the configuration of the first resolver; raise ConfigError where none is named."""
    node = settings.node
    if not node.resolvers:
        raise ConfigError("node.resolvers: name where unbound is to answer")
    _check_subnet(settings)
    found = bundled_files()
    host, _, port = node.resolvers[0].rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    upstreams = tuple(
        f"{each.host}@{each.port}"
        for each in settings.upstreams.servers
        if not isinstance(each, str) and each.transport is Transport.UDP
    )
    return unbound_config(
        ResolverSettings(
            listen=f"{host}@{port}",
            clients=tuple(_alone(each) for each in (host, node.subnet_source) if each),
            safe_client=_alone(node.safe_source),
            targets=safe_targets(found),
            forward_to=upstreams,
            rules=f"{node.folder}/{RULES_FILE}",
            anchors=f"{node.folder}/{ANCHORS_FILE}",
            control=node.unbound_control,
            root_key=node.root_key,
            private=tuple(private_networks(settings)),
            private_names=settings.rebinding.names,
            zone_limit=node.zone_limit,
            subnet_zones=node.subnet_zones,
        ),
        bundled_names(found),
    )


def private_networks(settings: Settings) -> Iterator[Network]:
    """Yield the networks that no name of others may point to: those of homes, but for exceptions.

    An exception that is part of such a network leaves the rest of it.
    """
    for network in HOME_NETWORKS if settings.rebinding.enabled else ():
        yield from _without(network, settings.rebinding.allow)


def _without(network: Network, allowed: Iterable[Network]) -> Iterator[Network]:
    rest: list[Any] = [network]  # of one family, which their type does not say
    for exempt in allowed:
        parted = [each for each in rest if each.overlaps(exempt)]
        rest = [each for each in rest if each not in parted]
        for each in parted:
            if each.prefixlen < exempt.prefixlen:
                rest += each.address_exclude(exempt)
    yield from collapse_addresses(rest)


def _alone(address: str) -> str:
    """Return the network of one address."""
    return f"{address}/{128 if ':' in address else 32}"


def _check_subnet(settings: Settings) -> None:
    node = settings.node
    if bool(node.subnet_zones) != bool(node.subnet_source):
        raise ConfigError("node.subnet_zones and node.subnet_source are needed together")
    if node.subnet_source and not _share_network(node.subnet_source, node.safe_source):
        raise ConfigError("node.safe_source: name another address of the network of subnet_source")


def _share_network(one: str, other: str) -> bool:
    """Tell whether two addresses differ, and servers would be told the same network of both."""
    bits = SUBNET_BITS[ip_address(one).version == 6]
    return one != other and ip_address(other) in ip_network(f"{one}/{bits}", strict=False)
