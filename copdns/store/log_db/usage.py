"""Minutes of use in `log.db`: today's bitmaps, the numbers of earlier days, and the clock.

All functions block and raise StoreError.  Only those that save make a file, since the others may
run as root, whose files the server could not write.  docs/usage.md says what is kept for how long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeVar

from copdns.store.connection import SqlConnection
from copdns.store.db import open_database, store_error, transaction
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import FILE
from copdns.store.log_db.rows import last_erasure, profiles_erased_since
from copdns.store.log_db.usage_rows import PUT, merge_usage, read_usage, row_of
from copdns.time.clock import LastSeen
from copdns.time.minutes import Usage

BUSY = 2.0  # seconds to wait for another process; what is not saved now is saved a minute later

T = TypeVar("T")
Who = tuple[str, str]  # household and profile


class UsageStore:
    """The minutes of a data folder, for the process that counts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_erasure: int | None = None  # of those returned so far; None: not read yet

    def load(self, since: date) -> tuple[Usage, ...]:
        """Return the usage of a date and later: bitmaps of today, numbers of earlier days."""

        def work(connection: SqlConnection) -> tuple[Usage, ...]:
            with transaction(connection):
                if self._last_erasure is None:  # later ones are for `save` to return
                    self._last_erasure = last_erasure(connection)
                return read_usage(connection, None, None, since)

        return _run_if_there(self._folder, work, ())

    def save(self, usages: Iterable[Usage]) -> frozenset[Who]:
        """Add to what is stored; return the profiles that were erased since the last call.

        Their minutes are not written, and the caller drops them; so it calls this also with nothing
        to save.  Saving the same again changes nothing, and no number becomes smaller.
        """
        rows = tuple(usages)
        return (
            _run(self._folder, lambda each: self._save(each, rows)) if rows else self.take_erased()
        )

    def take_erased(self) -> frozenset[Who]:
        """Return the profiles that were erased since the last call of this or of `save`."""

        def work(connection: SqlConnection) -> frozenset[Who]:
            with transaction(connection):
                return self._take_erased(connection)

        return _run_if_there(self._folder, work, frozenset())

    def _save(self, connection: SqlConnection, rows: tuple[Usage, ...]) -> frozenset[Who]:
        with transaction(connection):
            erased = self._take_erased(connection)
            for each in rows:
                if (each.household, each.profile) not in erased:
                    _add_usage(connection, each)
        return erased

    def _take_erased(self, connection: SqlConnection) -> frozenset[Who]:
        newest = last_erasure(connection)
        erased = frozenset(
            profiles_erased_since(
                connection, newest if self._last_erasure is None else self._last_erasure
            )
        )
        self._last_erasure = newest
        return erased


def close_days(folder: Path, household: str, today: date, profiles_kept: Collection[str]) -> None:
    """Delete the bitmaps of days before a household's today; their numbers stay.

    profiles_kept: the profiles whose privacy mode keeps counts; the rows of others are deleted.
    """

    _run_if_there(folder, lambda each: _close_days(each, household, today, profiles_kept), None)


def _close_days(
    connection: SqlConnection, household: str, today: date, profiles_kept: Collection[str]
) -> None:
    before = (household, today.isoformat())
    with transaction(connection):
        profiles = connection.execute(
            "select distinct profile from usage where household = ? and day < ?", before
        ).fetchall()
        for (profile,) in profiles:
            values = {"household": household, "day": today.isoformat(), "profile": profile}
            if profile in profiles_kept:
                connection.execute(_CLOSE, {**values, "none": b""})
            else:
                connection.execute(_DROP, values)


_CLOSE = """
    update usage set "some" = :none, several = :none, closed = :none
     where household = :household and day < :day and profile = :profile
       and ("some" <> :none or several <> :none)
    """
_DROP = """
    delete from usage where household = :household and day < :day and profile = :profile
    """


def load_clock(folder: Path) -> LastSeen | None:
    """Return when the clock was last seen right; None for never."""

    def work(connection: SqlConnection) -> LastSeen | None:
        row = connection.execute("select seen, wrong_since from clock").fetchone()
        return None if row is None else LastSeen(*row)

    return _run_if_there(folder, work, None)


def save_clock(folder: Path, now: float) -> None:
    """Store when the clock was last seen right, also where that is earlier than before."""

    def work(connection: SqlConnection) -> None:
        with transaction(connection):
            connection.execute("delete from clock")
            connection.execute("insert into clock (seen) values (?)", (int(now),))

    _run(folder, work)


def note_wrong_clock(folder: Path, since: float) -> None:
    """Store since when the clock is wrong, in monotonic seconds; `save_clock` clears it."""

    def work(connection: SqlConnection) -> None:
        with transaction(connection):
            connection.execute("update clock set wrong_since = ?", (since,))

    _run_if_there(folder, work, None)


def _add_usage(connection: SqlConnection, usage: Usage) -> None:
    """Add a day's usage to what is stored of that day: by an earlier run, or by another process."""
    stored = read_usage(connection, usage.household, usage.profile, usage.day)
    same = (each for each in stored if (each.day, each.budget) == (usage.day, usage.budget))
    before = next(same, None)
    connection.execute(PUT, row_of(usage if before is None else merge_usage(before, usage)))


def _run_if_there(folder: Path, work: Callable[[SqlConnection], T], nothing: T) -> T:
    """Return the result of work on a connection of its own; `nothing` where there is no file."""
    return _run(folder, work) if (folder / FILE).exists() else nothing


def _run(folder: Path, work: Callable[[SqlConnection], T]) -> T:
    path = folder / FILE
    try:
        with closing(open_database(path, LOG, busy=BUSY)) as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise store_error(path, error) from error
