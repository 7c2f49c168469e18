"""Entries of the register as text, each with a checksum of itself and of all before it.

So a line that somebody changed, took out or put in between later shows: `check_chain` finds the
first one.  The checksum of the last line, printed in each public statement, fixes all of them.
Decisions of the reviewers' desk are chained in the same way (`staff/desk_chain.py`).  Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from copdns.model.errors import RegisterError
from copdns.model.sentences import Sentence
from copdns.provider.law.events import EVENT_KINDS, KIND_OF_EVENT, RegisterEvent

FIRST: Final = "0" * 64  # the checksum before the first entry


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A line of the register.

    number: from 1, without gaps.  at: seconds since 1970.  by: a staff member's id, or CONSOLE.
    shell: the user of the operating system at whose command line it was written; "" for pages.
    """

    number: int
    at: int
    by: str
    event: RegisterEvent
    shell: str = ""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A line as it is stored.  body: JSON.  digest: of it and of all before, in hex."""

    number: int
    at: int
    by: str
    kind: str
    body: str
    digest: str
    shell: str = ""


@dataclass(frozen=True, slots=True)
class RegisterHead:
    """How many lines a register has, and the checksum of the last one: kept apart from the lines,
    so that it shows where lines are missing at their end."""

    size: int
    digest: str

    def text(self) -> str:
        """Return what a signature of it is about."""
        return f"copdns register head v1 {self.size} {self.digest}"


def to_stored(entry: RegisterEntry, before: str) -> StoredEntry:
    """Return an entry as it is stored, after one with the checksum `before`."""
    kind = KIND_OF_EVENT[type(entry.event)]
    return chain_line(
        entry.number, entry.at, entry.by, kind, asdict(entry.event), before, entry.shell
    )


def chain_line(
    number: int, at: int, by: str, kind: str, body: Mapping[str, Any], before: str, shell: str
) -> StoredEntry:
    """Return a line after one with the checksum `before`.  body: as JSON has it."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    digest = _digest(number, at, by, kind, text, before, shell)
    return StoredEntry(number, at, by, kind, text, digest, shell)


def from_stored(stored: StoredEntry) -> RegisterEntry:
    """Return the entry of a stored line; raise RegisterError for one that copdns does not write."""
    shape = _SHAPES.get(stored.kind)
    if shape is None:
        raise RegisterError(
            "the register's entry %(number)s is of a newer copdns", number=stored.number
        )
    try:
        event = shape.validate_json(stored.body)
    except ValidationError:
        raise RegisterError(
            "the register's entry %(number)s cannot be read", number=stored.number
        ) from None
    return RegisterEntry(stored.number, stored.at, stored.by, event, stored.shell)


def check_chain(lines: Iterable[StoredEntry]) -> str:
    """Return the checksum of the last line; raise RegisterError at the first that does not fit."""
    digest, broken = follow_chain(lines)
    if broken is not None:
        raise RegisterError(
            "the register was changed after it was written, at entry %(number)s; compare "
            "it with the last public statement, and restore a backup",
            number=broken,
        )
    return digest


def follow_chain(
    lines: Iterable[StoredEntry], first: int = 1, before: str = FIRST
) -> tuple[str, int | None]:
    """Return the checksum of the last line that fits, and the number of the first that does not;
    None where all do.  first, before: the number of the first line, and the checksum before it."""
    for number, line in enumerate(lines, first):
        fits = line.number == number and line.digest == _digest(
            number, line.at, line.by, line.kind, line.body, before, line.shell
        )
        if not fits:
            return before, number
        before = line.digest
    return before, None


def head_of(lines: Sequence[StoredEntry]) -> RegisterHead:
    """Return the head of lines that were checked."""
    return RegisterHead(len(lines), lines[-1].digest if lines else FIRST)


def check_head(lines: Sequence[StoredEntry], head: RegisterHead, where: Sentence) -> None:
    """Raise RegisterError where lines of a head are missing; newer ones may be there.

    lines: checked.  where: the head was kept, for people.
    """
    there = lines[head.size - 1].digest if 0 < head.size <= len(lines) else FIRST
    if head.size > len(lines) or there != head.digest:
        raise RegisterError(
            "lines are missing at the end of the register: it has %(count)s, and %(where)s "
            "says %(size)s; restore a newer backup, or accept the loss with copdns "
            "provider law check --restored",
            count=len(lines),
            where=where,
            size=head.size,
        )


def check_no_more(lines: Sequence[StoredEntry], head: RegisterHead, where: Sentence) -> None:
    """Raise RegisterError where there are lines after those of a head that each line brings."""
    if len(lines) > head.size:
        raise RegisterError(
            "the register has %(count)s lines, and %(where)s says %(size)s: something "
            "other than copdns wrote the others; restore a backup",
            count=len(lines),
            where=where,
            size=head.size,
        )


def _digest(number: int, at: int, by: str, kind: str, body: str, before: str, shell: str) -> str:
    # Entries of before the shell was noted, and those of pages, have six parts.
    parts = [before, number, at, by, kind, body, *([shell] if shell else [])]
    return sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


_SHAPES: Final[dict[str, TypeAdapter[Any]]] = {
    kind: TypeAdapter(shape) for kind, shape in EVENT_KINDS.items()
}
