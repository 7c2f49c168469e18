"""A search of the log finds what it asks for, page by page, and nothing that may not be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.privacy.retention import LogRow
from copdns.privacy.row_filter import EVERY_ROW, RowFilter
from copdns.store.log_db.querylog import QueryLog

NOON = 1_800_000_000
DAY = 86_400

ROWS = (
    LogRow(NOON - DAY, "home", "mia", "", "old.games.example", 1, "block", "category",
           "games", "", "games-list", "games.example", ""),
    LogRow(NOON, "home", "mia", "", "chess.example", 1, "block", "schedule", "", "", "", "", ""),
    LogRow(NOON, "home", "tom", "tom-phone", "video.example", 1, "allow", "default",
           "", "", "", "", "cdn.example"),
    LogRow(NOON, "home", "tom", "tom-phone", "tube.example", 1, "block", "service",
           "", "tube", "", "", ""),
    LogRow(NOON, "elsewhere", "mia", "", "bos.example", 1, "block", "rule", "", "", "", "", ""),
)  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Iterator[QueryLog]:
    log = QueryLog(tmp_path)
    for each in ROWS:
        log.add(each)
    log.flush()
    yield log
    log.stop()


def found(log: QueryLog, wanted: RowFilter = EVERY_ROW, *people: str) -> list[str]:
    rows = log.find("home", people or ("mia", "tom"), wanted)
    return [each.row.qname.partition(".")[0] for each in rows]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (EVERY_ROW, ["tube", "video", "chess", "old"]),
        (RowFilter(text="example"), ["tube", "video", "chess", "old"]),
        (RowFilter(text="games"), ["old"]),
        (RowFilter(text="cdn"), ["video"]),  # what it points to
        (RowFilter(text="%"), []),  # no pattern, but the letter itself
        (RowFilter(device="tom-phone"), ["tube", "video"]),
        (RowFilter(actions=("allow",)), ["video"]),
        (RowFilter(reasons=("schedule", "service")), ["tube", "chess"]),
        (RowFilter(category="games"), ["old"]),
        (RowFilter(service="tube"), ["tube"]),
        (RowFilter(since=NOON), ["tube", "video", "chess"]),
        (RowFilter(until=NOON), ["old"]),
        (RowFilter(since=NOON + 1), []),
        (RowFilter(text="e", since=NOON, actions=("block",)), ["tube", "chess"]),
    ],
)
def test_it_finds_what_is_asked_for(log: QueryLog, wanted: RowFilter, names: list[str]) -> None:
    assert found(log, wanted) == names
    at_home = [each for each in reversed(ROWS) if each.household == "home"]
    assert [e.qname.partition(".")[0] for e in at_home if wanted.wants(e)] == names
    assert found(log, wanted, "mia") == [each for each in names if each in ("chess", "old")]


def test_nobody_is_found_who_was_not_asked_for(log: QueryLog) -> None:
    assert log.find("home", ()) == ()
    assert found(log, EVERY_ROW, "ada") == []


def test_pages_follow_each_other(log: QueryLog) -> None:
    first = log.find("home", ("mia", "tom"), limit=2)
    second = log.find("home", ("mia", "tom"), limit=2, before=first[-1].id)
    assert [each.row for each in (*first, *second)] == [
        each for each in reversed(ROWS) if each.household == "home"
    ]


def test_what_may_not_be_shown_leaves_no_gap(log: QueryLog) -> None:
    """Or a page that is short would tell that something matches."""
    rows = log.find(
        "home", ("mia", "tom"), may_show=lambda row: row.qname != "video.example", limit=2
    )
    assert [each.row.qname for each in rows] == ["tube.example", "chess.example"]
