"""The steps that lead to a schema, and which of them a database has taken.

sqlite-utils takes them, and keeps a table of those that are taken.  It is loaded when there is one
to take: a database that is as it should be, as nearly always, needs but a look into that table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlite_utils import Database


class Step(Protocol):
    """A function that changes a database; what it is called does not matter."""

    __name__: str

    def __call__(self, db: Database, /) -> None: ...


class Steps:
    """The steps of one kind of database, in their order.  name: under which they are kept."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: dict[str, Step] = {}

    def __call__(self, *, name: str) -> Callable[[Step], Step]:
        """Add a step; a decorator."""

        def added(step: Step) -> Step:
            assert name not in self._steps, name
            self._steps[name] = step
            return step

        return added

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._steps)

    def applied(self, connection: sqlite3.Connection) -> frozenset[str]:
        """Return the steps that a database has taken, also those that are not known here."""
        known = "select 1 from sqlite_master where type = 'table' and name = '_sqlite_migrations'"
        if connection.execute(known).fetchone() is None:
            return frozenset()
        taken = "select name from _sqlite_migrations where migration_set = ?"
        return frozenset(name for (name,) in connection.execute(taken, (self.name,)))

    def apply(self, connection: sqlite3.Connection) -> None:
        """Take those that are not taken yet."""
        from sqlite_utils import Database, Migrations

        migrations = Migrations(self.name)
        for name, step in self._steps.items():
            migrations(name=name)(step)
        # Neither plugins nor settings of another program's sqlite-utils have a say here.
        migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
