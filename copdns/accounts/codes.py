"""Draw random codes, which people read aloud and type, and secrets, which programs store."""

from __future__ import annotations

import secrets
from hashlib import sha256

# Crockford's base 32: no letter that looks like a digit, and no U.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make_appeal_code() -> str:
    """Return a new code for a recent block, such as "K7QF-2M9D": 40 random bits."""
    return _code()


def make_appeal_id() -> str:
    """Return a new id for an appeal, such as "k7qf2m9d"; random, so that none can be guessed."""
    return _code().replace("-", "").lower()


def make_ticket_code() -> str:
    """Return a new code that a child redeems for minutes, such as "7K3M-PQ9T": 40 random bits.

    It is shown once; only its `tickets.ticket_digest` is stored.
    """
    return _code()


def make_one_time_code() -> str:
    """Return a new code that opens an account once, such as "9T3K-7M2Q": 40 random bits."""
    return _code()


def make_recovery_code() -> str:
    """Return a new code that replaces the second factor once: 40 random bits."""
    return _code()


def make_secret() -> str:
    """Return 256 new random bits for a cookie or a token, as 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> str:
    """Return the digest that is stored of a secret from `make_secret`.

    Nobody can try 256 random bits through, so one round of SHA-256 is enough.
    """
    return sha256(secret.encode(errors="replace")).hexdigest()


def make_short_id() -> str:
    """Return a new id that says nothing and need not be secret: 10 characters, 50 random bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10)).lower()


def _code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


ACCOUNT_CODE = "account"  # the kind of one-time codes, for `code_digest`
