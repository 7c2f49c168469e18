"""python -m tests.e2e.scan_tls: let testssl.sh at the running program (`make testssl`)."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.tls_scanning import encrypting, faults, scan

KINDS = ("ECDSA", "RSA")  # of keys


def main() -> None:
    if any([*_told()]):
        raise SystemExit("some things were found")
    sys.stdout.write("Nothing was found.\n")


def _told() -> Iterator[str]:
    """Yield what is wrong with each port, "" for nothing, and print it as soon as it is known."""
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as work, encrypting(Path(work), kind) as ports:
            for over, port in ports._asdict().items():
                found = "; ".join(faults(scan(port, Path(work))))
                sys.stdout.write(f"{over}, {kind}: {found or 'nothing'}\n")
                sys.stdout.flush()
                yield found


if __name__ == "__main__":
    main()
