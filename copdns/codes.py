"""Random codes that people read aloud and type."""

from __future__ import annotations

import secrets

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


def _code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
