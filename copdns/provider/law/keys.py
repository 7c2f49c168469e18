"""The two keys of a provider, in files of a folder: one seals, the other signs.

Beside them stands how far the register went when this machine looked last.

They are outside of the database, so that a copy of it tells no name of a confidential order, and
nobody who can write in it can sign a statement.  Each machine that needs them gets a copy.
"""

from __future__ import annotations

import fcntl
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from copdns.model.errors import RegisterError
from copdns.provider.law.chain import RegisterHead

KEYS_FOLDER: Final = "provider-keys"  # in that of the databases
SEAL_FILE: Final = "seal.key"
SIGN_FILE: Final = "sign.key"
HEAD_FILE: Final = "register.head"
_NONCE: Final = 12  # octets (NIST SP 800-38D section 8.2)
ORDERS: Final = b"copdns confidential order v1"
LOGINS: Final = b"copdns staff login v1"
HASHED_LISTS: Final = b"copdns list of hashes v1"


class ProviderKeys:
    """The keys of a folder.  Raises RegisterError where a file is missing or none of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Make the keys that are missing; those that are there stay."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (SEAL_FILE, SIGN_FILE):
                _make(self.folder / name)
        except OSError as error:
            raise RegisterError(
                "%(path)s cannot be used: %(why)s", path=str(self.folder), why=str(error.strerror)
            ) from error

    def seal(self, text: str, /, purpose: bytes = ORDERS) -> str:
        """Return a text that only who has the key can read, and only as what it was sealed for."""
        nonce = os.urandom(_NONCE)
        octets = AESGCM(self._read(SEAL_FILE)).encrypt(nonce, text.encode(), purpose)
        return b64encode(nonce + octets).decode()

    def unseal(self, sealed: str, /, purpose: bytes = ORDERS) -> str:
        """Return what was sealed."""
        key = self._read(SEAL_FILE)
        try:
            octets = b64decode(sealed, validate=True)
            return AESGCM(key).decrypt(octets[:_NONCE], octets[_NONCE:], purpose).decode()
        except (InvalidTag, Base64Error, ValueError):
            path = self.folder / SEAL_FILE
            raise RegisterError(
                "%(path)s is another key than the one that sealed it", path=str(path)
            ) from None

    def sign(self, octets: bytes) -> bytes:
        """Return the signature of octets (Ed25519, RFC 8032)."""
        return self._signer().sign(octets)

    def public_key(self) -> bytes:
        """Return the 32 octets that anybody can check signatures with."""
        return self._signer().public_key().public_bytes_raw()

    def read_head(self) -> RegisterHead | None:
        """Return the newest head of the register that this machine has seen; None for none."""
        path = self.folder / HEAD_FILE
        try:
            size, digest = path.read_text(encoding="ascii").split()
            return RegisterHead(int(size), digest)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RegisterError(
                "%(path)s cannot be read: %(why)s; accept that with copdns provider law check "
                "--restored",
                path=str(path),
                why=str(error),
            ) from error

    def note_head(self, head: RegisterHead, *, anew: bool = False) -> None:
        """Remember a head, unless one that is as long is remembered; anew: in any case."""
        path = self.folder / HEAD_FILE
        try:
            with _lock(self.folder):
                seen = None if anew else self.read_head()
                if seen is None or seen.size < head.size:
                    _replace(path, f"{head.size} {head.digest}\n")
        except OSError as error:
            raise RegisterError(
                "%(path)s cannot be used: %(why)s", path=str(path), why=str(error.strerror)
            ) from error

    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._read(SIGN_FILE))

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise RegisterError(
                "%(path)s cannot be used: %(why)s; copy it from another machine, or make new ones "
                "with copdns provider keys",
                path=str(path),
                why=str(error.strerror),
            ) from error
        if len(octets) != 32:
            raise RegisterError("%(path)s is no key: it has 32 octets", path=str(path))
        return octets


def is_signed_by(public_key: bytes, signature: bytes, octets: bytes) -> bool:
    """Tell whether a signature is that of a key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, octets)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(32))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process or thread at a time write in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)  # else a power cut could bring back the file of before
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    handle, name = mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # commands of root write it, and the service reads it
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
