"""What is kept of codes that people type: tickets, and the one-time codes of accounts."""

from __future__ import annotations

from hashlib import pbkdf2_hmac

_ROUNDS = 20_000
# Letters that are in no code, for those that they are mistaken for; what stands between groups.
_MEANT = str.maketrans("OIL", "011", " \t-_.\N{EN DASH}\N{EM DASH}\N{NON-BREAKING HYPHEN}")


def ticket_digest(code: str) -> str:
    """Return 64 hexadecimal digits that stand for a ticket's code, however it was typed."""
    return code_digest(code, "ticket")


def code_digest(code: str, kind: str) -> str:
    """Return 64 hexadecimal digits that stand for a code, however it was typed.

    Case, blanks and dashes do not count; O is 0, I and L are 1.  All codes of a kind have the same
    salt, since a code is all there is to find it by; codes are random, so there are no words to
    try, and the rounds make trying all 40 bits too long for a copy of the database (some 10 ms each
    here).
    """
    meant = code.upper().translate(_MEANT)
    # "replace": an odd text is just a code that nobody made.
    octets = meant.encode(errors="replace")
    return pbkdf2_hmac("sha256", octets, f"copdns {kind}".encode(), _ROUNDS).hex()
