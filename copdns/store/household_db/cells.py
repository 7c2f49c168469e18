"""The description of a table of `household.db`, and functions that read single cells.

Each `read_` function raises ValueError for a cell that copdns does not write: a database may have
been edited by hand, or come from a disk that fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Subject, Topic, TopicKind
from copdns.store.statements import upsert

Cell = str | int | float | None
Cells = tuple[Cell, ...]
T = TypeVar("T")

# A thousand profiles are made from a few presets: equal cells give one object, not a thousand.
_CELLS_HELD = 256


@dataclass(frozen=True, slots=True)
class HouseholdTable(Generic[T]):
    """A table whose rows are the values of one field of `Household`, in their order.

    columns: what a row has besides household and position, as SQL names them, the key first.
    cells: returns these columns of a value.  value: the reverse; raises ValueError.
    """

    name: str
    field: str
    columns: str
    cells: Callable[[T], Cells]
    value: Callable[[Cells], T]

    # Names of columns and tables stand in the code; what comes from outside is a parameter.  The
    # name is quoted: `grant` is a word of SQL's own in PostgreSQL.

    @property
    def select(self) -> str:
        """Return SQL that takes (household) and gives rows of `columns` in their order."""
        return f'select {self.columns} from "{self.name}" where household = ? order by position'  # noqa: S608

    @property
    def select_many(self) -> str:
        """Return SQL that takes the first and the last of some ids of households, and gives rows of
        (household, *columns)."""
        return (
            f'select household, {self.columns} from "{self.name}"'  # noqa: S608
            " where household between ? and ? order by household, position"
        )

    def select_of(self, places: str) -> str:
        """Return SQL that takes some ids of households, and gives rows as `select_many`.

        places: a parameter for each of them, between commas.
        """
        return (
            f'select household, {self.columns} from "{self.name}"'  # noqa: S608
            f" where household in ({places}) order by household, position"
        )

    @property
    def write(self) -> str:
        """Return SQL that takes (household, position, *cells) and replaces the row of that key."""
        columns = f"household, position, {self.columns}"
        return upsert(f'"{self.name}"', f"household, {self._key}", columns)

    @property
    def delete(self) -> str:
        """Return SQL that takes (household, key)."""
        return f'delete from "{self.name}" where household = ? and {self._key} = ?'  # noqa: S608

    @property
    def _key(self) -> str:
        return self.columns.partition(", ")[0]


def read_text(cell: object) -> str:
    """Return a text; ValueError also for one that is no UTF-8 (UnicodeEncodeError)."""
    if not isinstance(cell, str):
        raise ValueError(f"{cell!r} is not text")
    cell.encode()
    return cell


def read_number(cell: object) -> int:
    """Return a whole number; bool is stored as 0 and 1."""
    if not isinstance(cell, int):
        raise ValueError(f"{cell!r} is not a whole number")
    return cell


def read_moment(cell: object) -> float:
    """Return seconds since the epoch, whole or not."""
    if not isinstance(cell, int | float):
        raise ValueError(f"{cell!r} is not a date and time")
    return cell


def read_texts(cell: object) -> tuple[str, ...]:
    """Return the texts of a JSON list."""
    return _texts_in(read_text(cell))


@lru_cache(maxsize=_CELLS_HELD)
def _texts_in(written: str) -> tuple[str, ...]:
    items = json.loads(written)
    if not isinstance(items, list):
        raise ValueError(f"{written!r} is not a list")
    return tuple(read_text(item) for item in items)


def read_set(cell: object) -> frozenset[str]:
    """Return the texts of a JSON list, in no order."""
    return _set_in(read_text(cell))


@lru_cache(maxsize=_CELLS_HELD)
def _set_in(written: str) -> frozenset[str]:
    return frozenset(_texts_in(written))


def read_pairs(cell: object) -> tuple[tuple[str, str], ...]:
    """Return keys and texts of a JSON object, in its order."""
    return _pairs_in(read_text(cell))


@lru_cache(maxsize=_CELLS_HELD)
def _pairs_in(written: str) -> tuple[tuple[str, str], ...]:
    items = json.loads(written)
    if not isinstance(items, dict):
        raise ValueError(f"{written!r} is not a mapping")
    return tuple((key, read_text(value)) for key, value in items.items())


def read_optional(read: Callable[[object], T], cell: object) -> T | None:
    """Return what a function reads; None for null."""
    return None if cell is None else read(cell)


def as_json(items: Iterable[str]) -> str:
    """Return the cell of texts, which `read_texts` reads."""
    return json.dumps(list(items), ensure_ascii=False)


def read_matcher(cell: object) -> Matcher:
    """Return the matcher of its `str()`; a normalized name has neither "=" nor "*"."""
    written = read_text(cell)
    if written.startswith("="):
        return Matcher(written[1:], MatchKind.EXACT)
    if written.startswith("*."):
        return Matcher(written[2:], MatchKind.BELOW)
    return Matcher(written)


def read_target(cell: object) -> Matcher | str:
    """Return the target of a rule: a matcher, or a network in CIDR form."""
    written = read_text(cell)
    return written if "/" in written else read_matcher(written)  # a normalized name has no "/"


def read_subject(cell: object) -> Subject:
    """Return the topic or matcher of its `str()`; a normalized name has no ":"."""
    kind, colon, slug = read_text(cell).partition(":")
    return Topic(TopicKind(kind), slug) if colon else read_matcher(cell)


def read_subjects(cell: object) -> tuple[Subject, ...]:
    """Return the subjects of a JSON list of their `str()`."""
    return tuple(read_subject(each) for each in read_texts(cell))


def subjects_json(about: Iterable[Subject]) -> str:
    """Return the cell of subjects, which `read_subjects` reads."""
    return as_json(str(each) for each in about)
