"""Hash and check passwords and PINs, and the six digits of a second factor.

Argon2id with 19 MiB, two passes and one lane (RFC 9106; the first choice of OWASP's cheat sheet):
some 30 ms here, 150 ms on a small board, so whoever calls this does it in a thread.  Where no wheel
of argon2-cffi exists (32-bit ARM) it is scrypt; what is stored says which.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import scrypt
from typing import TYPE_CHECKING

from copdns.accounts.passphrase import LONGEST, normal

if TYPE_CHECKING:
    from argon2 import PasswordHasher
    from pyotp import TOTP

_MEMORY, _PASSES, _LANES = 19_456, 2, 1  # KiB, rounds, threads
_N, _R, _P = 1 << 14, 8, 5  # scrypt: 16 MiB; OWASP's figures for that much
_SCRYPT = "$scrypt$"
STEP = 30  # seconds that a code of a second factor is shown (RFC 6238 section 4.1)
DRIFT = 1  # steps that a telephone's clock may be ahead or behind


def hash_password(password: str) -> str:
    """Return what is kept of a password; it says by which method, and holds its own salt."""
    hasher = _hasher()
    if hasher is None:
        return _scrypt(password, secrets.token_bytes(16))
    return hasher.hash(normal(password))


def verify_password(password: str, kept: str) -> bool:
    """Tell whether this is the password that was hashed; "" was never one.

    It takes as long where there is no account and no password, so that time tells nobody which
    accounts there are.
    """
    if len(password) > LONGEST:
        return False
    if not kept:
        _same(password, _nobodys())
        return False
    return _same(password, kept)


def is_outdated(kept: str) -> bool:
    """Tell whether a password should be hashed anew when it is next typed."""
    hasher = _hasher()
    if hasher is None:
        return False
    return kept.startswith(_SCRYPT) or hasher.check_needs_rehash(kept)


def _same(password: str, kept: str) -> bool:
    if kept.startswith(_SCRYPT):
        try:
            salt = base64.b64decode(kept.split("$")[2], validate=True)
        except (binascii.Error, IndexError):
            return False
        return hmac.compare_digest(_scrypt(password, salt), kept)
    hasher = _hasher()
    if hasher is None:
        return False
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return hasher.verify(kept, normal(password))
    except (Argon2Error, InvalidHashError):
        return False


def _hasher() -> PasswordHasher | None:
    """Return what hashes; None where there is none.  Imported when the first password is typed:
    most copdns never see one between two starts, and it takes 4 MB."""
    try:
        from argon2 import PasswordHasher
    except ImportError:
        return None
    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES)


def _scrypt(password: str, salt: bytes) -> str:
    octets = normal(password).encode(errors="surrogatepass")
    made = scrypt(octets, salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20, dklen=32)
    return f"{_SCRYPT}{base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


_NOBODYS: list[str] = []


def _nobodys() -> str:
    """Return the hash of a password that nobody has."""
    if not _NOBODYS:
        _NOBODYS.append(hash_password(secrets.token_urlsafe(32)))
    return _NOBODYS[0]


# --- the second factor ----------------------------------------------------------------------------


def totp_secret() -> str:
    """Return a new secret for an authenticator: 160 bits, in base 32."""
    import pyotp

    return pyotp.random_base32()


def totp_uri(secret: str, account: str, issuer: str) -> str:
    """Return what an authenticator reads from a QR code (otpauth://...)."""
    return _clock(secret).provisioning_uri(name=account, issuer_name=issuer)


def _clock(secret: str) -> TOTP:
    import pyotp

    return pyotp.TOTP(secret, interval=STEP)


def totp_step(secret: str, code: str, now: float, used: int) -> int | None:
    """Return the time step that a code is of, to be kept as used; None for a wrong code.

    used: the last step that was taken: no code counts twice (RFC 6238 section 5.2).
    """
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    clock = _clock(secret)
    here = int(now) // STEP
    for step in range(here - DRIFT, here + DRIFT + 1):
        if hmac.compare_digest(clock.generate_otp(step), digits) and step > used:
            return step
    return None
