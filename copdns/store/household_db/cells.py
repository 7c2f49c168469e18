"""What a table of `household.db` is, and how single cells are read.

Text is checked on the way in: a database may have been edited by hand, or come from a disk that
fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from copdns.model.matchers import Match, Matcher
from copdns.model.times import Subject, Topic, TopicKind

Cell = str | int | float | None
Cells = tuple[Cell, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """One table, whose rows are the values of one field of `Household`, in their order.

    cells: a value's columns, the key first.  value: the reverse; ValueError for odd cells.
    select, write, delete: take (household), (household, position, *cells), (household, key).
    """

    name: str
    field: str
    select: str
    write: str
    delete: str
    cells: Callable[[T], Cells]
    value: Callable[[Cells], T]


def text(cell: object) -> str:
    """Return the cell; raise ValueError, of which UnicodeEncodeError is a kind."""
    if not isinstance(cell, str):
        raise ValueError(f"{cell!r} is not text")
    cell.encode()
    return cell


def number(cell: object) -> int:
    if not isinstance(cell, int):
        raise ValueError(f"{cell!r} is not a whole number")
    return cell


def moment(cell: object) -> float:
    if not isinstance(cell, int | float):
        raise ValueError(f"{cell!r} is not a date and time")
    return cell


def texts(cell: object) -> tuple[str, ...]:
    items = json.loads(text(cell))
    if not isinstance(items, list):
        raise ValueError(f"{cell!r} is not a list")
    return tuple(text(item) for item in items)


def pairs(cell: object) -> tuple[tuple[str, str], ...]:
    items = json.loads(text(cell))
    if not isinstance(items, dict):
        raise ValueError(f"{cell!r} is not a mapping")
    return tuple((key, text(value)) for key, value in items.items())


def as_json(items: Iterable[str]) -> str:
    return json.dumps(list(items), ensure_ascii=False)


def matcher(cell: object) -> Matcher:
    """Undo `str(Matcher)`; a normal form holds neither "=" nor "*"."""
    written = text(cell)
    if written.startswith("="):
        return Matcher(written[1:], Match.EXACT)
    if written.startswith("*."):
        return Matcher(written[2:], Match.BELOW)
    return Matcher(written)


def target(cell: object) -> Matcher | str:
    """Read what a rule is about: a name with what it covers, or a network in CIDR form."""
    written = text(cell)
    return written if "/" in written else matcher(written)  # a normal form holds no "/"


def subject(cell: object) -> Subject:
    """Undo `str(Topic)` and `str(Matcher)`; a normal form holds no ":"."""
    kind, colon, slug = text(cell).partition(":")
    return Topic(TopicKind(kind), slug) if colon else matcher(cell)


def subjects(cell: object) -> tuple[Subject, ...]:
    return tuple(subject(each) for each in texts(cell))


def subjects_json(about: Iterable[Subject]) -> str:
    return as_json(str(each) for each in about)
