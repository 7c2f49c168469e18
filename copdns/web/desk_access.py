"""Over which connections the guardians' desk is opened, and which cookies it may set there.

The door, which is for children, is open over HTTP too: a warning of the browser would keep them
out.  The desk is where a password is typed, so it wants HTTPS, except on the machine itself.
Pure.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple


class Connection(NamedTuple):
    """How a request came.  secure: over HTTPS.  address: of the other end of the connection."""

    secure: bool
    address: str


def desk_allowed(connection: Connection, *, over_http: bool) -> bool:
    """Tell whether the desk, and what it is made of, may be shown and used.

    over_http: the setting `web.desk_over_http`.  What a proxy says of who asked is not looked at.
    """
    return connection.secure or over_http or is_loopback(connection.address)


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own, written as IPv6 or with a zone as well.

    What is no address is not.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def cookie_name(name: str, connection: Connection) -> str:
    """Return the name of a cookie: over HTTPS one that no page over HTTP can plant (RFC 6265bis,
    section 4.1.3.2)."""
    return f"__Host-{name}" if connection.secure else name
