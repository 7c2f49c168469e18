"""Minutes of use of a provider's households, in PostgreSQL: what each node counted, in one.

A day is a set of minutes, and what another program counted is added to it.  So a batch that is sent
twice counts once, and a minute in which two nodes were asked is one minute.  Every batch leaves a
number behind, by which the other programs find what moved.  Its writers are one after the other, so
that numbers are committed in their order.  All methods block and raise StoreError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from math import inf
from typing import Final, NamedTuple, TypeVar
from uuid import uuid4

from copdns.store.connection import SqlConnection
from copdns.store.db import transaction
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.rows import last_erasure, profiles_erased_since
from copdns.store.log_db.usage_rows import PUT, merge_usage, read_usage_of_some, row_of
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import migrate
from copdns.time.minutes import Usage, UseCriteria, estimate, fieldwise_max

AT_ONCE: Final = 1_000  # days that are written by one transaction, households that are read by one
MOVED_FOR: Final = 3_600  # seconds; who looked last before that reads all of theirs
CONNECTIONS: Final = 2

Value = TypeVar("Value")
UsageKey = tuple[str, str, str, date]  # household, profile, budget, day
Who = tuple[str, str]  # household and profile
CriteriaOf = Callable[[str, str, str], UseCriteria]  # household, profile, budget


class MovedUsage(NamedTuple):
    """What others stored since the last look.

    households: whose minutes; None where that is not known, so that it may be anybody's.
    erased: the profiles that were erased.
    """

    households: frozenset[str] | None
    erased: frozenset[Who]


class ProviderUsage:
    """The minutes in one database.

    `load` may be called by several threads, the others by one at a time.
    """

    def __init__(self, conninfo: str, criteria_of: CriteriaOf, began: float = inf) -> None:
        """Nothing is asked of PostgreSQL before something is read or written.

        criteria_of: returns what shows that a budget is in use.  began: when the caller began to
        count, seconds since the epoch: who was erased since then is told of.
        """
        self._conninfo = conninfo
        self._began = began
        self._criteria_of = criteria_of
        self._writer = uuid4().hex
        self._opening = threading.Lock()
        self._pool: PostgresPool | None = None
        self._position: int | None = None  # the newest number that was taken; None: none yet
        self._last_erasure = 0  # of those that were returned

    def load(self, households: Collection[str], since: date) -> tuple[Usage, ...]:
        """Return the usage of some households on a date and later."""
        found: list[Usage] = []
        with self._opened_pool().connection() as connection:
            for some in _batches(households):
                found += read_usage_of_some(connection, some, since)
        return tuple(found)

    def save(self, usages: Iterable[Usage], now: float) -> frozenset[Who]:
        """Add to what is stored; return the profiles that were erased since the last call.

        Their minutes are not written, and the caller drops them.  now: seconds since the epoch.
        """
        erased: set[Who] = set()
        with self._opened_pool().connection() as connection:
            newest = self._last_erasure
            for some in _batches(usages):
                with transaction(connection):
                    newest, found = self._read_erased(connection)
                    erased |= found
                    kept = [each for each in some if (each.household, each.profile) not in erased]
                    self._add(connection, kept, now)
        self._last_erasure = newest  # now that all went well: else the next call returns them
        return frozenset(erased)

    def take_moved(self) -> MovedUsage:
        """Return what others stored, and whose records were deleted, since the last call.

        After an error, and the first time, that may be anything.
        """
        position, self._position = self._position, None
        with self._opened_pool().connection() as connection:
            oldest, newest, erasure = connection.execute(_NEWEST).fetchone()
            erased: frozenset[Who] = frozenset()
            if erasure != self._last_erasure:
                erasure, erased = self._read_erased(connection)
            moved: frozenset[str] | None = frozenset()
            if position is None or newest < position or position + 1 < oldest:
                moved = None
            elif newest > position:
                rows = connection.execute(_MOVED, (position, newest, self._writer))
                moved = frozenset(household for (household,) in rows)
        self._position, self._last_erasure = newest, erasure
        return MovedUsage(moved, erased)

    def earlier_date(self, today: date) -> date:
        """Return the earlier of a date and today's in UTC by PostgreSQL's clock.

        By it something is old: this machine's clock may be ahead.
        """
        with self._opened_pool().connection() as connection:
            return min(today, date.fromisoformat(connection.execute(_TODAY).fetchone()[0]))

    def close_days(self, today: date) -> None:
        """Delete in which minutes it was, of days before a date; how many there were stays.

        Of people of whom nothing is kept, those days are deleted.
        """
        before = today.isoformat()
        with self._opened_pool().connection() as connection:
            connection.execute(_CLOSE, {"day": before, "none": b""})
            connection.execute(_DROP, (before,))

    def forget_moved(self, now: float) -> None:
        """Delete whose minutes moved long ago.  now: seconds since the epoch; PostgreSQL's clock
        counts as well, where this machine's is ahead."""
        with self._opened_pool().connection() as connection:
            connection.execute(_FORGET_MOVED, (int(now) - MOVED_FOR, MOVED_FOR))

    def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            self._pool.close()

    def _add(self, connection: SqlConnection, usages: Sequence[Usage], now: float) -> None:
        if not usages:
            return
        since = min(each.day for each in usages)
        households = {each.household for each in usages}
        there = {_key(each): each for each in read_usage_of_some(connection, households, since)}
        changed = list(self._changes(there, usages))
        connection.executemany(PUT, map(row_of, changed))
        moved = sorted({each.household for each in changed})
        connection.executemany(_NOTE_MOVED, [(each, self._writer, int(now)) for each in moved])

    def _changes(self, there: Mapping[UsageKey, Usage], usages: Iterable[Usage]) -> Iterator[Usage]:
        for each in usages:
            stored = there.get(_key(each))
            merged = each if stored is None else merge_usage(stored, each)
            # Neither program may know all minutes yet: here they are together.
            found = estimate(merged.marks, self._criteria_of(*_key(each)[:3]))
            merged = merged._replace(minutes=fieldwise_max(merged.minutes, found))
            if merged != stored:
                yield merged

    def _read_erased(self, connection: SqlConnection) -> tuple[int, frozenset[Who]]:
        """Return the number of the newest erasure, and who was erased since the last call."""
        newest = last_erasure(connection)
        found = profiles_erased_since(connection, min(newest, self._last_erasure))
        return newest, frozenset(found)

    def _opened_pool(self) -> PostgresPool:
        with self._opening:
            if self._pool is None:
                pool = PostgresPool(self._conninfo, LOG_SCHEMA, most=CONNECTIONS)
                try:
                    migrate(pool, LOG)
                    with pool.connection() as connection:
                        (self._last_erasure,) = connection.execute(
                            _ERASED_BEFORE, (min(self._began, _NEVER),)
                        ).fetchone()
                except BaseException:  # else its threads would go on
                    pool.close()
                    raise
                self._pool = pool
            return self._pool


def _batches(values: Iterable[Value]) -> Iterator[tuple[Value, ...]]:
    rest = iter(values)
    while some := tuple(islice(rest, AT_ONCE)):
        yield some


def _key(usage: Usage) -> UsageKey:
    return usage.household, usage.profile, usage.budget, usage.day


_NEWEST: Final = """
    select (select coalesce(min(number), 0) from copdns.usage_moved),
           (select coalesce(max(number), 0) from copdns.usage_moved),
           (select coalesce(max(id), 0) from erasure)"""
_NEVER: Final = 1 << 62  # seconds
_ERASED_BEFORE: Final = "select coalesce(max(id), 0) from erasure where at < ?"
_MOVED: Final = """
    select distinct household from copdns.usage_moved
     where number > ? and number <= ? and writer <> ?"""
_NOTE_MOVED: Final = "insert into copdns.usage_moved (household, writer, at) values (?, ?, ?)"
_FORGET_MOVED: Final = """
    delete from copdns.usage_moved
     where at < least(cast(? as bigint), extract(epoch from clock_timestamp()) - ?)
       and number < (select max(number) from copdns.usage_moved)"""
_TODAY: Final = "select cast(cast(timezone('UTC', clock_timestamp()) as date) as text)"
_CLOSE: Final = """
    update usage set "some" = :none, several = :none, closed = :none
     where day < :day and ("some" <> :none or several <> :none or closed <> :none)"""
_DROP: Final = """
    delete from usage where day < ? and exists (
        select 1 from copdns.profile p
         where p.household = usage.household and p.id = usage.profile and p.privacy = 'off')"""
