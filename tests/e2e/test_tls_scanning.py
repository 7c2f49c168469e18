"""What testssl.sh says of TLS here, in the seconds that a run of all tests has (`make testssl` asks
for all that it knows)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.tls_scanning import BRIEF, Finding, encrypting, faults, scan

GOOD = {
    **dict.fromkeys(("SSLv2", "SSLv3", "TLS1", "TLS1_1"), "not offered"),
    **dict.fromkeys(("TLS1_2", "TLS1_3"), "offered"),
    "FS": "offered",
}


def found(severity: str = "OK", **changed: str) -> list[Finding]:
    return [
        {"id": key, "severity": severity if key in changed else "OK", "finding": told}
        for key, told in (GOOD | changed).items()
    ]


def test_what_a_scan_finds_is_a_line_each() -> None:
    assert [*faults(found())] == []
    assert [*faults(found("LOW", HSTS="not offered"))] == []
    assert [*faults(found("MEDIUM", BREACH="uses gzip"))] == ["BREACH: MEDIUM: uses gzip"]
    assert [*faults(found("LOW", TLS1="offered"))] == ["TLS1: offered; it must be not offered"]
    assert [*faults(found("INFO", TLS1_3="not offered"))] == [
        "TLS1_3: not offered; it must be offered"
    ]
    assert [*faults(found("HIGH", cert_revocation="no CRL"))] == []


def test_a_scan_that_saw_nothing_has_not_found_nothing() -> None:
    with pytest.raises(ValueError, match="said nothing of FS, SSLv2"):
        [*faults([{"id": "scanProblem", "severity": "FATAL", "finding": "no TLS"}])]


@pytest.mark.tools
@pytest.mark.whole
def test_only_what_is_new_and_has_forward_secrecy_is_offered(tmp_path: Path) -> None:
    with encrypting(tmp_path, "ECDSA") as ports:
        assert [*faults(scan(ports.tls, tmp_path, BRIEF))] == []
