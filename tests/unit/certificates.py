"""Certificates made for a test: an authority, one in between, and a server with any fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
NAME = "dns.example.net"
SERVER = ExtendedKeyUsageOID.SERVER_AUTH

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Signed(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def root() -> Signed:
    return issue("Test authority", None, is_authority=True, days=3650)


@cache
def between() -> Signed:
    return issue("Between", root(), is_authority=True, days=1000)


def server(issuer: Signed | None = None, **changes: object) -> Signed:
    """Return one of a server without fault, but for the changes."""
    return issue(NAME, issuer or between(), **changes)  # type: ignore[arg-type]


def issue(
    called: str,
    issuer: Signed | None,
    *,
    names: Sequence[str] = (NAME,),
    begin: datetime = NOW - timedelta(days=10),
    days: int = 90,
    key: Key | None = None,
    purposes: Sequence[ObjectIdentifier] = (SERVER,),
    is_authority: bool = False,
) -> Signed:
    """Return a certificate.  issuer: None: it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin if not is_authority else NOW - timedelta(days=100))
        .not_valid_after((begin if not is_authority else NOW) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), True)
    )
    if names and not is_authority:
        found = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(found, False)
    if purposes and not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    signing = issuer.key if issuer else key
    digest = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Signed(builder.sign(signing, digest), key)
