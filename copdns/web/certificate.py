"""The certificate of the desk: made here at the first start, or brought by whoever runs this.

Nobody vouches for one that is made here: a browser warns of it once, and the fingerprint that the
log shows at each start tells that it is this machine's.  Making one is left to a process of its
own (`python -m copdns.web.certificate`), since what it takes is 10 MB and needed once a year.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from copdns.model.errors import CertificateError
from copdns.model.hosts import OWN_HOSTS

FILE = "web-certificate.pem"  # in the data folder: key and certificate, so that they always fit
DAY = 86_400
LASTS = 397 * DAY  # browsers refuse more of a public authority's, and some of any
RENEWED = 30 * DAY  # before its end
EARLIER = DAY  # before it is made, for clocks that are behind
MOST_NAMES = 40
PATIENCE = 60  # seconds for making one, on a board that is busy


class Made(NamedTuple):
    """What a certificate of ours says about itself, in a line of its own above it."""

    names: tuple[str, ...]
    start: int
    end: int

    def fits(self, names: Sequence[str], now: float) -> bool:
        """Tell whether it is good for all these names, and will be for a while.

        now: seconds since the epoch.
        """
        return set(names) <= set(self.names) and self.start <= now < self.end - RENEWED


class Certificate:
    """The files in force and the context that serves them; methods block.

    own: the files of the settings, certificate and key; ("", "") for one that is made here.
    """

    def __init__(self, folder: Path, own: tuple[str, str] = ("", "")) -> None:
        self._made_here = not own[0]
        self._folder = folder
        made = folder / FILE
        self._files = (made, made) if self._made_here else (Path(own[0]), Path(own[1] or own[0]))
        self._seen: object = None
        self.fingerprint = ""

    def begin(self, names: Sequence[str], now: float) -> ssl.SSLContext:
        """Return the context for HTTPS, with a certificate that is made where there is none.

        names: names and addresses of this machine.  Raises CertificateError.
        """
        self._renew(names, now)
        self._seen = self._state()
        self.context = _context(*self._files)
        self.fingerprint = fingerprint(self._files[0])
        return self.context

    def look(self, names: Sequence[str], now: float) -> bool:
        """Take over files that changed, or make a new one that is due; tell whether it did.

        Raises CertificateError; what was in force stays.
        """
        self._renew(names, now)
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state  # one that is no good is told once, not at each look
        _context(*self._files)  # the context in force must never hold half of it
        self.context.load_cert_chain(*self._files)
        self.fingerprint = fingerprint(self._files[0])
        return True

    def _renew(self, names: Sequence[str], now: float) -> None:
        if not self._made_here:
            return
        path, wanted = self._files[0], tuple(dict.fromkeys(names))
        there = made_here(path)
        if there is not None and there.fits(wanted, now):
            return
        # Names of before stay: a machine that is here today and there tomorrow keeps its own.
        known = (*wanted, *(there.names if there else ()))
        _write(path, _make(tuple(dict.fromkeys(known))[:MOST_NAMES], now))

    def _state(self) -> object:
        try:
            return tuple((each.stat().st_mtime_ns, each.stat().st_size) for each in self._files)
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from error


def names_of(host: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """Return what a certificate of this machine is for.

    Of IPv6 addresses only loopback: others change too often, and each change would make browsers
    warn again.
    """
    kept = [each for each in addresses if ip_address(each).version == 4]
    names = (*sorted(OWN_HOSTS), "localhost", "127.0.0.1", "::1")
    own = (host.lower(),) if _is_name(host) else ()
    return tuple(dict.fromkeys((*names, *own, *kept)))


def _is_name(host: str) -> bool:
    letters = host.replace("-", "").replace(".", "")
    return bool(letters) and letters.isascii() and letters.isalnum() and len(host) < 64


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the first certificate in a file, as browsers show it: "AB:CD:..."."""
    try:
        text = path.read_text(encoding="ascii")
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", start)
        der = ssl.PEM_cert_to_DER_cert(f"{text[start:end]}-----END CERTIFICATE-----\n")
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: no certificate in PEM format found") from error
    return sha256(der).digest().hex(":").upper()


def made_here(path: Path) -> Made | None:
    """Return what the file of ours says; None where there is none that can be used."""
    try:
        line = path.read_text(encoding="ascii").partition("\n")[0]
        told = json.loads(line)
        made = Made(tuple(told["names"]), int(told["start"]), int(told["end"]))
        _context(path, path)
    except (OSError, ValueError, KeyError, TypeError, CertificateError):
        return None
    return made


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key with a password would make OpenSSL ask for it on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise CertificateError(
            f"{certificate}, {key}: {error.reason or error}; use a certificate in PEM format and "
            "its key, without a password"
        ) from error
    except OSError as error:
        raise CertificateError(f"{certificate}, {key}: {error.strerror or error}") from error
    return context


def _make(names: Sequence[str], now: float) -> str:
    told = json.dumps({"names": names, "start": int(now) - EARLIER, "end": int(now) + LASTS})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "copdns.web.certificate"],
            input=told,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(f"the certificate could not be created: {error}") from error
    if done.returncode:
        raise CertificateError(
            f"the certificate could not be created: {done.stderr.strip()[-300:]}"
        )
    return f"{told}\n{done.stdout}"


def _write(path: Path, text: str) -> None:
    """Put a file in the place of the old one, whole, and for nobody else to read."""
    unfinished = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error


# --- in the process that makes it -----------------------------------------------------------------


def pem(names: Sequence[str], start: int, end: int) -> str:
    """Return a new key and a certificate that it signed itself."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def general(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectAlternativeName([general(each) for each in names]), False)
        # It is no authority, so whoever trusts it trusts this machine and no other.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode()


def main() -> None:
    told = json.load(sys.stdin)
    sys.stdout.write(pem(told["names"], told["start"], told["end"]))


if __name__ == "__main__":
    main()
