"""Read the certificate file of encrypted DNS for `certificate_check.py`, and the authorities that
this machine knows, which stand for those that devices know.

The running program does not import this either; a process of its own does.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from copdns.model.errors import CertificateError
from copdns.network.certificate_check import Expected, find_faults, names_of
from copdns.network.certificate_faults import Fault

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class CertificateReport(NamedTuple):
    """What a certificate is for, until when (seconds since the epoch), and what is wrong with
    it."""

    names: tuple[str, ...]
    end: int
    faults: tuple[Fault, ...]


def read_report(path: Path, name: str, now: float, *, wildcard: bool = False) -> CertificateReport:
    """Return what devices think of a file in PEM format.

    name, wildcard: as in `Expected`.  now: seconds since the epoch.  Raises CertificateError.
    """
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{path}: no certificate in PEM format found") from error
    expected = Expected(name, wildcard, datetime.fromtimestamp(now, UTC))
    faults = find_faults(chain, read_roots(), expected)
    return CertificateReport(
        names_of(chain[0]), int(chain[0].not_valid_after_utc.timestamp()), faults
    )


def read_roots() -> tuple[x509.Certificate, ...]:
    """Return the authorities that this machine knows: those of the system, or of the environment
    (SSL_CERT_FILE, SSL_CERT_DIR), as for OpenSSL."""
    found: dict[bytes, x509.Certificate] = {}
    for octets in _root_files():
        for part in octets.split(_BEGIN)[1:]:
            pem = _BEGIN + part.partition(_END)[0] + _END + b"\n"
            if pem not in found:
                try:
                    found[pem] = x509.load_pem_x509_certificate(pem)
                except ValueError:  # of an odd old authority; the others count
                    continue
    return tuple(found.values())


def _root_files() -> Iterator[bytes]:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        yield Path(paths.cafile).read_bytes()
    elif paths.capath:
        # Named by their subject's digest, as OpenSSL looks for them.
        for path in sorted(Path(paths.capath).glob("*.[0-9]")):
            yield path.read_bytes()
