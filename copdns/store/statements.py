"""SQL that several tables need, in the words that SQLite and PostgreSQL share.

Names of tables and columns stand in the code; what comes from outside is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence

ALL_ROWS = 1 << 62  # a limit of rows that no table reaches: "all" is said differently elsewhere


def upsert(table: str, key: str, columns: str) -> str:
    """Return SQL that stores a row, in place of the one with the same key.

    key: the columns of the primary key.  columns: all that are given, these included, in the order
    of the parameters; a column that is not among them stays as it is.
    """
    names = columns.split(", ")
    marks = ", ".join("?" for _ in names)
    new = ", ".join(f"{each} = excluded.{each}" for each in names if each not in key.split(", "))
    return (
        f"insert into {table} ({columns}) values ({marks})"  # noqa: S608
        f" on conflict ({key}) do update set {new}"
    )


def lower_ascii(text: str) -> str:
    """Return a text as SQL's `lower` gives it: the letters A to Z are lower case, others stay."""
    return text.translate(_LOWER)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def some_places(values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what stands in `in (...)` for some values that are not "", and its parameters.

    There are so few lengths of it that PostgreSQL keeps a plan of each.
    """
    room = 1 << max(0, len(values) - 1).bit_length()
    return ", ".join("?" * room), (*values, *[""] * (room - len(values)))
