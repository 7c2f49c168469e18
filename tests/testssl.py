"""What testssl finds wrong with DNS over TLS and over HTTPS: `make testssl`.

It starts a copdns on loopback, has testssl look at both ports, and prints what is of medium
severity or above.  The certificate is of the test's own making, so what is found of its chain and
its revocation says nothing of copdns, and is left out.  It ends with 1 where anything is left.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import find_tool
from tests.e2e.test_unbound import FAMILY
from tests.encrypted_server import make_certificate
from tests.running import free_port, running

GRAVE = ("MEDIUM", "HIGH", "CRITICAL")
# What only an authority that is known to browsers would change.
OF_THE_CERTIFICATE = (
    "cert_chain_of_trust",
    "cert_trust",
    "cert_crlDistributionPoints",
    "cert_ocspURL",
    "cert_revocation",
    "cert_caIssuers",
    "DNS_CAArecord",
)


def main() -> int:
    """Return the status to exit with."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "family.yaml").write_text(json.dumps(FAMILY))
        path = str(make_certificate(folder).path)
        ports = {"tls": free_port(), "https": free_port()}
        encrypted = {f"{over}_port": port for over, port in ports.items()}
        encrypted |= {"handshakes": 10_000, "certificate": path, "key": path}
        settings = {"household": "family.yaml", "encrypted": encrypted}
        grave: list[str] = []
        with running(folder, settings):
            for over, port in ports.items():
                found = [*findings(port, folder / f"{over}.json")]
                print(f"{over}: {len(found)} findings of medium severity or above", flush=True)
                grave += [f"{over}: {each}" for each in found]
    print("\n".join(grave))
    return bool(grave)


def findings(port: int, file: Path) -> Iterator[str]:
    """Yield what testssl finds at a port of 127.0.0.1."""
    words = ["--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "--nodns", "none"]
    where = f"https://127.0.0.1:{port}"
    subprocess.run([find_tool("testssl"), *words, "--jsonfile", file, where], check=False)
    for each in json.loads(file.read_text()):
        name = each["id"].partition(" ")[0]
        if each["severity"] in GRAVE and name not in OF_THE_CERTIFICATE:
            yield f"{each['severity']} {each['id']}: {each['finding']}"


if __name__ == "__main__":
    sys.exit(main())
