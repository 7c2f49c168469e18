"""Tell which passwords and PINs are too easy to guess.

Length is what helps; no mixture of character types is required (NIST SP 800-63B section 3.1.1.2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from copdns.model.sentences import Sentence, sentence

MIN_PASSWORD_LENGTH = 10  # letters
MAX_PASSWORD_LENGTH = 256  # letters: a long text would make hashing slow
MIN_PIN_LENGTH, MAX_PIN_LENGTH = 4, 8

# The first guesses everywhere; compared without case, and without digits and signs at the ends.
_COMMON = frozenset(
    {
        "password",
        "passwort",
        "passwords",
        "motdepasse",
        "contrasena",
        "qwertyuiop",
        "qwertzuiop",
        "azertyuiop",
        "asdfghjkl",
        "letmein",
        "welcome",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "superman",
        "dragon",
        "monkey",
        "master",
        "administrator",
        "admin",
        "guardian",
        "copdns",
        "parental",
        "parentalcontrol",
        "changeme",
        "secret",
        "qwerty",
        "abcdefghij",
        "abcdefghijklm",
    }
)


def normalize_password(password: str) -> str:
    """Return a password as it is hashed: the same text however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def password_weakness(password: str, names: Iterable[str] = ()) -> Sentence | None:
    """Return why a password is too easy to guess, for its owner; None where it is not.

    names: of the account, its person and the household, which a stranger would try first.
    """
    text = normalize_password(password)
    if len(text) < MIN_PASSWORD_LENGTH:
        return sentence(
            "Please use at least %(least)s characters. A short sentence is easy to remember.",
            least=MIN_PASSWORD_LENGTH,
        )
    if len(text) > MAX_PASSWORD_LENGTH:
        return sentence("Please use at most %(most)s characters.", most=MAX_PASSWORD_LENGTH)
    core = _core(text)
    if len(set(text)) < 4 or _is_a_run(text) or not core:
        return sentence(
            "This is easy to guess. Please use more different characters, or a short sentence."
        )
    if core in _COMMON:
        return sentence("This is one of the most common passwords. Please choose one of your own.")
    if any(_core(name) and core in (_core(name), _core(name) * 2) for name in names):
        return sentence("This is little more than a name. Please add a few words of your own.")
    return None


def pin_weakness(pin: str) -> Sentence | None:
    """Return why a PIN is too easy to guess, for the child; None where it is not."""
    if not (pin.isascii() and pin.isdecimal() and MIN_PIN_LENGTH <= len(pin) <= MAX_PIN_LENGTH):
        return sentence(
            "A PIN needs %(least)s to %(most)s digits.", least=MIN_PIN_LENGTH, most=MAX_PIN_LENGTH
        )
    if len(set(pin)) == 1 or _is_a_run(pin):
        return sentence("This PIN is easy to guess. Please choose another.")
    return None


def _is_a_run(text: str) -> bool:
    """Tell whether the letters follow each other, up or down: 123456, fedcba."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def _core(text: str) -> str:
    """Return a text without case, blanks, and digits and signs at its ends."""
    letters = text.casefold()
    start, end = 0, len(letters)
    while start < end and not letters[start].isalpha():
        start += 1
    while end > start and not letters[end - 1].isalpha():
        end -= 1
    return letters[start:end].replace(" ", "")
