"""Domain names for people: U-labels everywhere, and a mark on names that may imitate others.

A name can have letters of several scripts in one part, or letters of another script that all look
like Latin ones, so that `аpple.example` with a Cyrillic letter looks like another site.  Logs, the
API and rules keep the A-labels.  Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from copdns.model.names import display

# Scripts that one language writes together (Unicode Technical Standard 39, section 5.2).
_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
_BOTH_KANA: Final = "KATAKANA-HIRAGANA"  # the mark of a long vowel, which both scripts have
# Small letters that most fonts draw as small Latin ones.  Not those that look like capitals, as
# Cyrillic ve, ka, em, en and te do: `кот` and `том` are words, and names have small letters.
_LIKE_LATIN: Final = frozenset("асԁеһіјӏорԛѕԝхуѵαγικνορτυωχօսոցԍьпг")


def shown_name(name: object) -> str:
    """Return a name as people write it, also one of a rule or list: `=`, `*.` and `||` stay."""
    text = str(name)
    for mark in ("=", "*.", "||"):
        if text.startswith(mark):
            return mark + display(text.removeprefix(mark))
    return display(text)


@lru_cache(maxsize=1024)
def may_imitate(name: str) -> bool:
    """Tell whether a part of a name mixes scripts, or looks like Latin letters and is not.

    Below a domain of its own script, where Latin letters would be the odd ones, a word such as
    `кто` looks like what it is.
    """
    if "xn--" not in name and name.isascii():
        return False
    labels = shown_name(name).split(".")
    last = set(_scripts(labels[-1]))
    return any(
        _is_mixed(label) or (_is_disguised(label) and set(_scripts(label)) != last)
        for label in labels
    )


def _is_mixed(label: str) -> bool:
    found = set(_scripts(label))
    return len(found) > 1 and not any(found <= each for each in _TOGETHER)


def _is_disguised(label: str) -> bool:
    """Tell whether all letters are of another script and look like Latin ones."""
    letters = [each for each in label if each.isalpha()]
    return bool(letters) and all(each in _LIKE_LATIN for each in letters)


def _scripts(label: str) -> Iterator[str]:
    """Yield the script of each letter, by the first word of its name in Unicode."""
    for each in label:
        if unicodedata.category(each)[0] == "L":
            word = unicodedata.name(each, "UNKNOWN").partition(" ")[0]
            if word != _BOTH_KANA:
                yield "CJK" if word in ("CJK", "IDEOGRAPHIC") else word
