"""Entries of the register as text, each with a checksum of itself and of all before it.

So a line that somebody changed, took out or put in between later shows: `check_chain` finds the
first one.  The checksum of the last line, printed in each public statement, fixes all of them.
Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from copdns.model.errors import RegisterError
from copdns.provider.law.events import EVENT_KINDS, KIND_OF_EVENT, RegisterEvent

FIRST: Final = "0" * 64  # the checksum before the first entry


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A line of the register.

    number: from 1, without gaps.  at: seconds since 1970.  by: a staff member's id, or CONSOLE.
    """

    number: int
    at: int
    by: str
    event: RegisterEvent


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A line as it is stored.  body: JSON.  digest: of it and of all before, in hex."""

    number: int
    at: int
    by: str
    kind: str
    body: str
    digest: str


def to_stored(entry: RegisterEntry, before: str) -> StoredEntry:
    """Return an entry as it is stored, after one with the checksum `before`."""
    kind = KIND_OF_EVENT[type(entry.event)]
    body = json.dumps(asdict(entry.event), sort_keys=True, ensure_ascii=False)
    return StoredEntry(
        entry.number,
        entry.at,
        entry.by,
        kind,
        body,
        _digest(entry.number, entry.at, entry.by, kind, body, before),
    )


def from_stored(stored: StoredEntry) -> RegisterEntry:
    """Return the entry of a stored line; raise RegisterError for one that copdns does not write."""
    shape = _SHAPES.get(stored.kind)
    if shape is None:
        raise RegisterError(f"the register's entry {stored.number} is of a newer copdns")
    try:
        event = shape.validate_json(stored.body)
    except ValidationError:
        raise RegisterError(f"the register's entry {stored.number} cannot be read") from None
    return RegisterEntry(stored.number, stored.at, stored.by, event)


def check_chain(lines: Iterable[StoredEntry]) -> str:
    """Return the checksum of the last line; raise RegisterError at the first that does not fit."""
    before = FIRST
    for number, line in enumerate(lines, 1):
        fits = line.number == number and line.digest == _digest(
            number, line.at, line.by, line.kind, line.body, before
        )
        if not fits:
            raise RegisterError(
                f"the register was changed after it was written, at entry {number}; "
                "compare it with the last public statement, and restore a backup"
            )
        before = line.digest
    return before


def _digest(number: int, at: int, by: str, kind: str, body: str, before: str) -> str:
    text = json.dumps([before, number, at, by, kind, body], ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


_SHAPES: Final[dict[str, TypeAdapter[Any]]] = {
    kind: TypeAdapter(shape) for kind, shape in EVENT_KINDS.items()
}
