"""What the SQL of the store runs on, be it SQLite or PostgreSQL.

A `sqlite3.Connection` is one as it is; `store/postgres` has the other.  The SQL is one text for
both, with `?` or `:name` for parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


class Rows(Protocol):
    """What a statement gave: tuples, and how many rows it changed."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class SqlConnection(Protocol):
    """A connection outside of any transaction, unless `store.db.transaction` began one."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Rows: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows: ...
    def close(self) -> None: ...


@runtime_checkable
class SharedConnection(SqlConnection, Protocol):
    """A connection to a database in which each household has a writer of its own."""

    def begin_writing(self, household: str) -> None:
        """Begin a transaction as the only writer of a household; "": of all."""
        ...
