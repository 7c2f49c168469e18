"""The impact assessment names every column that is stored, and none that is not.

A new column needs a word in docs/dpia.md: in a line of its table, or in a line of its own that
says what it is for, whose it is, in which mode it is written, how long it stays and who sees it.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from copdns.model.household import PrivacyMode

ROOT = Path(__file__).parents[1]
PAGE = "docs/dpia.md"
FILES = {"household.db": "household.sql", "log.db": "log.sql"}  # and their golden schema
MODES = {"any", *map(str, PrivacyMode)}


class Line(NamedTuple):
    """A line of the page's tables, its cells as they are written."""

    table: str
    columns: str
    purpose: str
    whose: str
    mode: str
    how_long: str
    who_sees: str


def lines(file: str) -> list[Line]:
    text = (ROOT / PAGE).read_text()
    part = re.search(rf"^### {re.escape(file)}\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert part, f"{PAGE} needs a heading ### {file}"
    rows = re.findall(r"^\| (`.*) \|$", part[1], re.MULTILINE)
    return [Line(*(cell.strip() for cell in row.split("|"))) for row in rows]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def documented(file: str) -> list[str]:
    """Return "table.column" for each column that the page names."""
    return [f"{words(at.table)[0]}.{each}" for at in lines(file) for each in words(at.columns)]


def stored(file: str) -> set[str]:
    """Return "table.column" for each column of the golden schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((ROOT / "tests/golden" / FILES[file]).read_text())
        found = connection.execute(
            "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c"
            " where m.type = 'table' and m.name not like 'sqlite%'"
        ).fetchall()
    return {f"{table}.{column}" for table, column in found}


@pytest.mark.parametrize("file", FILES)
def test_every_column_that_is_stored_is_explained(file: str) -> None:
    missing = sorted(stored(file) - set(documented(file)))
    assert not missing, f"add to a line of its table in {PAGE} under '{file}': {missing}"


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_explained_that_is_not_stored(file: str) -> None:
    gone = sorted(set(documented(file)) - stored(file))
    assert not gone, f"take out of {PAGE} under '{file}', or mend the spelling: {gone}"


@pytest.mark.parametrize("file", FILES)
def test_every_column_is_explained_once(file: str) -> None:
    named = documented(file)
    twice = sorted({each for each in named if named.count(each) > 1})
    assert not twice, f"named more than once in {PAGE} under '{file}': {twice}"


@pytest.mark.parametrize("file", FILES)
def test_every_line_says_all_that_it_should(file: str) -> None:
    short = [line for line in lines(file) if "" in line]
    assert not short, f"an empty cell in {PAGE} under '{file}': {short}"


@pytest.mark.parametrize("file", FILES)
def test_a_mode_is_one_that_there_is(file: str) -> None:
    for line in lines(file):
        named = set(re.findall(r"[\w-]+", line.mode))
        assert named, line
        assert named <= MODES, f"{PAGE}: {line.table} names the mode {named - MODES}"


def test_names_that_were_asked_are_kept_in_two_modes_alone() -> None:
    (line,) = (each for each in lines("log.db") if "qname" in words(each.columns))
    assert words(line.mode) == ["blocked", "full"]


def test_every_risk_that_is_rated_is_in_the_register() -> None:
    part = (ROOT / PAGE).read_text().partition("## Risks, rated")[2].partition("\n### ")[0]
    rated = re.findall(r"\(((?:`[\w-]+`(?:, )?)+)\) \|", part)
    named = {risk for each in rated for risk in words(each)}
    register = set(
        re.findall(r"^### `([\w-]+)`", (ROOT / "docs/risks.md").read_text(), re.MULTILINE)
    )
    assert len(named) > 10
    assert named - register == set()
