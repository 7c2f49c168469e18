"""Connect to upstreams over TLS and HTTPS: imported only where the settings name one.

It takes some megabytes, most of them for TLS and its authorities.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from importlib import import_module

from copdns.dns import tls
from copdns.dns.connections import UpstreamConnections
from copdns.dns.exchange import Asks
from copdns.dns.socket_pool import SocketOwner
from copdns.dns.stream_pool import DotConnection, StreamPool, log_trouble
from copdns.model.addresses import Transport, UpstreamAddress


def prepare(addresses: Iterable[UpstreamAddress]) -> None:
    """Import what speaks to these, and read the system's authorities, before a query waits for it.

    To be called in a thread.  The authorities are read anew, since they may have been renewed.
    """
    tls.client_context.cache_clear()
    for each in addresses:
        if each.transport is Transport.HTTPS:
            import_module("copdns.dns.doh")
        if each.transport is not Transport.UDP:
            tls.context_for(each)


def connect(
    loop: asyncio.AbstractEventLoop,
    address: UpstreamAddress,
    owner: SocketOwner,
    asks: Asks,
    on_trouble: Callable[[UpstreamAddress, str], None] = log_trouble,
) -> UpstreamConnections:
    """Return the connections to an encrypted upstream; none is made before the first query.

    owner: is told what comes.  asks: is asked where the upstream is, if only its name is known.
    on_trouble: called with what keeps connections from being made, once for each reason.
    """
    if address.transport is not Transport.HTTPS:
        return StreamPool(loop, address, owner, asks, DotConnection, on_trouble)
    from copdns.dns.doh import DohConnection

    return StreamPool(loop, address, owner, asks, DohConnection, on_trouble)
