"""What a certificate is for, read from its octets, beside what the library made of them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.certificate_names import covers, names_in_certificate
from copdns.web.certificate import make_pem


def made(*names: x509.GeneralName, critical: bool = False) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
    )
    if names:
        alternatives = x509.SubjectAlternativeName(names)
        certificate = certificate.add_extension(alternatives, critical=critical)
    return certificate.sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("critical", [False, True])
def test_names_and_addresses_are_read_and_nothing_else(critical: bool) -> None:
    der = made(
        x509.DNSName("DNS.example"),
        x509.RFC822Name("ada@example.net"),
        x509.DNSName("*.dns.example"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
        critical=critical,
    )
    found = names_in_certificate(der)
    assert found == ("dns.example", "*.dns.example", "192.0.2.1", "2001:db8::1")


def test_many_names_take_longer_lengths() -> None:
    names = tuple(f"host-{number}.example" for number in range(300))
    assert names_in_certificate(made(*map(x509.DNSName, names))) == names


def test_one_that_this_machine_made_is_read() -> None:
    names = ("copdns.home.arpa", "192.0.2.1", "::1")
    pem = make_pem(names, 0, 86_400)
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])
    assert names_in_certificate(der) == names


def test_without_names_there_are_none() -> None:
    assert names_in_certificate(made()) == ()


def test_what_is_cut_short_has_none() -> None:
    der = made(x509.DNSName("dns.example"))
    begin = der.index(b"\x06\x03\x55\x1d\x11")
    for end in range(begin, der.index(b"dns.example") + len("dns.example") - 1):
        assert names_in_certificate(der[:end]) == ()


@given(st.binary(max_size=60))
def test_nothing_makes_it_fail(octets: bytes) -> None:
    for each in names_in_certificate(b"\x06\x03\x55\x1d\x11" + octets):
        assert each.isascii()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("dns.example", True),
        ("a.kids.example", True),
        ("kids.example", False),
        ("a.b.kids.example", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
    ],
)
def test_a_star_stands_for_one_label(wanted: str, found: bool) -> None:
    assert covers(("dns.example", "*.kids.example", "192.0.2.1"), wanted) is found
