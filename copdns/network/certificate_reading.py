"""Read the certificate file of encrypted DNS for `certificate_check.py`, and the authorities that
this machine knows, which stand for those that devices know.

The running program does not import this either; it starts `python -m
copdns.network.certificate_reading`.
"""

from __future__ import annotations

import json
import ssl
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from copdns.model.errors import CertificateError
from copdns.model.sentences import Sentence, Value
from copdns.network.certificate_check import Expected, find_faults, names_of
from copdns.network.certificate_faults import CertificateReport

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


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
                    with warnings.catch_warnings():
                        # Of authorities whose serial number is not positive, as some old ones have.
                        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
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


def main() -> None:
    """Read JSON from stdin, the arguments of `read_report`, and write the report as JSON; end with
    a sentence on stderr where there is no certificate."""
    values = json.load(sys.stdin)
    try:
        report = read_report(
            Path(values["path"]), values["name"], values["now"], wildcard=values["wildcard"]
        )
    except CertificateError as error:
        sys.exit(str(error))
    faults = [
        (each.kind, _as_json(each.what), _as_json(each.todo), each.refusers)
        for each in report.faults
    ]
    json.dump((report.names, report.end, faults), sys.stdout)


def _as_json(said: Sentence) -> tuple[str, dict[str, Value]]:
    return said.text, dict(said.values)


if __name__ == "__main__":
    main()
