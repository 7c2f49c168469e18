"""What is told of an encrypted resolver besides where it is: SvcParams (RFC 9460 section 2.2).

In SVCB records (RFC 9461), and in options of DHCP and router advertisements (RFC 9463).  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Final, NamedTuple

_ALPN: Final = 1  # RFC 9460 section 7.1
_PORT: Final = 3  # section 7.2
_DOH_PATH: Final = 7  # RFC 9461 section 5

# By transport: the protocol's name (ALPN), and the port that clients take if none is told.
_PROTOCOLS: Final = {"tls": ("dot", 853), "quic": ("doq", 853), "https": ("h2", 443)}


class ServiceParams(NamedTuple):
    """How a resolver is asked.

    alpn: protocols, such as "dot".  port: 0 for the protocol's own.
    doh_path: a template for HTTPS, such as "/dns-query{?dns}"; "" without HTTPS.
    """

    alpn: tuple[str, ...]
    port: int = 0
    doh_path: str = ""


class OpenPort(NamedTuple):
    """A port on which encrypted DNS is answered.  over: the transport."""

    over: str
    port: int


def offers_of(ports: Sequence[OpenPort]) -> list[ServiceParams]:
    """Return what is told of these ports, the one that a device should prefer first.

    The path is that without a token: who was led here by an answer is known by the address alone.
    """
    found = []
    for each in sorted(ports, key=lambda each: [*_PROTOCOLS].index(each.over)):
        alpn, usual = _PROTOCOLS[each.over]
        path = "/dns-query{?dns}" if each.over == "https" else ""
        found.append(ServiceParams((alpn,), 0 if each.port == usual else each.port, path))
    return found


def merge_usual(offers: Sequence[ServiceParams]) -> list[ServiceParams]:
    """Return the same offers, with all those of usual ports as one: for where there is room for one
    only.  A client then takes each protocol's own port."""
    usual = [each for each in offers if not each.port]
    if not usual:
        return [*offers]
    protocols = tuple(alpn for each in usual for alpn in each.alpn)
    path = next((each.doh_path for each in usual if each.doh_path), "")
    return [ServiceParams(protocols, 0, path), *(each for each in offers if each.port)]


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
