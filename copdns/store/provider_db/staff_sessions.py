"""Sessions of a provider's staff, and logins that are under way.

The cookie's text is nowhere here: a digest of it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool

LASTS: Final = 8 * 3600  # seconds
IDLE: Final = 1800  # seconds without a request
ATTEMPT_LASTS: Final = 600  # seconds
MOST_ATTEMPTS: Final = 1000  # under way; the oldest go first
_LOCK: Final = "=staff"  # no household has this id


class AttemptRow(NamedTuple):
    """A login under way.  state: as a digest."""

    state: str
    nonce: str
    verifier: str
    began: int
    is_step_up: int


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

    def begin(self, attempt: AttemptRow) -> None:
        """Remember a login that somebody begins."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.execute(
                "delete from staff_attempt where began < ?", (attempt.began - ATTEMPT_LASTS,)
            )
            connection.execute(
                """
                delete from staff_attempt where state in (
                    select state from staff_attempt order by began desc limit 1000 offset ?)
                """,
                (MOST_ATTEMPTS - 1,),
            )
            connection.execute("insert into staff_attempt values (?, ?, ?, ?, ?)", attempt)

    def take(self, state: str, now: int) -> AttemptRow | None:
        """Return a login under way, once."""
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            row = connection.execute(
                """
                delete from staff_attempt where state = ?
                returning state, nonce, verifier, began, is_step_up
                """,
                (state,),
            ).fetchone()
        found = AttemptRow(*row) if row else None
        return found if found and now - found.began <= ATTEMPT_LASTS else None

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
