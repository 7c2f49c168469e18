"""What is told of an encrypted resolver besides where it is: SvcParams (RFC 9460 section 2.2).

In SVCB records (RFC 9461), and in options of DHCP and router advertisements (RFC 9463).  Pure.
"""

from __future__ import annotations

from struct import pack
from typing import Final, NamedTuple

_ALPN: Final = 1  # RFC 9460 section 7.1
_PORT: Final = 3  # section 7.2
_DOH_PATH: Final = 7  # RFC 9461 section 5


class ServiceParams(NamedTuple):
    """How a resolver is asked.

    alpn: protocols, such as "dot".  port: 0 for the protocol's own.
    doh_path: a template for HTTPS, such as "/dns-query{?dns}"; "" without HTTPS.
    """

    alpn: tuple[str, ...]
    port: int = 0
    doh_path: str = ""


def dump_params(params: ServiceParams) -> bytes:
    """Return the parameters in wire form, in the order of their numbers."""
    names = b"".join(bytes([len(each)]) + each.encode("ascii") for each in params.alpn)
    made = _param(_ALPN, names)
    if params.port:
        made += _param(_PORT, pack("!H", params.port))
    if params.doh_path:
        made += _param(_DOH_PATH, params.doh_path.encode())
    return made


def _param(key: int, value: bytes) -> bytes:
    return pack("!HH", key, len(value)) + value
