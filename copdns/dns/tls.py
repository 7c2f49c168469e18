"""Whom an encrypted upstream has to prove to be: its certificate, or the digest of its key.

Strict (RFC 8310 section 5): who proves nothing is not asked, and nothing goes out in clear text
instead.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256

from copdns.model.addresses import Transport, UpstreamAddress
from copdns.model.errors import UpstreamUnreachableError

_ALPN = {Transport.TLS: "dot", Transport.HTTPS: "h2"}


@lru_cache
def client_context(transport: Transport, *, pinned: bool) -> ssl.SSLContext:
    """Return how to speak TLS 1.2 or 1.3 with an upstream; it reads the system's authorities once.

    pinned: the key is compared afterwards (`check_peer`), so the certificate says nothing.
    """
    if pinned:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([_ALPN[transport]])
    return context


def context_for(address: UpstreamAddress) -> ssl.SSLContext:
    """Return the context for an upstream."""
    return client_context(address.transport, pinned=bool(address.pin))


def check_peer(address: UpstreamAddress, peer: ssl.SSLObject | ssl.SSLSocket) -> None:
    """Raise UpstreamUnreachableError for one that is not who it should be, or speaks no HTTP/2.

    The context has checked the certificate before, where there is no pin.
    """
    if address.pin and pin_of(peer.getpeercert(binary_form=True) or b"") != address.pin:
        raise UpstreamUnreachableError("its key is not the one that the settings name")
    if address.transport is Transport.HTTPS and peer.selected_alpn_protocol() != "h2":
        raise UpstreamUnreachableError("it does not speak HTTP/2")


def pin_of(certificate: bytes) -> str:
    """Return the SHA-256 digest of a certificate's public key in base64; "" for no certificate.

    certificate: in DER form.
    """
    return b64encode(sha256(_public_key(certificate)).digest()).decode() if certificate else ""


_VERSION = 0xA0  # the tag of the version, which may be left out
_BEFORE_THE_KEY = 5  # serial number, signature algorithm, issuer, validity, subject


def _public_key(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate in DER form (RFC 5280 section 4.1).

    OpenSSL has read the certificate before, so it is well formed.
    """
    inside, _ = _bounds(certificate, 0)
    at, _ = _bounds(certificate, inside)
    if certificate[at] == _VERSION:
        _, at = _bounds(certificate, at)
    for _ in range(_BEFORE_THE_KEY):
        _, at = _bounds(certificate, at)
    _, end = _bounds(certificate, at)
    return certificate[at:end]


def _bounds(der: bytes, at: int) -> tuple[int, int]:
    """Return where the contents of the element at a place begin and end (X.690 section 8.1)."""
    size, begin = der[at + 1], at + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(der[at + 2 : begin], "big")
    return begin, begin + size
