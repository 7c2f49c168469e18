"""A household as an earlier copdns stored it, for tests of what a migration does with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from copdns.store.db import open_database
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.schema_steps import SchemaSteps


@contextmanager
def household_before(number: str, path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a new database with an empty household, as it was before a migration.

    number: with which the migration's name begins, such as "0027".
    """
    before = SchemaSteps("household")
    for name, step in HOUSEHOLD._steps.items():
        if name < number:
            before(name=name)(step)
    with closing(open_database(path, before)) as connection:
        connection.execute(
            "insert into household (household, name, timezone, guest, protected, revision)"
            " values ('home', 'Home', 'UTC', '', '[]', 1)"
        )
        yield connection
