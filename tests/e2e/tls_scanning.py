"""What testssl.sh finds wrong with TLS, and what we ask of it beyond that.

assert faults(scan(port, folder)) == []
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import find_tool
from tests.encrypted_server import NAME, make_certificate
from tests.running import free_port, running

HERE = "127.0.0.1"
NO_MORE_THAN = 1800  # seconds for a scan
DAYS = 90  # of a certificate: testssl.sh warns before the end of one

# What a test of some seconds looks at: versions, and forward secrecy.
BRIEF = ("--protocols", "--fs")

# What testssl.sh calls MEDIUM or worse, or could not do, and is no fault here, with the reasons.
EXPECTED: Mapping[str, str] = {
    "cert_chain_of_trust": "the test's certificate signed itself",
    "cert_revocation": "as above, so that there is nobody who could revoke it",
    "overall_grade": "as above: it is T without trust, whatever else is found",
    # In TLS 1.3 they come after the handshake, when its client may be gone: where that is so, it
    # warns that it cannot connect.  test_tls.py shows that sessions are resumed.
    "sessionresumption_ticket": "it waits for no ticket",
    "engine_problem": "OpenSSL here has no GOST ciphers to ask for, and copdns none to offer",
}

_SEVERE = frozenset({"MEDIUM", "HIGH", "CRITICAL"})
_BROKEN = frozenset({"WARN", "FATAL"})  # testssl.sh could not find out
_SPOKEN: Mapping[str, str] = {
    "SSLv2": "not offered",
    "SSLv3": "not offered",
    "TLS1": "not offered",
    "TLS1_1": "not offered",
    "TLS1_2": "offered",
    "TLS1_3": "offered",
    "FS": "offered",
}

Finding = Mapping[str, str]


class Ports(NamedTuple):
    """Where a copdns answers over TLS and over HTTPS."""

    tls: int
    https: int


@contextmanager
def encrypting(folder: Path, kind: str) -> Iterator[Ports]:
    """Run a copdns that leaves a scan all the handshakes it wants.  kind: of its key."""
    made = make_certificate(folder, kind=kind, days=DAYS)
    ports = Ports(free_port(), free_port())
    encrypted = {
        "tls_port": ports.tls,
        "https_port": ports.https,
        "name": NAME,
        "certificate": str(made.path),
        "key": str(made.path),
        "handshakes": 10_000,
    }
    with running(folder, {"encrypted": encrypted}):
        yield ports


def scan(port: int, folder: Path, checks: Sequence[str] = ()) -> list[Finding]:
    """Return what testssl.sh finds at a port of loopback, which is all that it may speak with.

    checks: its options for a part of them; () for all.
    """
    report = folder / f"testssl-{port}.json"
    subprocess.run(
        [
            *(find_tool("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "off"),
            *("--nodns", "none", "--ip", HERE, "--disable-rating", "--overwrite"),
            *("--jsonfile", report, *checks, f"{NAME}:{port}"),
        ],
        check=False,  # it ends with the number of what it found
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        timeout=NO_MORE_THAN,
        cwd=folder,
    )
    found: list[Finding] = json.loads(report.read_text())
    return found


def faults(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what is wrong, a line each; raises ValueError where a scan did not see TLS at all."""
    found = [*findings]
    told = {each["id"]: each["finding"] for each in found}
    if missing := _SPOKEN.keys() - told.keys():
        raise ValueError(f"testssl.sh said nothing of {', '.join(sorted(missing))}")
    for key, wanted in _SPOKEN.items():
        if not told[key].startswith(wanted):
            yield f"{key}: {told[key]}; it must be {wanted}"
    for each in found:
        is_expected = each["id"].partition(" ")[0] in EXPECTED
        if each["severity"] in _SEVERE | _BROKEN and not is_expected:
            yield f"{each['id']}: {each['severity']}: {each['finding']}"
