"""Whose connection is closed where there are too many.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

_NETWORK_BITS = 64  # an IPv6 network of a household


def connection_to_drop(peers: Sequence[str]) -> int:
    """Return the index of the connection to close for a new one: the oldest of the network with
    the most.

    A client with few connections never loses one to a client with thousands.  A device with IPv6
    has many addresses, so those of one /64 count as one.
    peers: addresses, the oldest first; not empty.
    """
    whose = [_network_of(each) for each in peers]
    ((most, _),) = Counter(whose).most_common(1)
    return whose.index(most)


@lru_cache(4096)  # a flood calls it for every connection, each time
def _network_of(peer: str) -> str:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address) or address.ipv4_mapped:
        return str(address)
    return str(int(address) >> (128 - _NETWORK_BITS))
