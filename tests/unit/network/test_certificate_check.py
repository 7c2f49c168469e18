"""What devices refuse of a certificate: each fault alone, and none where there is none."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from copdns.model.errors import CertificateError
from copdns.network.certificate_check import Expected, covers, find_faults
from copdns.network.certificate_faults import Fault, FaultKind, Reader
from copdns.network.certificate_reading import read_report
from tests.unit.certificates import NAME, NOW, Signed, between, issue, root, server

SHA1 = """
MIIC/zCCAeegAwIBAgIUNUzvQEmUUpXWGiABWQhkH720ZD8wDQYJKoZIhvcNAQEFBQAwDzENMAsGA1UEAwwEd2VhazAe
Fw0yNjExMjgwODI0NDZaFw0yNjEyMDgwODI0NDZaMA8xDTALBgNVBAMMBHdlYWswggEiMA0GCSqGSIb3DQEBAQUAA4IB
DwAwggEKAoIBAQDOY4/OyTVnJIDBgEvMAkw7engEPdlI/FxOTavolFWTLMjFx+D33d6Zu5ERGbzJZEqJuIHNw5lbSyVs
XJo1RbegXrUDoE84UzXLrk1/lcjVyczsd3sqQbfbvZz55Ky9bTviowLqtdiOAdIV1Y7a+M4HzKnjGIbE4c/kzvIgjDWU
n8mtrca/w+N0IrkdUepBWUHOKu3qZWS4pGWxOlUzbnIMfPOdl0cvaBDFHQrzSY6O8uWmY88CM+4+mqLwdZ4z6wsXKWvO
qu/8rtgIoGwwIeksGoMKLcdkcu7YKJWBlixGHrBwMkvmCYEWVb3fYmr1c2FXpeXGoCKYyZAXjQShBEh5AgMBAAGjUzBR
MB0GA1UdDgQWBBTPmbBZFfjsNkqER3KYI5AWFu8mCDAfBgNVHSMEGDAWgBTPmbBZFfjsNkqER3KYI5AWFu8mCDAPBgNV
HRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBBQUAA4IBAQBN1vFWXYdqj5CzeOEiDkYB44kJYUeGjK76WDNNaxqtPd7rwS6W
zGZzFHrRc5/Z9lhdjmhlkBPJ5mqK6dPs78KAjuJ+G8jcfGefFbcsTiIfNBDBPaN5khBcOl4B4VYahD6xHYfT/GsUZJpc
awkzjyPU4dzZSq+1pZhFOxR1t8wvu15Gf/AguYexdx9ARAQ12LtPwDIVvWz5ZFKcJ8tY6Gk9jTcKJzdNiamdIiJ6KEfZ
iBxbQNFIduXz6qz5aYV9LPY94+KteXADTi1Tt5UMZRwgzb+NxcpaPbQkh27o1GDwBikMeXKMcSu8/wo2c5QL4fpa67O3
VRJdj96c3J6p+sdH
"""


def faults(
    *chain: Signed, name: str = NAME, wildcard: bool = False, later: timedelta = timedelta()
) -> dict[FaultKind, Fault]:
    found = find_faults(
        [each.certificate for each in chain],
        [root().certificate],
        Expected(name, wildcard, NOW + later),
    )
    assert all(str(each.what) and str(each.todo) for each in found), "a placeholder has no value"
    return {each.kind: each for each in found}


def test_a_good_certificate_has_no_fault() -> None:
    assert faults(server(), between()) == {}
    assert faults(server(root())) == {}
    assert faults(server(key=rsa.generate_private_key(65537, 2048)), between()) == {}
    both = server(names=(NAME, f"*.{NAME}"))
    assert faults(both, between(), wildcard=True) == {}


def test_one_that_signed_itself_is_refused_by_everyone() -> None:
    found = find_faults([root().certificate], [], Expected("", False, NOW))
    assert found[0].kind is FaultKind.SELF_SIGNED
    assert found[0].refusers == tuple(Reader)


def test_an_authority_that_devices_do_not_know_is_named() -> None:
    chain = [each.certificate for each in (server(), between(), root())]
    (found,) = find_faults(chain, [], Expected(NAME, False, NOW))
    assert found.kind is FaultKind.UNKNOWN_AUTHORITY
    assert "CN=Test authority" in str(found.what)


def test_a_file_without_the_certificate_in_between_is_not_complete() -> None:
    found = faults(server())
    assert found.keys() == {FaultKind.INCOMPLETE}
    assert "CN=Between" in str(found[FaultKind.INCOMPLETE].what)
    assert "fullchain.pem" in str(found[FaultKind.INCOMPLETE].todo)


def test_the_order_of_those_in_between_does_not_matter() -> None:
    other = server(root())  # of no use on the way
    assert faults(server(), other, between()) == {}


@pytest.mark.parametrize(
    ("names", "name", "expected"),
    [
        ((), NAME, FaultKind.NO_NAMES),
        (("www.example.net",), NAME, FaultKind.OTHER_NAME),
        (("*.example.net",), NAME, None),
        (("*.example.net",), "a.dns.example.net", FaultKind.OTHER_NAME),  # one label, no more
        (("DNS.example.NET",), NAME, None),
        (("www.example.net",), "", None),  # no name is set yet
    ],
)
def test_the_name_is_compared_as_devices_do(
    names: tuple[str, ...], name: str, expected: FaultKind | None
) -> None:
    found = faults(server(names=names), between(), name=name)
    assert found.keys() == ({expected} if expected else set())


def test_names_of_devices_need_a_wildcard_below_the_name() -> None:
    found = faults(server(names=(NAME, "*.example.net")), between(), wildcard=True)
    assert found.keys() == {FaultKind.NO_WILDCARD}
    assert f"*.{NAME}" in str(found[FaultKind.NO_WILDCARD].todo)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(days=-11), FaultKind.NOT_YET),
        (timedelta(days=72), None),
        (timedelta(days=74), FaultKind.ENDS_SOON),
        (timedelta(days=81), FaultKind.ENDED),
    ],
)
def test_the_dates_count(later: timedelta, expected: FaultKind | None) -> None:
    found = faults(server(), between(), later=later)
    assert found.keys() == ({expected} if expected else set())


def test_what_ends_soon_is_refused_by_nobody_yet() -> None:
    found = faults(server(), between(), later=timedelta(days=74))
    assert found[FaultKind.ENDS_SOON].refusers == ()
    assert "2027-02-16" in str(found[FaultKind.ENDS_SOON].what)


def test_a_certificate_in_between_that_ended_is_seen() -> None:
    short = issue("Short", root(), is_authority=True, days=30)
    assert faults(server(short), short, later=timedelta(days=20)) == {}
    assert faults(server(short), short, later=timedelta(days=31)).keys() == {FaultKind.ENDED}


@pytest.mark.parametrize(("days", "expected"), [(398, set()), (399, {FaultKind.TOO_LONG})])
def test_apple_takes_398_days_and_no_more(days: int, expected: set[FaultKind]) -> None:
    found = faults(server(days=days), between())
    assert found.keys() == expected
    assert all(each.refusers == (Reader.APPLE,) for each in found.values())


def test_a_short_or_unusual_key_is_refused() -> None:
    short = faults(server(key=rsa.generate_private_key(65537, 1024)), between())
    assert short.keys() == {FaultKind.SHORT_KEY}
    assert "1024" in str(short[FaultKind.SHORT_KEY].what)
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        assert faults(server(key=key), between()).keys() == {FaultKind.UNUSUAL_KEY}


def test_a_weak_signature_is_refused() -> None:
    """SHA-1, which the library does not make any more: 2,048 bits, signed by itself."""
    weak = x509.load_der_x509_certificate(b64decode(SHA1))
    found = {each.kind for each in find_faults([weak], [weak], Expected("", False, NOW))}
    assert FaultKind.WEAK_SIGNATURE in found


@pytest.mark.parametrize(
    ("purposes", "expected", "refusers"),
    [
        ((), FaultKind.NO_PURPOSE, (Reader.APPLE,)),
        ((ExtendedKeyUsageOID.CLIENT_AUTH,), FaultKind.OTHER_PURPOSE, tuple(Reader)),
    ],
)
def test_it_has_to_be_for_a_server(
    purposes: tuple[x509.ObjectIdentifier, ...], expected: FaultKind, refusers: tuple[Reader, ...]
) -> None:
    found = faults(server(purposes=purposes), between())
    assert found.keys() == {expected}
    assert found[expected].refusers == refusers


@pytest.mark.parametrize(
    ("names", "name", "expected"),
    [
        (["dns.example"], "DNS.example", True),
        (["*.example"], "dns.example", True),
        (["*.example"], "a.dns.example", False),
        (["*.example"], "example", False),
        (["*."], "dns", False),
    ],
)
def test_a_star_stands_for_one_label(names: list[str], name: str, expected: bool) -> None:
    assert covers(names, name) is expected


def test_a_file_is_read_with_the_authorities_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, file = tmp_path / "known.pem", tmp_path / "dns.pem"
    known.write_bytes(b"# a name\n" + root().pem + b"-----BEGIN CERTIFICATE-----\nodd\n")
    file.write_bytes(server().pem + between().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    found = read_report(file, NAME, NOW.timestamp())
    assert found.faults == ()
    assert found.names == (NAME,)
    assert found.end == int((NOW + timedelta(days=80)).timestamp())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert [each.kind for each in read_report(file, NAME, NOW.timestamp()).faults] == []


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_without_certificate_says_so(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "dns.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CertificateError, match=r"dns\.pem"):
        read_report(file, NAME, NOW.timestamp())
