"""What a closed list of words is made of."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A closed list of words.  Hashed as the text it is: Enum's own hash is a Python function,
    and these are looked up on every query."""

    __hash__ = str.__hash__
