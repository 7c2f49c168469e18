"""Codes that were made for somebody's account: told at its login, and who spoke with one.

Whoever makes a code for an account can use it, and is that account from then on.  So its owner is
told, also where the code was never used; and an answer by an account that was joined with a code
counts as given by who made it (`read_voices`).  `accounts.py` calls what writes here, in the
transaction of the code itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.accounts.account import CODE_KEPT, CODE_TOLD, AccountCode, Purpose
from copdns.accounts.codes import make_short_id
from copdns.accounts.roles import Actor
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import author_of
from copdns.store.household_db.thread import StoreThread

_COLUMNS = "household, id, account, purpose, maker, author, at, used, told"


class AccountCodes:
    """The codes that were made for accounts, of all households.  Methods raise StoreError.

    now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def to_tell(self, household: str, account: str, now: int) -> tuple[AccountCode, ...]:
        """Return the codes that the owner of an account is to be told of, the oldest first: until
        a week after the first login since then."""

        def work(connection: SqlConnection) -> tuple[AccountCode, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from account_code
                 where household = ? and account = ? and purpose = ?
                   and (told is null or told > ?)
                 order by at, id
                """,  # noqa: S608
                (household, account, Purpose.PASSWORD, now - CODE_TOLD),
            )
            return tuple(map(_code_from_row, rows))

        return await self._thread.read(work)

    async def note_login(self, household: str, account: str, now: int) -> None:
        """Note that somebody logged in with a password, and so is told from now on.

        Not for a login with a code: that may be the one who made it.
        """

        def work(connection: SqlConnection) -> None:
            connection.execute(
                """
                update account_code set told = ?
                 where household = ? and account = ? and told is null
                """,
                (now, household, account),
            )

        await self._thread.write(work, household)

    async def voices(self, household: str, since: int) -> Mapping[str, str]:
        """Return as whose the answers of accounts count, as `read_voices` does."""
        return await self._thread.read(lambda connection: read_voices(connection, household, since))


def note_code(
    connection: SqlConnection,
    household: str,
    account: str,
    purpose: Purpose,
    by: Actor | None,
    now: int,
) -> None:
    """Note that a code for an account was made.  by: None for the console."""
    maker = by.id if by is not None else ""
    new = (household, make_short_id(), account, purpose, maker, author_of(by), now, None, None)
    connection.execute(
        f"insert into account_code ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        new,
    )


def note_use(connection: SqlConnection, household: str, account: str, now: int) -> None:
    """Note that the last code of an account was used; earlier ones had ended by it."""
    connection.execute(
        """
        update account_code set used = ?
         where household = ? and id = (
               select id from account_code where household = ? and account = ?
                order by at desc, rowid desc limit 1)
        """,
        (now, household, household, account),
    )


def forget_codes(connection: SqlConnection, now: int) -> int:
    """Delete old codes that nobody used, and those of accounts that are gone; return how many.

    The appeals that such an account answered are gone by then, too.
    """
    return connection.execute(
        """
        delete from account_code
         where at < ? and (used is null or not exists (
               select 1 from account
                where account.household = account_code.household and id = account_code.account))
        """,
        (now - CODE_KEPT,),
    ).rowcount


def read_voices(connection: SqlConnection, household: str, since: int) -> Mapping[str, str]:
    """Return as whose the answers of accounts count: the id of who made the code with which each
    was joined last.  Accounts that count as their own are left out.

    since: seconds since the epoch; an invitation counts only where it was made after this, or
    nobody could ever be asked for a second opinion.
    """
    rows = connection.execute(
        """
        select account, maker, purpose, at from account_code
         where household = ? and used is not null
         order by used, rowid
        """,
        (household,),
    )
    found: dict[str, str] = {}
    for account, maker, purpose, at in rows:
        counts = maker and (purpose != Purpose.INVITE or at >= since)
        found[account] = maker if counts else account
    return {account: voice for account, voice in found.items() if account != voice}


def _code_from_row(row: tuple[str, str, str, str, str, str, int, int | None, int]) -> AccountCode:
    household, _, account, purpose, maker, author, at, used, _ = row
    return AccountCode(household, account, Purpose(purpose), maker, author, at, used)
