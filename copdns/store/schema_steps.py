"""The migrations of a database, in steps, and which of them were applied to one.

They are recorded as sqlite-utils records its migrations, so that its tools can read what was
applied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Protocol


class SchemaStep(Protocol):
    """A function that changes a database, within a transaction; its name does not matter."""

    __name__: str

    def __call__(self, db: Any, /) -> None: ...  # a Connection; that of SQLite, of older steps


class SchemaSteps:
    """The steps of one kind of database, in order.  name: under which they are recorded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: dict[str, SchemaStep] = {}
        self._expanding: set[str] = set()
        self._contracting: dict[str, str] = {}

    def __call__(
        self, *, name: str, expands: bool = False, contracts: str = ""
    ) -> Callable[[SchemaStep], SchemaStep]:
        """Add a step; a decorator.

        expands: it only adds, so that programs that do not know it run on
        (`postgres/expanding.py`).  contracts: an expanding step of before; it takes away what only
        programs use that do not know that one, and those that do run without it as well.
        """

        def add_step(step: SchemaStep) -> SchemaStep:
            assert name not in self._steps, name
            assert not contracts or contracts in self._expanding, contracts
            self._steps[name] = step
            if expands:
                self._expanding.add(name)
            if contracts:
                self._contracting[name] = contracts
            return step

        return add_step

    @property
    def names(self) -> frozenset[str]:
        """The names of all steps, as the database stores those that were applied."""
        return frozenset(self._steps)

    @property
    def essential(self) -> frozenset[str]:
        """The names of the steps without which this program does not run."""
        return self.names - self._contracting.keys()

    def expands(self, name: str) -> bool:
        """Tell whether a step only adds."""
        return name in self._expanding

    def asks_for(self, name: str) -> str:
        """Return the step that a program has to know to run with this one; "" for none."""
        return "" if name in self._expanding else self._contracting.get(name, name)

    def read_applied(self, connection: sqlite3.Connection) -> frozenset[str]:
        """Return the names of the steps applied to a database, also of those unknown here."""
        known = "select 1 from sqlite_master where type = 'table' and name = '_sqlite_migrations'"
        if connection.execute(known).fetchone() is None:
            return frozenset()
        taken = "select name from _sqlite_migrations where migration_set = ?"
        return frozenset(name for (name,) in connection.execute(taken, (self.name,)))

    def is_older(self, connection: sqlite3.Connection) -> bool:
        """Tell whether an older version stored something in a database: steps are missing."""
        applied = self.read_applied(connection)
        return bool(applied) and not self.names <= applied

    def is_newer(self, connection: sqlite3.Connection) -> bool:
        """Tell whether a newer version stored something in a database: it has unknown steps."""
        return not self.read_applied(connection) <= self.names

    def apply(self, connection: sqlite3.Connection) -> None:
        """Apply the steps that are missing, in the caller's transaction."""
        applied = self.read_applied(connection)
        for statement in _RECORD_TABLE:
            connection.execute(statement)
        for name, step in self.missing(applied):
            step(connection)
            connection.execute(_RECORD, (self.name, name))

    def missing(self, applied: frozenset[str]) -> Iterator[tuple[str, SchemaStep]]:
        """Yield the steps that were not applied yet with their names, in order."""
        for name, step in self._steps.items():
            if name not in applied:
                yield name, step


_RECORD_TABLE = (
    """
    create table if not exists "_sqlite_migrations" (
       "id" INTEGER PRIMARY KEY,
       "migration_set" TEXT,
       "name" TEXT,
       "applied_at" TEXT
    )""",
    """
    create unique index if not exists "idx__sqlite_migrations_migration_set_name"
        ON "_sqlite_migrations" ("migration_set", "name")""",
)
_RECORD = """
    insert into _sqlite_migrations (migration_set, name, applied_at)
    values (?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))"""
