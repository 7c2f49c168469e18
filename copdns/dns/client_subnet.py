"""Client subnets: which network a query is from, told to an upstream that is to know (RFC 7871).

By default nothing is told.  The settings can name an upstream that gets one fixed network with
every query, or what devices say of theirs, never more of an address than `SUBNET_BITS`.  An answer
to a device's own network is asked for and cached in a zone of its own (`subnet_zone`), so that
nobody else gets it.  Pure.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from copdns.dns.records import (
    COUNTS_FORMAT,
    HEADER_SIZE,
    OPT,
    OPTION_SUBNET,
    QUESTION_TAIL,
    RecordSpan,
    read_options,
    read_records,
    skip_name,
)
from copdns.dns.response_facts import is_home_address
from copdns.model.addresses import SUBNET_BITS, Network
from copdns.model.errors import WireError

SUBNET_ZONE: Final = "subnet:"  # no domain; before the network of a device

_FAMILIES: Final = {1: 4, 2: 6}  # of IANA, and the versions of IP
_HEAD: Final = 4  # octets: family, source and scope prefix length
_OPTION_HEAD: Final = 4  # octets: code and length


def subnet_option(network: Network) -> bytes:
    """Return the option of a query that tells a network; one of /0 says "tell nobody"."""
    family = 1 if network.version == 4 else 2
    return _option(family, network.prefixlen, 0, network.network_address.packed)


def subnet_zone(data: bytes) -> str:
    """Return the zone for the network in a device's option; "" where nothing is to be told.

    data: of the option, as it came.  A malformed one is ignored, a network at home is nobody's
    business (section 11.2), and one of /0 asks for nothing to be told (section 7.1.2).
    """
    if len(data) < _HEAD:
        return ""
    version, source = _FAMILIES.get(data[0] << 8 | data[1]), data[2]
    if version is None or data[3] or not source:
        return ""
    size = 4 if version == 4 else 16
    packed = data[_HEAD:]
    if source > 8 * size or len(packed) != (source + 7) // 8:
        return ""
    address = packed.ljust(size, b"\0")
    if is_home_address(address):
        return ""
    return f"{SUBNET_ZONE}{ip_network((address, min(source, SUBNET_BITS[version])), strict=False)}"


def network_of_zone(zone: str) -> Network | None:
    """Return the network of `subnet_zone`; None for any other zone."""
    return ip_network(zone[len(SUBNET_ZONE) :]) if zone.startswith(SUBNET_ZONE) else None


def require_subnet(message: bytes, option: bytes) -> None:
    """Raise WireError unless a response is about the network that was told, or about none.

    option: of the query; b"" for none.  A response about another must be ignored (section 7.3).
    """
    opt = _find_opt(message)
    data = b"" if opt is None else read_options(message[opt.data_at : opt.end]).get(OPTION_SUBNET)
    told = option[_OPTION_HEAD:]
    if data and told and (data[:3] != told[:3] or data[_HEAD:] != told[_HEAD:]):
        raise WireError("an answer is for another network than the query was from")


def with_subnet(reply: bytes, data: bytes, most: int) -> bytes:
    """Return a reply that says for which network it is, as the device's option told it.

    data: of that option.  The scope is as much of it as left this machine, so that no cache of a
    device gives the reply to others.  most: octets of a reply; one that would be longer is left.
    """
    family, source = data[0] << 8 | data[1], data[2]
    option = _option(family, source, min(source, SUBNET_BITS[_FAMILIES[family]]), data[_HEAD:])
    opt = _find_opt(reply)
    if opt is None or opt.end != len(reply) or len(reply) + len(option) > most:
        return reply
    size = opt.end - opt.data_at + len(option)
    return reply[: opt.data_at - 2] + size.to_bytes(2, "big") + reply[opt.data_at :] + option


def _option(family: int, source: int, scope: int, address: bytes) -> bytes:
    told = address[: (source + 7) // 8]
    data = family.to_bytes(2, "big") + bytes((source, scope)) + told
    return OPTION_SUBNET.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def _find_opt(message: bytes) -> RecordSpan | None:
    _, questions, *others = COUNTS_FORMAT.unpack_from(message, 2)
    at = HEADER_SIZE
    for _ in range(questions):
        at = skip_name(message, at) + QUESTION_TAIL
    if at > len(message):
        raise WireError("the question is cut short")
    every = read_records(message, at, sum(others))
    return next((each for each in every if each.rtype == OPT), None)
