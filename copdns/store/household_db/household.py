"""The household of `household.db`: read as a whole, changed by edits.

An edit is a pure function from one household to the next.  It runs inside one transaction, as the
only writer, so of two processes that edit at once one waits for the other.  Its result passes
`safeguards.adopt`, so every change obeys the safeguards.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Self, TypeVar

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.lockout import ATTEMPT_WINDOW, WrongCode
from copdns.accounts.roles import Balance
from copdns.household.time_edits import redeem
from copdns.model.errors import (
    DoubtfulDatabaseError,
    FollowingError,
    HouseholdError,
    OddRowError,
    StoreAwayError,
    StoreError,
    UnknownCodeError,
)
from copdns.model.household import Band, FullLogSpan, Household
from copdns.store.connection import SqlConnection
from copdns.store.db import (
    is_broken,
    migrate_in_memory,
    open_database,
    read_transaction,
    rewrite,
    store_error,
    tidy_mirror,
    transaction,
)
from copdns.store.household_copy import HouseholdCopy
from copdns.store.household_db.attempts import (
    delete_attempts,
    forget_attempts,
    note_attempt,
    refuse_too_many,
)
from copdns.store.household_db.condition import FILE, Settled, good_image, settle
from copdns.store.household_db.edit import adopt_edit, apply_edit, granted_full_logs, store_revision
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.moves import See, see_nothing
from copdns.store.household_db.notes import Change, audit, notify_others
from copdns.store.household_db.tables import load
from copdns.store.read_only_access import is_unwritable
from copdns.store.replica import Rows, write_replica

DAY = 86_400
REMEMBER_FOR = 30 * DAY  # what ended by itself is deleted after this (docs/privacy.md)

T = TypeVar("T")
Forget = Callable[[str, str, float], None]


def forget_nothing(_household: str, _profile: str, _now: float) -> None:
    """Forget nothing, where nothing is recorded."""


class HouseholdStore:
    """The households, on one connection in a thread of its own; all methods raise StoreError.

    path: of the database that is open.  damage: why that is not `household.db`, for people; else
    "".  Where that file turns out to be damaged, what was asked is done with the copy instead.
    see: returns addresses of a household's network with the MAC addresses behind them, by which a
    device may be known to somebody else; called in another thread.
    forget: deletes what is recorded of a profile, at a moment; called in another thread.
    """

    def __init__(
        self, path: Path, connection: SqlConnection, damage: str = "", *, in_memory: bool
    ) -> None:
        self.path = path
        self.damage = damage
        self.see: See = see_nothing
        self.forget: Forget = forget_nothing
        self._in_memory = in_memory
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="household-store")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the database of a data folder, making or migrating it where needed; blocks.

        Raises DamagedHouseholdError where it is damaged and has no copy.
        """
        settled = settle(folder)
        return cls(settled.path, _open(settled), settled.damage, in_memory=False)

    @classmethod
    def open_copy(cls, folder: Path) -> Self:
        """Copy the database of a folder into memory, where its disk cannot be written; blocks.

        It is empty where there is no database.  Changes are lost at the end.
        """
        return cls._in_memory_of(folder / FILE, good_image(folder))

    @classmethod
    def open_nothing(cls, folder: Path) -> Self:
        """Open an empty database in memory, in place of a damaged one without a copy; blocks."""
        return cls._in_memory_of(folder / FILE, b"")

    @classmethod
    def open_replica(cls, folder: Path, rows: Rows) -> Self:
        """Open what a second box got, in memory; blocks.  FollowingError where it does not fit.

        Changes are lost with the next one.
        """
        store = cls._in_memory_of(folder / FILE, b"")
        try:
            write_replica(store._connection, rows)
        except sqlite3.Error as error:
            store.close()
            raise FollowingError(f"the bundle does not fit together ({error})") from error
        except FollowingError:
            store.close()
            raise
        return store

    @classmethod
    def _in_memory_of(cls, path: Path, image: bytes) -> Self:
        try:
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            if image:
                connection.deserialize(image)
            migrate_in_memory(connection, path, HOUSEHOLD)
        except sqlite3.Error as error:
            raise store_error(path, error) from error
        connection.text_factory = _decode_leniently
        return cls(path, connection, in_memory=True)

    @classmethod
    def open_or_copy(cls, folder: Path) -> Self:
        """Open the database for reading: a copy of it where its disk cannot be written; blocks."""
        try:
            return cls.open(folder)
        except StoreError as error:
            if not is_unwritable(error):
                raise
            return cls.open_copy(folder)

    def become(self, other: HouseholdStore) -> None:
        """Take over the connection of another store, and close the own one; blocks.

        In the own thread, so that what others asked of this store meanwhile comes before or after.
        """

        def swap() -> None:
            self._connection.close()
            self._connection = other._connection
            self.path, self.damage, self._in_memory = other.path, other.damage, other._in_memory

        other._thread.shutdown()
        self._thread.submit(swap).result()

    async def settle(self) -> None:
        """Look at the files again, and open the one to work with."""
        await self.run(lambda _: self._reopen())

    async def refuse_writing(self) -> None:
        """Let every later change fail with StoreError; reading goes on."""
        await self.run(lambda connection: connection.execute("pragma query_only = on"))

    def close(self) -> None:
        """Close the database when what was begun is done; blocks."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def households(self) -> tuple[str, ...]:
        """Return the ids of all households, sorted."""
        return await self.run(_household_ids)

    async def household(self, household_id: str) -> Household | None:
        """Return a household as of one moment; None where there is none."""

        def read(connection: SqlConnection) -> Household | None:
            with read_transaction(connection):
                return load(connection, household_id)

        return await self.run(read)

    async def change(
        self,
        household_id: str,
        edit: Callable[[Household], Household],
        *,
        author: str,
        what: str,
        now: int,
        balance: Balance | None = None,
    ) -> Household:
        """Return the household as stored after an edit.

        edit: runs in another thread, and may raise HouseholdError.  The revision of its result is
            ignored; if nothing else changed, nothing is written.
        what: for the audit, in people's words.  now: seconds since the epoch.
        balance: for a guardian, whose settings are weighed against those of the others
            (`store/household_db/balance.py`).
        Raises PrivacyError as `safeguards.adopt` does.
        """

        def work(connection: SqlConnection) -> Household:
            with (
                transaction(connection, household_id),
                self.forgetting(connection, household_id, now),
            ):
                people = _profile_ids(connection, household_id)
                change = Change(0, now, author, what)
                after = apply_edit(connection, household_id, edit, change, balance, see=self.see)
            if people - {each.id for each in after.profiles}:
                rewrite(connection)  # what was recorded of them is gone from every page
            return after

        return await self.run(work)

    async def redeem(
        self,
        household_id: str,
        digest: str,
        profile_id: str,
        *,
        device: str = "",
        author: str,
        now: int,
    ) -> Household:
        """Return the household with a ticket redeemed; raise HouseholdError as `redeem` does.

        digest: of the code (`ticket_digest`).  device: "" where none is known.  Wrong codes are
        counted: after too many, every code raises TooManyTriesError for a while.
        """

        def work(connection: SqlConnection) -> Household:
            with transaction(connection, household_id):
                before = load(connection, household_id)
                if before is None:
                    raise HouseholdError(
                        "there is no household '%(household_id)s'", household_id=household_id
                    )
                refuse_too_many(connection, household_id, profile_id, device, now)
                try:
                    redeemed = redeem(before, digest, profile_id, now)
                except UnknownCodeError as error:
                    note_attempt(connection, household_id, WrongCode(profile_id, device, now))
                    unknown = error
                else:
                    forget_attempts(connection, household_id, profile_id)
                    after = adopt_edit(connection, before, redeemed, now)
                    what = f"ticket redeemed by {profile_id}"
                    return store_revision(connection, before, after, Change(0, now, author, what))
            raise unknown  # outside: what was counted stays

        return await self.run(work)

    async def create(self, household: Household, author: str, now: int) -> Household:
        """Store a new household, and return it; raise HouseholdError where its id is taken."""

        def work(connection: SqlConnection) -> Household:
            with transaction(connection, household.id):
                # The one who makes households at a provider reads no more of them than this.
                sql = "select 1 from household where household = ?"
                if connection.execute(sql, (household.id,)).fetchone() is not None:
                    raise HouseholdError(
                        "the household '%(household)s' already exists; choose another id",
                        household=household.id,
                    )
                nobody = Household(household.id, household.name)
                after = adopt_edit(connection, nobody, household, now, is_first=True)
                return store_revision(connection, None, after, Change(0, now, author, "created"))

        return await self.run(work)

    async def tidy(self, now: int) -> int:
        """Delete what ended more than 30 days ago, of all households; return how many rows.

        The revisions stay, since nothing in force changes.  now: seconds since the epoch, of a
        clock that is right: one that is ahead would delete too early.
        """

        def work(connection: SqlConnection) -> int:
            with transaction(connection):
                delete_attempts(connection, now - ATTEMPT_WINDOW)
                gone = _delete_ended(connection, now - REMEMBER_FOR)
            tidy_mirror(connection)
            return gone

        return await self.run(work)

    async def changes(self, household_id: str, limit: int = 100) -> tuple[Change, ...]:
        """Return the newest changes of the audit, the newest last."""
        return await self.run(lambda connection: _read_changes(connection, household_id, limit))

    async def note(self, household_id: str, author: str, what: str, now: int) -> None:
        """Write a line of the audit about something that is stored elsewhere."""

        def work(connection: SqlConnection) -> None:
            with transaction(connection, household_id):
                audit(connection, household_id, author, what, now)

        await self.run(work)

    async def note_erasure(self, household_id: str, profile: str, author: str, now: int) -> None:
        """Write that a person's records are erased: a line of the audit, and a notice for the
        other guardians."""
        what = f"profile {profile}: records deleted (lookups, minutes, requests)"
        kind = NoticeKind.RECORDS_ERASED
        told = GuardianNotice(0, household_id, kind, profile, author, now)

        def work(connection: SqlConnection) -> None:
            with transaction(connection, household_id):
                audit(connection, household_id, author, what, now)
                notify_others(connection, told)

        await self.run(work)

    @contextmanager
    def forgetting(self, connection: SqlConnection, household_id: str, now: int) -> Iterator[None]:
        """Delete what was recorded of an adult whom a change makes a child, before it is stored:
        others could see it then (`roles.guardians_may_see`)."""
        adults = _adult_ids(connection, household_id)
        yield
        for each in sorted(adults - _adult_ids(connection, household_id)):
            self.forget(household_id, each, now)

    async def full_logs(self, household_id: str, profile_id: str) -> tuple[FullLogSpan, ...]:
        """Return every full log that a profile of this id ever had."""
        return await self.run(lambda each: granted_full_logs(each, household_id, profile_id))

    async def run(self, work: Callable[[SqlConnection], T]) -> T:
        """Return the result of some work on the connection, in its thread.

        For the other stores of the same file, so that what they write together is one transaction.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._work, work)
        except (sqlite3.Error, OSError) as error:  # OSError: of the copy, which is written first
            raise store_error(self.path, error) from error
        except UnicodeEncodeError as error:  # half a character, such as from a Latin-1 terminal
            raise HouseholdError(
                "'%(written)s' is not UTF-8 text; write it again", written=error.object
            ) from error
        except StoreAwayError:
            raise
        except StoreError as error:
            kind = OddRowError if isinstance(error, OddRowError) else StoreError
            raise kind(f"{self.path}: {error}") from error

    def _work(self, work: Callable[[SqlConnection], T]) -> T:
        """Do some work; where the database turns out to be damaged, with what there is instead."""
        try:
            return work(self._connection)
        except (DoubtfulDatabaseError, sqlite3.DatabaseError) as error:
            is_doubtful = isinstance(error, DoubtfulDatabaseError) or is_broken(error)
            if self._in_memory or not is_doubtful:
                raise
        self._reopen()
        return work(self._connection)

    def _reopen(self) -> None:
        settled = settle(self.path.parent)
        connection = _open(settled)
        self._connection.close()
        self._connection, self.path, self.damage = connection, *settled


def _open(settled: Settled) -> SqlConnection:
    copy = HouseholdCopy(settled.path.parent)
    # durable: a saved rule survives a power cut; changes are so rare that waiting is no harm.
    connection = open_database(settled.path, HOUSEHOLD, durable=True, mirror=copy)
    connection.execute("pragma cache_size = -256")  # KiB: it is read once, as a whole
    connection.text_factory = _decode_leniently  # `read_text` then says which row is no UTF-8
    return connection


# Rows repeat scopes and ids of profiles: the cache makes equal texts one object.
@lru_cache(maxsize=256)
def _decode_leniently(octets: bytes) -> str:
    return octets.decode(errors="surrogateescape")


def _profile_ids(connection: SqlConnection, household_id: str) -> frozenset[str]:
    rows = connection.execute("select id from profile where household = ?", (household_id,))
    return frozenset(profile for (profile,) in rows)


def _adult_ids(connection: SqlConnection, household_id: str) -> frozenset[str]:
    rows = connection.execute(
        "select id from profile where household = ? and band = ?", (household_id, Band.ADULT)
    )
    return frozenset(profile for (profile,) in rows)


def _household_ids(connection: SqlConnection) -> tuple[str, ...]:
    rows = connection.execute("select household from household order by household")
    return tuple(household_id for (household_id,) in rows)


def _delete_ended(connection: SqlConnection, before: int) -> int:
    """Delete what ended before a moment.  A bonus ends with its day, in any time zone."""
    day = datetime.fromtimestamp(before - DAY, UTC).date()
    statements = (
        ("delete from pause where ends < ?", before),
        ("delete from moved_bedtime where ends < ?", before),
        ("delete from filter_break where ends < ?", before),
        ('delete from "grant" where ends < ?', before),
        ("delete from bonus where day < ?", str(day)),
        ("delete from ticket where coalesce(redeemed, expires) < ?", before),
        ("delete from full_log_question where coalesce(refused, at) < ?", before),
    )
    return sum(connection.execute(sql, (cell,)).rowcount for sql, cell in statements)


def _read_changes(connection: SqlConnection, household_id: str, limit: int) -> tuple[Change, ...]:
    rows = connection.execute(
        """
        select revision, at, author, what from change
         where household = ? order by id desc limit ?
        """,
        (household_id, limit),
    ).fetchall()
    return tuple(Change(*row) for row in reversed(rows))
