"""The certificate of the desk: made once, private, renewed in time; own files are followed."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from copdns.model.errors import CertificateError
from copdns.web.certificate import (
    DAY,
    FILE,
    LIFETIME,
    RENEW_BEFORE,
    Certificate,
    fingerprint_of,
    make_pem,
    names_of,
    read_info,
)

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
    made.begin(NAMES, 1000)
    assert made.refresh(NAMES, NOW)
    assert made.refresh(NAMES, NOW - 400 * DAY)


def test_a_new_address_gets_in_and_those_of_before_stay(tmp_path: Path) -> None:
    made = Certificate(tmp_path)
    made.begin(NAMES, NOW)
    assert made.refresh((*NAMES[:4], "198.51.100.7"), NOW)
    assert names(tmp_path / FILE) == {*NAMES, "198.51.100.7"}
    assert not made.refresh(NAMES, NOW)


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


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="No such file"):
        Certificate(tmp_path, (str(tmp_path / "a"), str(tmp_path / "b"))).begin(NAMES, NOW)


def test_a_certificate_is_for_what_stays() -> None:
    found = names_of("Attic-Pi", ["127.0.0.1", "192.168.1.2", "fd00::1", "::1"])
    assert found[-2:] == ("attic-pi", "192.168.1.2")
    assert "fd00::1" not in found
    assert "bad name" not in names_of("bad name", [])
