"""Write the configuration of unbound behind dnsdist: it resolves, validates, and keeps answers.

dnsdist asks it from two addresses.  To one of them it gives the safe hosts of search engines in
place of the engines themselves (a view).  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from copdns.model.addresses import Network
from copdns.provider.plane.snapshot import SpecialNames

RULES: Final = "rules.invalid"  # the zone of rules about responses
RULES_FILE: Final = "rules.zone"  # in the folder of the tables, as the other one
ANCHORS_FILE: Final = "anchors.conf"
ZONE_LIMIT: Final = 1000  # queries a second to the servers of one zone
SUBNET_BITS: Final = (24, 56)  # of IPv4 and IPv6: as much of an address as a CDN is told


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """One unbound.

    listen: `ADDRESS@PORT`.  clients: networks that dnsdist asks from.  safe_client: the one address
    that it asks from for safe search.
    targets: by the id of an engine, the host whose data is given.  forward_to: `ADDRESS@PORT` of
    resolvers that it asks in place of the authorities.  rules: the file of `response_zone`.
    anchors: that of domains that are not validated for now.  control: the socket on which it is
    told of new ones.  root_key: the file of the root's trust anchor; "" where another file names
    it.  private: networks that no name may point to; private_names: domains that may.  zone_limit:
    queries a second to the servers of one zone; 0 for no limit.  subnet_zones: domains whose
    servers are told the network that dnsdist asks from, which is the site's.
    """

    listen: str
    clients: tuple[str, ...]
    safe_client: str
    targets: Mapping[str, str]
    forward_to: tuple[str, ...] = ()
    rules: str = ""
    extra: tuple[str, ...] = ()  # lines of the server clause
    anchors: str = ""
    control: str = ""
    root_key: str = ""
    private: tuple[Network, ...] = ()
    private_names: tuple[str, ...] = ()
    zone_limit: int = ZONE_LIMIT
    subnet_zones: tuple[str, ...] = ()


def unbound_config(resolver: ResolverSettings, special: SpecialNames) -> str:
    """Return the configuration."""
    parts = (_who(resolver), _hardening(resolver), _limits(resolver, special), _answers(resolver))
    lines = ["server:", *(f"  {line}" for part in parts for line in part)]
    lines += [f"  {line}" for line in resolver.extra]
    lines += ["view:", *(f"  {line}" for line in _safe_view(resolver, special))]
    if resolver.rules:
        lines += ["rpz:", f"  name: {RULES}", f'  zonefile: "{resolver.rules}"']
    if resolver.control:
        lines += ["remote-control:", "  control-enable: yes", "  control-use-cert: no"]
        lines += [f'  control-interface: "{resolver.control}"']
    if resolver.forward_to:
        lines += ["forward-zone:", '  name: "."']
        lines += [f"  forward-addr: {each}" for each in resolver.forward_to]
    return "\n".join(lines) + "\n"


def _who(resolver: ResolverSettings) -> Iterator[str]:
    yield f"interface: {resolver.listen}"
    yield "# Only dnsdist asks, and nobody may look into the cache (RD=0)."
    yield "access-control: 0.0.0.0/0 refuse"
    yield "access-control: ::/0 refuse"
    for network in resolver.clients:
        yield f"access-control: {network} allow"
    yield f"access-control: {resolver.safe_client} allow"
    yield f"access-control-view: {resolver.safe_client} safe"
    yield "# No names and no addresses of clients are written down."
    yield "log-queries: no"
    yield "log-replies: no"
    yield "log-servfail: no"
    yield "log-local-actions: no"
    yield "log-tag-queryreply: no"
    yield "val-log-level: 0"
    yield "verbosity: 0"


def _hardening(resolver: ResolverSettings) -> Iterator[str]:
    yield "# What makes forged and needless answers harder.  Signed names keep their signatures,"
    yield "# and what does not exist has nothing below it."
    yield "harden-glue: yes"
    yield "harden-unverified-glue: yes"
    yield "harden-dnssec-stripped: yes"
    yield "harden-below-nxdomain: yes"
    yield "harden-algo-downgrade: yes"
    yield "harden-unknown-additional: yes"
    yield "harden-short-bufsize: yes"
    yield "harden-large-queries: yes"
    yield "val-clean-additional: yes"
    yield "val-permissive-mode: no"
    yield "iter-scrub-promiscuous: yes"
    yield "# This one asks the servers of each zone twice, which burdens all of them."
    yield "harden-referral-path: no"
    yield "qname-minimisation: yes"
    yield "aggressive-nsec: yes"
    yield "use-caps-for-id: yes"
    yield "# Ten million replies that nobody asked for: an attack, and the cache is emptied."
    yield "unwanted-reply-threshold: 10000000"
    yield "# No datagram is so large that it comes in fragments, which can be forged."
    yield "edns-buffer-size: 1232"
    yield "deny-any: yes"
    yield "minimal-responses: yes"
    yield "# Nobody is told what runs here, and of which version."
    yield "hide-identity: yes"
    yield "hide-version: yes"
    yield "hide-trustanchor: yes"
    yield "hide-http-user-agent: yes"
    if resolver.private:
        yield "# No name of others points into a home or into the provider's own networks."
    for network in resolver.private:
        yield f"private-address: {network}"
    for name in resolver.private_names:
        yield f'private-domain: "{name}"'
    if resolver.root_key:
        yield "# What all signatures are checked by; unbound keeps it up to date (RFC 5011)."
        yield f'auto-trust-anchor-file: "{resolver.root_key}"'


def _limits(resolver: ResolverSettings, special: SpecialNames) -> Iterator[str]:
    yield "# So many queries can wait, and others' servers be asked at once, in each thread.  Where"
    yield "# all places are taken, a query that waited for longer than this gives its place up."
    yield "num-queries-per-thread: 4096"
    yield "outgoing-range: 8192"
    yield "jostle-timeout: 200"
    yield "# A burst waits in the socket, as far as the kernel lets it (net.core.rmem_max)."
    yield "so-rcvbuf: 4m"
    yield "so-sndbuf: 4m"
    yield "# dnsdist has given up by then, so nobody waits for the answer."
    yield "discard-timeout: 1900"
    yield "# All come from one address, dnsdist's: a limit for each address would be one for all."
    yield "ip-ratelimit: 0"
    yield "wait-limit: 0"
    yield "wait-limit-cookie: 0"
    yield "# Servers of one zone get so many queries a second; beyond that one of ten goes through."
    yield f"ratelimit: {resolver.zone_limit}"
    yield "ratelimit-factor: 10"
    yield "# Zones of help names, and those above them, have no limit."
    for zone in sorted(_zones(special)):
        yield f'ratelimit-for-domain: "{zone}" 0'
    for zone in sorted({each.name for each in (*special.help, *special.protected)}):
        yield f'ratelimit-below-domain: "{zone}" 0'


def _zones(special: SpecialNames) -> Iterator[str]:
    """Yield each zone that may be asked on the way to a protected name: it and those above."""
    names = {each.name for each in (*special.help, *special.protected)}
    above = {"."}
    for name in names:
        labels = name.split(".")
        above.update(".".join(labels[at:]) for at in range(len(labels)))
    yield from above


def _answers(resolver: ResolverSettings) -> Iterator[str]:
    yield "# A failed validation says so (EDE 6 and more), and never looks like a block."
    yield "ede: yes"
    yield "# Names in use are fetched before they expire; old data while authorities are silent."
    yield "prefetch: yes"
    yield "serve-expired: yes"
    yield "serve-expired-client-timeout: 1800"
    modules = ["validator", "iterator"]
    if resolver.subnet_zones:
        modules.insert(0, "subnetcache")
        yield "# Servers of these zones, and no others, are told the network that dnsdist asks"
        yield "# from, the site's.  No subscriber's network is told, and all get the same answers."
        for zone in resolver.subnet_zones:
            yield f'client-subnet-zone: "{zone}"'
        yield "client-subnet-always-forward: no"
        yield f"max-client-subnet-ipv4: {SUBNET_BITS[0]}"
        yield f"max-client-subnet-ipv6: {SUBNET_BITS[1]}"
    if resolver.rules:
        modules.insert(0, "respip")
        yield "# Rules about responses are asked before and after the cache."
    yield f'module-config: "{" ".join(modules)}"'
    if resolver.anchors:
        yield "# Broken domains that two people let pass without validation, if there are any."
        yield f'include: "{resolver.anchors}*"'


def _safe_view(resolver: ResolverSettings, special: SpecialNames) -> Iterator[str]:
    """Yield the view.  A redirected name is given as a CNAME record, whose target is resolved."""
    yield 'name: "safe"'
    yield "view-first: yes"
    for engine, target in sorted(resolver.targets.items()):
        for host in special.engines.get(engine, ()):
            yield f'local-zone: "{host.name}" redirect'
            yield f'local-data: "{host.name} 60 CNAME {target}"'
