"""The configurations of dnsdist and unbound that the settings of a node ask for."""

from __future__ import annotations

from copdns.list_files.load import bundled_files
from copdns.model.addresses import Transport
from copdns.model.errors import ConfigError
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.keeper import STRANGERS
from copdns.provider.plane.special_names import bundled_names, safe_targets
from copdns.provider.plane.unbound import (
    ANCHORS_FILE,
    RULES_FILE,
    ResolverSettings,
    unbound_config,
)
from copdns.settings.config import Settings


def dnsdist_text(settings: Settings) -> str:
    """Return the configuration of dnsdist; raise ConfigError where a setting is missing."""
    node = settings.node
    if not node.networks:
        raise ConfigError("node.networks: dnsdist would answer nobody; name those of subscribers")
    if (node.tls_listen or node.https_listen) and not (node.certificate and node.key):
        raise ConfigError("node.certificate and node.key are needed for encrypted DNS")
    try:
        return dnsdist_config(
            NodeSettings(
                site=node.site,
                folder=node.folder,
                listen=node.listen,
                resolvers=node.resolvers,
                safe_source=node.safe_source,
                copdns=node.copdns,
                tenants=(Tenant(node.networks, STRANGERS),),
                tls_listen=node.tls_listen,
                https_listen=node.https_listen,
                certificate=node.certificate,
                key=node.key,
                dnstap=node.dnstap,
            )
        )
    except ValueError as error:  # a path that would need escaping
        raise ConfigError(f"node: {error}") from error


def unbound_text(settings: Settings) -> str:
    """Return the configuration of the first resolver; raise ConfigError where none is named."""
    node = settings.node
    if not node.resolvers:
        raise ConfigError("node.resolvers: name where unbound is to answer")
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
            clients=(f"{host}/{128 if ':' in host else 32}",),
            safe_client=f"{node.safe_source}/{128 if ':' in node.safe_source else 32}",
            targets=safe_targets(found),
            forward_to=upstreams,
            rules=f"{node.folder}/{RULES_FILE}",
            anchors=f"{node.folder}/{ANCHORS_FILE}",
            control=node.unbound_control,
        ),
        bundled_names(found),
    )
