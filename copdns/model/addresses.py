"""Addresses, networks, domains and ids that people write, read once.

Each function raises ValueError, or NameTextError for a domain, in plain words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from copdns.model.errors import TextError
from copdns.model.names import normalize

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}", re.ASCII)
_WITH_PORT = re.compile(r"(\[(?P<v6>[^]]+)\]|(?P<v4>[^:]+))(:(?P<port>[^:]+))?")


class Transport(StrEnum):
    """How queries travel to an upstream."""

    UDP = "udp"  # and TCP, for what does not fit a datagram
    TLS = "tls"  # RFC 7858
    HTTPS = "https"  # RFC 8484, by HTTP/2


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """Where an upstream listens, and how it is asked.

    host: an IPv4 or IPv6 address, with its zone if it has one; "" where it has to be looked up by
        the name, which only an encrypted upstream has.
    name: what its certificate must be for: a domain, or the address again; "" for UDP.
    path: of HTTPS.  pin: the SHA-256 digest of its public key (SubjectPublicKeyInfo) in base64, as
        in RFC 7858 section 4.2; "" where the certificate is checked instead.
    """

    host: str
    port: int = 53
    transport: Transport = Transport.UDP
    name: str = ""
    path: str = ""
    pin: str = ""

    def __str__(self) -> str:
        """Return the address as it is written in the settings."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.transport is Transport.UDP:
            return f"{host}:{self.port}"
        named = "" if self.name == self.host else self.name
        at = "@" if named and host else ""
        port = "" if self.port == USUAL_PORTS[self.transport] else f":{self.port}"
        path = "" if self.path == USUAL_PATH else self.path
        pin = f"#sha256/{self.pin}" if self.pin else ""
        return f"{self.transport}://{named}{at}{host}{port}{path}{pin}"

    @property
    def short_text(self) -> str:
        """The name or the address alone, without the usual port: for people who only want to know
        whom.  A path may hold a customer's number, so it is left out."""
        if self.transport is Transport.UDP:
            return self.host if self.port == USUAL_PORTS[self.transport] else str(self)
        return self.name

    @property
    def lacks_interface(self) -> bool:
        """It is on some link, and nothing says on which: it needs `%eth0` or the like."""
        if not self.host:
            return False
        found = ip_address(self.host)
        return isinstance(found, IPv6Address) and found.is_link_local and not found.scope_id


USUAL_PORTS = {Transport.UDP: 53, Transport.TLS: 853, Transport.HTTPS: 443}
USUAL_PATH = "/dns-query"  # RFC 8484 section 4.1.1 uses it, and so do all public resolvers


def upstream_address(text: str) -> UpstreamAddress:
    """Read `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:53`."""
    host, port = _host_and_port(text.strip())
    try:
        address = ip_address(host)
    except ValueError:
        raise TextError(
            "'%(written)s' is not a valid address; write 192.0.2.1, 192.0.2.1:5353 or "
            "[2001:db8::1]:53 (not a domain, because finding its address would need a DNS server)",
            written=text,
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise TextError(
            "'%(written)s' is not the address of a single machine; write the DNS server's own "
            "address",
            written=text,
        )
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise TextError(
            "'%(written)s' has no valid port; write a number from 1 to 65535", written=text
        )
    return UpstreamAddress(str(address), int(port))


def _host_and_port(text: str) -> tuple[str, str]:
    if found := _WITH_PORT.fullmatch(text):
        return found["v6"] or found["v4"], found["port"] or "53"
    return text, "53"


def address(text: str) -> IPv4Address | IPv6Address:
    """Read an address of either family, such as 192.0.2.1 or 2001:db8::1."""
    try:
        return ip_address(text.strip())
    except ValueError:
        raise TextError(
            "'%(written)s' is not a valid address; write one such as 192.0.2.1 or 2001:db8::1",
            written=text,
        ) from None


def is_address(text: str) -> bool:
    """Tell whether somebody wrote an address of either family."""
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


def network(text: str) -> IPv4Network | IPv6Network:
    """Read `192.0.2.0/24`; bits after the prefix are forgiven, a single address is a network."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise TextError(
            "'%(written)s' is not a valid network; write one such as 192.0.2.0/24 or 2001:db8::/32",
            written=text,
        ) from None


def device_address(text: str) -> str:
    """Return the normal text of a device's address or prefix: plain for a single address.

    A zone (`%eth0`) is refused: askers are compared without it.
    """
    if "%" in text:
        raise TextError(
            "'%(written)s' has an interface zone; leave out the %% and everything after it",
            written=text,
        )
    found = network(text)
    return str(found.network_address if found.prefixlen == found.max_prefixlen else found)


def mac_address(text: str) -> str:
    """Return the normal text of a device's MAC address: "02:00:00:00:00:01" (IEEE 802, 48 bits).

    Groups may stand apart by : or -, in small or capital letters.
    """
    found = text.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(text.strip().lower()):
        raise TextError(
            "'%(written)s' is not a valid MAC address; write one such as 02:00:00:00:00:01",
            written=text,
        )
    if found == "00:00:00:00:00:00":
        raise TextError(
            "'%(written)s' does not belong to any device; write the device's own MAC address",
            written=text,
        )
    if int(found[:2], 16) & 1:
        raise TextError(
            "'%(written)s' is a multicast address, for a group of devices; write the MAC address "
            "of one device",
            written=text,
        )
    return found


class KnownBy(NamedTuple):
    """By what a device is known, in normal forms, each once."""

    addresses: tuple[str, ...]
    macs: tuple[str, ...]


def known_by(text: str) -> KnownBy:
    """Read MAC addresses, addresses and prefixes as somebody wrote them, apart by blanks, commas
    or lines; none of them gives nothing."""
    addresses: dict[str, None] = {}
    macs: dict[str, None] = {}
    for each in re.split(r"[\s,;]+", text.strip()):
        if _MAC.fullmatch(each.lower()):
            macs[mac_address(each)] = None
        elif each:
            addresses[_device_address(each)] = None
    return KnownBy(tuple(addresses), tuple(macs))


def _device_address(text: str) -> str:
    try:
        return device_address(text)
    except ValueError:
        if "%" in text:
            raise
        raise TextError(
            "'%(written)s' is not a device address; it should be like 192.0.2.1, or six pairs of "
            "letters and numbers such as 02:00:00:00:00:01",
            written=text,
        ) from None


def is_private_mac(mac: str) -> bool:
    """Tell whether a device made its MAC address up (the local bit), as phones do per network.

    It may be another one tomorrow.  mac: in normal form.
    """
    return bool(int(mac[:2], 16) & 2)


def domain(text: str) -> str:
    """Return the normal form of a name that may not be empty."""
    name = normalize(text)
    if not name:
        raise TextError("the domain is missing; write one such as home.example")
    return name


def slug(text: str) -> str:
    """Return an id as it is, when it can be one: the same in files, commands and metrics."""
    if not _SLUG.fullmatch(text):
        raise TextError(
            "'%(written)s' is not a valid id; use only small letters, digits, - and _ (at most "
            "64 characters), and start with a letter or digit",
            written=text,
        )
    return text


Network = IPv4Network | IPv6Network
# Bits of an address that an upstream may be told, at most (RFC 7871 section 11.1).
SUBNET_BITS = {4: 24, 6: 56}


def bad_url(url: str) -> str:
    """Return why no list is fetched from an address; "" when one can be."""
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # with labels that no name can have it is none
    except ValueError:
        return "this is not a valid address; write one such as https://lists.example/list.txt"
    if parts.scheme not in ("http", "https", ""):
        return f"{parts.scheme} addresses are not supported; use an address with https://"
    whole = parts.scheme and parts.hostname and port != 0
    if not whole or not (url.isprintable() and " " not in url):
        return "this is not a valid address; write one such as https://lists.example/list.txt"
    if parts.username is not None:
        return (
            "leave the username and password out of the address, because they would appear in logs"
        )
    return ""
