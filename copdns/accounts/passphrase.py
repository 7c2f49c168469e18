"""Which passwords and PINs are too easy to guess, told kindly.

Length is what helps; mixtures of signs are not asked for (NIST SP 800-63B section 3.1.1.2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from copdns.model.sentences import Sentence, sentence

SHORTEST = 10  # letters
LONGEST = 256  # letters: hashing must not be made slow by a long text
PIN_SHORTEST, PIN_LONGEST = 4, 8

# What is tried first everywhere; compared without case, digits and signs at its ends.
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


def normal(password: str) -> str:
    """Return a password as it is hashed: one text however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, names: Iterable[str] = ()) -> Sentence | None:
    """Return what is too easy about a password, for its owner; None when it is good.

    names: of the account, its person, the household: what a stranger tries first.
    """
    text = normal(password)
    if len(text) < SHORTEST:
        return sentence(
            "Please use at least %(least)s characters. A short sentence is easy to remember.",
            least=SHORTEST,
        )
    if len(text) > LONGEST:
        return sentence("Please use at most %(most)s characters.", most=LONGEST)
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
    """Return what is too easy about a child's PIN, for the child; None when it is good."""
    if not (pin.isascii() and pin.isdecimal() and PIN_SHORTEST <= len(pin) <= PIN_LONGEST):
        return sentence(
            "A PIN needs %(least)s to %(most)s digits.", least=PIN_SHORTEST, most=PIN_LONGEST
        )
    if len(set(pin)) == 1 or _is_a_run(pin):
        return sentence("This PIN is easy to guess. Please choose another.")
    return None


def _is_a_run(text: str) -> bool:
    """Tell whether each letter is the next one to the one before: 123456, fedcba."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def _core(text: str) -> str:
    """Return the letters between the digits and signs that are put around a word."""
    letters = text.casefold()
    start, end = 0, len(letters)
    while start < end and not letters[start].isalpha():
        start += 1
    while end > start and not letters[end - 1].isalpha():
        end -= 1
    return letters[start:end].replace(" ", "")
