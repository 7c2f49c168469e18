"""Whose a line is, and which addresses it has now: what nodes of a provider follow.

One program at a time writes, the one that `lead_bindings` chose; so numbers are committed in their
order, and a node that reads what has a number above its own misses nothing.  What is nobody's any
more stays as a row without a line, until it is somebody's again.

No page, export or log shows these tables: an address tells who was where.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg

from copdns.model.errors import StoreAwayError
from copdns.store.postgres.connection import PostgresConnection, PostgresPool, raise_for_people
from copdns.store.postgres.outbox import check_database, read_database
from copdns.store.schema_steps import SchemaSteps

LINES = SchemaSteps("lines")
AT_ONCE: Final = 10_000  # rows that are taken from the server together


class LineRow(NamedTuple):
    """Whose a line is.  household: "" for nobody's.  number: of the row that is read."""

    line: str
    household: str
    number: int = 0


class BindingRow(NamedTuple):
    """Who has a block of addresses, as `AddressBlock` is written.  line: "" for nobody."""

    block: str
    line: str


class SessionRow(NamedTuple):
    """A session of a line.  began, heard: seconds since 1970.  blocks: what it has.

    line: "" for one that is over, so that what comes late does not revive it: it began to be so
    then, by the machine's clock, and that was heard then.
    """

    machine: str
    session: str
    line: str
    began: float
    heard: float
    blocks: tuple[str, ...]


class Writer(NamedTuple):
    """What is known of the program that writes.

    at: when it called `BindingStore.put` last, in seconds since 1970, 0 for never.
    database: which one it has looked at as a whole, "" where that is not known.  What a backup
    brought may be older than what the network was answered, until it has.
    era: how often a program began to write.  It only grows, so that it tells which of two wrote
    later, whatever their clocks say; 0 where that is not known, and `NOBODY` for none.
    restored: the last number of a row as it looked at a database from a backup; 0 for never.
    """

    at: float
    database: str
    era: int = 0
    restored: int = 0

    @property
    def write(self) -> tuple[int, float]:
        """Which write was the last one."""
        return self.era, self.at

    def is_before(self, other: Writer) -> bool:
        """Tell whether something was written between this and another look."""
        if 0 in (self.era, other.era) or self.era == other.era:
            return self.at < other.at
        return self.era < other.era


UNKNOWN: Final = Writer(0.0, "")
NOBODY: Final = -1  # the era of a database in which no program ever wrote, or not all is there yet


class BindingStore:
    """The tables, for the one program that writes them.  Raises StoreError.

    Each change is one transaction: what was answered to the network is on the disk.
    """

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def sessions(self) -> Iterator[SessionRow]:
        """Yield all sessions, also those that are over; those that were heard of last at the
        end."""
        with self._pool.connection() as connection:
            for machine, session, line, began, heard, blocks in connection.stream(
                _READ_SESSIONS, (), AT_ONCE
            ):
                yield SessionRow(machine, session, line, began, heard, tuple(json.loads(blocks)))

    def bindings(self) -> dict[str, str]:
        """Return who has which block."""
        with self._pool.connection() as connection:
            rows = connection.execute("select block, line from line_address where line <> ''")
            return {str(block): str(line) for block, line in rows}

    def put(
        self,
        bindings: Iterable[BindingRow] = (),
        sessions: Iterable[SessionRow] = (),
        ended: Iterable[tuple[str, str]] = (),
        lines: Iterable[LineRow] = (),
        at: float = 0.0,
        taken: Iterable[int] = (),
        database: str = "",
        since: Writer = UNKNOWN,
        lost: Writer | None = None,
    ) -> Writer:
        """Store what changed; return what stands there of the program that writes.

        ended: machine and session of those of which nothing is kept.  at: when, in seconds since
        1970.
        taken: the numbers of what was handed over (`read_handed_over`) that is in it.
        database: where all is as it should be by now, which that is, and a new era begins; "" where
        only this changed.
        lost: where that is from a backup, or at an earlier moment, what stood there before: each
        line that is told again gets another number, above `Writer.restored`.
        since: what this returned before, or was found; `UNKNOWN` for whatever is there.  Raises
        StoreAwayError where it is another database, or at an earlier moment, as after a snapshot of
        its disk, or where another program wrote: it is read anew first.
        """
        with self._pool.connection() as connection, _transaction(connection):
            check_database(connection, since.database)
            # Only one program gives numbers, also while two take each other for the writer.  A lock
            # of the table would wait for PostgreSQL's vacuum, and keep that from its work.
            connection.run_here(_WRITE_ALONE)
            found = _read_writer(connection)
            if found.is_before(since):
                raise StoreAwayError("PostgreSQL is at an earlier moment than at the last write")
            # Also one that had begun to as its lead was lost: what it wrote was not read here.
            if UNKNOWN.write != since.write != found.write:
                raise StoreAwayError("another program of this provider wrote addresses meanwhile")
            era = max(found.era, lost.era if lost else 0, 0) + (1 if database else 0)
            restored = _mark(connection, lost.restored) if lost else found.restored
            connection.executemany(_PUT_LINE, [(*each[:2], restored) for each in lines])
            connection.executemany(_PUT_BINDING, list(bindings))
            connection.executemany(
                _PUT_SESSION, [(*each[:5], json.dumps(each.blocks)) for each in sessions]
            )
            connection.executemany(_END_SESSION, list(ended))
            connection.execute(_NOTE_WRITER, (at, database, era, restored))
            connection.executemany(_FORGET_TOLD, [(each,) for each in taken])
            return Writer(at, database or found.database, era, restored)

    def hand_over(self, told: Iterable[str]) -> int:
        """Leave to the program that writes what another one was told while PostgreSQL was away;
        return the number of the last of it."""
        with self._pool.connection() as connection, _transaction(connection):
            rows = [(each,) for each in told]
            connection.executemany("insert into line_told (told) values (?)", rows)
            (row,) = connection.execute("select max(number) from line_told").fetchall()
            return int(row[0] or 0)

    def has_taken(self, number: int) -> bool:
        """Tell whether the program that writes has taken what was handed over up to a number."""
        with self._pool.connection() as connection:
            return not connection.execute(_READ_UP_TO, (number,)).fetchall()

    def read_handed_over(self) -> dict[int, str]:
        """Return what was handed over, some at once, by its number.

        A smaller one may come later: two programs hand over at once, and either ends first.
        """
        with self._pool.connection() as connection:
            rows = connection.execute(_READ_TOLD, (AT_ONCE,)).fetchall()
        return {int(number): str(told) for number, told in rows}

    def database(self) -> str:
        """Return which database this is, as `OutboxReader.database`."""
        with self._pool.connection() as connection:
            return read_database(connection)

    def writer(self) -> Writer:
        """Return what is known of the program that writes."""
        with self._pool.connection() as connection:
            return _read_writer(connection)


_WRITE_ALONE = (
    "select pg_advisory_xact_lock(hashtextextended('writes lines ' || current_schema(), 0))"
)
_NUMBER: Final = "nextval('line_number')"
_PUT_LINE = f"""
    insert into line (line, household, number) values (?, ?, {_NUMBER})
        on conflict (line) do update
       set household = excluded.household, number = excluded.number
     where line.household <> excluded.household or line.number <= ?"""  # noqa: S608 - names of ours
_PUT_BINDING = f"""
    insert into line_address (block, line, number) values (?, ?, {_NUMBER})
        on conflict (block) do update set line = excluded.line, number = excluded.number
     where line_address.line <> excluded.line"""  # noqa: S608 - names of ours
_READ_SESSIONS = """
    select machine, session, line, began, heard, blocks from line_session
     order by heard, machine, session"""
_PUT_SESSION = """
    insert into line_session (machine, session, line, began, heard, blocks)
    values (?, ?, ?, ?, ?, ?)
        on conflict (machine, session) do update
       set line = excluded.line, began = excluded.began, heard = excluded.heard,
           blocks = excluded.blocks"""
_NOTE_WRITER = """
    insert into line_writer (one, at, place, era, restored) values (1, ?, ?, ?, ?)
        on conflict (one) do update
       set at = excluded.at, era = excluded.era, restored = excluded.restored,
           place = case when excluded.place = '' then line_writer.place else excluded.place end"""
_READ_TOLD = "select number, told from line_told order by number limit ?"
_FORGET_TOLD = "delete from line_told where number = ?"
_READ_UP_TO = "select number from line_told where number <= ? limit 1"
_END_SESSION = "delete from line_session where machine = ? and session = ?"


@contextmanager
def _transaction(connection: PostgresConnection) -> Iterator[None]:
    """Run a transaction that keeps no household's writer waiting."""
    connection.run_here("begin")
    try:
        yield
        connection.run_here("commit")
    except BaseException:  # also Ctrl-C: what is half written must not be committed later
        if connection.in_transaction:
            connection.run_here("rollback")
        raise


class LineReader:
    """Follows both tables; for one thread at a time.  Raises StoreError.

    position: the number of the last row that was taken; 0 is before the first.
    seen: the program that writes, as of the last call; None before the first.
    is_set_back: the database is at an earlier moment than at a former call, as after a snapshot of
    its disk, or the program that writes found that; nothing more is taken from it.
    """

    def __init__(self, pool: PostgresPool, database: str = "") -> None:
        """database: which it reads, as `OutboxReader.database`: from another one, as one that was
        restored a moment ago, nothing is taken.  "": any."""
        self._pool = pool
        self._database = database
        self.position = 0
        self.seen: Writer | None = None
        self.is_set_back = False

    def take(self) -> tuple[list[LineRow], list[BindingRow]]:
        """Return what changed since the last call."""
        lines: list[LineRow] = []
        bindings: list[BindingRow] = []
        with self._pool.connection() as connection:
            (newest, *row) = connection.execute(_LOOK).fetchall()[0]
            writer = _as_writer(row)
            before = self.seen or writer
            is_old = writer.restored != before.restored or writer.era < before.era
            if self.position != newest or is_old:
                check_database(connection, self._database)
            if newest < self.position or is_old:
                self.is_set_back = True
                return [], []
            if self.position < newest:
                # What moves meanwhile has a number above the newest, and comes with the next call.
                span = (self.position, newest)
                lines += map(LineRow._make, connection.stream(_READ_LINES, span, AT_ONCE))
                bindings += map(BindingRow._make, connection.stream(_READ_BINDINGS, span, AT_ONCE))
        # Only now: what is lost on the way must be read again.
        self.position, self.seen = newest, writer
        return lines, bindings

    def writer(self) -> Writer:
        """Return what is known of the program that writes."""
        with self._pool.connection() as connection:
            return _read_writer(connection)

    def owners(self, blocks: Iterable[str]) -> list[BindingRow]:
        """Return the line that each of these blocks of addresses belongs to now; "" for none."""
        with self._pool.connection() as connection:
            check_database(connection, self._database)
            found = {each: connection.execute(_READ_OWNER, (each,)).fetchone() for each in blocks}
        return [BindingRow(each, str(row[0]) if row else "") for each, row in found.items()]


def _read_writer(connection: PostgresConnection) -> Writer:
    return _as_writer(connection.execute(_READ_WRITER).fetchone() or (None,) * 4)


def _as_writer(row: Sequence[Any]) -> Writer:
    at, place, era, restored = row
    return UNKNOWN._replace(era=NOBODY) if at is None else Writer(at, str(place), era, restored)


def _mark(connection: PostgresConnection, before: int) -> int:
    """Return a number of a row that all have from now on that are told again.

    before: the one of which whoever follows may know, though the database does not any more.
    """
    (row,) = connection.execute(_NEXT_NUMBERS, (1,)).fetchall()
    if row[0] <= before:
        (row,) = connection.execute(_NEXT_NUMBERS, (before - row[0] + 1,)).fetchall()
    return int(row[0])


_NEXT_NUMBERS = f"select max({_NUMBER}) from generate_series(1, ?)"  # noqa: S608 - as above
_READ_WRITER = "select at, place, era, restored from line_writer"
# One statement: what the program that writes noted is of the same moment as its rows.
_LOOK = """
    select greatest(
               (select coalesce(max(number), 0) from line),
               (select coalesce(max(number), 0) from line_address)),
           at, place, era, restored
      from (select 1) as always left join line_writer on true"""
_READ_OWNER = "select line from line_address where block = ?"
_READ_LINES = "select line, household, number from line where number > ? and number <= ?"
_READ_BINDINGS = "select block, line from line_address where number > ? and number <= ?"


def lead_bindings(pool: PostgresPool) -> psycopg.Connection[Any] | None:
    """Return a connection that makes this program the one that writes, for as long as it is open;
    None while another one is.  Raises StoreError."""
    with raise_for_people():
        connection = pool.open_apart()
        row = connection.execute(_LEAD).fetchone()
        if row is not None and row[0]:
            return connection
        connection.close()
        return None


def still_leads(connection: psycopg.Connection[Any]) -> bool:
    """Ask PostgreSQL whether a connection of `lead_bindings` is there, and its lock with it."""
    try:
        connection.execute(b"select 1")
    except psycopg.Error:
        return False
    return True


_LEAD = b"select pg_try_advisory_lock(hashtextextended('binds ' || current_schema(), 0))"


@LINES(name="0001_lines")
def lines(db: PostgresConnection) -> None:
    """Lines, the addresses that they have, and the sessions in which they got those."""
    for statement in _TABLES:
        db.run_here(statement)


_TABLES = (
    "create sequence line_number",
    "create table line_writer (one integer primary key, at double precision not null)",
    """
    create table line (
        line text collate "C" primary key,
        household text collate "C" not null,
        number bigint not null
    )""",
    "create index line_by_number on line (number)",
    "create index line_of_household on line (household)",
    """
    create table line_address (
        block text collate "C" primary key,
        line text collate "C" not null,
        number bigint not null
    )""",
    "create index line_address_by_number on line_address (number)",
    """
    create table line_session (
        machine text collate "C" not null,
        session text collate "C" not null,
        line text collate "C" not null,
        began double precision not null,
        heard double precision not null,
        blocks text not null,
        primary key (machine, session)
    )""",
)


@LINES(name="0002_line_shares")
def line_shares(db: PostgresConnection) -> None:
    """What nodes took from each household (`line_shares.py`)."""
    db.run_here(
        """
        create table line_share (
            household text collate "C" primary key references household on delete cascade,
            number bigint not null,
            made_by text collate "C" not null,
            shape text collate "C" not null,
            asks smallint not null,
            until double precision not null,
            names text collate "C" not null
        )"""
    )


@LINES(name="0003_line_told")
def line_told(db: PostgresConnection) -> None:
    """What programs that do not write were told while PostgreSQL was away, for the one that does:
    an event each, as JSON."""
    db.run_here(
        """
        create table line_told (
            number bigint generated always as identity primary key,
            told text not null
        )"""
    )


@LINES(name="0004_line_writer_place", expands=True)
def line_writer_place(db: PostgresConnection) -> None:
    """For which database the program that writes has looked at all that there is."""
    db.run_here("alter table line_writer add column place text collate \"C\" not null default ''")


@LINES(name="0005_line_eras", expands=True)
def line_eras(db: PostgresConnection) -> None:
    """Which of two programs wrote later, whatever their clocks say; and the last number before a
    database from a backup was looked at."""
    db.run_here("alter table line_writer add column era bigint not null default 0")
    db.run_here("alter table line_writer add column restored bigint not null default 0")
