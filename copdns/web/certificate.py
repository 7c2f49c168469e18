"""The certificate of this machine: generated here at the first start, or given in the settings.

The dashboard has it, and DNS over TLS where the settings give that no other one.

Browsers warn once of one that is generated here, since no authority signed it; the log shows its
fingerprint at each start, so that people can compare.  Each new one makes them warn again, so one
is made only where the old one is over soon or broken.  A process of its own generates it, and reads
one that is given (`python -m copdns.web.certificate`): the library takes 10 MB and is needed once a
year.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from copdns.events.key_files import run_process, write_private
from copdns.model.certificate_names import names_in_certificate
from copdns.model.errors import CertificateError, KeyProcessError
from copdns.model.hosts import OWN_HOSTS

FILE = "web-certificate.pem"  # in the data folder: key and certificate, so that they always fit
DAY = 86_400
LIFETIME = 397 * DAY  # some browsers refuse any certificate that is valid for longer
RENEW_BEFORE = 30 * DAY  # seconds before its end
TRY_AGAIN = 3600  # seconds after one could not be made, as on a full disk
BACKDATED = DAY  # seconds, for devices whose clock is behind
MAX_NAMES = 40
HTTP = ("http/1.1",)  # what the pages speak


class CertificateInfo(NamedTuple):
    """What the first line of our own file says about the certificate below it.

    start, end: seconds since the epoch.
    """

    names: tuple[str, ...]
    start: int
    end: int

    def lasts(self, now: float) -> bool:
        """Tell whether it is valid, and stays so for RENEW_BEFORE seconds.

        now: seconds since the epoch.
        """
        return self.start <= now < self.end - RENEW_BEFORE


class Authority(NamedTuple):
    """What browsers think of a certificate that is given in the settings, if they know its issuer.

    names: names and addresses that it is for; none where it signed itself, so that they warn.
    start, end: seconds since the epoch.
    """

    names: tuple[str, ...] = ()
    start: int = 0
    end: int = 0

    def covers(self, host: str, now: float) -> bool:
        """Tell whether it is valid for a host, by its name or one with a `*` (RFC 6125 6.4.3)."""
        _, _, above = host.lower().partition(".")
        there = host.lower() in self.names or (bool(above) and f"*.{above}" in self.names)
        return there and self.start <= now < self.end


NO_AUTHORITY = Authority()

T = TypeVar("T")


class InUse(Generic[T]):
    """What is made of the certificate: made anew, as a whole, once that is another one.

    Only as a whole: a context that loads a second chain keeps the first where their keys are of
    different kinds, and shows a client whichever of the two it likes better.
    """

    def __init__(self, make: Callable[[Path, Path], T], files: tuple[Path, Path]) -> None:
        self.make = make
        self._value = make(*files)

    def __call__(self) -> T:
        """Return what new connections get; those that are open keep what they have."""
        return self._value

    def take(self, value: T) -> None:
        """Use this from now on."""
        self._value = value


class Certificate:
    """The certificate files in use and what serves them.  All methods block.

    own: certificate and key files of the settings; ("", "") for a generated certificate.
    fingerprint: of the certificate in use, "" before `begin`.  authority: of one of the settings.
    """

    def __init__(
        self, folder: Path, own: tuple[str, str] = ("", ""), *, with_authority: bool = True
    ) -> None:
        """with_authority: to find out who signed a given one takes a process of its own."""
        self._is_own = not own[0]
        self._with_authority = with_authority
        self._folder = folder
        file = folder / FILE
        self._files = (file, file) if self._is_own else (Path(own[0]), Path(own[1] or own[0]))
        self._in_use: list[InUse[Any]] = []
        self._state_in_use: object = None
        self._failed_at: float | None = None
        self.fingerprint = ""
        self.authority = NO_AUTHORITY

    def begin(
        self, names: Sequence[str], now: float, *, is_clock_wrong: bool = False
    ) -> ssl.SSLContext:
        """Return the context for HTTPS, which follows what `refresh` finds; generate a certificate
        where there is none.

        names: names and addresses of this machine.  now: seconds since the epoch.
        is_clock_wrong: now is certainly not the time.  Raises CertificateError.
        """
        self._in_use = []  # of an earlier try that got no further
        try:
            self._renew(names, now, is_clock_wrong)
        except CertificateError:
            if not self._files[0].exists():
                raise
            # The old one may do for some weeks; `refresh` tries again, and tells.
            self._failed_at = None
        self._state_in_use = self._read_state()
        context = _hand_over(self.context_for(HTTP))
        self._read_own()
        return context

    def context_for(
        self,
        protocols: Sequence[str],
        prepare: Callable[[ssl.SSLContext], ssl.SSLContext] = lambda context: context,
    ) -> InUse[ssl.SSLContext]:
        """Return contexts with the certificate, for other protocols (ALPN, RFC 7301), each
        prepared by `prepare`.  As `follow`."""

        def make(certificate: Path, key: Path) -> ssl.SSLContext:
            return prepare(_make_context(certificate, key, protocols))

        return self.follow(make)

    def follow(self, make: Callable[[Path, Path], T]) -> InUse[T]:
        """Return what is made of the files of certificate and key, now and after each change.

        To be called after `begin`.  Raises CertificateError, as `make` may.
        """
        made = InUse(make, self._files)
        self._in_use.append(made)
        return made

    def refresh(self, names: Sequence[str], now: float, *, is_clock_wrong: bool = False) -> bool:
        """Load files that changed, and generate a new certificate before the old one ends.  Return
        whether the certificate is another one now.

        Raises CertificateError; then the certificate in use stays.
        """
        self._renew(names, now, is_clock_wrong)
        try:
            state = self._read_state()
        except CertificateError:
            self._state_in_use = None  # so that the same files, when they are back, are read again
            raise
        if state == self._state_in_use:
            return False
        self._state_in_use = state  # so that an invalid one is reported once only
        made = [each.make(*self._files) for each in self._in_use]  # raises before any is used
        for each, value in zip(self._in_use, made, strict=True):
            each.take(value)
        self._read_own()
        return True

    def _read_own(self) -> None:
        self.fingerprint = fingerprint_of(self._files[0])
        self.authority = NO_AUTHORITY
        if self._with_authority and not self._is_own:
            self.authority = read_authority(self._files[0])

    def read_names(self) -> tuple[str, ...]:
        """Return the names and addresses that the certificate in use is for."""
        return names_in_certificate(_read_der(self._files[0]))

    def _renew(self, names: Sequence[str], now: float, is_clock_wrong: bool) -> None:
        """Make a new one where the old one cannot be used, or not for long.

        Not for a new address: a browser that comes to it warns anyway, and all others would again.
        Not by a wrong clock, such as that of a board without a battery until it is set.
        """
        if not self._is_own:
            return
        path = self._files[0]
        info = read_info(path)
        if info is not None and (is_clock_wrong or info.lasts(now)):
            return
        if self._failed_at is not None and 0 <= now - self._failed_at < TRY_AGAIN:
            return
        # Earlier names stay, for a machine that moves between networks.
        all_names = (*names, *(info.names if info else ()))
        self._failed_at = now
        _write(path, _make(tuple(dict.fromkeys(all_names))[:MAX_NAMES], now))
        self._failed_at = None

    def _read_state(self) -> object:
        try:
            return tuple(map(_state_of, self._files))
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from error


def _state_of(path: Path) -> tuple[int, int, int]:
    """Return what is another one once a file changed, or who may read it: one that could not be
    read is tried again then."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def names_of(host: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the names and addresses that a certificate of this machine is for.

    Of IPv6 addresses only loopback: others change often, and browsers warn again after each change.
    """
    ipv4 = [each for each in addresses if ip_address(each).version == 4]
    names = (*sorted(OWN_HOSTS), "localhost", "127.0.0.1", "::1")
    own = (host.lower(),) if _is_name(host) else ()
    return tuple(dict.fromkeys((*names, *own, *ipv4)))


def _is_name(host: str) -> bool:
    letters = host.replace("-", "").replace(".", "")
    return bool(letters) and letters.isascii() and letters.isalnum() and len(host) < 64


def fingerprint_of(path: Path) -> str:
    """Return the SHA-256 of the first certificate in a file, as browsers show it: "AB:CD:...".

    Raises CertificateError.
    """
    return sha256(_read_der(path)).digest().hex(":").upper()


def _read_der(path: Path) -> bytes:
    """Return the first certificate in a file; raise CertificateError where there is none."""
    try:
        text = path.read_text(encoding="ascii")
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", start)
        return ssl.PEM_cert_to_DER_cert(f"{text[start:end]}-----END CERTIFICATE-----\n")
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: no certificate in PEM format found") from error


def read_info(path: Path) -> CertificateInfo | None:
    """Return what our own file says; None where there is none that can be used.

    Raises CertificateError for one that cannot be read now: it may be all right.
    """
    try:
        line = path.read_text(encoding="ascii").partition("\n")[0]
        values = json.loads(line)
        info = CertificateInfo(tuple(values["names"]), int(values["start"]), int(values["end"]))
        _make_context(path, path)
    except (FileNotFoundError, ValueError, KeyError, TypeError, CertificateError):
        return None
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    return info


def read_authority(path: Path) -> Authority:
    """Return for which names browsers may trust a certificate; NO_AUTHORITY where that cannot be
    found out."""
    try:
        values = json.loads(_run(json.dumps({"path": str(path)})))
        return Authority(tuple(values["names"]), int(values["start"]), int(values["end"]))
    except (CertificateError, ValueError, KeyError, TypeError):
        return NO_AUTHORITY


def _make_context(certificate: Path, key: Path, protocols: Sequence[str] = HTTP) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(protocols)
    try:
        # Without this, OpenSSL asks on the terminal for the password of a key.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise CertificateError(
            f"{certificate}, {key}: {error.reason or error}; use a certificate in PEM format and "
            "its key, without a password"
        ) from error
    except OSError as error:
        raise CertificateError(f"{certificate}, {key}: {error.strerror or error}") from error
    return context


def _hand_over(contexts: InUse[ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context for a server that keeps its first one: each handshake gets the newest."""

    def use_newest(tls: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        tls.context = contexts()

    first = contexts()
    first.sni_callback = use_newest
    return first


def _make(names: Sequence[str], now: float) -> str:
    info = json.dumps({"names": names, "start": int(now) - BACKDATED, "end": int(now) + LIFETIME})
    return f"{info}\n{_run(info)}"


def _run(wanted: str) -> str:
    """Return what the process with the library writes; raise CertificateError."""
    try:
        return run_process((sys.executable, "-m", "copdns.web.certificate"), wanted)
    except KeyProcessError as error:
        raise CertificateError(f"the certificate could not be created: {error}") from error


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole, readable for its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, text.encode("ascii"))
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error


# --- in the process that makes it -----------------------------------------------------------------


def make_pem(names: Sequence[str], start: int, end: int) -> str:
    """Return a new key and a certificate that it signs itself.  start, end: seconds since the
    epoch."""
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
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectAlternativeName([general(each) for each in names]), False)
        # Not an authority, so trusting it means trusting this machine only.
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
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def authority_of(pem: bytes) -> Authority:
    """Return for which names browsers may trust the first certificate of a chain."""
    from cryptography import x509

    own = x509.load_pem_x509_certificates(pem)[0]
    if own.issuer == own.subject:
        return NO_AUTHORITY
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:  # browsers take no other name (RFC 9110 section 4.3.4)
        return NO_AUTHORITY
    names = [each.lower() for each in found.get_values_for_type(x509.DNSName)]
    names += [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    start, end = own.not_valid_before_utc, own.not_valid_after_utc
    return Authority(tuple(names), int(start.timestamp()), int(end.timestamp()))


def main() -> None:
    """Read JSON from stdin: {names, start, end} writes a key and its certificate as PEM, {path}
    what a certificate there is for as JSON."""
    values = json.load(sys.stdin)
    if "path" in values:
        found = authority_of(Path(values["path"]).read_bytes())
        sys.stdout.write(json.dumps(found._asdict()))
    else:
        sys.stdout.write(make_pem(values["names"], values["start"], values["end"]))


if __name__ == "__main__":
    main()
