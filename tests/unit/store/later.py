"""A later copdns, with one more migration in each database, for tests of upgrades.

As a program, `python -m tests.unit.store.later FOLDER`, it opens both databases of a folder as the
later copdns does when it starts.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from copdns.store.connection import SqlConnection
from copdns.store.db import open_database
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import FILE

NAME = "9999_later"


def upgrade(folder: Path) -> None:
    """Open both databases of a folder with the later migrations, and close them again."""
    for steps in (HOUSEHOLD, LOG):
        steps(name=NAME)(_add_table)
    try:
        with HouseholdStore.open(folder):
            pass
        with closing(open_database(folder / FILE, LOG)):
            pass
    finally:
        for steps in (HOUSEHOLD, LOG):
            del steps._steps[NAME]


def _add_table(db: SqlConnection) -> None:
    db.execute("create table later (household text not null)")
    db.execute("insert into later values ('home')")


if __name__ == "__main__":
    upgrade(Path(sys.argv[1]))
