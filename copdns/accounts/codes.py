"""Chance: codes that people read aloud and type, and secrets that programs keep."""

from __future__ import annotations

import secrets
from hashlib import sha256

# Crockford's base 32: no letter that looks like a digit, and none that makes words of four.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def appeal_code() -> str:
    """Return a handle to a recent block, such as "K7QF-2M9D": 40 bits of chance."""
    return _code()


def appeal_id() -> str:
    """Return the id of an appeal, such as "k7qf2m9d": nobody finds another one by counting."""
    return _code().replace("-", "").lower()


def ticket_code() -> str:
    """Return what a child redeems for minutes, such as "7K3M-PQ9T": 40 bits of chance.

    It is told once; `tickets.ticket_digest` is what can be kept of it.
    """
    return _code()


def one_time_code() -> str:
    """Return what opens an account once, such as "9T3K-7M2Q": 40 bits of chance, for an hour."""
    return _code()


def recovery_code() -> str:
    """Return what stands in for a lost telephone, once: 40 bits of chance."""
    return _code()


def secret() -> str:
    """Return 256 bits of chance for a cookie or a token, as 43 letters that need no quoting."""
    return secrets.token_urlsafe(32)


def secret_digest(told: str) -> str:
    """Return what is kept of a `secret`.

    Chance of this length cannot be tried through, so one round of SHA-256 is enough.
    """
    return sha256(told.encode(errors="replace")).hexdigest()


def short_id() -> str:
    """Return an id that tells nothing and need not be secret: 10 letters, 50 bits of chance."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10)).lower()


def _code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


CODE = "account"  # the kind of one-time codes, for `code_digest`
