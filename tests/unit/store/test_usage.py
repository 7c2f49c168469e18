"""Tests of minutes on disk: what is kept, for how long, and that erased means gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.usage import UsageStore, close_days, load_clock, save_clock
from copdns.time.clock import LastSeen
from copdns.time.minutes import NO_MARKS, DayBitmaps, Minutes, Usage

TODAY = date(2026, 3, 29)
YESTERDAY = date(2026, 3, 28)
START = 1_774_742_400
DAY = 86_400
BITS = int.from_bytes(b"mia was here", "little")


def used(
    profile: str = "mia", budget: str = "games", day: date = TODAY, likely: int = 40, bits: int = 7
) -> Usage:
    start = START + (day - TODAY).days * DAY
    minutes = Minutes(likely - 10, likely, likely + 10)
    return Usage("home", profile, budget, day, start, DayBitmaps(bits, bits >> 1), minutes)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def saved(folder: Path, *usages: Usage) -> UsageStore:
    store = UsageStore(folder)
    store.load(YESTERDAY)
    assert store.save(usages) == frozenset()
    return store


def test_minutes_are_kept_and_read_back(tmp_path: Path) -> None:
    usages = used("mia"), used("mia", "all", bits=1 << 1499), used("tom", bits=0)
    saved(tmp_path, *usages)
    assert set(UsageStore(tmp_path).load(YESTERDAY)) == set(usages)
    assert UsageStore(tmp_path).load(date(2026, 3, 30)) == ()


def test_asking_makes_no_file(tmp_path: Path) -> None:
    store = UsageStore(tmp_path)
    assert store.load(TODAY) == ()
    assert store.save(()) == frozenset()
    assert load_clock(tmp_path) is None
    assert QueryLog(tmp_path).usage("home", None, TODAY) == ()
    close_days(tmp_path, "home", TODAY, ())
    assert list(tmp_path.iterdir()) == []


def test_saving_again_adds_to_what_is_there_and_takes_nothing_away(tmp_path: Path) -> None:
    store = saved(tmp_path, used(likely=40, bits=0b1100))
    store.save([used(likely=30, bits=0b0110)])
    store.save([used(likely=30, bits=0b0110)])
    (found,) = store.load(TODAY)
    assert found.marks.some == 0b1110
    assert found.minutes.likely == 40


def test_a_day_that_begins_at_another_hour_keeps_its_minutes_in_place(tmp_path: Path) -> None:
    store = saved(tmp_path, used(bits=0b1100))
    store.save([used(bits=1)._replace(start=START + 120)])
    (found,) = store.load(TODAY)
    assert (found.start, found.marks.some) == (START + 120, 0b11)


def test_when_a_day_is_over_only_its_numbers_stay(tmp_path: Path) -> None:
    saved(tmp_path, used(day=YESTERDAY), used())
    close_days(tmp_path, "home", TODAY, {"mia"})
    yesterday, today = UsageStore(tmp_path).load(YESTERDAY)
    assert yesterday == used(day=YESTERDAY)._replace(marks=NO_MARKS)
    assert today == used()


def test_of_a_profile_that_keeps_nothing_only_today_is_there(tmp_path: Path) -> None:
    saved(tmp_path, *(used(who, day=day) for who in ("mia", "tom") for day in (YESTERDAY, TODAY)))
    close_days(tmp_path, "home", TODAY, {"tom"})
    found = [(each.profile, each.day) for each in UsageStore(tmp_path).load(YESTERDAY)]
    assert found == [("tom", YESTERDAY), ("mia", TODAY), ("tom", TODAY)]


def test_closing_a_day_leaves_other_households_alone(tmp_path: Path) -> None:
    theirs = used(day=YESTERDAY)._replace(household="there")
    saved(tmp_path, theirs)
    close_days(tmp_path, "home", TODAY, ())
    assert UsageStore(tmp_path).load(YESTERDAY) == (theirs,)


def test_a_day_that_comes_back_has_the_minutes_it_had(tmp_path: Path) -> None:
    store = saved(tmp_path, used(day=YESTERDAY))
    close_days(tmp_path, "home", TODAY, {"mia"})
    store.save([used(day=YESTERDAY, likely=12, bits=1)])
    (found,) = store.load(YESTERDAY)
    assert (found.marks.some, found.minutes.likely) == (1, 40)


def test_no_bitmap_of_a_day_that_is_over_is_in_any_file_after_the_next_clean_up(
    tmp_path: Path,
) -> None:
    saved(tmp_path, used(day=YESTERDAY, bits=BITS), used(bits=1))
    assert b"mia was here" in on_disk(tmp_path)
    close_days(tmp_path, "home", TODAY, {"mia"})
    QueryLog(tmp_path).purge(START + 3600)
    assert b"mia was here" not in on_disk(tmp_path)


def test_numbers_stay_as_long_as_counts_do(tmp_path: Path) -> None:
    days = [date(2026, 2, 26), date(2026, 2, 27), TODAY, date(2026, 3, 31), date(2026, 4, 2)]
    saved(tmp_path, *(used(day=day) for day in days))
    QueryLog(tmp_path).purge(START + 3600, counts_days=30)
    found = [each.day for each in QueryLog(tmp_path).usage("home", "mia", date(2026, 1, 1))]
    assert found == [date(2026, 2, 27), TODAY, date(2026, 3, 31)]


def test_history_is_of_one_household_and_of_one_person_if_so_asked(tmp_path: Path) -> None:
    theirs = used()._replace(household="there")
    saved(tmp_path, used("mia"), used("tom"), used("mia", day=YESTERDAY), theirs)
    found = QueryLog(tmp_path).usage("home", None, YESTERDAY)
    assert found == (used("mia", day=YESTERDAY), used("mia"), used("tom"))
    assert QueryLog(tmp_path).usage("home", "tom", YESTERDAY) == (used("tom"),)


def test_an_erased_profile_has_no_minutes_in_any_file_and_the_others_stay(tmp_path: Path) -> None:
    saved(tmp_path, used("mia", "mias-budget", bits=BITS), used("tom"))
    QueryLog(tmp_path).erase("home", "mia", START)
    assert b"mia was here" not in on_disk(tmp_path)
    assert b"mias-budget" not in on_disk(tmp_path)
    assert UsageStore(tmp_path).load(YESTERDAY) == (used("tom"),)


def test_what_was_counted_before_an_erasure_is_never_written(tmp_path: Path) -> None:
    store = saved(tmp_path, used("tom"))
    QueryLog(tmp_path).erase("home", "mia", START)
    assert store.save([used("mia"), used("tom", likely=50)]) == {("home", "mia")}
    assert [each.profile for each in store.load(TODAY)] == ["tom"]
    assert store.save([used("mia")]) == frozenset()  # asked after it
    assert [each.profile for each in store.load(TODAY)] == ["mia", "tom"]


def test_an_erasure_is_told_once_though_nothing_is_to_be_saved(tmp_path: Path) -> None:
    store = saved(tmp_path, used("mia"))
    QueryLog(tmp_path).erase("home", "mia", START)
    assert store.save(()) == {("home", "mia")}
    assert store.take_erased() == frozenset()


def test_an_erasure_of_long_ago_erases_nothing_of_today(tmp_path: Path) -> None:
    saved(tmp_path, used("tom"))
    QueryLog(tmp_path).erase("home", "mia", START)
    store = UsageStore(tmp_path)
    store.load(YESTERDAY)
    assert store.save([used("mia")]) == frozenset()
    assert [each.profile for each in store.load(TODAY)] == ["mia", "tom"]


def test_who_was_erased_is_told_also_after_what_is_stored_was_read_again(tmp_path: Path) -> None:
    saved(tmp_path, used("tom"))
    store = UsageStore(tmp_path)
    store.load(YESTERDAY)
    QueryLog(tmp_path).erase("home", "mia", START)
    store.load(YESTERDAY)
    assert store.save([used("mia")]) == {("home", "mia")}


def test_the_clock_is_the_moment_that_was_seen_last_also_after_it_went_back(
    tmp_path: Path,
) -> None:
    save_clock(tmp_path, START + 0.9)
    assert load_clock(tmp_path) == LastSeen(START)
    save_clock(tmp_path, START - DAY)
    assert load_clock(tmp_path) == LastSeen(START - DAY)


def test_a_log_of_before_gets_its_new_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("create table other (household text)")
    assert load_clock(tmp_path) is None
    assert UsageStore(tmp_path).load(TODAY) == ()


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"holiday photo" * 99)
    store = UsageStore(tmp_path)
    with pytest.raises(StoreError, match=r"log\.db"):
        store.load(TODAY)
    with pytest.raises(StoreError, match=r"log\.db"):
        store.save([used()])
    with pytest.raises(StoreError, match=r"log\.db"):
        save_clock(tmp_path, START)


def test_a_database_that_is_locked_is_told_and_works_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = saved(tmp_path, used("mia"))
    monkeypatch.setattr("copdns.store.log_db.usage.BUSY", 0.01)
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="another process"):
            store.save([used("tom")])
        other.execute("rollback")
    store.save([used("tom")])
    assert [each.profile for each in store.load(TODAY)] == ["mia", "tom"]
