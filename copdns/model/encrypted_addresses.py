"""Addresses of upstreams as people write them: plain ones, and those that are asked encrypted.

    tls://dns.example@192.0.2.1              DNS over TLS; the certificate must be for dns.example
    tls://192.0.2.1                          the certificate must be for the address
    tls://dns.example                        the address is looked up (the setting `bootstrap`)
    tls://192.0.2.1#sha256/BASE64            the key must have this digest, whatever the certificate
    https://dns.example@192.0.2.1/dns-query  DNS over HTTPS

A port stands after the address; without one it is 853 or 443.  docs/upstreams.md explains them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from ipaddress import ip_address

from copdns.model.addresses import (
    USUAL_PATH,
    USUAL_PORTS,
    Transport,
    UpstreamAddress,
    domain,
    is_address,
    upstream_address,
)
from copdns.model.errors import TextError

_URL = re.compile(
    r"(?P<scheme>[a-z0-9+.-]+)://"
    r"(?:(?P<name>[^@/#\[\]]*)@)?"
    r"(?P<host>\[[^]]*\]|[^:/#@\[\]]*)(?::(?P<port>[^/#]*))?"
    r"(?P<path>/[^#]*)?(?:#(?P<pin>.*))?"
)
_TEMPLATE = "{?dns}"  # how resolvers write their path (RFC 8484 section 4.1); nothing is put there
_PIN = "sha256/"
_DIGEST_SIZE = 32  # octets
_EXAMPLES = "tls://dns.example@192.0.2.1 or https://dns.example@192.0.2.1/dns-query"


def server_address(text: str) -> UpstreamAddress:
    """Read the address of an upstream, plain or encrypted; raise ValueError in plain words."""
    written = text.strip()
    if "://" not in written:
        return upstream_address(text)
    found = _URL.fullmatch(written)
    if found is None:
        raise ValueError(f"{text!r} is not a valid address; write one such as {_EXAMPLES}")
    if found["scheme"] not in (Transport.TLS, Transport.HTTPS):
        raise ValueError(
            f"{text!r} begins with {found['scheme']}://, which is not supported; write one such "
            f"as {_EXAMPLES}"
        )
    transport = Transport(found["scheme"])
    host, name = _host_and_name(text, found["host"].strip("[]"), found["name"])
    port = found["port"] or str(USUAL_PORTS[transport])
    if found["port"] == "" or not (
        port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536
    ):
        raise ValueError(f"{text!r} has no valid port; write a number from 1 to 65535")
    return UpstreamAddress(
        host,
        int(port),
        transport,
        name,
        _path(text, transport, found["path"]),
        _pin(text, found["pin"]),
    )


def split_address(text: str) -> str:
    """Return the normal text of an upstream of a split domain; raise TextError.

    An encrypted one needs its address: a household has no servers that would look it up.
    """
    if "://" not in text:
        return str(upstream_address(text))
    try:
        found = server_address(text)
    except ValueError:
        raise TextError(
            "'%(written)s' is not a valid address; write one such as %(example)s",
            written=text,
            example="tls://dns.example@192.0.2.1",
        ) from None
    if not found.host:
        raise TextError(
            "nothing says where %(upstream)s is; write its address too, as in %(example)s",
            upstream=text,
            example=f"{found.transport}://{found.name}@192.0.2.1",
        )
    return str(found)


def _host_and_name(text: str, host: str, name: str | None) -> tuple[str, str]:
    """Return address and name; the name is the address where there is no other."""
    if not is_address(host):
        if name is not None or not host:
            raise ValueError(
                f"{text!r} has no valid address after the name; write one such as {_EXAMPLES}"
            )
        return "", domain(host)
    found = ip_address(host)
    if found.is_unspecified or found.is_multicast:
        raise ValueError(
            f"{text!r} is not the address of a single machine; write the DNS server's own address"
        )
    return str(found), domain(name) if name is not None else str(found)


def _path(text: str, transport: Transport, path: str | None) -> str:
    if transport is Transport.HTTPS:
        found = (path or "").removesuffix(_TEMPLATE)
        if not found.isascii() or not found.isprintable() or " " in found or "{" in found:
            raise ValueError(f"{text!r} has no valid path; write one such as {USUAL_PATH}")
        return found if found.strip("/") else USUAL_PATH
    if path and path != "/":
        raise ValueError(f"{text!r} has a path, which only https:// addresses have; leave it out")
    return ""


def _pin(text: str, written: str | None) -> str:
    if written is None:
        return ""
    digest = written.removeprefix(_PIN)
    try:
        is_digest = len(b64decode(digest, validate=True)) == _DIGEST_SIZE
    except (Error, ValueError):
        is_digest = False
    if digest == written or not is_digest:
        raise ValueError(
            f"{text!r} has no valid pin; write #{_PIN} and the 44 characters of the digest"
        )
    return digest
