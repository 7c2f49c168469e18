"""Encrypt a backup for the owners of keys, and decrypt one: files of age (age-encryption.org).

The library is an extra, `copdns[backup]`: it has no wheel for every machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from copdns.model.errors import BackupError

LIBRARY: Final = "pyrage"
NO_LIBRARY: Final = (
    "encrypted backups (backup.recipients) need the library pyrage, which is not installed; "
    "install copdns[backup]"
)
MAGIC: Final = b"age-encryption.org/v1\n"
_MOST_KEYS: Final = 64 << 10  # octets of a file of private keys


def can_seal() -> bool:
    """Tell whether the library is installed."""
    return find_spec(LIBRARY) is not None


def is_sealed(file: Path) -> bool:
    """Tell whether a file is encrypted; False for one that cannot be read."""
    try:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def seal(plain: Path, sealed: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file into a new one that only its owner can read; raise BackupError.

    recipients: public keys; whoever has one of the private keys can read it.
    """
    age = _library()
    try:
        keys = [age.x25519.Recipient.from_str(each) for each in recipients]
        os.close(os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        age.encrypt_file(str(plain), str(sealed), keys)
        _sync(sealed)
    except age.RecipientError as error:
        raise BackupError(
            f"a key in backup.recipients is none of age ({error}); correct it"
        ) from error
    except (OSError, age.EncryptError) as error:
        raise BackupError(f"{sealed}: {error}; free some space, or name another folder") from error


def unseal(sealed: Path, plain: Path, identity: Path) -> None:
    """Decrypt a file into a new one that only its owner can read; raise BackupError.

    identity: a file with private keys, as `age-keygen` writes it.
    """
    age = _library()
    try:
        lines = identity.read_bytes()[:_MOST_KEYS].decode().split()
        keys = [age.x25519.Identity.from_str(each) for each in lines if _is_key(each)]
    except (OSError, UnicodeDecodeError, age.IdentityError) as error:
        raise BackupError(
            f"{identity}: this file of keys cannot be read; name the one that age-keygen wrote"
        ) from error
    if not keys:
        raise BackupError(f"{identity}: no private key is in this file; name another one")
    try:
        os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        age.decrypt_file(str(sealed), str(plain), keys)
    except (OSError, age.DecryptError) as error:
        raise BackupError(
            f"{sealed}: this backup cannot be decrypted ({error}); name the file of the private "
            "key that belongs to it"
        ) from error


def _is_key(word: str) -> bool:
    return word.startswith("AGE-SECRET-KEY-1")


def _library() -> Any:
    if not can_seal():
        raise BackupError(NO_LIBRARY)
    return import_module(LIBRARY)


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
