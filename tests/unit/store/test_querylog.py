"""The log on disk: complete while the disk is well, harmless when it is not, gone when erased."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.model.errors import StoreError
from copdns.model.household import PrivacyMode
from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy.retention import (
    CountKey,
    LogRow,
    WaitingRow,
    WaitingRows,
    count_key,
    list_values,
    log_row,
)
from copdns.store.db import open_database, store_error
from copdns.store.log_db import querylog
from copdns.store.log_db import rows as log_rows
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import FULL_WAIT, QueryLog

GOLDEN = Path(__file__).parents[2] / "golden"
NOW = 1_800_000_000
HOUR = 3600
DAY = 86_400

BLOCKED = Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games", list="starter-games")
ALLOWED = Verdict(Action.ALLOW, Reason.DEFAULT, 15)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[QueryLog]:
    log = QueryLog(tmp_path, capacity=100)
    yield log
    log.stop()


def row(qname: str, profile: str = "mia", at: float = NOW, household: str = "home") -> LogRow:
    found = log_row(PrivacyMode.FULL, household, profile, "tablet", qname, 1, BLOCKED, at)
    assert found is not None
    return found.row()


def key(profile: str = "mia", at: float = NOW, verdict: Verdict = BLOCKED) -> CountKey:
    found = count_key(PrivacyMode.COUNTS, "home", profile, verdict, at)
    assert found is not None
    return found


def qnames(log: QueryLog, profile: str | None = None, after: int | None = None) -> list[str]:
    return [each.row.qname for each in log.rows("home", profile, after=after)]


def on_disk(folder: Path) -> bytes:
    """Return every byte of every file: databases with their free pages, WAL, and what else."""
    return b"".join(each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file())


# Writing and reading


def test_what_waits_is_written_as_the_row_that_it_stands_for(log: QueryLog) -> None:
    waiting = log_row(PrivacyMode.BLOCKED, "home", "mia", "tablet", "a.example", 28, BLOCKED, NOW)
    assert waiting is not None
    log.add(waiting)
    log.add(row("b.example"))
    log.flush()
    assert [each.row for each in log.rows("home")] == [waiting.row(), row("b.example")]


def test_what_waits_is_bound_as_plain_texts() -> None:
    """The driver would ask Python about each other kind of text, which takes as long as the row."""
    waiting = log_row(PrivacyMode.BLOCKED, "home", "mia", "tablet", "a.example", 28, BLOCKED, NOW)
    assert waiting is not None
    values = list_values([waiting, row("b.example")])
    assert values == [*waiting.row(), *row("b.example")]
    assert {type(each) for each in values[:13]} == {int, str}


def test_what_is_added_is_read_back_in_its_order(log: QueryLog) -> None:
    rows = [row(f"n{n}.games.example") for n in range(5)]
    for each in rows:
        log.add(each)
    log.flush()
    found = log.rows("home")
    assert [each.row for each in found] == rows
    assert [each.id for each in found] == [1, 2, 3, 4, 5]


def test_a_row_comes_back_with_all_it_had(log: QueryLog) -> None:
    full = LogRow(NOW, "home", "mia", "tablet", "a.example", 65, "block", "category", "games",
               "chess", "starter", "*.example", "cdn.example")  # fmt: skip
    log.add(full)
    log.flush()
    assert log.rows("home")[0].row == full


def test_rows_are_told_apart_by_household_and_profile(log: QueryLog) -> None:
    log.add(row("mias.example"))
    log.add(row("toms.example", "tom"))
    log.add(row("bos.example", "mia", household="bos"))
    log.flush()
    assert qnames(log) == ["mias.example", "toms.example"]
    assert qnames(log, "tom") == ["toms.example"]
    assert qnames(log, "bo") == []


def test_the_newest_rows_are_given_and_the_newest_comes_last(log: QueryLog) -> None:
    for n in range(9):
        log.add(row(f"n{n}.example"))
    log.flush()
    assert [each.row.qname for each in log.rows("home", limit=2)] == ["n7.example", "n8.example"]


def test_a_reader_follows_by_id_and_misses_nothing(log: QueryLog) -> None:
    log.add(row("a.example"))
    log.add(row("b.example"))
    log.flush()
    assert [each.row.qname for each in log.rows("home", limit=1, after=0)] == ["a.example"]
    last = log.rows("home")[-1].id
    assert qnames(log, after=last) == []
    log.purge(NOW + 30 * DAY)  # ids of deleted rows are not given again
    log.add(row("c.example"))
    log.flush()
    assert qnames(log, after=last) == ["c.example"]


@pytest.mark.parametrize("number", [9, 10, 99, 100, 357])
def test_a_batch_of_any_size_is_written_whole_and_in_its_order(tmp_path: Path, number: int) -> None:
    log = QueryLog(tmp_path)
    names = [f"n{n}.games.example" for n in range(number)]
    keys = [key(at=NOW + n * HOUR) for n in range(number)]
    for _ in ("once", "again"):
        for name, each in zip(names, keys, strict=True):
            log.add(row(name))
            log.count(each, 2)
        log.flush()
    assert qnames(log) == names * 2
    assert log.counts("home") == tuple((each, 4) for each in keys)
    log.stop()


def test_counts_add_up_within_a_batch_and_over_batches(log: QueryLog) -> None:
    for _ in range(2):
        for _ in range(3):
            log.count(key())
        log.count(key(verdict=ALLOWED))
        log.flush()
    assert log.counts("home") == (
        (key(verdict=ALLOWED), 2),
        (key(), 6),
    )


def test_counts_are_read_by_profile_and_from_an_hour_on(log: QueryLog) -> None:
    for hour in range(3):
        log.count(key(at=NOW + hour * HOUR))
        log.count(key("tom", at=NOW + hour * HOUR))
    log.flush()
    assert len(log.counts("home")) == 6
    assert [each.hour for each, _ in log.counts("home", "tom", since=NOW + HOUR + 59)] == [
        (NOW + HOUR) // HOUR,
        (NOW + 2 * HOUR) // HOUR,
    ]
    assert log.counts("bos") == ()


def test_asking_where_no_log_is_makes_none(tmp_path: Path) -> None:
    log = QueryLog(tmp_path / "data")
    assert log.rows("home") == ()
    assert log.counts("home") == ()
    log.purge(NOW)
    log.erase("home", "mia", NOW)
    assert not (tmp_path / "data").exists()


def test_another_process_reads_while_the_server_writes(tmp_path: Path, log: QueryLog) -> None:
    reader = QueryLog(tmp_path)
    log.add(row("a.example"))
    log.flush()
    assert qnames(reader) == ["a.example"]
    log.add(row("b.example"))
    log.flush()
    assert qnames(reader) == ["a.example", "b.example"]


def test_a_file_that_is_no_log_is_an_error_for_readers_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"holiday photo" * 99)
    with pytest.raises(StoreError, match=r"log\.db"):
        QueryLog(tmp_path).rows("home")
    assert on_disk(tmp_path) == b"holiday photo" * 99


# The writer's thread


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait for another thread or process, which does its work in its own time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.002)
    return True


def test_a_started_log_is_on_disk_without_a_flush(tmp_path: Path) -> None:
    log = QueryLog(tmp_path, interval=0.01)
    log.start()
    log.add(row("a.example"))
    log.count(key())
    assert eventually(lambda: qnames(log) == ["a.example"])
    log.stop()
    assert log.counts("home") == ((key(), 1),)


def test_stopping_writes_what_waits(tmp_path: Path) -> None:
    log = QueryLog(tmp_path, interval=3600)
    log.start()
    log.add(row("a.example"))
    log.stop()
    assert qnames(log) == ["a.example"]


def test_nothing_is_lost_or_doubled_between_the_loop_and_the_writer(tmp_path: Path) -> None:
    log = QueryLog(tmp_path, capacity=100_000, interval=0.0005)
    log.start()
    one, number = row("a.example"), 30_000
    for _ in range(number):
        log.add(one)
        log.count(key())
    log.stop()
    assert log.dropped_count == 0
    assert log.rows("home", limit=1)[0].id == number
    assert log.counts("home") == ((key(), number),)


@pytest.mark.skipif(sys.platform != "linux", reason="niceness by thread is Linux's")
def test_the_writer_lets_queries_go_first(tmp_path: Path) -> None:
    log = QueryLog(tmp_path, interval=0.01)
    log.start()
    log.add(row("a.example"))
    assert eventually(lambda: qnames(log) != [])
    (writer,) = [each for each in threading.enumerate() if each.name == "query-log"]
    assert writer.native_id is not None
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert os.getpriority(os.PRIO_PROCESS, writer.native_id) == min(own + 10, 19)
    log.stop()


def test_a_system_that_refuses_the_priority_is_told_of_and_tolerated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    with capture_logs() as events:
        querylog._lower_priority()
    assert [each["event"] for each in events] == ["log_priority_refused"]


ADD_ROWS = """
import os, sys, time
from pathlib import Path
from copdns.privacy.retention import LogRow
from copdns.store.log_db.querylog import QueryLog
os.setpriority = lambda *_: None  # else it lets all that is tested beside it go first
log = QueryLog(Path(sys.argv[1]))
log.start()
while True:
    now = time.time()
    log.add(LogRow(int(now * 1000), "home", "mia", *[""] * 2, 1, *[""] * 7))
    if log.written:  # and so the file is made, which takes longer than a batch
        print(now, flush=True)
    time.sleep(0.005)
"""


def test_a_killed_process_loses_a_second_at_most(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ADD_ROWS, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = float(process.stdout.readline())
    last = first
    while last < first + 1.1:
        last = float(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    newest = QueryLog(tmp_path).rows("home", limit=1)[-1].row
    assert newest.at / 1000 > last - 1


# Trouble


def test_what_comes_while_a_batch_is_taken_waits_for_the_next() -> None:
    waiting = WaitingRows(3)
    waiting.add(row("a.example"))
    taken = waiting.take()
    assert [each.qname for each in taken] == ["a.example"]
    assert (waiting.rows, waiting.take()) == ([], [])
    for name in ("b.example", "c.example", "d.example"):
        waiting.add(row(name))
    assert waiting.put_back(taken) == 1
    assert [each.qname for each in waiting.rows] == ["a.example", "b.example", "c.example"]
    assert not waiting.has_room()


def test_more_than_fits_is_dropped_and_counted(log: QueryLog) -> None:
    for n in range(130):
        log.add(row(f"n{n}.example"))
    for hour in range(130):
        log.count(key(at=NOW + hour * HOUR))
        log.count(key())
    assert log.dropped_count == 30 + 30
    log.flush()
    assert qnames(log) == [f"n{n}.example" for n in range(100)]
    assert sum(n for _, n in log.counts("home")) == 130 + 100


def test_a_locked_database_is_tried_again_and_nothing_is_lost(
    tmp_path: Path, log: QueryLog
) -> None:
    log.flush()
    log.add(row("before.example"))
    log.count(key())
    with capture_logs() as events, closing(open_database(log.path, LOG)) as other:
        other.execute("begin immediate")
        log.flush()
        log.add(row("meanwhile.example"))
        log.count(key())
        log.flush()
        assert (log.failures, log.last_error) == (2, "database is locked")
        assert qnames(log) == []
        other.execute("rollback")
        log.flush()
    assert qnames(log) == ["before.example", "meanwhile.example"]
    assert log.counts("home") == ((key(), 2),)
    assert (log.failures, log.last_error, log.dropped_count) == (2, "", 0)
    assert [each["event"] for each in events] == ["log_write_failed", "log_write_recovered"]


def test_with_nothing_to_write_nobody_is_kept_from_writing(log: QueryLog) -> None:
    log.flush()
    with closing(open_database(log.path, LOG)) as other:
        other.execute("begin immediate")
        log.flush()
        assert (log.failures, log.last_error) == (0, "")


def test_what_waits_for_the_disk_is_bounded_and_the_oldest_stays(log: QueryLog) -> None:
    log.flush()
    for n in range(60):
        log.add(row(f"old{n}.example"))
        log.count(key(at=NOW + n * HOUR))
    with closing(open_database(log.path, LOG)) as other:
        other.execute("begin immediate")
        log.flush()
        for n in range(60):
            log.add(row(f"new{n}.example"))
            log.count(key("tom", at=NOW + n * HOUR))
        log.flush()
    log.flush()
    assert log.dropped_count == 20 + 20
    assert qnames(log)[0] == "old0.example"
    assert qnames(log)[-1] == "new39.example"


def test_a_disk_that_takes_no_more_is_survived(log: QueryLog) -> None:
    log.flush()
    names = [f"{n}.{'long' * 12}.example" for n in range(100)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = log.path.with_name("log.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 4096, hard))
    try:
        for name in names:
            log.add(row(name))
        log.flush()
        assert log.failures == 1
        log.add(row("one-more.example"))
        log.flush()
        assert log.failures == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.flush()
    assert log.last_error == ""
    assert qnames(log) == names
    assert log.dropped_count == 1


def test_a_full_disk_that_keeps_the_log_from_being_opened_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    log = QueryLog(tmp_path)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 3

    def refuse(*_: object, **__: object) -> None:
        if len(waits) == 1:
            raise store_error(log.path, OSError(errno.ENOSPC, "full")) from OSError(28, "full")

    monkeypatch.setattr(log._stopping, "wait", wait)
    monkeypatch.setattr("copdns.store.db.lock_folder", lambda _: nullcontext(refuse()))
    log._write_batches()
    log.stop()
    assert waits == [0.25, FULL_WAIT, 0.25, 0.25]
    assert (log.failures, log.last_error) == (1, "")


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    log = QueryLog(tmp_path / "data")
    log.add(row("a.example"))
    with capture_logs():
        log.flush()
    assert "--data DIR" in log.last_error
    (tmp_path / "data").unlink()
    log.flush()
    assert qnames(log) == ["a.example"]
    log.stop()


def test_a_stop_that_cannot_write_tells_how_much_is_lost(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    log = QueryLog(tmp_path / "data")
    log.add(row("a.example"))
    log.count(key())
    with capture_logs() as events:
        log.stop()
    assert events[-1]["event"] == "log_stopped_unwritten"
    assert events[-1]["lost"] == 2
    assert "a.example" not in repr(events)


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 300)


def half(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[:4096] + b"\xff" * (len(octets) - 4096))


@pytest.mark.parametrize("damage", [garbage, half])
def test_a_broken_database_is_moved_aside_and_a_new_one_begun(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    before = QueryLog(tmp_path)
    before.add(row("lost.example"))
    before.stop()
    damage(tmp_path / "log.db")

    log = QueryLog(tmp_path)
    log.add(row("a.example"))
    with capture_logs() as events:
        log.flush()
        log.flush()
    assert qnames(log) == ["a.example"]
    assert (tmp_path / "log.db.broken-1").exists()
    assert [each["event"] for each in events] == [
        "log_write_failed",
        "log_database_broken",
        "log_write_recovered",
    ]
    assert events[1]["moved_to"] == str(tmp_path / "log.db.broken-1")
    log.stop()


def test_a_disk_that_breaks_again_and_again_is_not_filled(tmp_path: Path) -> None:
    for _ in range(6):
        garbage(tmp_path / "log.db")
        log = QueryLog(tmp_path)
        with capture_logs():
            log.stop()
    assert len(list(tmp_path.glob("log.db.broken-*"))) == 3


def test_a_faulty_row_costs_its_batch_and_not_the_log(tmp_path: Path) -> None:
    log = QueryLog(tmp_path, interval=0.001)
    log.add(row("caf\udce9.example"))
    with capture_logs() as events:
        log.start()
        assert eventually(lambda: bool(events))
        log.add(row("a.example"))
        log.stop()
    assert [each["event"] for each in events] == ["log_batch_lost"]
    assert "UnicodeEncodeError" in events[0]["traceback"]
    assert log.dropped_count == 1
    assert qnames(log) == ["a.example"]


# Forgetting


def test_rows_go_after_seven_days_and_counts_after_thirty(log: QueryLog) -> None:
    for days in (0, 6.9, 7.1, 29.9, 31):
        log.add(row(f"{days}.example", at=NOW - days * DAY))
        log.count(key(at=NOW - days * DAY))
    log.flush()
    log.purge(NOW)
    assert qnames(log) == ["0.example", "6.9.example"]
    assert len(log.counts("home")) == 4


def test_retention_can_be_shorter(log: QueryLog) -> None:
    for hours in (1, 25):
        log.add(row(f"{hours}.example", at=NOW - hours * HOUR))
        log.count(key(at=NOW - hours * HOUR))
    log.flush()
    log.purge(NOW, rows_days=1, counts_days=1)
    assert qnames(log) == ["1.example"]
    assert len(log.counts("home")) == 1


def test_what_a_wrong_clock_dated_far_ahead_does_not_stay_for_ever(log: QueryLog) -> None:
    log.add(row("ahead.example", at=NOW + 400 * DAY))
    log.count(key(at=NOW + 400 * DAY))
    log.add(row("now.example", at=NOW + HOUR))
    log.flush()
    log.purge(NOW)
    assert qnames(log) == ["now.example"]
    assert log.counts("home") == ()


def test_what_was_purged_is_in_no_byte_of_any_file(tmp_path: Path, log: QueryLog) -> None:
    for n in range(100):
        log.add(row(f"secret{n}.example", at=NOW - 8 * DAY))
    log.flush()
    assert b"secret" in on_disk(tmp_path)
    log.purge(NOW)
    assert b"secret" not in on_disk(tmp_path)


def test_a_database_moved_aside_goes_after_seven_days_too(tmp_path: Path, log: QueryLog) -> None:
    broken = tmp_path / "log.db.broken-1"
    broken.write_bytes(b"x")
    os.utime(broken, (NOW, NOW))
    log.flush()
    log.purge(NOW + 30 * DAY, rows_days=1)
    log.purge_moved_aside(NOW + 7 * DAY - 1)
    assert broken.exists(), "whatever rows are kept for"
    log.purge_moved_aside(NOW + 7 * DAY + 1)
    assert not broken.exists()


def test_an_erased_profile_is_in_no_byte_of_any_file_and_the_others_stay(
    tmp_path: Path, log: QueryLog
) -> None:
    for batch in range(10):
        for n in range(30):
            log.add(row(f"mia-secret-{batch}-{n}.example", "mia"))
            log.add(row(f"toms-own-{batch}-{n}.example", "tom"))
            log.count(key("mia", at=NOW + n * HOUR))
            log.count(key("tom", at=NOW + n * HOUR))
        log.flush()
    (tmp_path / "log.db.broken-1").write_bytes(b"mia-secret-of-old")
    assert b"mia-secret" in on_disk(tmp_path)

    log.erase("home", "mia", NOW)

    assert b"mia-secret" not in on_disk(tmp_path)
    assert qnames(log, "mia") == []
    assert log.counts("home", "mia") == ()
    assert len(log.rows("home", "tom")) == 300
    assert sum(n for _, n in log.counts("home", "tom")) == 300


def test_rows_that_wait_in_the_server_are_erased_by_another_process_too(
    tmp_path: Path, log: QueryLog
) -> None:
    log.flush()
    log.add(row("mia-secret.example", "mia"))
    log.add(row("toms.example", "tom"))
    log.count(key("mia"))
    log.count(key("tom"))
    QueryLog(tmp_path).erase("home", "mia", NOW)
    log.flush()
    assert b"mia-secret" not in on_disk(tmp_path)
    assert qnames(log) == ["toms.example"]
    assert log.counts("home") == ((key("tom"), 1),)


def test_after_an_erasure_the_log_goes_on(log: QueryLog) -> None:
    log.flush()
    log.erase("home", "mia", NOW)
    log.flush()
    log.add(row("after.example"))
    log.flush()
    assert qnames(log) == ["after.example"]


class Overtaken(QueryLog):
    """While a batch is taken, somebody asks, and is erased at once by another process."""

    asked = False

    def _take(self) -> tuple[list[LogRow | WaitingRow], dict[CountKey, int]]:
        taken = super()._take()
        if not self.asked:
            self.asked = True
            self.add(row("secret.example", "mia"))
            self.add(row("toms.example", "tom"))
            QueryLog(self.path.parent).erase("home", "mia", NOW)
        return taken


def test_what_was_asked_just_before_an_erasure_is_never_written(tmp_path: Path) -> None:
    log = Overtaken(tmp_path)
    for _ in range(3):
        log.flush()
    assert b"secret" not in on_disk(tmp_path)
    assert qnames(log) == ["toms.example"]
    log.add(row("later.example", "mia"))
    log.flush()
    assert qnames(log, "mia") == ["later.example"]
    log.stop()


def test_an_erasure_by_another_process_shows_though_nothing_waits(
    tmp_path: Path, log: QueryLog
) -> None:
    log.add(row("a.example"))
    log.flush()
    before = log.erasures
    log.flush()
    assert log.erasures == before
    QueryLog(tmp_path).erase("home", "mia", NOW)
    log.flush()
    assert log.erasures != before
    log.add(row("a.example"))
    log.flush()
    assert qnames(log) == ["a.example"]


def test_erasures_at_the_same_time_hold_each_other_up_no_more_than_that(log: QueryLog) -> None:
    """As when somebody taps twice."""
    log.add(row("a.example"))
    log.flush()
    with ThreadPoolExecutor(20) as threads:
        for done in [threads.submit(log.erase, "home", "mia", NOW) for _ in range(40)]:
            done.result()
    assert qnames(log, "mia") == []


def test_an_erasure_that_a_reader_holds_up_says_so(log: QueryLog) -> None:
    log.add(row("a.example"))
    log.flush()
    with (
        closing(open_database(log.path, LOG, busy=0)) as eraser,
        closing(open_database(log.path, LOG)) as reader,
    ):
        reader.execute("begin")
        reader.execute("select * from lookup").fetchall()
        assert log_rows.erase(eraser, "home", "mia", NOW) is False
        reader.execute("rollback")
        assert log_rows.erase(eraser, "home", "mia", NOW) is True


# What is never there


def test_no_name_device_or_address_is_on_disk_in_counts_mode(tmp_path: Path, log: QueryLog) -> None:
    names = [f"secret-{n}.example" for n in range(1000)]
    for name in names:
        for verdict in (ALLOWED, BLOCKED):
            whose = (PrivacyMode.COUNTS, "home", "tom")
            assert log_row(*whose, "toms-phone", name, 1, verdict, NOW) is None
            found = count_key(*whose, verdict, NOW)
            assert found is not None
            log.count(found)
    log.flush()
    octets = on_disk(tmp_path)
    assert b"secret-" not in octets
    assert b"toms-phone" not in octets
    assert sum(n for _, n in log.counts("home", "tom")) == 2000


@pytest.mark.parametrize("mode", PrivacyMode)
def test_help_names_leave_the_files_as_they_were(
    tmp_path: Path, log: QueryLog, mode: PrivacyMode
) -> None:
    help_name = Verdict(Action.ALLOW, Reason.PROTECTED, 4, is_untraced=True)
    log.flush()
    before = on_disk(tmp_path)
    for _ in range(100):
        found = log_row(mode, "home", "mia", "tablet", "help.example", 1, help_name, NOW)
        number = count_key(mode, "home", "mia", help_name, NOW)
        assert found is None
        assert number is None
    log.flush()
    assert on_disk(tmp_path) == before


def test_events_hold_no_name_that_was_asked(log: QueryLog) -> None:
    log.flush()
    log.add(row("mia-secret.example"))
    with capture_logs() as events, closing(sqlite3.connect(log.path)) as other:
        other.execute("begin immediate")
        log.flush()
        other.execute("rollback")
    assert events
    assert "mia-secret" not in repr(events)


@pytest.mark.parametrize("statement", [log_rows._NEWEST, log_rows._AFTER])
@pytest.mark.parametrize("whose", [log_rows._OF_ONE, log_rows._OF_ALL])
def test_the_newest_rows_are_found_without_sorting_all(statement: str, whose: str) -> None:
    """With a full log each look would take a tenth of a second."""
    values = {"household": "home", "profile": "mia", "after": 1, "limit": 1}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((GOLDEN / "log.sql").read_text())
        plan = connection.execute(
            f"explain query plan {statement.format(whose=whose)}", values
        ).fetchall()
    assert not [line for *_, line in plan if "TEMP B-TREE" in line]


def test_counts_are_added_up_by_period_and_cause(log: QueryLog) -> None:
    hour = int(NOW) // 3600
    for who, at, action, category, n in (
        ("mia", hour, "block", "games", 2),
        ("mia", hour + 1, "block", "games", 3),
        ("tom", hour + 1, "block", "", 5),
        ("tom", hour + 2, "allow", "", 7),
        ("ada", hour, "block", "games", 11),
        ("mia", hour + 9, "block", "games", 13),
    ):
        log.count(CountKey("home", who, at, action, "category", category), n)
    log.flush()
    # The second period begins within an hour, which belongs to the one before.
    ends = [hour * 3600, (hour + 1) * 3600 + 1800, (hour + 3) * 3600]
    periods = [*pairwise(ends)]
    found = log.period_counts("home", ["mia", "tom"], periods, ["mia"])
    assert {tuple(each) for each in found} == {
        (0, 1, "games", 5, 5),
        (0, 1, "category", 5, 0),
        (1, 0, "", 7, 0),
    }
    assert log.period_counts("bo", ["mia"], periods) == ()
    assert sorted(map(tuple, log.hour_lookups("home", ["tom"], (hour + 1) * 3600))) == [
        (hour + 1, 1, 5),
        (hour + 2, 0, 7),
    ]


def test_a_large_batch_keeps_the_order_of_each_profile(tmp_path: Path) -> None:
    log = QueryLog(tmp_path)
    names = [f"n{number}.example" for number in range(1_200)]
    for number, name in enumerate(names):
        log.add(row(name, ("tom", "mia", "ada")[number % 3]))
    log.flush()
    for turn, profile in enumerate(("tom", "mia", "ada")):
        found = [each.row.qname for each in log.rows("home", profile, limit=1_200)]
        assert found == names[turn::3]
    log.stop()
