"""Read the audit: the changes and the looks of a household, by time."""

from __future__ import annotations

from typing import NamedTuple

from copdns.store.connection import SqlConnection
from copdns.store.household_db.thread import StoreThread


class AuditEntry(NamedTuple):
    """One change, or one look at what is kept of a person.

    at: seconds since the epoch.  who: the author of a change in people's words; of a look, the id
    of the account.  role, profile: of a look, in which role and at whom; else "".  what: the change
    in people's words; of a look, the ViewedPart.
    """

    at: int
    is_look: bool
    who: str
    role: str
    profile: str
    what: str


class AuditTrail:
    """The audit of all households.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def entries(
        self, household: str, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Return the newest entries, or the newest before a moment; the newest first.

        Entries of one second stay together, so there may be a few more than limit.
        """

        def work(connection: SqlConnection) -> tuple[AuditEntry, ...]:
            values = {
                "household": household,
                "limit": limit,
                "before": _NO_END if before is None else before,
            }
            rows = connection.execute(_LINES, values)
            return tuple(AuditEntry(at, bool(is_look), *rest) for at, is_look, *rest, _ in rows)

        return await self._thread.read(work)

    async def changes(self, household: str, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest changes, without looks, the newest first."""

        def work(connection: SqlConnection) -> tuple[AuditEntry, ...]:
            rows = connection.execute(_CHANGES, {"household": household, "limit": limit})
            return tuple(AuditEntry(at, False, who, "", "", what) for at, who, what in rows)

        return await self._thread.read(work)


_CHANGES = """
    select at, author, what from change
     where household = :household order by at desc, id desc limit :limit
    """
_NO_END = 1 << 62  # after every moment

# `edge` is the moment of the last entry that is wanted; found by the two indexes alone.
_LINES = """
    with edge (at) as (
        select min(at) from (
            select at from (select at from change where household = :household and at < :before
                             order by at desc limit :limit) as changes
            union all
            select at from (select at from look where household = :household and at < :before
                             order by at desc limit :limit) as looks
            order by 1 desc limit :limit
        ) as newest
    )
    select at, 0, author, '', '', what, id from change
     where household = :household and at < :before and at >= (select at from edge)
    union all
    select at, 1, account, role, profile, view, id from look
     where household = :household and at < :before and at >= (select at from edge)
     order by 1 desc, 2, 7 desc
    """
