"""Rows of minutes of use, as a home's file and a provider's PostgreSQL have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

from copdns.store.connection import SqlConnection
from copdns.store.statements import upsert
from copdns.time.minutes import (
    MINUTE,
    DayBitmaps,
    Minutes,
    Usage,
    decode_bitmap,
    encode_bitmap,
    fieldwise_max,
)

_COLUMNS = 'household, profile, budget, day, start, "some", several, closed, low, likely, high, own'
PUT: Final = upsert("usage", "household, profile, budget, day", _COLUMNS)


def read_usage(
    connection: SqlConnection, household: str | None, profile: str | None, since: date
) -> tuple[Usage, ...]:
    """Return the usage of a date and later, by day; of all for whom None is given."""
    rows = connection.execute(
        f"""
        select {_COLUMNS}
          from usage
         where (household = :household or :household is null)
           and (profile = :profile or :profile is null)
           and day >= :since
         order by day, household, profile, budget
        """,  # noqa: S608 - names of ours
        {"household": household, "profile": profile, "since": since.isoformat()},
    )
    return tuple(map(_usage_from_row, rows))


def read_usage_of_some(
    connection: SqlConnection, households: Collection[str], since: date
) -> tuple[Usage, ...]:
    """Return the usage of some households on a date and later."""
    marks = ", ".join("?" for _ in households)
    rows = connection.execute(
        f"select {_COLUMNS} from usage where household in ({marks}) and day >= ?",  # noqa: S608
        (*households, since.isoformat()),
    )
    return tuple(map(_usage_from_row, rows))


def row_of(usage: Usage) -> tuple[object, ...]:
    """Return the parameters of `PUT`."""
    key = (usage.household, usage.profile, usage.budget, usage.day.isoformat())
    return (*key, usage.start, *map(encode_bitmap, usage.marks), *usage.minutes, usage.own)


def merge_usage(stored: Usage, new: Usage) -> Usage:
    """Return a day with what is stored of it, by an earlier run or by another program."""
    marks = stored.marks.with_later_start((new.start - stored.start) // MINUTE)
    return new._replace(
        marks=new.marks | marks,
        minutes=fieldwise_max(new.minutes, stored.minutes),
        own=new.own or stored.own,
    )


def _usage_from_row(
    row: tuple[str, str, str, str, int, bytes, bytes, bytes, int, int, int, int],
) -> Usage:
    household, profile, budget, day, start, *bitmaps, low, likely, high, own = row
    marks = _read_bitmaps(bitmaps)
    minutes = Minutes(low, likely, high)
    day_of = date.fromisoformat(day)
    return Usage(household, profile, budget, day_of, start, marks, minutes, bool(own))


def _read_bitmaps(bitmaps: Iterable[bytes]) -> DayBitmaps:
    return DayBitmaps(*map(decode_bitmap, bitmaps))
