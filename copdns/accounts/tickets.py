"""Digests of codes that people type: of tickets, and one-time and recovery codes of accounts."""

from __future__ import annotations

from hashlib import pbkdf2_hmac

_ROUNDS = 20_000
# Letters that no code has become those that they look like; separators go.
_MEANT = str.maketrans("OIL", "011", " \t-_.\N{EN DASH}\N{EM DASH}\N{NON-BREAKING HYPHEN}")


def ticket_digest(code: str) -> str:
    """Return the digest of a ticket's code, however it was typed."""
    return code_digest(code, "ticket")


def code_digest(code: str, kind: str) -> str:
    """Return the digest of a code, however it was typed: 64 hexadecimal digits.

    Case, blanks and dashes do not count; O is 0, I and L are 1.  All codes of a kind share a salt,
    since a code is found by its digest.  Codes are random, so a dictionary does not help, and at
    some 10 ms a guess nobody tries all 40 bits against a copy of the database.
    """
    meant = code.upper().translate(_MEANT)
    # "replace": half a surrogate pair is just a wrong code.
    octets = meant.encode(errors="replace")
    return pbkdf2_hmac("sha256", octets, f"copdns {kind}".encode(), _ROUNDS).hex()
