"""A house of years is back within ten seconds."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.unit.calling import Home

ROWS = 100_000
WITHIN = 10.0  # seconds


def fill(home: Home) -> None:
    """Write the history of years, and as many views."""
    now = int(time.time())
    with closing(sqlite3.connect(home.data / "household.db")) as connection, connection:
        (revision,) = connection.execute("select revision from household").fetchone()
        connection.executemany(
            "insert into change (household, revision, at, author, what) "
            "values ('home', ?, ?, ?, ?)",
            (
                (revision, now - n, "Ada", f"rule added: block n{n}.example for mia")
                for n in range(ROWS * 7 // 10)
            ),
        )
        connection.executemany(
            "insert into look (household, at, account, role, profile, view) "
            "values ('home', ?, 'a1', 'owner', 'mia', 'log')",
            ((now - n,) for n in range(ROWS * 3 // 10)),
        )
    home.ok("household", "repair", "--take-file", "--yes")


def test_a_house_with_100_000_rows_is_restored_within_ten_seconds(tmp_path: Path) -> None:
    home, file = Home(tmp_path), tmp_path / "saved.backup"
    home.ok("rule", "add", "allow", "chess.example", "--profile", "mia")
    home.ok("account", "add", "Ada", "--profile", "ada")
    fill(home)
    home.ok("backup", str(file))
    home.ok("rule", "add", "block", "bets.example", "--profile", "tom")
    (tmp_path / "other").mkdir()
    other = Home(tmp_path / "other")  # where all of it comes from the file
    for each in (home, other):
        begun = time.monotonic()
        done = each.process("restore", str(file), "--yes")
        done.communicate()
        assert done.returncode == 0
        assert time.monotonic() - begun < WITHIN
        assert "bets.example" not in each.ok("rule", "list")
    with closing(sqlite3.connect(other.data / "household.db")) as connection:
        counts = [connection.execute(f"select count(*) from {e}").fetchone()[0] for e in TABLES]
    assert sum(counts) >= ROWS


TABLES = ("change", "look")
