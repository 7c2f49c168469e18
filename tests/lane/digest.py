"""One number for all that two homes said and kept, the same in every process and build.

So that four ways can be compared (with and without the lane, sources and compiled core), each
process writes its number down: `make lanes`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from enum import Enum

from tests.values import fields_of


class Digest:
    """Takes values one after another; `hexdigest` is the number for all of them, in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.hexdigest = self._hash.hexdigest

    def add(self, value: object) -> None:
        self._hash.update(text_of(value).encode())


def text_of(value: object) -> str:
    """Return a value as text in which no order of a set or dict and no address of memory shows."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        # The compiled core keeps a number where the sources keep an IntEnum, or an int for a float.
        return str(int(value)) if value == value // 1 else repr(value)
    if value is None or isinstance(value, bool | bytes | str):
        return repr(value)
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, Mapping):
        pairs = sorted(f"{text_of(key)}: {text_of(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Set):
        return f"{{{', '.join(sorted(map(text_of, value)))}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(text_of, value))}]"
    fields = fields_of(value)
    if isinstance(fields, Mapping):
        return text_of(fields)
    if callable(value):
        return type(value).__name__
    text = repr(value)
    assert " at 0x" not in text, f"{text} says where it is, and nothing of what it is"
    return text
