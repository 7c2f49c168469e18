"""Sign a configuration profile with the certificate of encrypted DNS (CMS, RFC 5652), so that an
Apple device says of whom it is.

A process of its own signs (`python -m copdns.web.device_setup.signing`): the library takes 10 MB
and is needed once a phone.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from copdns.events.key_files import run_process


def sign_profile(profile: bytes, certificate: str, key: str, *, is_secret: bool = False) -> bytes:
    """Return a profile with its signature and all certificates of a file.  It blocks.

    certificate, key: files in PEM format.  Raises KeyProcessError.

    The same profile is signed once, until a file changes: whoever asks again costs no process.
    is_secret: it has a token in it, so nothing of it is remembered.
    """
    if is_secret:
        return _sign(profile, certificate, key)
    return _sign_once(profile, certificate, key, (_mark(certificate), _mark(key)))


def _mark(path: str) -> tuple[int, ...]:
    """Return what tells one content of a file from another; () where there is no file."""
    with suppress(OSError):
        found = Path(path).stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return ()


@lru_cache(maxsize=8)
def _sign_once(profile: bytes, certificate: str, key: str, _marks: object) -> bytes:
    return _sign(profile, certificate, key)


def _sign(profile: bytes, certificate: str, key: str) -> bytes:
    wanted = {"profile": b64encode(profile).decode(), "certificate": certificate, "key": key}
    command = (sys.executable, "-m", "copdns.web.device_setup.signing")
    return b64decode(run_process(command, json.dumps(wanted)))


def sign(profile: bytes, certificate: bytes, key: bytes) -> bytes:
    """Return a profile inside a CMS message in DER form.

    certificate, key: in PEM format; further certificates go with it, so that the device finds the
    way to an authority that it knows.  Raises ValueError.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7

    own, *others = x509.load_pem_x509_certificates(certificate)
    private = serialization.load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("a profile can be signed with a key of the kind ECDSA or RSA only")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(profile)
    builder = builder.add_signer(own, private, hashes.SHA256())
    for each in others:
        builder = builder.add_certificate(each)
    # Binary: the octets stay as they are, without line ends of mail.
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def main() -> None:
    """Read JSON from stdin, {profile, certificate, key}, and write the message in base64."""
    values = json.load(sys.stdin)
    certificate, key = (Path(values[each]).read_bytes() for each in ("certificate", "key"))
    sys.stdout.write(b64encode(sign(b64decode(values["profile"]), certificate, key)).decode())


if __name__ == "__main__":
    main()
