"""Read whose query a forwarder before us passes on: dnsmasq on a router, or dnsdist.

A PROXY header (version 2) before the message gives the address of the forwarder's client, and that
of a provider also the household that it belongs to; EDNS options of the query give the device's MAC
(dnsmasq `add-mac`) or its address (`add-subnet`).
Only forwarders that the settings list are believed, each in what it may say; for nobody else this
is called.  What cannot be read is ignored.  Pure.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

from copdns.dns.records import (
    COUNTS_FORMAT,
    HEADER_SIZE,
    OPT,
    OPTION_SUBNET,
    QUESTION_TAIL,
    read_records,
    skip_name,
)
from copdns.model.errors import ProxyError, WireError
from copdns.model.verdict import Requestor

# No query begins with it: over UDP the opcode would be 1, over TCP it would have 2641 questions.
SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
MAX_PROXY: Final = (
    2048  # octets of a PROXY header that are read; addresses need 52, the rest is TLVs
)

OPTION_MAC: Final = 65001  # dnsmasq add-mac: six octets
OPTION_MAC_TEXT: Final = 65073  # dnsmasq add-mac=text and add-mac=base64

FIELD_HOUSEHOLD: Final = 0xE0  # in a PROXY header: an id (the first of custom types)
FIELD_TOKEN: Final = 0xE1  # the digest of the token that a device of that household showed

_DIGEST: Final = 32  # octets
_FIELD_HEAD: Final = 3  # octets of a field's type and length
_ID: Final = re.compile(rb"[!-~]{1,64}")
_FIXED: Final = 16  # octets of a PROXY header before its addresses
_LOCAL: Final = 0x20  # version 2 with its two commands
_PROXY: Final = 0x21
_UNSPEC: Final = 0x00
_ADDRESSES: Final = {
    0x11: 4,
    0x12: 4,
    0x21: 16,
    0x22: 16,
}  # family and transport: octets of an address
MAX_PEERS: Final = 4096  # whose forwarder is remembered
_MAC: Final = 6  # octets of a MAC, and of one in base64
_BASE64: Final = 8
_TEXT: Final = re.compile(rb"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_GROUP: Final = 0x01  # in the first octet of a MAC that is no single device's
_MACS: Final = frozenset({OPTION_MAC, OPTION_MAC_TEXT})
# How an option begins that holds a whole address: family, prefix, scope; then so many octets.
_WHOLE: Final = {b"\0\1\x20\0": 4, b"\0\2\x80\0": 16}


@dataclass(frozen=True, slots=True)
class Forwarder:
    """The forwarders in one network, and what they may say of their clients.

    proxy: an address, in a PROXY header.  mac: a MAC, in EDNS options 65001 and 65073.
    subnet: an address, in the EDNS client subnet option.
    """

    network: IPv4Network | IPv6Network
    proxy: bool = False
    mac: bool = False
    subnet: bool = False


class Forwarders:
    """All that the settings list; the first whose network holds a peer counts."""

    def __init__(self, listed: Iterable[Forwarder] = ()) -> None:
        self._listed = tuple(listed)
        self._forwarder_by_peer: dict[str, Forwarder] = {}

    def find(self, address: str) -> Forwarder | None:
        """Return the forwarder that a peer is, or None for anybody else."""
        if not self._listed:
            return None
        return self._forwarder_by_peer.get(address) or self._find(address)

    def _find(self, text: str) -> Forwarder | None:
        address = ip_address(text)
        found = next((each for each in self._listed if address in each.network), None)
        if found is not None:
            if len(self._forwarder_by_peer) >= MAX_PEERS:
                self._forwarder_by_peer.clear()
            self._forwarder_by_peer[text] = found
        return found


NO_FORWARDERS: Final = Forwarders()


class ProxyHeader(NamedTuple):
    """What a PROXY header says.

    source: the address of who asked the forwarder; "" where the forwarder asks for itself.
    size: octets of the header; 0 where there is none.
    household: the id of the one that asked, where the forwarder knows it; else "".
    token: the digest of the token that the device showed, as `token_digest` gives it; else "".
    """

    source: str
    size: int
    household: str = ""
    token: str = ""


class EdnsDevice(NamedTuple):
    """What a query's EDNS options say of its device; "" for what they do not say."""

    mac: str
    address: str


def unwrap(message: bytes, peer: Requestor, forwarder: Forwarder) -> tuple[bytes, Requestor]:
    """Return the message in a forwarder's datagram, and who asks it.

    peer: the forwarder itself, who asks what comes without a header (a look whether we live).
    A malformed header stays where it is: as a message it is malformed too.
    """
    if forwarder.proxy:
        try:
            proxied = read_proxy(message)
        except ProxyError:
            return message, peer
        if proxied is None:
            return message, peer
        message, peer = message[proxied.size :], with_proxy_source(peer, proxied)
    return message, with_edns_device(peer, forwarder, message)


def with_proxy_source(peer: Requestor, proxied: ProxyHeader) -> Requestor:
    """Return who asks after a PROXY header."""
    if not proxied.source:
        return peer
    return replace(peer, address=proxied.source, household=proxied.household, token=proxied.token)


def with_edns_device(peer: Requestor, forwarder: Forwarder, message: bytes) -> Requestor:
    """Return who asks by a message's EDNS options.

    An address in them is nearer to the device than the one in a PROXY header.
    """
    if not (forwarder.mac or forwarder.subnet):
        return peer
    said = read_device(message)
    mac = said.mac if forwarder.mac else ""
    address = said.address if forwarder.subnet else ""
    return replace(peer, address=address or peer.address, mac=mac)


# --- the PROXY header ---------------------------------------------------------------------------


def read_proxy(octets: bytes | bytearray) -> ProxyHeader | None:
    """Read the PROXY header (version 2, section 2.2 of its specification) before a message.

    None: it has begun, and more octets are needed.  Raise ProxyError where it is malformed, or
    of a kind that no resolver sends.
    """
    if not octets.startswith(SIGNATURE):
        return None if SIGNATURE.startswith(octets) else ProxyHeader("", 0)
    if len(octets) < _FIXED:
        return None
    size = _FIXED + int.from_bytes(octets[14:16], "big")
    if size > MAX_PROXY:
        raise ProxyError(f"a PROXY header has {size} octets; {MAX_PROXY} are read at most")
    if len(octets) < size:
        return None
    command, family = octets[12], octets[13]
    if command == _LOCAL:
        return ProxyHeader("", size)  # whatever else it says (a health check)
    if command != _PROXY:
        raise ProxyError(f"a PROXY header of an unknown version or command: {command:#04x}")
    if family == _UNSPEC:
        return ProxyHeader("", size)
    length = _ADDRESSES.get(family)
    if length is None:
        raise ProxyError(f"a PROXY header with an unknown kind of address: {family:#04x}")
    fields_at = _FIXED + 2 * length + 4  # two addresses, two ports
    if size < fields_at:
        raise ProxyError("a PROXY header is too short for its addresses")
    source = _address(bytes(octets[_FIXED : _FIXED + length]))
    return ProxyHeader(source, size, *_read_fields(bytes(octets[fields_at:size])))


def cut_header(message: bytes) -> tuple[int, bytes]:
    """Return the size of a whole PROXY header with addresses, and it without its ports.

    Those say nothing about who asks; all else that is equal says the same.  (0, b"") for any other
    message.
    """
    if len(message) < _FIXED or not message.startswith(SIGNATURE) or message[12] != _PROXY:
        return 0, b""
    size, length = _FIXED + int.from_bytes(message[14:16], "big"), _ADDRESSES.get(message[13])
    if length is None or size > min(len(message), MAX_PROXY):
        return 0, b""
    ports = _FIXED + 2 * length
    if size < ports + 4:
        return 0, b""
    return size, message[:ports] + message[ports + 4 : size]


def _read_fields(fields: bytes) -> tuple[str, str]:
    """Return household and token that the fields after the addresses name (TLVs, section 2.2.7).

    Two of one kind name none, nor does what is none: no family gets the rules of another one, and
    a token without a household says nothing.
    """
    found: dict[int, list[bytes]] = {FIELD_HOUSEHOLD: [], FIELD_TOKEN: []}
    at = 0
    while at + _FIELD_HEAD <= len(fields):
        end = at + _FIELD_HEAD + int.from_bytes(fields[at + 1 : at + _FIELD_HEAD], "big")
        if fields[at] in found:
            found[fields[at]].append(fields[at + _FIELD_HEAD : end])
        at = end
    ids, tokens = found[FIELD_HOUSEHOLD], found[FIELD_TOKEN]
    if at != len(fields) or len(ids) != 1 or not _ID.fullmatch(ids[0]) or len(tokens) > 1:
        return "", ""
    if tokens and len(tokens[0]) != _DIGEST:
        return "", ""
    return ids[0].decode("ascii"), tokens[0].hex() if tokens else ""


def _address(packed: bytes) -> str:
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


# --- EDNS options -------------------------------------------------------------------------------


def read_device(message: bytes) -> EdnsDevice:
    """Read the device's MAC and address from a query's EDNS options.

    What does not fit its form says nothing, nor do two addresses, nor MACs that differ: one may
    be what the device itself wrote, and nobody can tell which.
    """
    macs: list[bytes] = []
    subnets: list[bytes] = []
    try:
        for code, data in _options(message):
            if code == OPTION_SUBNET:
                subnets.append(data)
            elif code in _MACS:
                macs.append(data)
    except WireError:
        return EdnsDevice("", "")  # whoever reads the query says what is wrong with it
    read = {_mac(data) for data in macs}
    mac = read.pop() if len(read) == 1 else ""
    return EdnsDevice(mac, _subnet(subnets[0]) if len(subnets) == 1 else "")


def _options(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the EDNS options of a query; raise WireError where it cannot be read."""
    if len(message) < HEADER_SIZE:
        return
    _, questions, *counts = COUNTS_FORMAT.unpack_from(message, 2)
    if questions != 1 or not counts[-1]:
        return
    start = skip_name(message, HEADER_SIZE) + QUESTION_TAIL
    for rr in read_records(message, start, sum(counts)):
        if rr.rtype == OPT:
            yield from _each(message[rr.data_at : rr.end])


def _each(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 4 + length
        if end > len(data):
            raise WireError("an EDNS option is cut short")
        yield int.from_bytes(data[at : at + 2], "big"), data[at + 4 : end]
        at = end


def _mac(data: bytes) -> str:
    """Return a MAC as "02:00:00:00:00:01"; "" for what is none, or no single device's."""
    if _TEXT.fullmatch(data):
        data = bytes.fromhex(data.decode().replace(":", ""))
    elif len(data) == _BASE64:
        try:
            data = binascii.a2b_base64(data, strict_mode=True)
        except binascii.Error:
            return ""
    is_device = len(data) == _MAC and any(data) and not data[0] & _GROUP
    return data.hex(":") if is_device else ""


def _subnet(data: bytes) -> str:
    """Return the address of a client subnet option (RFC 7871 section 6) that names one device."""
    length = _WHOLE.get(data[:4])
    return _address(data[4:]) if length is not None and len(data) == 4 + length else ""
