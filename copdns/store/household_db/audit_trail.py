"""The audit as it is read: every change and every look of a household, in order of time."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from copdns.store.household_db.thread import StoreThread


class Line(NamedTuple):
    """One change, or one look at what is kept of a person.

    at: seconds since the epoch.  who: an author in people's words, or of a look the account's id;
    role: of a look only.  profile: whom a look was at.  what: the change in people's words, or the
    view.
    """

    at: int
    is_look: bool
    who: str
    role: str
    profile: str
    what: str


class Trail:
    """Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def lines(
        self, household: str, limit: int, before: int | None = None
    ) -> tuple[Line, ...]:
        """Return the newest lines, or the newest before a moment; the newest first.

        Lines of one second are not torn apart: there may be a few more than limit.
        """

        def work(connection: sqlite3.Connection) -> tuple[Line, ...]:
            values = {
                "household": household,
                "limit": limit,
                "before": _EVER if before is None else before,
            }
            rows = connection.execute(_LINES, values)
            return tuple(Line(at, bool(is_look), *rest) for at, is_look, *rest, _ in rows)

        return await self._thread.read(work)


_EVER = 1 << 62  # after every moment

# `edge` is the moment of the last line that is wanted; found by the two indexes alone.
_LINES = """
    with edge (at) as (
        select min(at) from (
            select at from (select at from change where household = :household and at < :before
                             order by at desc limit :limit)
            union all
            select at from (select at from look where household = :household and at < :before
                             order by at desc limit :limit)
            order by 1 desc limit :limit
        )
    )
    select at, 0, author, '', '', what, id from change
     where household = :household and at < :before and at >= (select at from edge)
    union all
    select at, 1, account, role, profile, view, id from look
     where household = :household and at < :before and at >= (select at from edge)
     order by 1 desc, 2, 7 desc
    """
