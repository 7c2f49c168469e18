"""The schemas as they stand, for review: a migration shows here as a readable difference.

Rewrite tests/golden after a migration with `python tests/unit/store/test_schema.py`.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from copdns.store.db import open_database
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.log_db.migrations import LOG
from copdns.store.schema_steps import SchemaSteps
from tests.unit.store.earlier import household_before

GOLDEN = Path(__file__).parents[1].parent / "golden"
FILES = [("household.sql", HOUSEHOLD), ("log.sql", LOG)]
DAY = 86_400
OWN = re.compile(r"_?sqlite_")  # tables of SQLite and of sqlite-utils


def schema(folder: Path, migrations: SchemaSteps) -> str:
    with closing(open_database(folder / "new.db", migrations)) as connection:
        found = connection.execute(
            "select tbl_name, sql from sqlite_master where sql is not null order by rowid"
        ).fetchall()
    indent = re.compile(r"\n {8}")
    return "\n".join(indent.sub("\n", sql) + ";\n" for name, sql in found if not OWN.match(name))


@pytest.mark.parametrize(("file", "migrations"), FILES)
def test_migrations_add_up_to_the_golden_schema(
    tmp_path: Path, file: str, migrations: SchemaSteps
) -> None:
    assert schema(tmp_path, migrations) == (GOLDEN / file).read_text()


@pytest.mark.parametrize(("file", "migrations"), FILES)
def test_every_table_belongs_to_a_household(
    tmp_path: Path, file: str, migrations: SchemaSteps
) -> None:
    tables = re.findall(
        r"CREATE TABLE (\w+) \((.*?)\n[),]", schema(tmp_path, migrations), re.DOTALL
    )
    assert tables
    for name, columns in tables:
        if name != "clock":  # the machine's
            assert "household text" in columns, f"{file}: {name}"


@pytest.mark.parametrize(("file", "migrations"), FILES)
def test_opening_again_changes_nothing(tmp_path: Path, file: str, migrations: SchemaSteps) -> None:
    assert schema(tmp_path, migrations) == schema(tmp_path, migrations)


def test_browsers_from_before_are_proof_and_pins_are_announced(tmp_path: Path) -> None:
    with household_before("0027", tmp_path / "old.db") as connection:
        connection.execute(
            "insert into pairing values ('home', 'p1', 'digest', 'phone', 'mia', 100, 100)"
        )
        connection.execute("insert into pin values ('home', 'mia', 'hash', 100)")
    now = int(time.time())
    with closing(open_database(tmp_path / "old.db", HOUSEHOLD)) as connection:
        (proof,) = connection.execute("select proof from pairing").fetchone()
        (pin,) = connection.execute("select proof from pin").fetchone()
        told = connection.execute("select profile, kind, at from claim").fetchall()
    assert proof == 0, "always"
    assert 0 <= pin - DAY - now < 60
    assert told == [("mia", "pin", pin - DAY)]


if __name__ == "__main__":
    for name, steps in FILES:
        with TemporaryDirectory() as folder:
            (GOLDEN / name).write_text(schema(Path(folder), steps))
