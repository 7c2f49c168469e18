"""What a forwarder before us adds to a query: a PROXY header, or EDNS options."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

import dns.edns

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
TO = {4: "192.0.2.1", 6: "2001:db8::1"}  # where the forwarder was asked
STREAM, DGRAM = 1, 2


def proxied(source: str, over: int = DGRAM, tlvs: bytes = b"") -> bytes:
    """Return the header of a query that an address asked the forwarder."""
    version = ip_address(source).version
    packed = ip_address(source).packed + ip_address(TO[version]).packed
    family = {4: 0x10, 6: 0x20}[version] | over
    return header(0x21, family, packed + pack("!HH", 50_000, 53) + tlvs)


def own(body: bytes = b"") -> bytes:
    """Return the header of what a forwarder asks for itself."""
    return header(0x20, 0, body)


def header(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + pack("!BBH", command, family, len(body)) + body


def mac_option(mac: str) -> dns.edns.GenericOption:
    """Return what dnsmasq's add-mac adds."""
    return generic(65001, bytes.fromhex(mac.replace(":", "")))


def text_option(text: str) -> dns.edns.GenericOption:
    """Return what dnsmasq's add-mac=text and add-mac=base64 add."""
    return generic(65073, text.encode())


def generic(code: int, data: bytes) -> dns.edns.GenericOption:
    return dns.edns.GenericOption(dns.edns.OptionType.make(code), data)
