"""Minutes of use in `log.db`: today's bitmaps, the numbers of the days before, and the clock.

All functions block and raise StoreError; none but those that save makes a file, since the first to
ask may be root, whose files the server cannot write.  docs/usage.md says what stays for how long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeVar

from copdns.store.db import open_database, store_error, transaction
from copdns.store.log_db.querylog import FILE
from copdns.store.log_db.rows import erased_since, last_erasure
from copdns.store.migrations import LOG
from copdns.time.clock import LastSeen
from copdns.time.minutes import (
    MINUTE,
    DayBitmaps,
    Minutes,
    Usage,
    decode_bitmap,
    encode_bitmap,
    fieldwise_max,
)

BUSY = 2.0  # seconds to wait for another process; what is not saved now is a minute later

T = TypeVar("T")
Who = tuple[str, str]  # household and profile


class UsageStore:
    """The minutes of a data folder, for the one process that counts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: int | None = None  # the newest erasure that was heeded

    def load(self, since: date) -> tuple[Usage, ...]:
        """Return what is kept of a date and later: today's bitmaps, earlier numbers."""

        def work(connection: sqlite3.Connection) -> tuple[Usage, ...]:
            with transaction(connection):
                if self._seen is None:  # else `save` has yet to tell of what was erased since
                    self._seen = last_erasure(connection)
                return _read(connection, None, None, since)

        return _ask(self._folder, work, ())

    def save(self, usages: Iterable[Usage]) -> frozenset[Who]:
        """Add to what is stored; return who was erased since, whose part is not written.

        Whoever counts has to forget these.  To be called also when there is nothing to save.
        Saving the same twice is harmless, and no number becomes smaller.
        """
        rows = tuple(usages)
        return _make(self._folder, lambda each: self._save(each, rows)) if rows else self.erased()

    def erased(self) -> frozenset[Who]:
        """Return who was erased since this or `save` was asked last."""

        def work(connection: sqlite3.Connection) -> frozenset[Who]:
            with transaction(connection):
                return self._heeded(connection)

        return _ask(self._folder, work, frozenset())

    def _save(self, connection: sqlite3.Connection, rows: tuple[Usage, ...]) -> frozenset[Who]:
        with transaction(connection):
            erased = self._heeded(connection)
            for each in rows:
                if (each.household, each.profile) not in erased:
                    _add(connection, each)
        return erased

    def _heeded(self, connection: sqlite3.Connection) -> frozenset[Who]:
        newest = last_erasure(connection)
        erased = frozenset(erased_since(connection, newest if self._seen is None else self._seen))
        self._seen = newest
        return erased


def close_days(folder: Path, household: str, today: date, kept: Collection[str]) -> None:
    """Drop the bitmaps of the days before a household's today, of which the numbers stay.

    kept: profiles that exist and whose privacy mode keeps counts; of the others nothing stays.
    """

    def work(connection: sqlite3.Connection) -> None:
        before = (household, today.isoformat())
        with transaction(connection):
            profiles = connection.execute(
                "select distinct profile from usage where household = ? and day < ?", before
            ).fetchall()
            for (profile,) in profiles:
                connection.execute(_CLOSE if profile in kept else _DROP, (*before, profile))

    _ask(folder, work, None)


_CLOSE = """
    update usage set some = x'', several = x'', closed = x''
     where household = ? and day < ? and profile = ? and (some <> x'' or several <> x'')
    """
_DROP = "delete from usage where household = ? and day < ? and profile = ?"


def history(folder: Path, household: str, profile: str | None, since: date) -> tuple[Usage, ...]:
    """Return the days of a household from a date on, in order.  profile: None for all."""
    return _ask(folder, lambda each: _read(each, household, profile, since), ())


def load_clock(folder: Path) -> LastSeen | None:
    """Return what was seen last of the clock; None before the first look."""

    def work(connection: sqlite3.Connection) -> LastSeen | None:
        row = connection.execute("select seen, wrong_since from clock").fetchone()
        return None if row is None else LastSeen(*row)

    return _ask(folder, work, None)


def save_clock(folder: Path, now: float) -> None:
    """Keep a moment in the place of the one that was seen before, also when it is earlier."""

    def work(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("delete from clock")
            connection.execute("insert into clock (seen) values (?)", (int(now),))

    _make(folder, work)


def note_wrong_clock(folder: Path, since: float) -> None:
    """Keep since when the clock is wrong, until it is saved again.  since: of the other clock."""

    def work(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("update clock set wrong_since = ?", (since,))

    _ask(folder, work, None)


def _read(
    connection: sqlite3.Connection, household: str | None, profile: str | None, since: date
) -> tuple[Usage, ...]:
    rows = connection.execute(
        """
        select household, profile, budget, day, start, some, several, closed, low, likely, high
          from usage
         where (:household is null or household = :household)
           and (:profile is null or profile = :profile)
           and day >= :since
         order by day, household, profile, budget
        """,
        {"household": household, "profile": profile, "since": since.isoformat()},
    )
    return tuple(map(_usage, rows))


def _usage(row: tuple[str, str, str, str, int, bytes, bytes, bytes, int, int, int]) -> Usage:
    household, profile, budget, day, start, *bitmaps, low, likely, high = row
    marks = _marks(bitmaps)
    minutes = Minutes(low, likely, high)
    return Usage(household, profile, budget, date.fromisoformat(day), start, marks, minutes)


def _add(connection: sqlite3.Connection, usage: Usage) -> None:
    """Put what a day has beside what is stored of it: by another process, or before a start at
    which it could not be read."""
    key = (usage.household, usage.profile, usage.budget, usage.day.isoformat())
    before = connection.execute(_STORED, key).fetchone()
    marks, minutes = usage.marks, usage.minutes
    if before is not None:
        start, some, several, closed, *numbers = before
        marks |= _marks((some, several, closed)).moved((usage.start - start) // MINUTE)
        minutes = fieldwise_max(minutes, Minutes(*numbers))
    connection.execute(_REPLACE, (*key, usage.start, *map(encode_bitmap, marks), *minutes))


def _marks(bitmaps: Iterable[bytes]) -> DayBitmaps:
    return DayBitmaps(*map(decode_bitmap, bitmaps))


_STORED = """
    select start, some, several, closed, low, likely, high from usage
     where household = ? and profile = ? and budget = ? and day = ?
    """
_REPLACE = """
    insert or replace into usage
           (household, profile, budget, day, start, some, several, closed, low, likely, high)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """


def _ask(folder: Path, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    """Return what work gives on a connection of its own; nothing where no file is yet."""
    return _make(folder, work) if (folder / FILE).exists() else nothing


def _make(folder: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    path = folder / FILE
    try:
        with closing(open_database(path, LOG, busy=BUSY)) as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise store_error(path, error) from error
