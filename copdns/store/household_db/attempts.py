"""The table of wrong ticket codes: who typed one and when, never what."""

from __future__ import annotations

from copdns.accounts.lockout import ATTEMPT_WINDOW, WrongCode, codes_refused_until
from copdns.model.errors import TooManyTriesError
from copdns.store.connection import SqlConnection

MINUTE = 60


def refuse_too_many(
    connection: SqlConnection, household: str, profile: str, device: str, now: int
) -> None:
    """Raise TooManyTriesError where a profile or its device has to wait."""
    rows = connection.execute(
        "select profile, device, at from ticket_attempt where household = ?", (household,)
    )
    until = codes_refused_until((WrongCode(*row) for row in rows), profile, device, now)
    if until is not None:
        minutes = -((now - until) // MINUTE)
        raise TooManyTriesError(
            "too many wrong codes; please try again in %(minutes)s min",
            until=until,
            minutes=minutes,
        )


def note_attempt(connection: SqlConnection, household: str, attempt: WrongCode) -> None:
    """Store an attempt, and delete those that no longer count."""
    delete_attempts(connection, attempt.at - ATTEMPT_WINDOW)
    connection.execute(
        "insert into ticket_attempt (household, profile, device, at) values (?, ?, ?, ?)",
        (household, *attempt),
    )


def forget_attempts(connection: SqlConnection, household: str, profile: str) -> None:
    """Delete the attempts of a profile that has typed a right code."""
    connection.execute(
        "delete from ticket_attempt where household = ? and profile = ?", (household, profile)
    )


def delete_attempts(connection: SqlConnection, before: int) -> None:
    """Delete the attempts up to a moment, in seconds since the epoch."""
    connection.execute("delete from ticket_attempt where at <= ?", (before,))
