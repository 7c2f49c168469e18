"""How it is told that something in a household must not be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import NamedTuple


class Fault(NamedTuple):
    """Something that must not be.

    part: "profiles", "devices" ..., as the fields of Household; key: the id or name in it;
    field: of that, "" for the whole.
    """

    part: str
    key: str
    field: str
    what: str

    def __str__(self) -> str:
        where = ".".join(part for part in self[:3] if part)
        return f"{where}: {self.what}"


def no_such(noun: str, wanted: str, there: Iterable[str]) -> str:
    """Return "there is no profile mai; did you mean mia?", or the list of those there are."""
    known = sorted(there)
    if not known:
        return f"there is no {noun} {wanted!r}; there is none yet"
    if close := get_close_matches(wanted, known, n=1):
        return f"there is no {noun} {wanted!r}; did you mean {close[0]}?"
    if len(known) > MOST_NAMED:
        return f"there is no {noun} {wanted!r}, and nothing that is written like it"
    return f"there is no {noun} {wanted!r}; there are: {', '.join(known)}"


MOST_NAMED = 60  # more, such as all lists there are, would help nobody


def wrong(parse: Callable[[str], object], text: str) -> str:
    """Return what `parse` says against a text, "" when it takes it."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""
