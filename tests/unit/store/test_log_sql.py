"""The SQL of the log says the same over both engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest

from copdns.model.bypass_signs import Habit, Sign, SignKind
from copdns.privacy.list_counts import ListCountKey, ListCountKind, week_of
from copdns.privacy.retention import CountKey, LogRow
from copdns.privacy.row_filter import EVERY_ROW, RowFilter
from copdns.store.connection import SqlConnection
from copdns.store.db import transaction
from copdns.store.log_db import list_rows, rows, sign_rows, usage, usage_rows
from copdns.store.log_db.migrations import LOG
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import migrate
from copdns.time.minutes import DayBitmaps, Minutes, Usage
from tests.postgres_server import empty
from tests.unit.store.conftest import SQLITE

NOW = 1_800_000_000
HOUR = NOW // 3600
DAY = 86_400
SCHEMA = "copdns_log"


@pytest.fixture
def log(engine: str, request: pytest.FixtureRequest) -> Iterator[SqlConnection]:
    if engine == SQLITE:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            LOG.apply(connection)
            yield connection
        return
    conninfo = request.getfixturevalue("postgres_server")
    with closing(PostgresPool(conninfo, SCHEMA)) as pool:
        migrate(pool, LOG)
        with pool.connection() as lent:
            yield lent
    empty(conninfo, SCHEMA)


def row(profile: str, qname: str, at: int = NOW, household: str = "home") -> LogRow:
    return LogRow(
        *(at, household, profile, f"{profile}-phone", qname, 1, "block", "category"),
        *("games", "", "games-list", qname, ""),
    )


ROWS = (
    row("mia", "old.example", NOW - DAY),
    row("mia", "chess.example"),
    row("tom", "100%.example"),
    row("mia", "bos.example", household="bos"),
)
COUNTS = {
    CountKey("home", "mia", HOUR, "block", "category", "games"): 2,
    CountKey("home", "mia", HOUR, "allow", "default", ""): 5,
    CountKey("home", "tom", HOUR - 1, "block", "schedule", ""): 3,
    CountKey("bos", "mia", HOUR, "block", "category", "games"): 7,
}


@pytest.fixture
def written(log: SqlConnection) -> SqlConnection:
    rows.write(log, ROWS, COUNTS, 0)
    rows.write(log, (), COUNTS, 0)  # the same again adds up
    return log


def names(found: tuple[rows.StoredRow, ...]) -> list[str]:
    return [each.row.qname.partition(".")[0] for each in found]


def test_rows_come_back_by_household_person_and_id(written: SqlConnection) -> None:
    everyone = rows.rows(written, "home", None, 10, None)
    assert names(everyone) == ["old", "chess", "100%"]
    assert tuple(each.row for each in everyone) == ROWS[:3]
    assert names(rows.rows(written, "home", "mia", 10, None)) == ["old", "chess"]
    assert names(rows.rows(written, "home", None, 1, everyone[0].id)) == ["chess"]
    assert list_rows.rows_by_list(written, "home") == {"games-list": 3}
    seen = rows.devices_seen(written, "home", ["mia", "tom"], NOW)
    assert seen == {"mia": {"mia-phone": NOW}, "tom": {"tom-phone": NOW}}


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (EVERY_ROW, ["100%", "chess", "old"]),
        (RowFilter(text="%"), ["100%"]),
        (RowFilter(since=NOW, until=NOW + 1), ["100%", "chess"]),
        (RowFilter(until=NOW), ["old"]),
        (RowFilter(device="mia-phone", actions=("block",), category="games"), ["chess", "old"]),
    ],
)
def test_rows_are_found(written: SqlConnection, wanted: RowFilter, there: list[str]) -> None:
    people = ("mia", "tom")
    assert names(rows.find(written, "home", people, wanted, lambda _: True, 10, None)) == there


def test_counts_add_up(written: SqlConnection) -> None:
    mias = rows.counts(written, "home", "mia", NOW)
    assert [(key.action, n) for key, n in mias] == [("allow", 10), ("block", 4)]
    sums = rows.sum_counts(written, "home", (HOUR - 1) * 3600, (HOUR + 1) * 3600)
    assert [(key.profile, key.hour, key.reason, n) for key, n in sums] == [
        ("mia", HOUR - 1, "default", 10),
        ("mia", HOUR - 1, "category", 4),
        ("tom", HOUR - 1, "schedule", 6),
    ]
    hours = [(HOUR + each) * 3600 for each in (-1, 0, 1)]
    periods = [(hours[0], hours[1]), (hours[1], hours[2])]
    found = rows.period_counts(written, "home", ["mia", "tom"], periods, ["mia"])
    assert sorted(tuple(each) for each in found) == [
        (0, 1, "schedule", 6, 0),
        (1, 0, "", 10, 10),
        (1, 1, "games", 4, 4),
    ]
    assert sorted(tuple(each) for each in rows.hour_lookups(written, "home", ["mia"], NOW)) == [
        (HOUR, 0, 10),
        (HOUR, 1, 4),
    ]


def test_an_erasure_takes_everything_of_a_person_and_later_rows_of_before(
    written: SqlConnection,
) -> None:
    assert rows.erase(written, "home", "mia", NOW)
    rows.write(written, [row("mia", "late.example"), row("tom", "late.example")], COUNTS, 0)
    assert names(rows.rows(written, "home", None, 10, None)) == ["100%", "late"]
    assert rows.counts(written, "home", "mia", 0) == ()
    assert rows.profiles_erased_since(written, 0) == {("home", "mia")}
    assert names(rows.rows(written, "bos", None, 10, None)) == ["bos"]


def test_what_is_too_old_goes(written: SqlConnection) -> None:
    rows.purge(written, NOW + DAY + 3600, rows_days=1.5, counts_days=2)
    assert names(rows.rows(written, "home", None, 10, None)) == ["chess", "100%"]
    rows.purge(written, NOW + 4 * DAY, rows_days=1, counts_days=2)
    assert rows.counts(written, "home", None, 0) == ()


def test_counts_of_lists_add_up_and_stand(log: SqlConnection) -> None:
    week = week_of(NOW)
    one = ListCountKey("home", "games-list", week, ListCountKind.CAUGHT)
    other = one._replace(kind=ListCountKind.ENTRIES)
    list_rows.count_lists(log, {one: 2})
    list_rows.count_lists(log, {one: 3})
    list_rows.note_lists(log, {other: 2})
    list_rows.note_lists(log, {other: 1})
    assert list_rows.list_counts(log, "home", week) == {one: 5, other: 1}
    assert list_rows.list_counts(log, "home", week + 1) == {}


def test_signs_take_the_place_of_those_of_the_same_hour(log: SqlConnection) -> None:
    habit = Habit("home", "mia", "phone", NOW // DAY // 7, 1, 2, 3, "f", 4, 5)
    kind = next(iter(SignKind))
    sign = Sign("home", "mia", "phone", NOW, kind, proven=False, tells=None, told=False)
    for proven in (False, True):
        with transaction(log):
            sign_rows.write(log, [habit], [sign._replace(proven=proven)])
    assert sign_rows.habits(log, "home", "mia") == sign_rows.habits(log) == (habit,)
    assert sign_rows.signs(log) == (sign._replace(proven=True),)
    assert sign_rows.signs(log, "home", "tom") == ()
    sign_rows.keep_only(log, [])
    assert sign_rows.signs(log) == sign_rows.habits(log) == ()


def test_minutes_of_a_day_are_joined(log: SqlConnection) -> None:
    day = date(2027, 1, 15)
    some = Usage("home", "mia", "games", day, NOW, DayBitmaps(3, 1, 0), Minutes(1, 2, 3))
    more = some._replace(marks=DayBitmaps(4, 0, 8), minutes=Minutes(2, 1, 3), own=True)
    for each in (some, more):
        usage._add_usage(log, each)
    both = some._replace(marks=DayBitmaps(7, 1, 8), minutes=Minutes(2, 2, 3), own=True)
    assert usage_rows.read_usage(log, "home", None, day) == (both,)
    assert usage_rows.read_usage(log, None, "tom", day) == ()
    usage._close_days(log, "home", date(2027, 1, 16), {"mia"})
    assert usage_rows.read_usage(log, "home", "mia", day) == (
        both._replace(marks=DayBitmaps(0, 0, 0)),
    )
    usage._close_days(log, "home", date(2027, 1, 16), ())
    assert usage_rows.read_usage(log, "home", "mia", day) == ()
