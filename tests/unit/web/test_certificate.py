"""The certificate of the desk: made once, private, renewed in time; own files are followed."""

from __future__ import annotations

import shutil
import ssl
import stat
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtensionOID, NameOID

from copdns.model.errors import CertificateError
from copdns.web.certificate import (
    DAY,
    FILE,
    LIFETIME,
    MAX_NAMES,
    RENEW_BEFORE,
    TRY_AGAIN,
    Certificate,
    fingerprint_of,
    make_pem,
    names_of,
    read_info,
)
from tests.encrypted_server import make_certificate

NOW = 1_800_000_000
NAMES = ("copdns.home.arpa", "localhost", "127.0.0.1", "::1", "192.0.2.1")


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> set[str]:
    found = loaded(path).extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    assert isinstance(found.value, x509.SubjectAlternativeName)
    return {str(each.value) for each in found.value}


def test_the_first_start_makes_one_that_only_its_owner_reads(tmp_path: Path) -> None:
    made = Certificate(tmp_path)
    context = made.begin(NAMES, NOW)
    path = tmp_path / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert names(path) == set(NAMES)
    assert loaded(path).not_valid_after_utc == datetime.fromtimestamp(NOW + LIFETIME, UTC)
    constraints = loaded(path).extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS)
    assert constraints.value == x509.BasicConstraints(ca=False, path_length=None)
    assert made.fingerprint == fingerprint_of(path)
    assert made.fingerprint.count(":") == 31
    assert {each.name for each in tmp_path.iterdir()} == {FILE}


def test_the_next_start_takes_the_same_one_until_it_is_near_its_end(tmp_path: Path) -> None:
    first = Certificate(tmp_path)
    first.begin(NAMES, NOW)
    again = Certificate(tmp_path)
    again.begin(NAMES[:2], NOW + LIFETIME - RENEW_BEFORE - 1)
    assert again.fingerprint == first.fingerprint
    assert not again.refresh(NAMES, NOW)
    assert again.refresh(NAMES, NOW + LIFETIME - RENEW_BEFORE)
    assert again.fingerprint != first.fingerprint


def test_a_clock_that_was_wrong_at_the_first_start_does_no_lasting_harm(tmp_path: Path) -> None:
    made = Certificate(tmp_path)
    made.begin(NAMES, 1000, is_clock_wrong=True)
    assert made.refresh(NAMES, NOW)
    assert made.refresh(NAMES, NOW - 400 * DAY)


def test_a_clock_that_is_wrong_at_a_later_start_makes_no_new_one(tmp_path: Path) -> None:
    """A board without a battery starts in 1970 after each power cut, until its clock is set."""
    first = Certificate(tmp_path)
    first.begin(NAMES, NOW)
    again = Certificate(tmp_path)
    again.begin(NAMES, 1000, is_clock_wrong=True)
    assert not again.refresh(NAMES, 1005, is_clock_wrong=True)
    assert not again.refresh(NAMES, NOW + DAY)
    assert again.fingerprint == first.fingerprint


def test_a_new_address_makes_no_new_one_and_is_in_the_next(tmp_path: Path) -> None:
    """Each new one makes every browser warn again, and one at a new address warns anyway."""
    made = Certificate(tmp_path)
    made.begin(NAMES, NOW)
    moved = (*NAMES[:4], "198.51.100.7")
    assert not made.refresh(moved, NOW + DAY)
    assert made.refresh(moved, NOW + LIFETIME)
    assert names(tmp_path / FILE) == {*NAMES, "198.51.100.7"}


def test_many_addresses_are_no_reason_to_make_one_each_time(tmp_path: Path) -> None:
    many = (*NAMES, *(f"10.0.0.{last}" for last in range(MAX_NAMES)))
    made = Certificate(tmp_path)
    made.begin(many, NOW)
    assert not made.refresh(many, NOW)


def test_where_none_can_be_made_the_old_one_stays_and_it_is_tried_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Certificate(tmp_path).begin(NAMES, NOW)
    late, tries = NOW + LIFETIME - DAY, []

    def fails(_names: object, now: float) -> str:
        tries.append(now)
        raise CertificateError("the disk is full")

    monkeypatch.setattr("copdns.web.certificate._make", fails)
    made = Certificate(tmp_path)
    made.begin(NAMES, late)
    with pytest.raises(CertificateError, match="full"):
        made.refresh(NAMES, late + 5)
    for seconds in (10, TRY_AGAIN):
        assert not made.refresh(NAMES, late + seconds)
    with pytest.raises(CertificateError, match="full"):
        made.refresh(NAMES, late + 5 + TRY_AGAIN)
    assert tries == [late, late + 5, late + 5 + TRY_AGAIN]


def test_a_file_that_cannot_be_read_now_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Certificate(tmp_path)
    made.begin(NAMES, NOW)
    before = (tmp_path / FILE).read_bytes()

    def fails(*_: object, **__: object) -> str:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_text", fails)
    with pytest.raises(CertificateError, match="Too many open files"):
        made.refresh(NAMES, NOW)
    assert (tmp_path / FILE).read_bytes() == before


# --- whether browsers trust it --------------------------------------------------------------------


def issued(folder: Path, hosts: list[str], issuer: str = "An authority") -> tuple[str, str]:
    """Write a certificate that an authority signed; return its files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk.example")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(NOW, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + DAY, UTC))
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts])
        signed = signed.add_extension(names, False)
    files = folder / "issued.crt", folder / "issued.key"
    files[0].write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    return str(files[0]), str(files[1])


def test_one_of_an_authority_is_trusted_for_its_names_while_it_is_valid(tmp_path: Path) -> None:
    made = Certificate(tmp_path, issued(tmp_path, ["Desk.example", "*.home.example"]))
    made.begin(NAMES, NOW)
    trusted = made.authority.covers
    for host in ("desk.example", "DESK.example", "copdns.home.example"):
        assert trusted(host, NOW + 1)
        assert not trusted(host, NOW + DAY)
        assert not trusted(host, NOW - 1)
    for host in (
        "why.home.arpa",
        "a.desk.example",
        "home.example",
        "a.b.home.example",
        "127.0.0.1",
    ):
        assert not trusted(host, NOW + 1)


def test_one_that_nobody_else_signed_is_trusted_for_nothing(tmp_path: Path) -> None:
    made = Certificate(tmp_path)
    made.begin(NAMES, NOW)
    given = Certificate(tmp_path, own(tmp_path))
    given.begin(NAMES, NOW)
    self_made = Certificate(tmp_path, issued(tmp_path, ["desk.example"], issuer="desk.example"))
    self_made.begin(NAMES, NOW)
    nameless = Certificate(tmp_path, issued(tmp_path, []))
    nameless.begin(NAMES, NOW)
    for each in (made, given, self_made, nameless):
        assert not each.authority.covers("desk.example", NOW + 1)
        assert not each.authority.covers(NAMES[0], NOW + 1)


@pytest.mark.parametrize("text", ["", "{}", "no certificate", '{"names": 1}'])
def test_a_file_that_broke_is_made_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_info(tmp_path / FILE) is None
    Certificate(tmp_path).begin(NAMES, NOW)
    assert read_info(tmp_path / FILE) is not None


def own(folder: Path, name: str = "own") -> tuple[str, str]:
    text = make_pem(["desk.example"], NOW, NOW + DAY)
    start = text.index("-----BEGIN CERTIFICATE")
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    key.write_text(text[:start])
    certificate.write_text(text[start:])
    return str(certificate), str(key)


def test_own_files_are_served_and_followed(tmp_path: Path) -> None:
    files = own(tmp_path)
    made = Certificate(tmp_path / "data", files)
    made.begin(NAMES, NOW)
    before = made.fingerprint
    assert before == fingerprint_of(Path(files[0]))
    assert not made.refresh(NAMES, NOW)
    own(tmp_path)
    assert made.refresh(NAMES, NOW)
    assert made.fingerprint != before
    assert not (tmp_path / "data").exists()  # nothing is made beside them


def test_a_file_that_may_be_read_at_last_is_read(tmp_path: Path) -> None:
    files = own(tmp_path)
    made = Certificate(tmp_path, files)
    made.begin(NAMES, NOW)
    is_allowed = False

    def read(certificate: Path, _key: Path) -> str:
        if not is_allowed and made.fingerprint != fingerprint_of(certificate):
            raise CertificateError(f"{certificate}: Permission denied")  # not so for root
        return fingerprint_of(certificate)

    followed = made.follow(read)
    before = followed()
    own(tmp_path)
    with pytest.raises(CertificateError, match="denied"):
        made.refresh(NAMES, NOW)
    assert not made.refresh(NAMES, NOW)
    is_allowed = True
    Path(files[0]).chmod(0o640)  # its text and the time of its text stay
    assert made.refresh(NAMES, NOW)
    assert followed() != before


def test_files_that_do_not_fit_are_told_once_and_the_old_ones_stay(tmp_path: Path) -> None:
    files = own(tmp_path)
    made = Certificate(tmp_path, files)
    made.begin(NAMES, NOW)
    before = made.fingerprint
    other, _ = own(tmp_path, "other")
    Path(files[0]).write_text(Path(other).read_text())
    with pytest.raises(CertificateError, match="PEM"):
        made.refresh(NAMES, NOW)
    assert not made.refresh(NAMES, NOW)
    assert made.fingerprint == before


def test_files_that_were_gone_for_a_while_are_read_again(tmp_path: Path) -> None:
    files = own(tmp_path)
    made = Certificate(tmp_path, files)
    made.begin(NAMES, NOW)
    away = Path(files[0]).rename(tmp_path / "away.pem")
    with pytest.raises(CertificateError, match="No such file"):
        made.refresh(NAMES, NOW)
    away.rename(files[0])
    assert made.refresh(NAMES, NOW)  # so that what was told of it is over
    assert not made.refresh(NAMES, NOW)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="No such file"):
        Certificate(tmp_path, (str(tmp_path / "a"), str(tmp_path / "b"))).begin(NAMES, NOW)


def test_a_certificate_is_for_what_stays() -> None:
    found = names_of("Attic-Pi", ["127.0.0.1", "192.168.1.2", "fd00::1", "::1"])
    assert found[-2:] == ("attic-pi", "192.168.1.2")
    assert "fd00::1" not in found
    assert "bad name" not in names_of("bad name", [])


def test_other_protocols_have_the_same_certificate_and_follow_it(tmp_path: Path) -> None:
    made = Certificate(tmp_path, own(tmp_path), with_authority=False)
    made.begin(NAMES, NOW)
    other = made.context_for(("dot",))
    assert shown_by(other(), "dot") == made.fingerprint
    before = made.fingerprint
    own(tmp_path)
    assert made.refresh(NAMES, NOW)
    assert shown_by(other(), "dot") == made.fingerprint
    assert made.fingerprint != before


@pytest.mark.parametrize("kinds", [("RSA", "ECDSA"), ("ECDSA", "RSA")])
def test_a_key_of_another_kind_takes_the_place_of_the_first(
    tmp_path: Path, kinds: tuple[str, str]
) -> None:
    path = tmp_path / "own.pem"
    shutil.copy(make_certificate(tmp_path / "first", kind=kinds[0]).path, path)
    made = Certificate(tmp_path, (str(path), str(path)), with_authority=False)
    pages = made.begin(NAMES, NOW)
    other = made.context_for(("dot",))
    before = made.fingerprint
    shutil.copy(make_certificate(tmp_path / "second", kind=kinds[1]).path, path)
    assert made.refresh(NAMES, NOW)
    assert made.fingerprint != before
    for liked in ("RSA", "ECDSA"):  # whichever kind a client likes better
        assert shown_by(pages, "http/1.1", liked) == made.fingerprint
        assert shown_by(other(), "dot", liked) == made.fingerprint


def test_nothing_is_taken_of_files_from_which_something_cannot_be_made(tmp_path: Path) -> None:
    made = Certificate(tmp_path, own(tmp_path), with_authority=False)
    pages = made.begin(NAMES, NOW)
    before = made.fingerprint
    first = made.follow(lambda certificate, _key: fingerprint_of(certificate))

    def fail_later(certificate: Path, _key: Path) -> None:
        if fingerprint_of(certificate) != before:
            raise CertificateError("not this one")

    made.follow(fail_later)
    own(tmp_path)
    with pytest.raises(CertificateError, match="not this one"):
        made.refresh(NAMES, NOW)
    assert (first(), shown_by(pages, "http/1.1")) == (before, before)


def shown_by(context: ssl.SSLContext, protocol: str, liked: str = "") -> str:
    """Return the fingerprint of what a server shows to a client that asks for a protocol.

    liked: the kind of key that the client prefers, "" for that which OpenSSL does.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if liked:
        client.maximum_version = ssl.TLSVersion.TLSv1_2  # whose ciphers are of one kind of key
        others = {"RSA": "ECDSA", "ECDSA": "RSA"}[liked]
        client.set_ciphers(f"ECDHE-{liked}-AES128-GCM-SHA256:ECDHE-{others}-AES128-GCM-SHA256")
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_alpn_protocols([protocol])
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    own_end = client.wrap_bio(back, there)
    server = context.wrap_bio(there, back, server_side=True)
    for each in (own_end, server, own_end, server, own_end):  # TLS 1.2 goes there and back twice
        with suppress(ssl.SSLWantReadError):
            each.do_handshake()
    assert own_end.selected_alpn_protocol() == protocol
    return sha256(own_end.getpeercert(binary_form=True) or b"").digest().hex(":").upper()


def test_begun_again_it_makes_nothing_more_for_a_try_that_got_no_further(tmp_path: Path) -> None:
    made = Certificate(tmp_path)
    tried: list[str] = []
    for what in ("first", "second", "third"):
        made.begin(NAMES, NOW)
        made.follow(lambda _certificate, _key, what=what: tried.append(what))
    tried.clear()
    assert made.refresh(NAMES, NOW + LIFETIME)
    assert tried == ["third"]
