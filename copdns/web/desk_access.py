"""Over which connections the dashboard may be used.  Pure.

The child's page works over HTTP too, since a browser's warning would keep children out.  Passwords
are typed into the dashboard, so it needs HTTPS, except on the machine itself.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple


class BrowserConnection(NamedTuple):
    """How a request came.  secure: over HTTPS.  address: of the other end of the connection."""

    secure: bool
    address: str


def may_show_desk(connection: BrowserConnection, *, over_http: bool) -> bool:
    """Tell whether the dashboard may be shown and used over a connection.

    over_http: the setting `web.desk_over_http`.  Headers of a proxy are not read.
    """
    return connection.secure or over_http or is_loopback(connection.address)


def is_loopback(address: str) -> bool:
    """Tell whether an address is loopback, also as IPv4-mapped IPv6 or with a zone.

    False for a text that is no address.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
