"""How codes are written, which people read aloud and type.  Pure."""

from __future__ import annotations

from typing import Final

# Crockford's base 32: no letter that looks like a digit, and no U.
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Letters that no code has become those that they look like; separators go.
_MEANT = str.maketrans("OIL", "011", " \t-_.\N{EN DASH}\N{EM DASH}\N{NON-BREAKING HYPHEN}")


def plain_code(code: str) -> bytes:
    """Return a code as it is compared, however it was typed."""
    # "replace": half a surrogate pair is just a wrong code.
    return code.upper().translate(_MEANT).encode(errors="replace")


def code_text(number: int) -> str:
    """Return a number of 40 bits as a code that people read aloud, such as "K7QF-2M9D"."""
    letters = "".join(LETTERS[number >> 5 * place & 31] for place in range(8))
    return f"{letters[:4]}-{letters[4:]}"
