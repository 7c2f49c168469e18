"""Networks so wide that a rule about their addresses is about most of the internet.

A rule that blocks all addresses of one family takes nothing away, since the other family goes on,
and makes of every name a blocked one, which the mode `blocked` would record.  So a household can
write no such rule; one that an older household or a file has, has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from copdns.model.matchers import Matcher

# The shortest prefix of a rule: what one registry hands to one of the largest networks (a /8 of
# IPv4, RFC 7249; the widest block of IPv6 that a provider was given is a /19).
LEAST_PREFIX = {4: 8, 6: 19}

# Of nobody on the internet (RFC 1112, 5771; 4193, 4291): a rule may be about all of them.
_NOBODYS_4 = (IPv4Network("224.0.0.0/4"), IPv4Network("240.0.0.0/4"))
_NOBODYS_6 = (IPv6Network("fc00::/7"), IPv6Network("fe80::/10"), IPv6Network("ff00::/8"))
# Where all of IPv4 is inside IPv6, as NAT64 gives it (RFC 4291 section 2.5.5.2, 6052, 8215).
_IPV4_INSIDE = tuple(map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
_LEAST_INSIDE = 96 + LEAST_PREFIX[4]


def is_broad_network(target: Matcher | str) -> bool:
    """Tell whether the target of a rule is a network that covers more than a rule may be about.

    target: a network in normal form, such as "2000::/3"; a Matcher is none.
    """
    if isinstance(target, Matcher):
        return False
    network = ip_network(target)
    if isinstance(network, IPv4Network):
        short = network.prefixlen < LEAST_PREFIX[4]
        return short and not any(network.subnet_of(each) for each in _NOBODYS_4)
    if network.prefixlen < LEAST_PREFIX[6]:
        return not any(network.subnet_of(each) for each in _NOBODYS_6)
    return network.prefixlen < _LEAST_INSIDE and any(map(network.overlaps, _IPV4_INSIDE))


def address_shares(networks: Iterable[str]) -> tuple[float, float]:
    """Return of all addresses of IPv4, and of those that IPv6 gives out (2000::/3), how many are in
    these networks, from 0 to 1.

    Addresses of nobody on the internet do not count.  networks: CIDR text.
    """
    found = [ip_network(each) for each in networks]
    fours = collapse_addresses(
        each
        for each in found
        if isinstance(each, IPv4Network)
        and each.is_global
        and not any(each.subnet_of(other) for other in _NOBODYS_4)
    )
    sixes = collapse_addresses(
        each for each in found if isinstance(each, IPv6Network) and each.subnet_of(_GIVEN_OUT)
    )
    return (
        sum(each.num_addresses for each in fours) / 2**32,
        sum(each.num_addresses for each in sixes) / _GIVEN_OUT.num_addresses,
    )


_GIVEN_OUT = IPv6Network("2000::/3")
