"""The SQL of `log.db`: write a batch, read, delete.

`privacy/retention.py` decides what may be in a row or a count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import NamedTuple

from copdns.privacy.list_counts import WEEKS_KEPT, week_of
from copdns.privacy.retention import CountKey, LogRow, WaitingRow, group_by_profile, list_values
from copdns.privacy.row_filter import RowFilter
from copdns.store.connection import SqlConnection
from copdns.store.db import empty_wal, rewrite, transaction
from copdns.store.log_db import sign_rows as signs

DAY = 86_400
_ROWS_PER_STATEMENT = (
    100,
    10,
    1,
)  # rows of one statement: few different ones, which are prepared once

# The index has one profile's rows beside each other.  Written in that order, a batch of a thousand
# profiles changes each of its pages once, and takes half the time.  A family's batches are smaller,
# and stay in the order of the look-ups.
_LARGE_BATCH = 1_000
_GROUPED_AT_ONCE = 200  # the compiled core gives Python's lock away after these, not within


class StoredRow(NamedTuple):
    """A row as stored.  id: rises with every row and is never used again."""

    id: int
    row: LogRow


def last_erasure(connection: SqlConnection) -> int:
    """Return the number of the newest erasure; 0 for none."""
    (newest,) = connection.execute("select coalesce(max(id), 0) from erasure").fetchone()
    return int(newest)


def write(
    connection: SqlConnection,
    rows: Sequence[LogRow | WaitingRow],
    counts: Mapping[CountKey, int],
    seen: int,
) -> None:
    """Write a batch.

    seen: the newest erasure when, or before, the first row of the batch was added.  The rows of a
        profile that was erased since are dropped: they precede the erasure, or follow it closely.
    """
    with transaction(connection):
        if last_erasure(connection) != seen:
            erased = profiles_erased_since(connection, seen)
            rows = [row for row in rows if (row.household, row.profile) not in erased]
            counts = {key: n for key, n in counts.items() if key[:2] not in erased}
        if len(rows) > _LARGE_BATCH:
            rows = _by_profile(rows)
        _insert(connection, _LOOKUP, rows)
        _insert(connection, _COUNT, [_count_values(key, n) for key, n in counts.items()])


def _by_profile(rows: Sequence[LogRow | WaitingRow]) -> list[LogRow | WaitingRow]:
    """Return rows in the order of household and profile, and those of a profile as they came.

    Not by `sorted`: it would hold Python's lock for 8 milliseconds with 20,000 rows, and the event
    loop would answer nobody.  A loop gives the lock away in between, and takes a third of that.
    """
    of_profile: dict[tuple[str, str], list[LogRow | WaitingRow]] = {}
    for at in range(0, len(rows), _GROUPED_AT_ONCE):
        group_by_profile(rows[at : at + _GROUPED_AT_ONCE], of_profile)
    return [row for whose in sorted(of_profile) for row in of_profile[whose]]


_LOOKUP = """
    insert into lookup (at, household, profile, device, qname, qtype, action, reason,
                        category, service, list, rule, via)
    values {rows}
    """
_COUNT = """
    insert into lookup_count (household, profile, hour, action, reason, category, n)
    values {rows}
        on conflict (household, profile, hour, action, reason, category)
        do update set n = lookup_count.n + excluded.n
    """


def _count_values(key: CountKey, n: int) -> tuple[object, ...]:
    household, profile, hour, action, reason, category = key
    return household, profile, hour, str(action), str(reason), category, n


def _insert(
    connection: SqlConnection, statement: str, rows: Sequence[tuple[object, ...] | WaitingRow]
) -> None:
    """Insert rows, many in one statement.

    Each statement releases and takes Python's lock: with a row each, the event loop would wait for
    it at every system call while a batch is written.
    """
    at = 0
    for size in _ROWS_PER_STATEMENT:
        while len(rows) - at >= size:
            values = list_values(rows[at : at + size])
            connection.execute(_of_rows(statement, size, len(values) // size), values)
            at += size


@cache
def _of_rows(statement: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(rows=", ".join([row] * rows))


def profiles_erased_since(connection: SqlConnection, seen: int) -> set[tuple[str, str]]:
    """Return household and id of each profile that was erased after the erasure of this number."""
    return set(connection.execute("select household, profile from erasure where id > ?", (seen,)))


def rows(
    connection: SqlConnection,
    household: str,
    profile: str | None,
    limit: int,
    after: int | None,
) -> tuple[StoredRow, ...]:
    """Return the newest rows, or the first after an id; the newest last.  profile: None for all."""
    statement = _NEWEST if after is None else _AFTER
    found = connection.execute(
        statement.format(whose=_OF_ALL if profile is None else _OF_ONE),
        {"household": household, "profile": profile, "after": after, "limit": limit},
    ).fetchall()
    if after is None:
        found.reverse()
    return tuple(StoredRow(row[0], LogRow(*row[1:])) for row in found)


# Two texts, and not a parameter that may be null.  The index on household, profile and id finds
# the newest rows of one profile; for all profiles the table itself does (the + keeps SQLite from
# sorting the whole index).
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


def find(
    connection: SqlConnection,
    household: str,
    profiles: Collection[str],
    wanted: RowFilter,
    may_show: Callable[[LogRow], bool],
    limit: int,
    before: int | None,
) -> tuple[StoredRow, ...]:
    """Return the newest rows of some people that are wanted and may be shown, or the newest before
    an id; the newest first.

    may_show: asked for each row in this order until there are `limit` of them, so that a page is
        as full, and says as truly whether there is more, as if other rows did not exist.
    """
    if not profiles:  # PostgreSQL has no empty list
        return ()
    conditions = list(_conditions(household, profiles, wanted, before))
    where = " and ".join(condition for condition, _ in conditions)
    values = [value for _, some in conditions for value in some]
    stepped = connection.execute(
        f"select {_COLUMNS} from lookup where {where} order by id desc",  # noqa: S608
        values,
    )
    found = (StoredRow(row[0], LogRow._make(row[1:])) for row in stepped)
    return tuple(islice((each for each in found if may_show(each.row)), limit))


def _conditions(
    household: str, profiles: Collection[str], wanted: RowFilter, before: int | None
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield each condition with its values.

    An index has the rows of one person by id.  Those of several come out of the table itself,
    which is in that order (the + keeps SQLite from sorting the index).
    """
    sign = "" if len(profiles) == 1 else "+"
    yield f"{sign}household = ?", (household,)
    yield f"{sign}profile in ({', '.join('?' * len(profiles))})", tuple(profiles)
    if before is not None:
        yield "id < ?", (before,)
    if wanted.since or wanted.until:
        bounds = wanted.since, wanted.until or _NEVER
        yield "+at >= ? and +at < ?", bounds
        # The index on moments has ids too: only the part of the table with these is read.
        yield f"id >= (select min(id) {_WITHIN})", bounds
        yield f"id <= (select max(id) {_WITHIN})", bounds
    for column, values in (("action", wanted.actions), ("reason", wanted.reasons)):
        if values:
            yield f"{column} in ({', '.join('?' * len(values))})", values
    for column in ("device", "category", "service"):
        if value := getattr(wanted, column):
            yield f"{column} = ?", (value,)
    if wanted.text:
        yield "(instr(qname, ?) > 0 or instr(via, ?) > 0)", (wanted.text, wanted.text)


_NEVER = 1 << 62  # seconds: after every moment that SQLite can store of a row
_WITHIN = "from lookup where at >= ? and at < ?"
_COLUMNS = """
    id, at, household, profile, device, qname, qtype, action, reason,
    category, service, list, rule, via
    """


MOST_SEEN = 20_000  # of somebody's newest rows that are looked through for devices


def devices_seen(
    connection: SqlConnection, household: str, profiles: Collection[str], since: float
) -> dict[str, dict[str, int]]:
    """Return when each device of these people last looked something up, by profile and device.

    Only a full log has devices.  Of more than MOST_SEEN rows since then, the older ones are not
    read.
    """
    found: dict[str, dict[str, int]] = {each: {} for each in profiles}
    for profile, seen in found.items():
        rows = connection.execute(
            """
            select device, max(at) from (
                select device, at from lookup
                 where household = :household and profile = :profile
                 order by id desc limit :most) as newest
             where at >= :since and device <> '' group by device
            """,
            {"household": household, "profile": profile, "since": since, "most": MOST_SEEN},
        )
        seen.update(rows.fetchall())
    return found


class PeriodCount(NamedTuple):
    """How many look-ups some people made in one period.

    period: its number.  cause: the category that blocked them, or the reason where there is none;
    "" where nothing did.  of_some: how many are of those people whose counts are asked for
    separately.
    """

    period: int
    blocked: bool
    cause: str
    n: int
    of_some: int


def period_counts(
    connection: SqlConnection,
    household: str,
    profiles: Collection[str],
    periods: Sequence[tuple[float, float]],
    some: Collection[str] = (),
) -> tuple[PeriodCount, ...]:
    """Return the counts of some people, added up, of each period, in order of time.

    periods: start and end in seconds since the epoch; an hour belongs to the one in which it
    begins.  some: those people whose counts are added up separately too.  A month has some ten
    thousand counts: they are added up here, so that Python sees a few hundred sums.
    """
    hours = [[-(-int(start) // 3600), -(-int(end) // 3600)] for start, end in periods]
    rows = connection.execute(
        """
        select periods.key, case when action = 'block' then 1 else 0 end as blocked,
               case when action <> 'block' then '' when category <> '' then category
                    else reason end as cause, sum(n),
               sum(case when profile in (select value from json_each(:some)) then n else 0 end)
          from json_each(:periods) as periods
         cross join lookup_count
         where household = :household
           and profile in (select value from json_each(:profiles))
           and hour >= json_extract(periods.value, '$[0]')
           and hour < json_extract(periods.value, '$[1]')
         group by periods.key, blocked, cause
         order by periods.key
        """,
        {
            "household": household,
            "periods": json.dumps(hours),
            "profiles": json.dumps(list(profiles)),
            "some": json.dumps(list(some)),
        },
    )
    return tuple(map(PeriodCount._make, rows))


class HourLookups(NamedTuple):
    """How many look-ups some people made in one hour since the epoch."""

    hour: int
    blocked: bool
    n: int


def hour_lookups(
    connection: SqlConnection, household: str, profiles: Collection[str], since: float
) -> tuple[HourLookups, ...]:
    """Return how many look-ups some people made in each hour that ends after a moment."""
    rows = connection.execute(
        """
        select hour, case when action = 'block' then 1 else 0 end as blocked, sum(n)
          from lookup_count
         where household = :household and hour >= :hour
           and profile in (select value from json_each(:profiles))
         group by hour, blocked
        """,
        {
            "household": household,
            "hour": int(since) // 3600,
            "profiles": json.dumps(list(profiles)),
        },
    )
    return tuple(map(HourLookups._make, rows))


def counts(
    connection: SqlConnection, household: str, profile: str | None, since: float
) -> tuple[tuple[CountKey, int], ...]:
    """Return the counts of every hour that ends after a moment, in order of time."""
    found = connection.execute(
        """
        select household, profile, hour, action, reason, category, n
          from lookup_count
         where household = :household and hour >= :hour
           and (profile = :profile or :profile is null)
         order by hour, profile, action, reason, category
        """,
        {"household": household, "profile": profile, "hour": int(since) // 3600},
    )
    return tuple((CountKey(*row[:6]), row[6]) for row in found)


def sum_counts(
    connection: SqlConnection, household: str, since: float, until: float
) -> tuple[tuple[CountKey, int], ...]:
    """Return the sums of the counts of every hour that begins from `since` on and before `until`.

    Their hour is the first one.
    """
    first, end = -(-int(since) // 3600), -(-int(until) // 3600)
    found = connection.execute(
        """
        select household, profile, :first, action, reason, category, sum(n)
          from lookup_count
         where household = :household and hour >= :first and hour < :end
         group by household, profile, action, reason, category
         order by profile, action, reason, category
        """,
        {"household": household, "first": first, "end": end},
    )
    return tuple((CountKey(*row[:6]), row[6]) for row in found)


def purge(connection: SqlConnection, now: float, rows_days: float, counts_days: float) -> None:
    """Delete what is older, and what a wrong clock dated more than a day ahead."""
    rows_from, counts_from, until = now - rows_days * DAY, now - counts_days * DAY, now + DAY
    hours = int(counts_from) // 3600, int(until) // 3600
    days = (
        _date_text(counts_from),
        _date_text(until + DAY),
    )  # a zone's date may be one ahead of UTC's
    with transaction(connection):
        connection.execute("delete from lookup where at not between ? and ?", (rows_from, until))
        connection.execute("delete from lookup_count where hour not between ? and ?", hours)
        connection.execute("delete from usage where day not between ? and ?", days)
        weeks = week_of(now) - WEEKS_KEPT, week_of(until)
        connection.execute("delete from list_count where week not between ? and ?", weeks)
        connection.execute("delete from erasure where at not between ? and ?", (counts_from, until))
        signs.purge(connection, now)
    empty_wal(connection)


def _date_text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def erase(connection: SqlConnection, household: str, profile: str, now: float) -> bool:
    """Delete all rows of a profile, then rewrite the file, so that no trace is left in it.

    secure_delete overwrites deleted rows, but not the copies that stay behind when SQLite moves
    them.  Return False while another process reads old pages.
    """
    whose = (household, profile)
    with transaction(connection):
        _delete_lookups(connection, *whose)
        connection.execute("delete from usage where household = ? and profile = ?", whose)
        signs.delete(connection, *whose)
        connection.execute(
            "insert into erasure (household, profile, at) values (?, ?, ?)", (*whose, int(now))
        )
    return rewrite(connection)


def forget(connection: SqlConnection, household: str, profile: str) -> bool:
    """Delete the names and counts of a profile as `erase` does; its minutes stay, on which its
    budgets depend."""
    with transaction(connection):
        _delete_lookups(connection, household, profile)
        signs.delete(connection, household, profile)
    return rewrite(connection)


def _delete_lookups(connection: SqlConnection, household: str, profile: str) -> None:
    for table in ("lookup", "lookup_count"):
        connection.execute(
            f"delete from {table} where household = ? and profile = ?",  # noqa: S608
            (household, profile),
        )
