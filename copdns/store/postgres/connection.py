"""Connections to a PostgreSQL database, which take the store's SQL as SQLite's do.

They come from a pool.  Every one sees the tables of one schema; text is UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from copdns import __version__
from copdns.model.errors import StoreAwayError, StoreError
from copdns.store.connection import Rows
from copdns.store.postgres.dialect import translate, whole_statement
from copdns.store.postgres.pool_lines import note_connection

SCHEMA = "copdns"
LOG_SCHEMA = "copdns_log"  # of what was looked up
APPLICATION = f"copdns {__version__}"  # what connections are called
WAIT = 5.0  # seconds to wait for a connection
_BUSY = "5s"  # to wait for another writer
MOST_CONNECTIONS = 4  # of one process
# How libpq notices within seconds that a machine is gone that said nothing.
_LIVELINESS = {
    "tcp_user_timeout": 5000,  # milliseconds
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds, as below
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


class _NumberDumper(Dumper):
    """Writes True and False as the numbers that our columns have."""

    oid = 20  # of bigint

    def dump(self, obj: Any) -> Buffer:
        return b"1" if obj else b"0"


class _WholeLoader(Loader):
    """Reads what `sum` gives: of whole numbers a numeric, which is whole."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class PostgresConnection:
    """A connection that runs the SQL of the store (`store.connection.SqlConnection`).

    Raises StoreError, also for a text with U+0000, which PostgreSQL has not.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction has begun, also one that failed; not one that was cut off."""
        return self._connection.info.transaction_status in _IN_TRANSACTION

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /) -> Rows:
        """Run one statement."""
        with raise_for_people():
            if not parameters and (other := whole_statement(sql)):
                for each in other:
                    rows = self._connection.execute(each.encode())
                return rows
            return self._connection.execute(translate(sql).encode(), parameters)

    def stream(
        self, sql: str, parameters: Sequence[Any], at_once: int
    ) -> Iterator[tuple[Any, ...]]:
        """Run one statement, and yield its rows as they come, some at once; in a transaction."""
        with (
            raise_for_people(),
            self._connection.transaction(),
            self._connection.cursor(name="stream") as cursor,
        ):
            cursor.execute(translate(sql).encode(), parameters)
            while rows := cursor.fetchmany(at_once):
                yield from rows

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        """Run one statement for each row of parameters.

        For none PostgreSQL is not asked: psycopg would wait for it all the same, and most tables of
        a household that changes have no row to write.
        """
        others = iter(rows)
        first = list(islice(others, 2))
        if len(first) == 1:
            return self.execute(sql, first[0])
        with raise_for_people():
            cursor = self._connection.cursor()
            if first:
                cursor.executemany(translate(sql).encode(), chain(first, others))
            return cursor

    def begin_writing(self, household: str) -> None:
        """Begin a transaction as the only writer of a household; "": of the whole schema."""
        with raise_for_people():
            self._connection.execute(b"begin")
            if household:
                self._connection.execute(LOCK_HOUSEHOLD, (household,))
            else:
                self._connection.execute(LOCK_ALL)

    def lock_too(self, household: str) -> None:
        """Become the only writer of this one as well, until the transaction ends."""
        with raise_for_people():
            self._connection.execute(LOCK_HOUSEHOLD, (household,))

    def run_here(self, sql: str) -> Rows:
        """Run SQL that is PostgreSQL's own, as it is, without parameters."""
        with raise_for_people():
            return self._connection.execute(sql.encode())

    def close(self) -> None:
        """Close it; one of a pool goes back by itself (`PostgresPool.connection`)."""
        self._connection.close()


# A writer of one household keeps out those of the same one, and the chores, which keep out all.
# Both end with the transaction, also if the process dies.  A lock of one number is none of two.
LOCK_ALL = b"select pg_advisory_xact_lock(hashtext(current_schema()))"
LOCK_HOUSEHOLD = b"""
    select pg_advisory_xact_lock_shared(hashtext(current_schema())),
           pg_advisory_xact_lock(hashtext(current_schema()), hashtext(%s))"""

_IN_TRANSACTION = {
    psycopg.pq.TransactionStatus.ACTIVE,
    psycopg.pq.TransactionStatus.INTRANS,
    psycopg.pq.TransactionStatus.INERROR,
}


class PostgresPool:
    """The connections of one process to one database.  Raises StoreError.

    conninfo: as libpq takes it, such as "host=/run/postgresql dbname=copdns".
    """

    def __init__(
        self,
        conninfo: str,
        schema: str = SCHEMA,
        most: int = MOST_CONNECTIONS,
        *,
        opens: bool = True,
    ) -> None:
        """opens: False leaves it to a later `open`; until then PostgreSQL counts as away."""
        self.schema = schema
        self.most = most
        with raise_for_people():
            self.conninfo = _with_options(conninfo, schema)
            self._pool = ConnectionPool(
                self.conninfo,
                min_size=1,
                max_size=most,
                timeout=WAIT,
                # Then whoever comes next tries again: a server that is back is used at once.
                reconnect_timeout=WAIT,
                kwargs={"autocommit": True},
                configure=_configure,
                check=ConnectionPool.check_connection,  # a restart of the server is no error
                open=False,
            )
        if opens:
            self.open()

    def open(self) -> None:
        """Connect; blocks.  Harmless where that was done."""
        with raise_for_people():
            if self._pool.closed:
                # First by itself: a pool tells only that nobody answered in time.
                psycopg.connect(self.conninfo, connect_timeout=int(WAIT)).close()
                self._pool.open()

    @contextmanager
    def connection(self) -> Iterator[PostgresConnection]:
        """Lend a connection; it goes back outside of any transaction."""
        with raise_for_people(), self._pool.connection() as connection:
            yield PostgresConnection(connection)

    def open_apart(self) -> psycopg.Connection[Any]:
        """Open a connection that is none of the pool, for what lasts as long as it does."""
        return psycopg.connect(self.conninfo, autocommit=True, connect_timeout=int(WAIT))

    def close(self) -> None:
        """Close all connections; blocks."""
        self._pool.close()


def _with_options(conninfo: str, schema: str) -> str:
    """Return how a database is reached, with options that beat what its role or itself sets."""
    liveliness = {key: _LIVELINESS[key] for key in _LIVELINESS.keys() - conninfo_to_dict(conninfo)}
    return make_conninfo(
        conninfo,
        **liveliness,
        # What was confirmed is on the disk, also where the server would rather be quick.
        options=f"-c search_path={schema} -c lock_timeout={_BUSY} -c synchronous_commit=on",
        client_encoding="UTF8",
        application_name=APPLICATION,
    )


def _configure(connection: psycopg.Connection[Any]) -> None:
    note_connection()
    connection.adapters.register_dumper(bool, _NumberDumper)
    connection.adapters.register_loader("numeric", _WholeLoader)


_REMEDIES = (
    (psycopg.errors.LockNotAvailable, "another program is using it; try again in a moment"),
    (psycopg.errors.DiskFull, "its disk is full; free some space there"),
    (psycopg.errors.ReadOnlySqlTransaction, "it can only be read; ask whoever runs it"),
    (
        psycopg.errors.InsufficientPrivilege,
        "the role that this program connects as may not do that; copdns provider roles check says "
        "what each is for, and docs/database-roles.md which program uses which",
    ),
    (psycopg.errors.InvalidPassword, "correct the password of copdns"),
    (psycopg.DataError, "it cannot store what was written; write it in another way"),
    (psycopg.OperationalError, "start it, or correct how it is reached"),
)


@contextmanager
def raise_for_people() -> Iterator[None]:
    """Raise what psycopg raises as errors for people."""
    try:
        yield
    except psycopg.Error as error:
        kind = StoreAwayError if _is_away(error) else StoreError
        raise kind(_for_people(error)) from error


def _is_away(error: psycopg.Error) -> bool:
    """Tell whether nobody answered, or hung up, rather than said what is wrong."""
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or isinstance(error, _SHUT_DOWN)
    )


_SHUT_DOWN = (
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
)


def _for_people(error: psycopg.Error) -> str:
    said = " ".join(str(error).split())
    kinds = (remedy for kind, remedy in _REMEDIES if isinstance(error, kind))
    return f"PostgreSQL: {said}; {next(kinds, 'if this keeps happening, restore a backup')}"
