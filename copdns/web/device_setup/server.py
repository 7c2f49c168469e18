"""Where a device sends encrypted queries, and what is missing where it cannot.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from copdns.model.device_tokens import https_address, tls_name
from copdns.settings.config import EncryptedSettings

TLS_PORT = 853  # of DNS over TLS (RFC 7858 section 3.1); Android and many routers know no other one
HTTPS_PORT = 443


class EncryptedServer(NamedTuple):
    """What a device is told of copdns.

    tls_name: for DNS over TLS; "" where that is not served.  tls_port: 0 where it is not.
    https_url: for DNS over HTTPS; "" where that is not served.
    addresses: of this machine at home, without those of loopback where it has others.
    is_home_only: nobody can use it away from home.  label: what stays the same where a device is
    told another token; "" for the name itself.
    """

    tls_name: str
    tls_port: int
    https_url: str
    addresses: tuple[str, ...]
    is_home_only: bool = True
    label: str = ""

    @property
    def identity(self) -> str:
        """What tells it from other servers, without a token."""
        return self.label or self.tls_name or self.https_url

    @property
    def has_usual_tls_port(self) -> bool:
        """Whether devices can use DNS over TLS that know one port only."""
        return self.tls_port == TLS_PORT

    @property
    def one_address_each(self) -> tuple[str, ...]:
        """Its first IPv4 address and its first IPv6 one, for a form that has a field for each."""
        first: dict[bool, str] = {}
        for address in self.addresses:
            first.setdefault(":" in address, address)
        return tuple(first.values())


class Missing(StrEnum):
    """What has to be there before a device can be told a name."""

    PORT = "port"  # encrypted.tls_port or encrypted.https_port
    NAME = "name"  # encrypted.name
    CERTIFICATE = "certificate"  # encrypted.certificate or web.tls_certificate
    OWN_NAME = "own_name"  # a token: with encrypted.public nobody is answered without one
    PUBLIC = "public"  # encrypted.public: without it nobody is answered who is not at home


def server_of(chosen: EncryptedSettings, addresses: Iterable[str]) -> EncryptedServer:
    """Return what a device is told that is recognised by its address.

    addresses: those that answer queries.
    """
    name, port = chosen.name, chosen.https_port
    authority = name if port == HTTPS_PORT else f"{name}:{port}"
    return EncryptedServer(
        tls_name=name if chosen.tls_port else "",
        tls_port=chosen.tls_port,
        https_url=f"https://{authority}/dns-query" if port else "",
        addresses=addresses_at_home(addresses),
    )


def addresses_at_home(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return by which of its addresses devices at home reach this machine: without those of
    loopback where it has others."""
    every = tuple(each for each in addresses if "%" not in each)  # a zone means nothing elsewhere
    others = tuple(each for each in every if each != "::1" and not each.startswith("127."))
    return others or every


def find_missing(chosen: EncryptedSettings, *, has_certificate: bool) -> tuple[Missing, ...]:
    """Return what is missing, in the order in which it is best set.

    has_certificate: the settings give one; none checks the one that copdns makes itself.  What is
    offered has no token, so that where one is needed a device would get no answer, at home as well.
    """
    found = {
        Missing.PORT: not chosen.is_on,
        Missing.NAME: not chosen.name,
        Missing.CERTIFICATE: not has_certificate,
        Missing.OWN_NAME: chosen.public,
    }
    return tuple(each for each, is_missing in found.items() if is_missing)


def server_with_token(
    chosen: EncryptedSettings, addresses: Iterable[str], token: str, *, has_wildcard: bool
) -> EncryptedServer:
    """Return what a device is told that shows a token, so that it is recognised anywhere.

    has_wildcard: the certificate is for names below `encrypted.name` too; without, DNS over TLS is
    left out, where the token stands before the name.
    """
    home = server_of(chosen, addresses)
    has_tls = bool(chosen.tls_port) and has_wildcard
    return EncryptedServer(
        tls_name=tls_name(chosen.name, token) if has_tls else "",
        tls_port=chosen.tls_port if has_tls else 0,
        https_url=https_address(chosen.name, chosen.https_port, token) if chosen.https_port else "",
        addresses=home.addresses,
        is_home_only=False,
        label=home.identity,
    )


def find_missing_away(chosen: EncryptedSettings, *, has_certificate: bool) -> tuple[Missing, ...]:
    """Return what is missing before a device can be recognised away from home, in the order in
    which it is best set.  has_certificate: as for `find_missing`."""
    found = {
        Missing.PORT: not chosen.https_port and chosen.tls_port != TLS_PORT,
        Missing.NAME: not chosen.name,
        Missing.CERTIFICATE: not has_certificate,
        Missing.PUBLIC: not chosen.public,
    }
    return tuple(each for each, is_missing in found.items() if is_missing)
