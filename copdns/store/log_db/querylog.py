"""Write look-ups from the event loop to `log.db` without making a query wait; read and delete them.

The loop adds to two bounded buffers; a thread of lower priority empties them four times a second.
While the disk is full or locked the buffers hold what they can, the rest is dropped and counted,
and answering goes on.  No line of the program's own log names a domain or an address.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import date
from math import inf
from pathlib import Path
from typing import TypeVar

import structlog

from copdns.model.errors import StoreAwayError, StoreError
from copdns.privacy.list_counts import ListCountKey
from copdns.privacy.retention import CountKey, LogRow, WaitingRow, WaitingRows
from copdns.privacy.row_filter import EVERY_ROW, RowFilter
from copdns.store.connection import SqlConnection
from copdns.store.db import (
    BEFORE_UPGRADE,
    DAMAGED,
    is_broken,
    is_full,
    lock_folder,
    open_database,
    store_error,
)
from copdns.store.log_db import list_rows
from copdns.store.log_db import rows as log_rows
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.rows import HourLookups, PeriodCount, StoredRow
from copdns.store.log_db.usage_rows import read_usage
from copdns.time.minutes import Usage

FILE = "log.db"
BEFORE_RESTORE = ".before-restore"  # added to the name of a database that a backup replaced
BEFORE_ROLLBACK = (
    ".before-rollback"  # the same, of one that its copy from before an upgrade replaced
)
PUT_BACK = ".rolled-back"  # the same, of such a copy before it is in place
MOVED_ASIDE_DAYS = 7
NICER = 10  # added to the process's own niceness
WRITER_BUSY = 0.2  # seconds: the writer tries again with the next batch, and `stop` must not hang
FULL_WAIT = 60.0  # seconds, where a full disk keeps the database from being opened

# The batch is at fault, not the disk.
_BATCH_ERRORS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)

T = TypeVar("T")

_log = structlog.get_logger("copdns.store")


class QueryLog:
    """The log of a data folder.

    Writing: `start`, then `add` and `count` from one thread, `stop` at the end.  Whoever makes rows
    by the thousand adds them to `waiting` itself.
    Reading, purging and erasing need no `start`, work while another process serves, block, and
    raise StoreError.

    capacity: how many rows, and how many different counts, wait at most.
    interval: seconds between two batches.
    written: rows written since the start; whoever follows the log reads again when it changes.
    failures: batches that could not be written; last_error: why the last one could not, "" where
        it could.
    erasures: changes when a profile was erased; whoever caches anything of the log drops it then.
    is_shared: other machines write rows too, which `written` does not tell.  most_rows_days: for
    how many days rows are kept at most, whatever the settings say.
    """

    is_shared = False
    most_rows_days = inf

    def __init__(self, folder: Path, capacity: int = 20_000, interval: float = 0.25) -> None:
        self.path = folder / FILE
        self.written = 0
        self.failures = 0
        self.last_error = ""
        self.erasures = 0
        self._is_full = False
        self._capacity = capacity
        self._interval = interval
        self.waiting = WaitingRows(capacity)
        self._counts: dict[CountKey, int] = {}
        self._lost = 0
        self._buffers = threading.Lock()  # of counts; held briefly: the event loop waits for it
        self._writing = threading.Lock()  # held for a whole batch
        self._cleaning = threading.Lock()  # held while a profile is erased or forgotten
        self._connection: SqlConnection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_batches, name="query-log", daemon=True)

    @property
    def dropped_count(self) -> int:
        """Rows and counts lost since the start."""
        return self.waiting.refused + self._lost

    def add(self, row: LogRow | WaitingRow) -> None:
        """Add a row to those to be written; where too many wait it is dropped, and counted."""
        if self.waiting.has_room():
            self.waiting.add(row)

    def count(self, key: CountKey, n: int = 1) -> None:
        """Count n look-ups under a key; where too many keys wait they are dropped, and counted."""
        with self._buffers:
            if key in self._counts:
                self._counts[key] += n
            elif len(self._counts) < self._capacity:
                self._counts[key] = n
            else:
                self._lost += n

    def close(self) -> None:
        """Close what was opened to read; of a file, nothing stays open."""

    def start(self) -> None:
        """Begin to write; a database that cannot be opened is tried again with every batch."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, if that is possible now, and close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._flush_or_tell()
        with self._writing:
            self._close()
        waiting = len(self.waiting.rows) + sum(self._counts.values())
        if waiting:
            _log.warning("log_stopped_unwritten", lost=waiting, error=self.last_error)

    def flush(self) -> None:
        """Write what waits, now and in this thread; a failure of the disk is only counted."""
        with self._writing:
            try:
                connection = self._open()
                # Before the batch is taken: rows added from now on may precede a later erasure.
                newest = log_rows.last_erasure(connection)
                self._write(connection)
                self.erasures = newest
                self._note_success()
            except _BATCH_ERRORS:
                raise
            except (sqlite3.DatabaseError, OSError, StoreError) as error:
                self._note_failure(error)

    def rows(
        self,
        household: str,
        profile: str | None = None,
        limit: int = 1000,
        after: int | None = None,
    ) -> tuple[StoredRow, ...]:
        """Return the newest rows, or the first after an id; the newest last.

        profile: None for all.  To follow, ask again with the last id as `after` (0 at first).
        """
        return self._run(lambda each: log_rows.rows(each, household, profile, limit, after), ())

    def find(
        self,
        household: str,
        profiles: Collection[str],
        wanted: RowFilter = EVERY_ROW,
        may_show: Callable[[LogRow], bool] = lambda _: True,
        limit: int = 100,
        before: int | None = None,
    ) -> tuple[StoredRow, ...]:
        """Return the newest rows of some people that are wanted and may be shown, or the newest
        before an id; the newest first (`rows.find`)."""
        return self._run(
            lambda each: log_rows.find(each, household, profiles, wanted, may_show, limit, before),
            (),
        )

    def rows_by_list(self, household: str) -> dict[str, int]:
        """Return for how many rows each list is the reason, by its slug."""
        return self._run(lambda each: list_rows.rows_by_list(each, household), {})

    def devices_seen(
        self, household: str, profiles: Collection[str], since: float
    ) -> dict[str, dict[str, int]]:
        """Return when each device of some people last looked something up, by profile and device;
        only a full log has devices."""
        return self._run(lambda each: log_rows.devices_seen(each, household, profiles, since), {})

    def period_counts(
        self,
        household: str,
        profiles: Collection[str],
        periods: Sequence[tuple[float, float]],
        some: Collection[str] = (),
    ) -> tuple[PeriodCount, ...]:
        """Return the counts of some people, added up, of each period, given as start and end; those
        of `some` of them separately too."""
        return self._run(
            lambda each: log_rows.period_counts(each, household, profiles, periods, some), ()
        )

    def hour_lookups(
        self, household: str, profiles: Collection[str], since: float
    ) -> tuple[HourLookups, ...]:
        """Return how many look-ups some people made in each hour that ends after a moment."""
        return self._run(lambda each: log_rows.hour_lookups(each, household, profiles, since), ())

    def counts(
        self, household: str, profile: str | None = None, since: float = 0
    ) -> tuple[tuple[CountKey, int], ...]:
        """Return the counts of every hour that ends after a moment, in order of time."""
        return self._run(lambda each: log_rows.counts(each, household, profile, since), ())

    def sum_counts(
        self, household: str, since: float, until: float
    ) -> tuple[tuple[CountKey, int], ...]:
        """Return the sums of the counts of every hour that begins from since until before `until`;
        their hour is the first one."""
        return self._run(lambda each: log_rows.sum_counts(each, household, since, until), ())

    def usage(self, household: str, profile: str | None, since: date) -> tuple[Usage, ...]:
        """Return the minutes of use of a household from a date on, by day; of all for None."""
        return self._run(lambda each: read_usage(each, household, profile, since), ())

    def count_lists(self, counts: Mapping[ListCountKey, int]) -> None:
        """Add to the counts of lists."""
        self._run(lambda each: list_rows.count_lists(each, counts), None)

    def note_lists(self, counts: Mapping[ListCountKey, int]) -> bool:
        """Store numbers of lists in place of those that are there; False where there is no log."""

        def write(connection: SqlConnection) -> bool:
            list_rows.note_lists(connection, counts)
            return True

        return self._run(write, False)

    def list_counts(self, household: str, since: int) -> dict[ListCountKey, int]:
        """Return the counts of lists from a week on."""
        return self._run(lambda each: list_rows.list_counts(each, household, since), {})

    def purge(self, now: float, rows_days: float = 7, counts_days: float = 30) -> None:
        """Delete what is older, and what a wrong clock dated more than a day ahead.

        now: seconds since the epoch.  rows_days, counts_days: ages in days.
        """
        self._run(lambda each: log_rows.purge(each, now, rows_days, counts_days), None)

    def purge_moved_aside(self, now: float) -> None:
        """Delete the databases that were moved aside more than a week ago.

        now: seconds since the epoch, by a clock that is not known to be wrong.
        """
        for path in self._find_moved_aside():
            if path.stat().st_mtime < now - MOVED_ASIDE_DAYS * log_rows.DAY:
                path.unlink()

    def erase(self, household: str, profile: str, now: float) -> None:
        """Delete all that is kept of a profile; afterwards no file holds a trace of it.

        Databases that were moved aside are deleted too: nobody can tell whose rows they hold.
        now: seconds since the epoch, stored as the moment of the erasure.
        """
        self._delete_everywhere(lambda each: log_rows.erase(each, household, profile, now))

    def forget(self, household: str, profile: str) -> None:
        """Delete the names and counts of a profile, in every file, and not its minutes of use.

        Look-ups of the last half second may still be written afterwards.
        """
        self.flush()
        self._delete_everywhere(lambda each: log_rows.forget(each, household, profile))

    def _delete_everywhere(self, work: Callable[[SqlConnection], bool]) -> None:
        with self._cleaning:  # two at once would each find that the other reads old pages
            clean = self._run(work, True)
        for path in self._find_moved_aside():
            path.unlink()
        if not clean:
            raise StoreError(
                f"{self.path}: everything was deleted, but another process is still reading old "
                "pages of the file; end it and delete again"
            )

    def _run(self, work: Callable[[SqlConnection], T], nothing: T) -> T:
        """Return the result of work on a connection of its own; `nothing` where there is no log.

        It makes no file: it may run as root, whose files the server could not write.
        """
        if not self.path.exists():
            return nothing
        try:
            with closing(open_database(self.path, LOG)) as connection:
                return work(connection)
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error

    def _write_batches(self) -> None:
        _lower_priority()
        while not self._stopping.wait(FULL_WAIT if self._is_full else self._interval):
            self._flush_or_tell()

    def _flush_or_tell(self) -> None:
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - a bug in one batch must not end the log
            # As text: a renderer that shows local variables would show names of look-ups.
            trace = traceback.format_exc()
            _log.error("log_batch_lost", error=type(error).__name__, traceback=trace)

    def _write(self, connection: SqlConnection) -> None:
        """Write a batch, or put it back where the disk is at fault.

        A batch that is at fault itself (a bug) is dropped: trying again would stop the log for
        good.  An empty one is not written: its transaction would block others for nothing.
        """
        rows, counts = self._take()
        lost = len(rows) + sum(counts.values())
        if not lost:
            return
        try:
            log_rows.write(connection, rows, counts, self.erasures)
            self.written += len(rows)
            lost = 0
        except _BATCH_ERRORS:
            raise
        except (sqlite3.DatabaseError, OSError, StoreAwayError):
            self._put_back(rows, counts)
            lost = 0
            raise
        finally:
            with self._buffers:
                self._lost += lost

    def _take(self) -> tuple[list[LogRow | WaitingRow], dict[CountKey, int]]:
        rows = self.waiting.take()
        with self._buffers:
            counts, self._counts = self._counts, {}
        return rows, counts

    def _put_back(self, rows: list[LogRow | WaitingRow], counts: dict[CountKey, int]) -> None:
        """Put a batch before what came meanwhile; of too much the newest is dropped."""
        excess = self.waiting.put_back(rows)
        with self._buffers:
            self._lost += excess
            for key, n in self._counts.items():
                if key in counts or len(counts) < self._capacity:
                    counts[key] = counts.get(key, 0) + n
                else:
                    self._lost += n
            self._counts = counts

    def _open(self) -> SqlConnection:
        if self._connection is None:
            self._connection = open_database(self.path, LOG, busy=WRITER_BUSY)
            # KiB.  By itself it would take 2 MB for good, and with that writes no batch faster.
            self._connection.execute("pragma cache_size = -256")
            self.erasures = log_rows.last_erasure(self._connection)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _note_success(self) -> None:
        if self.last_error:
            _log.info("log_write_recovered", failures=self.failures)
        self.last_error = ""
        self._is_full = False

    def _note_failure(self, error: Exception) -> None:
        """Log the first failure in a row; move a damaged database aside, to begin a new one."""
        if not self.last_error:
            _log.warning("log_write_failed", error=str(error))
        self.failures += 1
        self.last_error = str(error)
        self._is_full = is_full(error)
        if is_broken(error):
            self._close()
            try:
                moved_to = _move_aside(self.path)
            except (OSError, StoreError) as refused:
                self.last_error = str(refused)
            else:
                _log.error("log_database_broken", moved_to=str(moved_to))

    def _find_moved_aside(self) -> list[Path]:
        """Return the damaged databases, those that a restored one replaced, copies of earlier
        versions, and what was cut off while one was put back."""
        folder = self.path.parent
        aside = (BEFORE_RESTORE, BEFORE_ROLLBACK, BEFORE_UPGRADE, DAMAGED, PUT_BACK)
        patterns = f"{FILE}.broken-*", *(f"*{each}*" for each in aside)
        return sorted(path for each in patterns for path in folder.glob(each))


def _move_aside(path: Path) -> Path:
    """Rename a damaged database, with its -wal and -shm; at most three are kept."""
    broken = [path.with_name(f"{path.name}.broken-{n}") for n in (1, 2, 3)]
    free = next((each for each in broken if not each.exists()), broken[-1])
    with lock_folder(path.parent):
        # The database goes last: SQLite would apply an old -wal to a new database.
        for suffix in ("-shm", "-wal", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(free.with_name(free.name + suffix))
    return free


def _lower_priority() -> None:
    """Raise the niceness of this thread alone, which Linux allows (setpriority(2))."""
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICER)
    except OSError as error:
        _log.warning("log_priority_refused", error=error.strerror)
