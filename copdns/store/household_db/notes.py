"""Write lines of the audit, and notices for guardians.

To be called inside the transaction of the change itself, so that no change lacks its line.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.accounts.account import GuardianNotice
from copdns.accounts.roles import Actor
from copdns.store.connection import SqlConnection
from copdns.store.statements import lower_ascii

CONSOLE = "command line"
FIRST_START = "first start"  # who made the household

# What becomes of a damaged `household.db`.
REPAIRED = "household.db made from its copy"
TAKEN = "household.db taken as it is, although it was not what was saved last"
# After an older version was installed again.
ROLLED_BACK = "household.db put back as it was before an upgrade"


class Change(NamedTuple):
    """A change in the audit.  revision: of the household after it.  at: seconds since the epoch.
    author, what: in people's words."""

    revision: int
    at: int
    author: str
    what: str


def author_of(by: Actor | None) -> str:
    """Return who did something, in people's words; by: None for the console."""
    return CONSOLE if by is None else by.name


def audit(connection: SqlConnection, household: str, author: str, what: str, at: int) -> None:
    """Write a line of the audit; the household's revision stays, since no answer changes.

    author, what: in people's words.  at: seconds since the epoch.
    """
    connection.execute(
        """
        insert into change (household, revision, at, author, what)
        select household, revision, ?, ?, ? from household where household = ?
        """,
        (at, author, what, household),
    )


def notify_others(connection: SqlConnection, notice: GuardianNotice) -> None:
    """Store a notice for all guardians but the one whose name its author is."""
    number = _store(connection, notice)
    connection.execute(
        """
        insert into notice_seen (household, notice, account, at)
        select household, :notice, id, :at from account
         where household = :household and lower(name) = :author
        """,
        {
            "notice": number,
            "at": notice.at,
            "household": notice.household,
            "author": lower_ascii(notice.author),
        },
    )


def notify(connection: SqlConnection, notice: GuardianNotice, by: Actor | None = None) -> None:
    """Store a notice for all guardians but its author; its id is assigned here."""
    number = _store(connection, notice)
    if by is not None:
        connection.execute(
            "insert into notice_seen (household, notice, account, at) values (?, ?, ?, ?)",
            (notice.household, number, by.id, notice.at),
        )


def _store(connection: SqlConnection, notice: GuardianNotice) -> int:
    """Return the id of a notice that is stored."""
    (number,) = connection.execute(
        """
        insert into notice (household, kind, about, author, at, starts, ends, told)
        values (?, ?, ?, ?, ?, ?, ?, 0) returning id
        """,
        notice[1:],
    ).fetchone()
    return int(number)
