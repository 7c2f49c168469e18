"""`copdns doctor` on the certificate of encrypted DNS: what each device would say, and what to
do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copdns.cli.doctor.certificate import check_certificate
from copdns.model.errors import CertificateError
from copdns.settings.config import EncryptedSettings, Settings, WebSettings
from tests.unit.certificates import NAME, NOW, between, root, server


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine knows the test's authority and no other."""
    (tmp_path / "known.pem").write_bytes(root().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))


def found(folder: Path, content: bytes = b"", **changes: Any) -> list[tuple[str, str, str]]:
    """Return the findings where a file has these certificates."""
    file = folder / "dns.pem"
    file.write_bytes(content or server().pem + between().pem)
    given: dict[str, Any] = {
        "name": NAME,
        "tls_port": 853,
        "certificate": str(file),
        "key": str(file),
    }
    settings = Settings(encrypted=EncryptedSettings(**given | changes))
    return looked(settings)


def looked(settings: Settings, now: float = NOW.timestamp()) -> list[tuple[str, str, str]]:
    home: Any = SimpleNamespace(settings=settings, now=now)
    return [(each.status, each.what, each.todo) for each in check_certificate(home)]


def test_a_good_one_is_told_with_its_end(tmp_path: Path) -> None:
    end = NOW + timedelta(days=80)
    assert found(tmp_path) == [("ok", f"devices take it for {NAME}, until {end:%Y-%m-%d}", "")]


def test_one_that_phones_refuse_is_a_failure_with_what_to_do(tmp_path: Path) -> None:
    ((status, what, todo),) = found(tmp_path, server().pem)
    assert status == "fail"
    assert what.endswith("is not in it: refused by Android, iPhone, iPad, Mac, Firefox")
    assert "fullchain.pem" in todo


def test_one_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    chain = server(days=12).pem + between().pem
    ((status, what, _),) = found(tmp_path, chain)
    assert (status, what) == ("warn", "the certificate ends on 2026-11-30")


def test_without_a_name_no_device_can_be_told_where_to_ask(tmp_path: Path) -> None:
    good, missing = found(tmp_path, name="")
    assert good[0] == "ok"
    assert missing[0] == "warn"
    assert NAME in missing[2]


def test_the_certificate_of_the_pages_is_looked_at_where_there_is_no_other(tmp_path: Path) -> None:
    file = tmp_path / "web.pem"
    file.write_bytes(server().pem + between().pem)
    web = WebSettings(tls_certificate=str(file), tls_key=str(file))
    ((status, _, _),) = looked(
        Settings(web=web, encrypted=EncryptedSettings(name=NAME, tls_port=853))
    )
    assert status == "ok"


def test_the_one_that_copdns_makes_does_for_devices_that_do_not_check() -> None:
    ((status, what, _),) = looked(Settings(encrypted=EncryptedSettings(tls_port=853)))
    assert (status, "makes itself" in what) == ("warn", True)


def test_nothing_is_said_where_nothing_is_encrypted() -> None:
    assert looked(Settings()) == []


def test_a_file_that_is_gone_is_told_by_its_name(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.pem")
    chosen = EncryptedSettings(name=NAME, tls_port=853, certificate=gone, key=gone)
    with pytest.raises(CertificateError, match=r"gone\.pem: No such file"):
        looked(Settings(encrypted=chosen))
