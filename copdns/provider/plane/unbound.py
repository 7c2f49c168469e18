"""Write the configuration of unbound behind dnsdist: it resolves, validates, and keeps answers.

dnsdist asks it from two addresses.  To one of them it gives the safe hosts of search engines in
place of the engines themselves (a view).  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from copdns.provider.plane.snapshot import SpecialNames

RULES: Final = "rules.invalid"  # the zone of rules about responses
RULES_FILE: Final = "rules.zone"  # in the folder of the tables, as the other one
ANCHORS_FILE: Final = "anchors.conf"


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """One unbound.

    listen: `ADDRESS@PORT`.  clients: networks that dnsdist asks from.  safe_client: the one address
    that it asks from for safe search.
    targets: by the id of an engine, the host whose data is given.  forward_to: `ADDRESS@PORT` of
    resolvers that it asks in place of the authorities.  rules: the file of `response_zone`.
    anchors: that of domains that are not validated for now.  control: the socket on which it is
    told of new ones.
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


def unbound_config(resolver: ResolverSettings, special: SpecialNames) -> str:
    """Return the configuration."""
    lines = ["server:", *(f"  {line}" for line in _server(resolver))]
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


def _server(resolver: ResolverSettings) -> Iterator[str]:
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
    yield "verbosity: 0"
    yield "# What makes forged and needless answers harder."
    yield "harden-glue: yes"
    yield "harden-dnssec-stripped: yes"
    yield "harden-below-nxdomain: yes"
    yield "harden-algo-downgrade: yes"
    yield "qname-minimisation: yes"
    yield "aggressive-nsec: yes"
    yield "use-caps-for-id: yes"
    yield "deny-any: yes"
    yield "minimal-responses: yes"
    yield "# A failed validation says so (EDE 6 and more), and never looks like a block."
    yield "ede: yes"
    yield "# Names in use are fetched before they expire; old data while authorities are silent."
    yield "prefetch: yes"
    yield "serve-expired: yes"
    yield "serve-expired-client-timeout: 1800"
    if resolver.rules:
        yield "# Rules about responses are asked before and after the cache."
        yield 'module-config: "respip validator iterator"'
    if resolver.anchors:
        yield "# Broken domains that two people let pass without validation, if there are any."
        yield f'include: "{resolver.anchors}*"'
    yield from resolver.extra


def _safe_view(resolver: ResolverSettings, special: SpecialNames) -> Iterator[str]:
    """Yield the view.  A redirected name is given as a CNAME record, whose target is resolved."""
    yield 'name: "safe"'
    yield "view-first: yes"
    for engine, target in sorted(resolver.targets.items()):
        for host in special.engines.get(engine, ()):
            yield f'local-zone: "{host.name}" redirect'
            yield f'local-data: "{host.name} 60 CNAME {target}"'
