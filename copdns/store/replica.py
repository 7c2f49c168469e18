"""What a second box gets of `household.db`, and how that becomes a database in its memory.

A table that is not named here stays at home: look-ups, requests and their words, sessions, PINs,
tokens of programs, the history, and whatever table a later version adds.  Of those that are named
all columns travel but the blank ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from copdns.model.errors import FollowingError
from copdns.store.connection import SqlConnection
from copdns.store.db import read_transaction

# Table: the columns that are not sent, with what stands for them.
_BLANK: Final[Mapping[str, Mapping[str, Any]]] = {
    "household": {},
    # Nothing is recorded there, so what is recorded here is nothing to that box.
    "profile": {"full_log_start": None, "full_log_end": None, "privacy": "off", "bypass_signs": 0},
    "device": {},
    "rule": {},
    "own_service": {},
    "local_name": {},
    "name_rewrite": {},
    "split_upstream": {},
    "schedule": {},
    "budget": {},
    "pause": {},
    "moved_bedtime": {},
    "filter_break": {},
    "grant": {"note": ""},  # what somebody answered to a request
    "bonus": {},
    "guest": {},
    "device_move": {},
    "pairing": {},  # digests of the cookies by which a child's browser is known
    "claim": {},
    "list_error": {},
    # Who decides, for the page with the rules; nobody can log in by it.
    "account": {"password": "", "totp": "", "totp_used": 0},
}

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def replica_mark(connection: SqlConnection, household: str) -> tuple[object, ...]:
    """Return a value that is another one after each change of what a second box gets."""
    return tuple(
        connection.execute(
            """
            select revision,
                   (select max(id) from change where household = :household),
                   (select count(*) from guest where household = :household),
                   (select count(*) from pairing where household = :household),
                   (select count(*) from claim where household = :household)
              from household where household = :household
            """,
            {"household": household},
        ).fetchone()
        or ()
    )


def read_replica(connection: SqlConnection, household: str) -> Rows:
    """Return the rows that a second box gets of a household, by table."""
    with read_transaction(connection):
        return {
            table: list(_read_rows(connection, table, blank, household))
            for table, blank in _BLANK.items()
        }


def _read_rows(
    connection: SqlConnection, table: str, blank: Mapping[str, Any], household: str
) -> Iterator[Mapping[str, Any]]:
    columns = _columns(connection, table)
    names = ", ".join(f'"{each}"' for each in columns)
    rows = connection.execute(
        f'select {names} from "{table}" where household = ? order by 1, 2',  # noqa: S608
        (household,),
    )
    for row in rows:
        yield {**dict(zip(columns, row, strict=True)), **blank}


def write_replica(connection: SqlConnection, rows: Rows) -> None:
    """Fill an empty database in memory; raise FollowingError for what this version cannot store."""
    connection.execute("pragma foreign_keys = off")  # tables come in any order
    for table, those in rows.items():
        if table not in _BLANK:
            raise FollowingError(f"the bundle has a table {table!r}; install the newer copdns here")
        known = _columns(connection, table)
        for row in those:
            if extra := sorted(row.keys() - set(known)):
                raise FollowingError(
                    f"the bundle has {table}.{extra[0]}, which this version of copdns does not "
                    "know; install the newer copdns here too"
                )
            names = ", ".join(f'"{each}"' for each in row)
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f'insert into "{table}" ({names}) values ({marks})',  # noqa: S608
                tuple(row.values()),
            )
    connection.execute("pragma foreign_keys = on")


def _columns(connection: SqlConnection, table: str) -> tuple[str, ...]:
    return tuple(str(row[1]) for row in connection.execute(f'pragma table_info("{table}")'))
