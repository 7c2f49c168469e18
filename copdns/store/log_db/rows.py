"""The SQL of `log.db`: writing a batch, reading, forgetting.

What may be in a row or a count is decided in `keep`; here is how long it stays and how it goes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from copdns.privacy.retention import CountKey, LogRow
from copdns.store.db import transaction

DAY = 86_400
_AT_ONCE = (100, 10, 1)  # rows of one statement: few different ones, which are prepared once


class Logged(NamedTuple):
    """A row as stored.  id: rises with every row and is never used twice."""

    id: int
    row: LogRow


def last_erasure(connection: sqlite3.Connection) -> int:
    """Return the number of the newest erasure, 0 when there was none."""
    (newest,) = connection.execute("select coalesce(max(id), 0) from erasure").fetchone()
    return int(newest)


def write(
    connection: sqlite3.Connection,
    rows: Sequence[LogRow],
    counts: Mapping[CountKey, int],
    seen: int,
) -> None:
    """Write a batch.

    seen: the newest erasure when the oldest of it was asked, or before.  A profile that was
        erased since, maybe by another process, loses its part: it was asked before the
        erasure, or moments after.
    """
    with transaction(connection):
        if last_erasure(connection) != seen:
            erased = erased_since(connection, seen)
            rows = [row for row in rows if (row.household, row.profile) not in erased]
            counts = {key: n for key, n in counts.items() if key[:2] not in erased}
        _insert(connection, _LOOKUP, rows)
        _insert(connection, _COUNT, [(*key, n) for key, n in counts.items()])


_LOOKUP = """
    insert into lookup (at, household, profile, device, qname, qtype, action, reason,
                        category, service, list, rule, via)
    values {rows}
    """
_COUNT = """
    insert into lookup_count (household, profile, hour, action, reason, category, n)
    values {rows}
        on conflict do update set n = n + excluded.n
    """


def _insert(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows, many in one statement.

    Python's lock is let go and taken again with every statement; a row each, and the event loop
    would wait for it at its every system call, for as long as the batch takes.
    """
    at = 0
    for size in _AT_ONCE:
        while len(rows) - at >= size:
            some = rows[at : at + size]
            row = f"({', '.join('?' * len(some[0]))})"
            sql = statement.format(rows=", ".join([row] * size))
            connection.execute(sql, tuple(chain.from_iterable(some)))
            at += size


def erased_since(connection: sqlite3.Connection, seen: int) -> set[tuple[str, str]]:
    """Return the household and id of each profile that was erased after an erasure."""
    return set(connection.execute("select household, profile from erasure where id > ?", (seen,)))


def rows(
    connection: sqlite3.Connection,
    household: str,
    profile: str | None,
    limit: int,
    after: int | None,
) -> tuple[Logged, ...]:
    """Return the newest rows, or the first after an id; the newest last.  profile: None for all."""
    statement = _NEWEST if after is None else _AFTER
    found = connection.execute(
        statement.format(whose=_OF_ALL if profile is None else _OF_ONE),
        {"household": household, "profile": profile, "after": after, "limit": limit},
    ).fetchall()
    if after is None:
        found.reverse()
    return tuple(Logged(row[0], LogRow(*row[1:])) for row in found)


# Told by the text, and not by a parameter that may be null: the index of people ends with the id,
# so with both columns it has the newest at its end; without the second one the table itself has
# them (the + keeps SQLite from sorting the whole index).
_OF_ONE = "household = :household and profile = :profile"
_OF_ALL = "+household = :household"
_NEWEST = """
    select id, at, household, profile, device, qname, qtype, action, reason,
           category, service, list, rule, via
      from lookup
     where {whose}
     order by id desc
     limit :limit
    """
_AFTER = """
    select id, at, household, profile, device, qname, qtype, action, reason,
           category, service, list, rule, via
      from lookup
     where {whose} and id > :after
     order by id
     limit :limit
    """


def newest(
    connection: sqlite3.Connection,
    household: str,
    profiles: Collection[str],
    limit: int,
    before: int | None,
) -> tuple[Logged, ...]:
    """Return the newest rows of some people, or the newest before an id; the newest first.

    One statement, each part of which finds its rows by an index.
    """
    each = _NEWEST_OF if before is None else _NEWEST_OF_BEFORE
    parts = " union all ".join([each] * len(profiles))
    values = [
        value
        for profile in profiles
        for value in (household, profile, *(() if before is None else (before,)), limit)
    ]
    if not values:
        return ()
    found = connection.execute(f"{parts} order by id desc limit ?", (*values, limit))
    return tuple(Logged(row[0], LogRow(*row[1:])) for row in found)


_LOGGED = """
    id, at, household, profile, device, qname, qtype, action, reason,
    category, service, list, rule, via
    """
_NEWEST_OF = f"""
    select * from (select {_LOGGED} from lookup where household = ? and profile = ?
                    order by id desc limit ?)
    """  # noqa: S608
_NEWEST_OF_BEFORE = f"""
    select * from (select {_LOGGED} from lookup where household = ? and profile = ? and id < ?
                    order by id desc limit ?)
    """  # noqa: S608


def caught(connection: sqlite3.Connection, household: str) -> dict[str, int]:
    """Return of how many rows each list is the reason, by its slug."""
    rows = connection.execute(
        """
        select list, count(*) from lookup
         where household = ? and list <> '' group by list
        """,
        (household,),
    )
    return dict(rows.fetchall())


class Tally(NamedTuple):
    """How many look-ups of one hour, of some people together.  category: "" for none."""

    hour: int
    blocked: bool
    category: str
    n: int


def tallies(
    connection: sqlite3.Connection, household: str, profiles: Collection[str], since: float
) -> tuple[Tally, ...]:
    """Return the counts of some people, added up, of every hour that ends after a moment."""
    rows = connection.execute(
        """
        select hour, action = 'block' as blocked,
               case when action = 'block' then category else '' end as about, sum(n)
          from lookup_count
         where household = :household and hour >= :hour
           and profile in (select value from json_each(:profiles))
         group by hour, blocked, about
         order by hour
        """,
        {
            "household": household,
            "hour": int(since) // 3600,
            "profiles": json.dumps(list(profiles)),
        },
    )
    return tuple(Tally(hour, bool(blocked), about, n) for hour, blocked, about, n in rows)


def counts(
    connection: sqlite3.Connection, household: str, profile: str | None, since: float
) -> tuple[tuple[CountKey, int], ...]:
    """Return the counts of every hour that ends after a moment, in order of time."""
    found = connection.execute(
        """
        select household, profile, hour, action, reason, category, n
          from lookup_count
         where household = :household and hour >= :hour
           and (:profile is null or profile = :profile)
         order by hour, profile, action, reason, category
        """,
        {"household": household, "profile": profile, "hour": int(since) // 3600},
    )
    return tuple((CountKey(*row[:6]), row[6]) for row in found)


def added_up(
    connection: sqlite3.Connection, household: str, since: float, until: float
) -> tuple[tuple[CountKey, int], ...]:
    """Return the counts of every hour that begins between two moments, the second not in it, added
    up; the hour of each is the first one."""
    first, end = -(-int(since) // 3600), -(-int(until) // 3600)
    found = connection.execute(
        """
        select household, profile, :first, action, reason, category, sum(n)
          from lookup_count
         where household = :household and hour >= :first and hour < :end
         group by profile, action, reason, category
         order by profile, action, reason, category
        """,
        {"household": household, "first": first, "end": end},
    )
    return tuple((CountKey(*row[:6]), row[6]) for row in found)


def purge(connection: sqlite3.Connection, now: float, rows_days: float, counts_days: float) -> None:
    """Delete what is older, and what a wrong clock dated more than a day ahead."""
    rows_from, counts_from, until = now - rows_days * DAY, now - counts_days * DAY, now + DAY
    hours = int(counts_from) // 3600, int(until) // 3600
    days = _day(counts_from), _day(until + DAY)  # a zone's date may be one ahead of UTC's
    with transaction(connection):
        connection.execute("delete from lookup where at not between ? and ?", (rows_from, until))
        connection.execute("delete from lookup_count where hour not between ? and ?", hours)
        connection.execute("delete from usage where day not between ? and ?", days)
        connection.execute("delete from erasure where at not between ? and ?", (counts_from, until))
    _empty_wal(connection)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def erase(connection: sqlite3.Connection, household: str, profile: str, now: float) -> bool:
    """Delete all of a profile, then every place in the files where it may have left a trace.

    secure_delete clears what was deleted, but not the copies that pages leave when they are
    reordered: the file is written anew.  False while a reader holds on to old pages.
    """
    whose = (household, profile)
    with transaction(connection):
        _delete_lookups(connection, *whose)
        connection.execute("delete from usage where household = ? and profile = ?", whose)
        connection.execute(
            "insert into erasure (household, profile, at) values (?, ?, ?)", (*whose, int(now))
        )
    connection.execute("vacuum")
    return _empty_wal(connection)


def forget(connection: sqlite3.Connection, household: str, profile: str) -> bool:
    """Delete the names and counts of a profile as `erase` does; its minutes stay, which hold its
    budgets."""
    with transaction(connection):
        _delete_lookups(connection, household, profile)
    connection.execute("vacuum")
    return _empty_wal(connection)


def _delete_lookups(connection: sqlite3.Connection, household: str, profile: str) -> None:
    for table in ("lookup", "lookup_count"):
        connection.execute(
            f"delete from {table} where household = ? and profile = ?",  # noqa: S608
            (household, profile),
        )


def _empty_wal(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file and cut it to nothing; False while it is read."""
    (busy, _, _) = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    return not busy
