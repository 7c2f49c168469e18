"""How hard English is to read: counted in words of a sentence and letters of a word.

Formulas of readability need whole pages; here are single sentences, so the bounds are on what they
are made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence; a placeholder or a number is no word."""
    plain = re.sub(r"%\(\w+\)s|%%", " ", text)
    found = [re.findall(r"[A-Za-z][A-Za-z'’-]*", each) for each in re.split(r"[.!?:;]", plain)]
    return [each for each in found if each]


def longest(texts: Iterable[str]) -> int:
    """Return the words of the longest sentence."""
    return max(len(words) for text in texts for words in sentences(text))


def average(texts: Iterable[str]) -> float:
    """Return the letters of an average word."""
    lengths = [len(word) for text in texts for words in sentences(text) for word in words]
    return sum(lengths) / len(lengths)


def long_words(texts: Iterable[str], letters: int) -> set[str]:
    """Return the words of more letters than that."""
    words = {word.lower() for text in texts for words in sentences(text) for word in words}
    return {word for word in words if len(word) > letters}


def has_word(text: str, word: str) -> bool:
    """Return whether a word stands in a text by itself, in this spelling.

    Tokens and checksums hold any three letters now and then, with other letters or digits beside
    them; a person's short name there says nothing of the person.
    """
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text) is not None
