"""Hash and check passwords and PINs, and the six digits of a second factor.

Argon2id with 19 MiB, two passes and one lane (RFC 9106; the first choice of OWASP's cheat sheet)
takes some 30 ms on a PC and 150 ms on a small board, so callers run it in a thread.  Where no wheel
of argon2-cffi exists (32-bit ARM) it is scrypt.  The stored hash says which.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import scrypt
from typing import TYPE_CHECKING

from copdns.accounts.passphrase import MAX_PASSWORD_LENGTH, normalize_password

if TYPE_CHECKING:
    from argon2 import PasswordHasher
    from pyotp import TOTP

_MEMORY, _PASSES, _LANES = 19_456, 2, 1  # KiB, rounds, threads
_N, _R, _P = 1 << 14, 8, 5  # scrypt: 16 MiB; OWASP's figures for that much
_SCRYPT = "$scrypt$"
TOTP_STEP = 30  # seconds for which a code of a second factor is shown (RFC 6238 section 4.1)
MAX_DRIFT = 1  # steps by which a telephone's clock may be ahead or behind


def hash_password(password: str) -> str:
    """Return the hash that is stored; it names its method, and holds its own salt."""
    hasher = _hasher()
    if hasher is None:
        return _scrypt(password, secrets.token_bytes(16))
    return hasher.hash(normalize_password(password))


def verify_password(password: str, stored_hash: str) -> bool:
    """Tell whether this is the password that was hashed; "" is the hash of none.

    Without an account or a password it takes as long as with one, so that the time does not show
    which accounts there are.
    """
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    if not stored_hash:
        _matches(password, _nobodys_hash())
        return False
    return _matches(password, stored_hash)


def is_outdated(stored_hash: str) -> bool:
    """Tell whether a password should be hashed again when it is next typed."""
    hasher = _hasher()
    if hasher is None:
        return False
    return stored_hash.startswith(_SCRYPT) or hasher.check_needs_rehash(stored_hash)


def _matches(password: str, stored_hash: str) -> bool:
    if stored_hash.startswith(_SCRYPT):
        try:
            salt = base64.b64decode(stored_hash.split("$")[2], validate=True)
        except (binascii.Error, IndexError):
            return False
        return hmac.compare_digest(_scrypt(password, salt), stored_hash)
    hasher = _hasher()
    if hasher is None:
        return False
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return hasher.verify(stored_hash, normalize_password(password))
    except (Argon2Error, InvalidHashError):
        return False


def _hasher() -> PasswordHasher | None:
    """Return the Argon2 hasher; None where it is not installed.

    Imported when the first password is typed: it takes 4 MB, and many never need it.
    """
    try:
        from argon2 import PasswordHasher
    except ImportError:
        return None
    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES)


def _scrypt(password: str, salt: bytes) -> str:
    octets = normalize_password(password).encode(errors="surrogatepass")
    made = scrypt(octets, salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20, dklen=32)
    return f"{_SCRYPT}{base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


_NOBODYS_HASH: list[str] = []


def _nobodys_hash() -> str:
    """Return the hash of a password that no account has."""
    if not _NOBODYS_HASH:
        _NOBODYS_HASH.append(hash_password(secrets.token_urlsafe(32)))
    return _NOBODYS_HASH[0]


# --- the second factor ----------------------------------------------------------------------------


def make_totp_secret() -> str:
    """Return a new secret for an authenticator app: 160 bits, in base 32."""
    import pyotp

    return pyotp.random_base32()


def totp_uri(secret: str, account: str, issuer: str) -> str:
    """Return the otpauth:// URI that an authenticator app reads from a QR code."""
    return _totp(secret).provisioning_uri(name=account, issuer_name=issuer)


def _totp(secret: str) -> TOTP:
    import pyotp

    return pyotp.TOTP(secret, interval=TOTP_STEP)


def find_totp_step(secret: str, code: str, now: float, last_step: int) -> int | None:
    """Return the time step that a code belongs to, to be stored; None for a wrong code.

    now: seconds since the epoch.  last_step: the step of the last code that was accepted, so that
    no code counts twice (RFC 6238 section 5.2).
    """
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    clock = _totp(secret)
    here = int(now) // TOTP_STEP
    for step in range(here - MAX_DRIFT, here + MAX_DRIFT + 1):
        if hmac.compare_digest(clock.generate_otp(step), digits) and step > last_step:
            return step
    return None
