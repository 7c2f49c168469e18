"""Which push services a message may be sent to: the browsers' own, and no machine at home.

A browser names its service itself, so whoever has a browser here could name any address, and have
this machine send there.  So only hosts of the settings are used, over HTTPS alone, and none whose
address is private, unless the settings say so; nothing is sent to this machine itself.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

MAX_LENGTH = 2048  # letters of an endpoint; those of today have 150 to 600
# Of networks at home (RFC 1918 and 4193): not loopback, and no link-local address.
_HOME = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_NAT64 = ip_network("64:ff9b::/96")  # holds an IPv4 address (RFC 6052 section 2.1)


def is_allowed_endpoint(url: str, hosts: Iterable[str], *, private: bool = False) -> bool:
    """Tell whether messages may be sent to a URL.

    hosts: names; one such as `*.push.apple.com` stands for all names below it.  private: services
    at home are allowed (the setting `push.private_addresses`), and any port.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if len(url) > MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        return False
    if parts.username is not None or parts.fragment:
        return False
    if parts.scheme != "https":
        return False
    if port not in (None, 443) and not private:
        return False
    if not any(_covers(each, host) for each in hosts):
        return False
    # One of the internet has a name: the great services do.
    return not _is_address(host) or (private and is_home_address(host))


def _covers(wanted: str, host: str) -> bool:
    if wanted.startswith("*."):
        return host.endswith(wanted[1:]) and host != wanted[1:]
    return host == wanted


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public_address(text: str) -> bool:
    """Tell whether an address is one of the internet, and so none of this machine or this house.

    text: an IPv4 or IPv6 address, also with a zone.
    """
    address = ip_address(text.partition("%")[0])
    inside = _address_inside(address)
    if inside is not None:
        return is_public_address(str(inside))
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_home_address(text: str) -> bool:
    """Tell whether an address is one of a network at home; one of this machine alone is not.

    text: an IPv4 or IPv6 address, also with a zone.
    """
    address = ip_address(text.partition("%")[0])
    found = _address_inside(address) or address
    return any(found in each for each in _HOME)


def may_send_to(text: str, *, private: bool) -> bool:
    """Tell whether messages may be sent to an address.

    text: as for `is_public_address`.  private: as for `is_allowed_endpoint`.
    """
    return is_public_address(text) or (private and is_home_address(text))


def _address_inside(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for; None for none."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
