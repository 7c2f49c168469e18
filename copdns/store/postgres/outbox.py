"""Which households changed, in one order for all who follow: the outbox.

A trigger notes each household whose revision moved, in the transaction that moves it, so nothing
that was committed is missing there and nothing else is there.  Such a row has no number yet: two
that write at once may commit in either order, and a reader that remembers a number would miss the
slower one.  So one program at a time, the leader, numbers what was committed since its last look,
and sends one notification for all of it.  Followers read what has a number above the last that they
saw; a notification that is lost costs a moment, and no change.

Whoever may connect to a database may listen to every notification whose channel they know.  So the
channel has a name that cannot be guessed, in a table that copdns' own roles alone may read, from
the moment at which a provider has such roles (`store/provider_db/role_rights.py`).

A household has one row with its newest revision, so that the table grows with the households and
not with the changes, and a follower that was away for a month reads each household once.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any, Final, NamedTuple

import psycopg

from copdns.model.errors import StoreAwayError
from copdns.store.postgres.connection import PostgresConnection, PostgresPool, raise_for_people
from copdns.store.schema_steps import SchemaSteps

OUTBOX = SchemaSteps("outbox")
MAX_BATCH: Final = 1000  # households that are numbered, or read, by one statement
TRY_TO_LEAD: Final = 10  # calls between two tries
LOOK_ANYWAY: Final = 50  # calls after which the table is read without a notification


class Moved(NamedTuple):
    """A household that changed.  revision: the one it has now; 0 where it is gone."""

    household: str
    revision: int


class DatabaseChange(NamedTuple):
    """That a follower met another database.  has_lost: changes that were confirmed before may be
    missing in it; False where it has as many, as where a standby took over.  is_set_back: it is the
    same one, at an earlier moment, as after a snapshot of its disk."""

    has_lost: bool
    is_set_back: bool = False


class OutboxReader:
    """Follows the changes of all households; for one thread at a time.  Raises StoreError.

    Make it before the first read of a household, so that no change in between is missed.  While
    PostgreSQL cannot be reached each call tries it again; afterwards no change is missing.

    position: the number of the last change that was taken.  Another reader may go on there, as that
    of a node that starts again; 0 is before the first household.
    database: which one it follows, the same text for as long as that is so; "" where the server
    does not say, as a standby.
    is_leader: this program is the one that numbers, until its connection ends.
    """

    def __init__(
        self, pool: PostgresPool, position: int | None = None, *, leads: bool = True
    ) -> None:
        """position: None: begin now.

        leads: False for a program that cannot do what a leader does besides: it numbers only what
        nobody else does just then, so that a change is in force also where no leader is there.
        """
        self._pool = pool
        self._leads = leads
        self._channel = ""  # that it listens to
        self._connection: psycopg.Connection[Any] | None = None
        self._calls = 0
        self._change: DatabaseChange | None = None  # that nobody took yet
        self.is_leader = False
        self.database = ""
        self.position = 0
        self._reach = 0  # as of the connection: the last number, also of what gets another one
        with raise_for_people():
            self._connect()
            self.position = self._newest() if position is None else position

    def go_on_after(self, position: int, database: str = "") -> int:
        """Have the next call give what changed since another reader was at a number, or all where
        that followed another database; return how many changes that are at most.

        database: of that reader; "" where it is not known.
        """
        newest, self.position = self.position, position
        self._compare(database, newest)
        return newest - self.position

    def take_change(self) -> DatabaseChange | None:
        """Return that the database is another one since the last call; None where it is not.

        What was known of the one before may be newer than what this one has, or of a household that
        is not in it; the next `take`, or the last one, gives all that is.
        """
        change, self._change = self._change, None
        return change

    def begin_now(self) -> None:
        """Have the next call give what changes from now on; blocks."""
        with raise_for_people():
            self.position = self._newest()

    def take(self) -> tuple[Moved, ...]:
        """Return the households that changed since the last call, each once; it waits for none."""
        with raise_for_people():
            try:
                return self._take()
            except psycopg.Error:
                self.close()  # so that the next call looks anew which database it is
                raise

    def _take(self) -> tuple[Moved, ...]:
        is_new = self._connection is None
        if is_new:
            self._connect()
        self._calls += 1
        if not self.is_leader and (is_new or self._calls % TRY_TO_LEAD == 1):
            if self._leads:
                self.is_leader = self._lead()
            else:
                self._number_once()
        if self.is_leader:
            self._run(_NUMBER)
        looks = is_new or self._calls % LOOK_ANYWAY == 1
        if looks:
            self._listen()  # it may have another name since
        if not (self._is_told() or looks):
            return ()
        found: list[Moved] = []
        position = self.position
        while rows := self._run(_READ, (position, MAX_BATCH)):
            found += (Moved(household, revision) for household, revision, _ in rows)
            position = rows[-1][2]
        self.position = position  # only now: what is lost on the way must be read again
        return tuple({each.household: each for each in found}.values())

    @property
    def descriptor(self) -> int | None:
        """Of the connection, which can be read from when the server says something; None without
        one."""
        if self._connection is None or self._connection.closed:
            return None
        return self._connection.fileno()

    def interrupt(self) -> None:
        """Let a call that another thread waits in end with an error, also if a server is stuck."""
        connection = self._connection
        if connection is None:
            return
        with (
            contextlib.suppress(psycopg.Error, OSError),  # it ends by itself just now
            socket.socket(fileno=os.dup(connection.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; whoever else follows may lead from then on."""
        self.is_leader = False
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):  # it may be gone already
                self._connection.close()
        self._connection = None

    def _connect(self) -> None:
        self._connection, self._channel = self._pool.open_apart(), ""
        self._listen()
        ((now,),) = self._run(WHICH_DATABASE)
        if self.database and not now:
            self.close()
            # It may be behind by a moment, which is no sign of a backup.
            raise StoreAwayError("PostgreSQL is a standby, or still being restored")
        ((newest, reach),) = self._run(_NEWEST_AND_REACH)
        before, self._reach = self.database, max(newest, reach)
        self.database = str(now)
        self._compare(before, newest)

    def _compare(self, before: str, newest: int) -> None:
        """Begin anew where this is another database than one before, or an older one of the same
        name, as after a snapshot of its disk."""
        is_other = before not in ("", self.database)
        is_behind = self._reach < self.position
        if not (is_other or is_behind):
            return
        is_restored = is_other and is_copy(before, self.database)
        has_lost = is_behind or (is_restored and newest != self.position)
        if self._change is None or has_lost:
            self._change = DatabaseChange(has_lost, not is_other)
        self.position = 0

    def _listen(self) -> None:
        ((name,),) = self._run(_READ_CHANNEL)
        if name != self._channel:
            self._run(f'unlisten *; listen "{name}"'.encode())
            self._channel = str(name)

    def _newest(self) -> int:
        ((number,),) = self._run(_NEWEST)
        return int(number)

    def _lead(self) -> bool:
        ((is_leader,),) = self._run(_LEAD)
        return bool(is_leader)

    def _number_once(self) -> None:
        assert self._connection is not None
        with self._connection.transaction():  # at whose end the lock is free
            ((is_free,),) = self._run(_LEAD_FOR_NOW)
            if is_free:
                self._run(_NUMBER)

    def _is_told(self) -> bool:
        assert self._connection is not None
        return bool(list(self._connection.notifies(timeout=0)))

    def _run(self, sql: bytes, parameters: tuple[object, ...] = ()) -> list[Any]:
        assert self._connection is not None
        rows = self._connection.execute(sql, parameters or None)
        return rows.fetchall() if rows.description else []


def is_copy(before: str, now: str) -> bool:
    """Tell of two databases, as `OutboxReader.database`, whether the later one was made from the
    other's rows; where a standby took over with all that there was, only the last word differs."""
    return before.split()[:-1] != now.split()[:-1]


def read_database(connection: PostgresConnection) -> str:
    """Return which database a connection is to, as `OutboxReader.database`; "" for a standby."""
    ((found,),) = connection.run_here(WHICH_DATABASE.decode()).fetchall()
    return str(found)


def check_database(connection: PostgresConnection, database: str) -> None:
    """Raise StoreAwayError where a connection is to another database, or to a server that does not
    say which it is, as one that is still being restored; "": to any is right.

    One of a pool may be new, and be to a server that came in the place of the one that a reader
    of the outbox follows; the reader notices once it connects anew.
    """
    if database and read_database(connection) != database:
        raise StoreAwayError("PostgreSQL is another database than a moment ago")


CHANNEL: Final = "copdns_moved"  # where no other name is stored
_CHANNEL_NOW = f"coalesce((select name from outbox_channel), '{CHANNEL}')"  # noqa: S608 - ours
_READ_CHANNEL = f"select {_CHANNEL_NOW}".encode()
# Of 64 bits, since another lock of the same number would keep somebody from writing for ever.
_LEAD = b"select pg_try_advisory_lock(hashtextextended('leads ' || current_schema(), 0))"
_LEAD_FOR_NOW = _LEAD.replace(b"pg_try_advisory_lock", b"pg_try_advisory_xact_lock")
_NEWEST = b"select coalesce(max(number), 0) from outbox"
# A household that changed just now, or while nobody numbered, has no number: if it had the newest
# one, that of others is smaller than what was taken, and no sign of a backup.
_NEWEST_AND_REACH = b"""
    select (select coalesce(max(number), 0) from outbox),
           coalesce(case when exists (select 1 from outbox where number is null)
                         then pg_sequence_last_value(cast('outbox_number' as regclass)) end, 0)"""
# A copy has another server, or tables that were made there anew; a server that went back in time,
# or took over from another one, has another timeline.  A standby has none of its own yet.
WHICH_DATABASE = b"""
    select case when pg_is_in_recovery() then '' else concat_ws(' ',
               (select system_identifier from pg_control_system()),
               cast(cast('outbox' as regclass) as oid),
               left(pg_walfile_name(pg_current_wal_lsn()), 8)) end"""
_NUMBER = f"""
    with moved as (
        select household from outbox where number is null
         order by household limit {MAX_BATCH} for update skip locked
    ), numbered as (
        update outbox set number = nextval('outbox_number')
          from moved where outbox.household = moved.household returning number
    )
    select pg_notify({_CHANNEL_NOW}, current_schema())
      from (select max(number) as newest from numbered) as batch where newest is not null
    """.encode()  # noqa: S608 - names of ours
_READ = b"""
    select household, revision, number from outbox where number > %s order by number limit %s"""


@OUTBOX(name="0001_outbox")
def outbox(db: PostgresConnection) -> None:
    """A row for each household, with its newest revision, and its number in the order of changes.

    number: null until a leader numbers it.
    """
    for statement in _TABLE:
        db.run_here(statement)


_TABLE = (
    """
    create table outbox (
        household text collate "C" primary key,
        revision bigint not null,
        number bigint
    )""",
    "create sequence outbox_number",
    "create unique index outbox_number_once on outbox (number)",
    "create index outbox_unnumbered on outbox (household) where number is null",
    "insert into outbox (household, revision) select household, revision from household",
    """
    create function note_moved() returns trigger language plpgsql as $$
    begin
        insert into outbox (household, revision)
        values (coalesce(new.household, old.household), coalesce(new.revision, 0))
            on conflict (household) do update
           set revision = excluded.revision, number = null;
        return null;
    end $$""",
    """
    create trigger household_moved after insert or delete or update of revision on household
        for each row execute function note_moved()""",
)


@OUTBOX(name="0002_outbox_channel", expands=True)
def outbox_channel(db: PostgresConnection) -> None:
    """The name under which notifications are sent, one row; without it `CHANNEL`."""
    db.run_here(
        """
        create table outbox_channel (
            one bigint primary key,
            name text collate "C" not null
        )"""
    )
