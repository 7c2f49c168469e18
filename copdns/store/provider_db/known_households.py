"""The households that this machine read last, so that it can start while PostgreSQL is away.

They are in a file beside its other ones, readable by its owner only, each as it was read, with the
guests of that moment.  The number in the outbox up to which the file follows is there too, so that
what moved since is read again once PostgreSQL is back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import structlog
from pydantic import TypeAdapter, ValidationError

from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.store.connection import SqlConnection
from copdns.store.db import empty_wal, is_broken, open_database, store_error, transaction
from copdns.store.postgres.outbox import Moved
from copdns.store.schema_steps import SchemaSteps

LAST_KNOWN: Final = SchemaSteps("last_known")
FILE: Final = "last-known.db"
ALL_OF_THEM: Final = 1_000_000  # households, where all are kept
NO_REVISION: Final = -1  # of none that there is

_Followed = tuple[int, str, float]  # as the columns of `followed`
_HOUSEHOLD: Final = TypeAdapter(Household)
log = structlog.get_logger("copdns")


class KnownHousehold(NamedTuple):
    """until: seconds since the epoch, when it has to be read again, as at the end of a guest's
    hours; `inf` for never."""

    household: Household
    until: float


class LastKnown:
    """The file.  Used by several threads.  Raises StoreError.

    most: households that are kept; of more, those that were read longest ago go.
    position: the number in the outbox up to which it follows; None where nothing was kept.
    database: whose outbox that is (`OutboxReader.database`); "" where that is not known.
    restored_at: when this machine met a database from a backup, in seconds since the epoch; 0 for
    never.
    """

    def __init__(self, folder: Path, most: int = ALL_OF_THEM) -> None:
        self.path = folder / FILE
        self._most = most
        self._one_by_one = Lock()
        self._waiting: dict[str, KnownHousehold | Moved] = {}
        self._noted: dict[str, tuple[int, float]] = {}  # revision and `until` of those of this run
        self._connection = self._open()
        self.position: int | None = None
        self.database, self.restored_at = "", 0.0
        try:
            self._read_followed()
        except StoreError as error:
            self._begin_anew(error)

    def note(self, household: Household, until: float) -> None:
        """Have a household kept at the next `write`, as it was read."""
        is_new = self._noted.get(household.id) != (household.revision, until)
        if not is_new:
            return
        if len(self._noted) >= self._most:
            self._noted.clear()
        self._noted[household.id] = household.revision, until
        self._waiting[household.id] = KnownHousehold(household, until)

    def forget(self, moved: Iterable[Moved]) -> None:
        """Have households that moved deleted at the next `write`, but for those of just that
        revision: what somebody deleted must not stay here."""
        for each in moved:
            noted = self._waiting.get(each.household)
            is_new = isinstance(noted, KnownHousehold) and noted.household.revision == each.revision
            if not is_new:
                self._waiting[each.household] = each
                self._noted.pop(each.household, None)

    def clear(self) -> None:
        """Delete all households; blocks."""
        self._waiting.clear()  # first: what is noted meanwhile was read after this was called
        self._noted.clear()
        with self._hold() as connection:
            connection.execute("delete from known")
            empty_wal(connection)

    def note_restored(self, at: float) -> None:
        """Have it kept at the next `write` that the database is from a backup.  at: seconds since
        the epoch."""
        self.restored_at, self.position = at, None

    async def write(self, position: int, database: str = "") -> None:
        """Write what was noted.  position, database: all that moved there before it was noted."""
        waiting, self._waiting = self._waiting, {}
        followed = position, database, self.restored_at
        if not waiting and followed[:2] == (self.position, self.database):
            return
        try:
            await asyncio.to_thread(self._write, waiting, followed)
        except StoreError:
            # What could not be written must not stay as it was; it is read again one day.
            for household in waiting:
                self._waiting.setdefault(household, Moved(household, NO_REVISION))
            self._noted.clear()
            raise
        except asyncio.CancelledError:
            # It may have been written or not; to write it twice is harmless.
            self._waiting = waiting | self._waiting
            raise
        self.position, self.database = position, database

    def _write(self, waiting: Mapping[str, KnownHousehold | Moved], followed: _Followed) -> None:
        try:
            self._write_once(waiting, followed)
        except StoreError as error:
            self._begin_anew(error)  # else what was deleted would stay in a damaged file
            self._write_once(waiting, followed)

    def _write_once(
        self, waiting: Mapping[str, KnownHousehold | Moved], followed: _Followed
    ) -> None:
        has_forgotten = False
        with self._hold() as connection:
            with transaction(connection):
                for household, each in waiting.items():
                    if isinstance(each, Moved):
                        has_forgotten = True
                        connection.execute(_FORGET, (household, each.revision))
                    else:
                        connection.execute(_PUT, _row(each))
                if any(isinstance(each, KnownHousehold) for each in waiting.values()):
                    connection.execute(_DROP_OLDEST, (self._most,))
                connection.execute(_PUT_FOLLOWED, followed)
            if has_forgotten:
                empty_wal(connection)

    def some(self, households: Iterable[str]) -> list[KnownHousehold]:
        """Return those of some households that are kept; blocks."""
        with self._hold() as connection:
            found = [connection.execute(_READ_ONE, (each,)).fetchone() for each in households]
        return list(_read(row for row in found if row is not None))

    def all(self) -> list[KnownHousehold]:
        """Return all, in the order of their ids; blocks."""
        with self._hold() as connection:
            rows = connection.execute(_READ_ALL).fetchall()
        return list(_read(rows))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept; blocks."""
        with self._hold() as connection:
            return connection.execute("select 1 from known limit 1").fetchone() is None

    def close(self) -> None:
        """Close the file."""
        with self._one_by_one:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        """Open the file, anew where it is damaged: it is a copy, and no truth."""
        try:
            return open_database(self.path, LAST_KNOWN)
        except StoreError as error:
            if not is_broken(error):
                raise
            return self._open_anew(error)

    def _open_anew(self, error: StoreError) -> sqlite3.Connection:
        log.warning("what was known last is damaged, so it is kept anew", error=str(error))
        for each in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + each).unlink(missing_ok=True)
        return open_database(self.path, LAST_KNOWN)

    def _begin_anew(self, error: StoreError) -> None:
        """Replace a file that turned out to be damaged; raise what happened where it is not."""
        if not is_broken(error):
            raise error
        with self._one_by_one:
            self._connection.close()
            self._connection = self._open_anew(error)
        self._noted.clear()

    def _read_followed(self) -> None:
        with self._hold() as connection:
            row = connection.execute("select position, place, restored_at from followed").fetchone()
        if row is not None:
            position, self.database, self.restored_at = row
            self.position = int(position)

    @contextmanager
    def _hold(self) -> Iterator[sqlite3.Connection]:
        with self._one_by_one:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise store_error(self.path, error) from error


def _row(known: KnownHousehold) -> tuple[str, int, float | None, bytes]:
    household, until = known
    body = _HOUSEHOLD.dump_json(household, exclude_defaults=True)
    return household.id, household.revision, None if until == inf else until, body


def _read(rows: Iterable[tuple[bytes, float | None]]) -> Iterator[KnownHousehold]:
    """Yield what rows hold; of one that another version wrote nothing can be known."""
    for body, until in rows:
        try:
            household = _HOUSEHOLD.validate_json(body)
        except ValidationError:
            continue
        yield KnownHousehold(household, inf if until is None else until)


_PUT: Final = """
    insert or replace into known (household, revision, until, body) values (?, ?, ?, ?)"""
_FORGET: Final = "delete from known where household = ? and revision <> ?"
_DROP_OLDEST: Final = """
    delete from known where number in (
        select number from known order by number desc limit -1 offset ?)"""
_PUT_FOLLOWED: Final = """
    insert or replace into followed (one, position, place, restored_at) values (1, ?, ?, ?)"""
_READ_ONE: Final = "select body, until from known where household = ?"
_READ_ALL: Final = "select body, until from known order by household"


@LAST_KNOWN(name="0001_known")
def known_tables(db: SqlConnection) -> None:
    """A row for each household, with a number in the order in which they were read."""
    db.execute(
        """
        create table known (
            number integer primary key autoincrement,
            household text not null unique,
            revision integer not null,
            until real,
            body blob not null
        )"""
    )
    db.execute("create table followed (one integer primary key, position integer not null)")


@LAST_KNOWN(name="0002_place")
def place_column(db: SqlConnection) -> None:
    """Which database is followed, and when one was met that is from a backup."""
    db.execute("alter table followed add column place text not null default ''")
    db.execute("alter table followed add column restored_at real not null default 0")
