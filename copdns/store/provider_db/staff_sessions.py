"""Sessions of a provider's staff, and which logins were finished.

The cookie's text is nowhere here: a digest of it is.  A login that is under way is stored in the
browser that began it, sealed, so that whoever begins thousands takes nobody's place.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool

LASTS: Final = 8 * 3600  # seconds
IDLE: Final = 1800  # seconds without a request
ATTEMPT_LASTS: Final = 600  # seconds
_LOCK: Final = "=staff"  # no household has this id


class StaffSession(NamedTuple):
    """A session.  proven: when its owner last proved who it is; seconds since 1970."""

    digest: str
    staff: str
    began: int
    used: int
    proven: int


class StaffSessions:
    """Methods block, and raise StoreError."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def finish(self, state: str, began: int, now: int) -> bool:
        """Note that a login is finished, by a digest of its state; tell whether it is the first
        time."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.execute("delete from used_login where began < ?", (now - ATTEMPT_LASTS,))
            done = connection.execute(
                "insert into used_login values (?, ?) on conflict do nothing", (state, began)
            )
            return done.rowcount == 1

    def add(self, session: StaffSession) -> None:
        """Store a session, and delete those that are over."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.execute(
                "delete from staff_session where began < ? or used < ?",
                (session.began - LASTS, session.began - IDLE),
            )
            connection.execute("insert into staff_session values (?, ?, ?, ?, ?)", session)

    def use(self, digest: str, now: int) -> StaffSession | None:
        """Return a session that is not over, and note that it was used."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            row = connection.execute(
                """
                update staff_session set used = ?
                 where digest = ? and began >= ? and used >= ?
                returning digest, staff, began, used, proven
                """,
                (now, digest, now - LASTS, now - IDLE),
            ).fetchone()
        return StaffSession(*row) if row else None

    def end(self, digest: str) -> None:
        """End a session."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.execute("delete from staff_session where digest = ?", (digest,))
