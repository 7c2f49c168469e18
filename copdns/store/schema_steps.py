"""The migrations of a database, in steps, and which of them were applied to one.

sqlite-utils applies them and records them in a table.  It is imported only where a step is missing;
nearly always a look into that table is enough.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlite_utils import Database


class SchemaStep(Protocol):
    """A function that changes a database; its name does not matter."""

    __name__: str

    def __call__(self, db: Database, /) -> None: ...


class SchemaSteps:
    """The steps of one kind of database, in order.  name: under which sqlite-utils records them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: dict[str, SchemaStep] = {}

    def __call__(self, *, name: str) -> Callable[[SchemaStep], SchemaStep]:
        """Add a step; a decorator."""

        def add_step(step: SchemaStep) -> SchemaStep:
            assert name not in self._steps, name
            self._steps[name] = step
            return step

        return add_step

    @property
    def names(self) -> frozenset[str]:
        """The names of all steps, as the database stores those that were applied."""
        return frozenset(self._steps)

    def read_applied(self, connection: sqlite3.Connection) -> frozenset[str]:
        """Return the names of the steps applied to a database, also of those unknown here."""
        known = "select 1 from sqlite_master where type = 'table' and name = '_sqlite_migrations'"
        if connection.execute(known).fetchone() is None:
            return frozenset()
        taken = "select name from _sqlite_migrations where migration_set = ?"
        return frozenset(name for (name,) in connection.execute(taken, (self.name,)))

    def apply(self, connection: sqlite3.Connection) -> None:
        """Apply the steps that are missing."""
        from sqlite_utils import Database, Migrations

        migrations = Migrations(self.name)
        for name, step in self._steps.items():
            migrations(name=name)(step)
        # Without plugins, which another program may have installed for sqlite-utils.
        migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
