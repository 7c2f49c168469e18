"""Accounts, their passwords and second factors, and the one-time codes that open them.

The rules of `accounts/roles.py` on who may make or remove an account are checked here, so that they
hold for every page and command.  Every change writes a line of the audit, and one about a guardian
a notice for all guardians.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.accounts.account import Account, Code, Credentials, GuardianNotice, NoticeKind, Purpose
from copdns.accounts.roles import Actor, Role
from copdns.model.errors import AccountError
from copdns.model.sentences import Sentence
from copdns.store.connection import SqlConnection
from copdns.store.household_db.account_codes import forget_codes, note_use
from copdns.store.household_db.account_rows import (
    BAD_CODE,
    COLUMNS,
    account_from_row,
    account_of,
    add_account,
    check_code,
    check_not_set_up,
    check_remove,
    clean_name,
    end_sessions,
    end_tokens,
    is_at_home,
    mark_all_seen,
    read_accounts,
    read_code,
    record_change,
    record_code,
    require_account,
    spend_setup_codes,
    store_password,
    store_recovery,
    use_up_code,
    why_spent,
)
from copdns.store.household_db.notes import audit, author_of, notify
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import lower_ascii


class Accounts:
    """The accounts of all households.  Methods raise AccountError for what is not allowed, and
    StoreError.

    by: who does it; None for the console.  now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def all(self, household: str) -> tuple[Account, ...]:
        """Return all accounts, the oldest first."""
        return await self._thread.read(lambda connection: read_accounts(connection, household))

    async def get(self, household: str, account: str) -> Account | None:
        """Return an account; None where the household has none of that id."""
        return await self._thread.read(
            lambda connection: account_of(connection, household, account)
        )

    async def credentials(self, household: str, name: str) -> Credentials | None:
        """Return what a login under a name is checked against; None for an unknown name.

        Case does not count.
        """

        def work(connection: SqlConnection) -> Credentials | None:
            row = connection.execute(
                f"select {COLUMNS} from account where household = ? and lower(name) = ?",  # noqa: S608
                (household, lower_ascii(clean_name(name))),
            ).fetchone()
            return None if row is None else Credentials(account_from_row(row), *row[6:])

        return await self._thread.read(work)

    async def add(self, account: Account, by: Actor | None, now: int) -> Account:
        """Store a new account, without a password so far; return it with its id."""
        return await self._thread.write(
            lambda connection: add_account(connection, account, by, now), account.household
        )

    async def remove(self, household: str, account: str, by: Actor | None, now: int) -> Account:
        """Remove an account with its sessions and tokens; return it."""

        def work(connection: SqlConnection) -> Account:
            found = require_account(connection, household, account)
            check_remove(connection, found, by)
            connection.execute(
                "delete from account where household = ? and id = ?", (household, account)
            )
            connection.execute(
                "delete from one_time_code where household = ? and account = ?",
                (household, account),
            )
            record_change(connection, NoticeKind.ACCOUNT_REMOVED, found, by, "removed", now)
            return found

        return await self._thread.write(work, household)

    async def set_password(
        self,
        household: str,
        account: str,
        password_hash: str,
        now: int,
        but_session: str = "",
        *,
        by: Actor | None,
    ) -> None:
        """Set a password, end every session but one, and forget the account's browsers.

        From the console it ends the account's tokens too; its owner sees them beside the password.

        password_hash: from `hash_password`.  but_session: the digest of the session that stays.
        by: the owner of the account, or None for the console, of which all guardians are told.
        """

        def work(connection: SqlConnection) -> None:
            found = require_account(connection, household, account)
            if by is not None and (by.id != account or not is_at_home(by, household)):
                raise AccountError(
                    "you can only set your own password; for others, use `copdns account` on the "
                    "server"
                )
            store_password(connection, found, password_hash)
            end_sessions(connection, household, account, but_session)
            if by is None:
                end_tokens(connection, household, account)
            if by is None and found.role.is_guardian:
                kind = NoticeKind.ACCOUNT_CHANGED
                notify(
                    connection, GuardianNotice(0, household, kind, found.name, author_of(by), now)
                )
            what = f"password of account {found.name} changed"
            audit(connection, household, author_of(by), what, now)

        await self._thread.write(work, household)

    async def rehash(self, household: str, account: str, before: str, password_hash: str) -> None:
        """Replace the hash of a password by another one of the same password, if it is still
        `before`."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "update account set password = ? where household = ? and id = ? and password = ?",
                (password_hash, household, account, before),
            )

        await self._thread.write(work, household)

    async def set_totp(
        self,
        household: str,
        account: str,
        secret: str,
        recovery: Iterable[str],
        now: int,
        last_step: int = 0,
    ) -> None:
        """Ask for a second factor from now on; secret: "" for no longer.

        recovery: digests of the codes that replace it once each.  last_step: the time step of the
        code by which the owner confirmed it.
        """
        digests = tuple(recovery)

        def work(connection: SqlConnection) -> None:
            found = require_account(connection, household, account)
            connection.execute(
                "update account set totp = ?, totp_used = ? where household = ? and id = ?",
                (secret, last_step, household, account),
            )
            store_recovery(connection, household, account, digests)
            what = (
                ("two-step verification turned on")
                if secret
                else "two-step verification turned off"
            )
            audit(connection, household, found.name, what, now)

        await self._thread.write(work, household)

    async def use_totp(self, household: str, account: str, step: int) -> bool:
        """Note that the code of a time step was used; False where it or a later one was before."""

        def work(connection: SqlConnection) -> bool:
            done = connection.execute(
                """
                update account set totp_used = :step
                 where household = :household and id = :account and totp_used < :step
                """,
                {"step": step, "household": household, "account": account},
            )
            return done.rowcount == 1

        return await self._thread.write(work, household)

    async def use_recovery(self, household: str, account: str, digest: str, now: int) -> bool:
        """Delete a recovery code, by its digest; False where there is no such code."""

        def work(connection: SqlConnection) -> bool:
            done = connection.execute(
                "delete from recovery where household = ? and account = ? and digest = ?",
                (household, account, digest),
            )
            if not done.rowcount:
                return False
            found = require_account(connection, household, account)
            audit(connection, household, found.name, "logged in with a recovery code", now)
            return True

        return await self._thread.write(work, household)

    async def recovery_left(self, household: str, account: str) -> int:
        """Return how many unused recovery codes an account has."""

        def work(connection: SqlConnection) -> int:
            (left,) = connection.execute(
                "select count(*) from recovery where household = ? and account = ?",
                (household, account),
            ).fetchone()
            return int(left)

        return await self._thread.read(work)

    # --- one-time codes ---

    async def make_code(self, code: Code, digest: str, by: Actor | None, now: int) -> bool:
        """Store the digest of a one-time code, in place of an earlier one of the same account.
        Tell whether that ended a setup code that somebody may hold.

        Only the console makes a code for the account of a guardian that has a password.
        """

        return await self._thread.write(
            lambda connection: _store_code(connection, code, digest, by, now), code.household
        )

    async def invite_first(self, first: Account, digest: str, expires: int, now: int) -> bool:
        """Store the code of a household's first guardian; False, and nothing, where there is one.

        The account is made where there is none.  All in one transaction: else who comes at the same
        moment is a second guardian, or takes the account of who has just set their password.
        """

        def work(connection: SqlConnection) -> bool:
            there = read_accounts(connection, first.household)
            if any(each.has_password for each in there):
                return False
            found = next((each for each in there if each.role.is_guardian), None)
            found = found or add_account(connection, first, None, now)
            code = Code(found.household, Purpose.INVITE, found.id, expires)
            _store_code(connection, code, digest, None, now)
            return True

        return await self._thread.write(work, first.household)

    async def find_code(self, digest: str, now: int) -> Code | None:
        """Return what a one-time code is for; None for one that is unknown, over or spent."""
        return await self._thread.read(lambda connection: read_code(connection, digest, now))

    async def why_spent(self, digest: str, now: int) -> Sentence | None:
        """Return why a setup code opens nothing although its hour is not over; None for others."""
        return await self._thread.read(lambda connection: why_spent(connection, digest, now))

    async def set_up(self, digest: str, name: str, password_hash: str, now: int) -> Account:
        """Use a set-up code to make the first account, an owner with this password."""

        def work(connection: SqlConnection) -> Account:
            code = use_up_code(connection, digest, now)
            if code.purpose is not Purpose.SETUP:
                raise AccountError(BAD_CODE, name="code")
            check_not_set_up(connection, code.household)
            new = Account(code.household, "", name, Role.OWNER)
            made = add_account(connection, new, None, now)
            store_password(connection, made, password_hash)
            mark_all_seen(connection, made, now)
            return replace(made, has_password=True)

        return await self._thread.write(work)

    async def use_code(self, digest: str, password_hash: str, now: int) -> Account:
        """Use the code of an account: set its password, remove its second factor, end its
        sessions and its tokens, which somebody else may have."""

        def work(connection: SqlConnection) -> Account:
            code = use_up_code(connection, digest, now)
            if code.purpose is Purpose.SETUP:
                raise AccountError(BAD_CODE, name="code")
            found = require_account(connection, code.household, code.account)
            store_password(connection, found, password_hash)
            connection.execute(
                "update account set totp = '', totp_used = 0 where household = ? and id = ?",
                (found.household, found.id),
            )
            store_recovery(connection, found.household, found.id, ())
            end_sessions(connection, found.household, found.id)
            end_tokens(connection, found.household, found.id)
            note_use(connection, found.household, found.id, now)
            audit(connection, found.household, found.name, "password set with a code", now)
            return replace(found, has_password=True, totp=False)

        return await self._thread.write(work)

    async def move_codes(self, before: int, seconds: int) -> None:
        """Let codes end so much later, after the clock was set; delete those that were over.

        before: what it showed then, seconds since the epoch.
        """

        def work(connection: SqlConnection) -> None:
            connection.execute("delete from one_time_code where expires <= ?", (before,))
            connection.execute("update one_time_code set expires = expires + ?", (seconds,))

        await self._thread.write(work)

    async def tidy(self, now: int) -> int:
        """Delete the codes that are over, of all households; return how many."""

        def work(connection: SqlConnection) -> int:
            sql = "delete from one_time_code where expires <= ?"
            return connection.execute(sql, (now,)).rowcount + forget_codes(connection, now)

        return await self._thread.write(work)


def _store_code(
    connection: SqlConnection, code: Code, digest: str, by: Actor | None, now: int
) -> bool:
    """Store it as `make_code` does; tell whether that ended a setup code."""
    check_code(connection, code, by)
    has_ended = False
    if code.purpose is Purpose.SETUP:
        has_ended = spend_setup_codes(connection, code.household, now)
    else:
        connection.execute(
            "delete from one_time_code where household = ? and account = ?",
            (code.household, code.account),
        )
    connection.execute(
        """
        insert into one_time_code (digest, household, purpose, account, expires)
        values (?, ?, ?, ?, ?)
        """,
        (digest, code.household, code.purpose, code.account, code.expires),
    )
    record_code(connection, code, by, now)
    return has_ended
