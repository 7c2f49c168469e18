"""Accounts, their passwords and second factors, and the one-time codes that open them.

The rules of `accounts/roles.py` on who may make or remove an account are checked here, so that they
hold for every page and command.  Every change writes a line of the audit, and one about a guardian
a notice for all guardians.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from copdns.accounts.account import Account, Code, Credentials, GuardianNotice, NoticeKind, Purpose
from copdns.accounts.codes import make_short_id
from copdns.accounts.roles import Actor, Role, may_add, may_remove
from copdns.model.errors import AccountError
from copdns.model.sentences import sentence
from copdns.model.violations import no_such
from copdns.store.household_db.account_codes import forget_codes, note_code, note_use
from copdns.store.household_db.notes import audit, author_of, notify
from copdns.store.household_db.push import end_lapsed
from copdns.store.household_db.thread import StoreThread

MAX_ACCOUNTS = 50  # accounts of a household
MAX_NAME_LENGTH = 60

_COLUMNS = "household, id, name, role, profile, made, password, totp, totp_used"


class Accounts:
    """The accounts of all households.  Methods raise AccountError for what is not allowed, and
    StoreError.

    by: who does it; None for the console.  now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def all(self, household: str) -> tuple[Account, ...]:
        """Return all accounts, the oldest first."""
        return await self._thread.read(lambda connection: _read_all(connection, household))

    async def get(self, household: str, account: str) -> Account | None:
        """Return an account; None where the household has none of that id."""
        return await self._thread.read(
            lambda connection: account_of(connection, household, account)
        )

    async def credentials(self, household: str, name: str) -> Credentials | None:
        """Return what a login under a name is checked against; None for an unknown name.

        Case does not count.
        """

        def work(connection: sqlite3.Connection) -> Credentials | None:
            row = connection.execute(
                f"select {_COLUMNS} from account where household = ? and name = ?",  # noqa: S608
                (household, _clean_name(name)),
            ).fetchone()
            return None if row is None else Credentials(_account_from_row(row), *row[6:])

        return await self._thread.read(work)

    async def add(self, account: Account, by: Actor | None, now: int) -> Account:
        """Store a new account, without a password so far; return it with its id."""
        return await self._thread.write(
            lambda connection: _add_account(connection, account, by, now)
        )

    async def remove(self, household: str, account: str, by: Actor | None, now: int) -> Account:
        """Remove an account with its sessions and tokens; return it."""

        def work(connection: sqlite3.Connection) -> Account:
            found = require_account(connection, household, account)
            _check_remove(connection, found, by)
            connection.execute(
                "delete from account where household = ? and id = ?", (household, account)
            )
            connection.execute(
                "delete from one_time_code where household = ? and account = ?",
                (household, account),
            )
            _record_change(connection, NoticeKind.ACCOUNT_REMOVED, found, by, "removed", now)
            return found

        return await self._thread.write(work)

    async def set_role(
        self, household: str, account: str, role: Role, by: Actor | None, now: int
    ) -> Account:
        """Give an account another role: who does it must be allowed to remove and to add it."""

        def work(connection: sqlite3.Connection) -> Account:
            found = require_account(connection, household, account)
            if found.role is role:
                return found
            _check_remove(connection, found, by, remains_guardian=role.is_guardian)
            _check_add(role, household, by)
            connection.execute(
                "update account set role = ? where household = ? and id = ?",
                (role, household, account),
            )
            _end_sessions(connection, household, account)
            what = f"is now {role}"
            _record_change(connection, NoticeKind.ACCOUNT_CHANGED, found, by, what, now)
            return replace(found, role=role)

        return await self._thread.write(work)

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

        def work(connection: sqlite3.Connection) -> None:
            found = require_account(connection, household, account)
            if by is not None and (by.id != account or not _is_at_home(by, household)):
                raise AccountError(
                    "you can only set your own password; for others, use `copdns account` on the "
                    "server"
                )
            _set_password(connection, found, password_hash)
            _end_sessions(connection, household, account, but_session)
            if by is None:
                _end_tokens(connection, household, account)
            if by is None and found.role.is_guardian:
                kind = NoticeKind.ACCOUNT_CHANGED
                notify(
                    connection, GuardianNotice(0, household, kind, found.name, author_of(by), now)
                )
            what = f"password of account {found.name} changed"
            audit(connection, household, author_of(by), what, now)

        await self._thread.write(work)

    async def rehash(self, household: str, account: str, before: str, password_hash: str) -> None:
        """Replace the hash of a password by another one of the same password, if it is still
        `before`."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "update account set password = ? where household = ? and id = ? and password = ?",
                (password_hash, household, account, before),
            )

        await self._thread.write(work)

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

        def work(connection: sqlite3.Connection) -> None:
            found = require_account(connection, household, account)
            connection.execute(
                "update account set totp = ?, totp_used = ? where household = ? and id = ?",
                (secret, last_step, household, account),
            )
            _set_recovery(connection, household, account, digests)
            what = (
                ("two-step verification turned on")
                if secret
                else "two-step verification turned off"
            )
            audit(connection, household, found.name, what, now)

        await self._thread.write(work)

    async def use_totp(self, household: str, account: str, step: int) -> bool:
        """Note that the code of a time step was used; False where it or a later one was before."""

        def work(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                """
                update account set totp_used = :step
                 where household = :household and id = :account and totp_used < :step
                """,
                {"step": step, "household": household, "account": account},
            )
            return done.rowcount == 1

        return await self._thread.write(work)

    async def use_recovery(self, household: str, account: str, digest: str, now: int) -> bool:
        """Delete a recovery code, by its digest; False where there is no such code."""

        def work(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "delete from recovery where household = ? and account = ? and digest = ?",
                (household, account, digest),
            )
            if not done.rowcount:
                return False
            found = require_account(connection, household, account)
            audit(connection, household, found.name, "logged in with a recovery code", now)
            return True

        return await self._thread.write(work)

    async def recovery_left(self, household: str, account: str) -> int:
        """Return how many unused recovery codes an account has."""

        def work(connection: sqlite3.Connection) -> int:
            (left,) = connection.execute(
                "select count(*) from recovery where household = ? and account = ?",
                (household, account),
            ).fetchone()
            return int(left)

        return await self._thread.read(work)

    # --- one-time codes ---

    async def make_code(self, code: Code, digest: str, by: Actor | None, now: int) -> None:
        """Store the digest of a one-time code, in place of an earlier one of the same account.

        Only the console makes a code for the account of a guardian that has a password.
        """

        def work(connection: sqlite3.Connection) -> None:
            _check_code(connection, code, by)
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
            _record_code(connection, code, by, now)

        await self._thread.write(work)

    async def find_code(self, digest: str, now: int) -> Code | None:
        """Return what a one-time code is for; None for one that is unknown or over."""
        return await self._thread.read(lambda connection: _read_code(connection, digest, now))

    async def set_up(self, digest: str, name: str, password_hash: str, now: int) -> Account:
        """Use a set-up code to make the first account, an owner with this password."""

        def work(connection: sqlite3.Connection) -> Account:
            code = _use_up_code(connection, digest, now)
            if code.purpose is not Purpose.SETUP:
                raise AccountError(_BAD_CODE, name="code")
            _check_not_set_up(connection, code.household)
            new = Account(code.household, "", name, Role.OWNER)
            made = _add_account(connection, new, None, now)
            _set_password(connection, made, password_hash)
            _mark_all_seen(connection, made, now)
            return replace(made, has_password=True)

        return await self._thread.write(work)

    async def use_code(self, digest: str, password_hash: str, now: int) -> Account:
        """Use the code of an account: set its password, remove its second factor, end its
        sessions and its tokens, which somebody else may have."""

        def work(connection: sqlite3.Connection) -> Account:
            code = _use_up_code(connection, digest, now)
            if code.purpose is Purpose.SETUP:
                raise AccountError(_BAD_CODE, name="code")
            found = require_account(connection, code.household, code.account)
            _set_password(connection, found, password_hash)
            connection.execute(
                "update account set totp = '', totp_used = 0 where household = ? and id = ?",
                (found.household, found.id),
            )
            _set_recovery(connection, found.household, found.id, ())
            _end_sessions(connection, found.household, found.id)
            _end_tokens(connection, found.household, found.id)
            note_use(connection, found.household, found.id, now)
            audit(connection, found.household, found.name, "password set with a code", now)
            return replace(found, has_password=True, totp=False)

        return await self._thread.write(work)

    async def move_codes(self, before: int, seconds: int) -> None:
        """Let codes end so much later, after the clock was set; delete those that were over.

        before: what it showed then, seconds since the epoch.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("delete from one_time_code where expires <= ?", (before,))
            connection.execute("update one_time_code set expires = expires + ?", (seconds,))

        await self._thread.write(work)

    async def tidy(self, now: int) -> int:
        """Delete the codes that are over, of all households; return how many."""

        def work(connection: sqlite3.Connection) -> int:
            sql = "delete from one_time_code where expires <= ?"
            return connection.execute(sql, (now,)).rowcount + forget_codes(connection, now)

        return await self._thread.write(work)


_BAD_CODE = sentence("this code is wrong or has expired; get a new one with `copdns account code`")


def _account_from_row(row: tuple[str, str, str, str, str, int, str, str, int]) -> Account:
    household, account, name, role, profile, made, password, totp, _ = row
    return Account(household, account, name, Role(role), profile, made, bool(password), bool(totp))


def _read_all(connection: sqlite3.Connection, household: str) -> tuple[Account, ...]:
    rows = connection.execute(
        f"select {_COLUMNS} from account where household = ? order by made, id",  # noqa: S608
        (household,),
    )
    return tuple(map(_account_from_row, rows))


def account_of(connection: sqlite3.Connection, household: str, account: str) -> Account | None:
    """Return an account by its id; None where the household has none of that id."""
    row = connection.execute(
        f"select {_COLUMNS} from account where household = ? and id = ?",  # noqa: S608
        (household, account),
    ).fetchone()
    return None if row is None else _account_from_row(row)


def require_account(connection: sqlite3.Connection, household: str, account: str) -> Account:
    """Return an account; raise AccountError where it is gone."""
    found = account_of(connection, household, account)
    if found is None:
        raise AccountError("this account no longer exists")
    return found


def pick_account(accounts: Iterable[Account], name: str) -> Account:
    """Return the account of a name or id; raise AccountError where there is none."""
    there = tuple(accounts)
    for each in there:
        if name == each.id or name.casefold() == each.name.casefold():
            return each
    raise AccountError(no_such("account", name, [each.name for each in there]))


def _clean_name(name: str) -> str:
    return " ".join(name.split())


def _check_name(name: str) -> str:
    clean = _clean_name(name)
    if not clean or len(clean) > MAX_NAME_LENGTH or not clean.isprintable():
        raise AccountError(
            "an account name needs 1 to %(most)s visible characters",
            name="name",
            most=MAX_NAME_LENGTH,
        )
    return clean


def _add_account(
    connection: sqlite3.Connection, account: Account, by: Actor | None, now: int
) -> Account:
    _check_add(account.role, account.household, by)
    there = _read_all(connection, account.household)
    name = _check_name(account.name)
    if any(each.name.casefold() == name.casefold() for each in there):
        raise AccountError(
            "the account '%(called)s' already exists; choose another name", name="name", called=name
        )
    if len(there) >= MAX_ACCOUNTS:
        raise AccountError(
            "there are already %(most)s accounts, the most possible; remove one first",
            most=MAX_ACCOUNTS,
        )
    _check_profile(connection, account)
    new = replace(account, id=make_short_id(), name=name, made=now, has_password=False, totp=False)
    connection.execute(
        f"insert into account ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, '', '', 0)",  # noqa: S608
        (new.household, new.id, new.name, new.role, new.profile, new.made),
    )
    _record_change(connection, NoticeKind.ACCOUNT_ADDED, new, by, "added", now)
    return new


def _mark_all_seen(connection: sqlite3.Connection, account: Account, now: int) -> None:
    """Mark all notices as seen by an account: the first guardian need not be told of themselves."""
    connection.execute(
        """
        insert or ignore into notice_seen (household, notice, account, at)
        select household, id, ?, ? from notice where household = ?
        """,
        (account.id, now, account.household),
    )


def _check_profile(connection: sqlite3.Connection, account: Account) -> None:
    if account.role is Role.CHILD and not account.profile:
        raise AccountError("a child's account needs a profile; choose one")
    if not account.profile:
        return
    people = connection.execute("select id from profile where household = ?", (account.household,))
    ids = [each for (each,) in people]
    if account.profile not in ids:
        raise AccountError(no_such("profile", account.profile, ids))


def _check_add(role: Role, household: str, by: Actor | None) -> None:
    if not may_add(by.role if by else None, role) or not _is_at_home(by, household):
        raise AccountError(
            "an account with the role %(role)s can only be created on the server, with `copdns "
            "account add`",
            role=role,
        )


def _check_remove(
    connection: sqlite3.Connection,
    account: Account,
    by: Actor | None,
    *,
    remains_guardian: bool = False,
) -> None:
    """Raise AccountError where `by` may not remove an account, or it is the only guardian's.

    remains_guardian: its role changes to one of a guardian.
    """
    allowed = may_remove(by.role if by else None, account.role)
    if not allowed or not _is_at_home(by, account.household):
        raise AccountError(
            "guardians cannot remove each other; the server's owner can, with `copdns account "
            "remove`"
        )
    if not account.role.is_guardian or remains_guardian:
        return
    others = [each for each in _read_all(connection, account.household) if each.id != account.id]
    if not any(each.role.is_guardian for each in others):
        raise AccountError(
            "%(account)s is the only guardian; add another guardian first", account=account.name
        )


def _is_at_home(by: Actor | None, household: str) -> bool:
    """Tell whether a person acts in their own household: no token adds or removes accounts."""
    return by is None or (by.household == household and by.scopes is None)


def _record_change(
    connection: sqlite3.Connection,
    kind: NoticeKind,
    account: Account,
    by: Actor | None,
    what: str,
    now: int,
) -> None:
    author = author_of(by)
    audit(connection, account.household, author, f"account {account.name} {what}", now)
    if account.role.is_guardian or kind is NoticeKind.ACCOUNT_CHANGED:
        notify(
            connection, GuardianNotice(0, account.household, kind, account.name, author, now), by
        )


def _set_password(connection: sqlite3.Connection, account: Account, password_hash: str) -> None:
    connection.execute(
        "update account set password = ? where household = ? and id = ?",
        (password_hash, account.household, account.id),
    )


def _set_recovery(
    connection: sqlite3.Connection, household: str, account: str, digests: Iterable[str]
) -> None:
    connection.execute(
        "delete from recovery where household = ? and account = ?", (household, account)
    )
    connection.executemany(
        "insert into recovery (household, account, digest) values (?, ?, ?)",
        [(household, account, digest) for digest in digests],
    )


def _end_sessions(
    connection: sqlite3.Connection, household: str, account: str, but_session: str = ""
) -> None:
    connection.execute(
        "delete from session where household = ? and account = ? and digest <> ?",
        (household, account, but_session),
    )
    connection.execute(
        "delete from browser where household = ? and account = ?", (household, account)
    )
    end_lapsed(connection, household, account)


def _end_tokens(connection: sqlite3.Connection, household: str, account: str) -> None:
    connection.execute(
        "delete from token where household = ? and account = ?", (household, account)
    )


def _check_code(connection: sqlite3.Connection, code: Code, by: Actor | None) -> None:
    if code.purpose is Purpose.SETUP:
        if by is not None:
            raise AccountError(
                "a setup code can only be created on the server, with `copdns account code`"
            )
        _check_not_set_up(connection, code.household)
        return
    account = require_account(connection, code.household, code.account)
    invited = code.purpose is Purpose.INVITE and not account.has_password
    allowed = may_add if invited else may_remove
    if not allowed(by.role if by else None, account.role) or not _is_at_home(by, code.household):
        raise AccountError(
            "a code for %(account)s can only be created on the server, with `copdns account code`",
            account=account.name,
        )


def _check_not_set_up(connection: sqlite3.Connection, household: str) -> None:
    """Raise AccountError where there is a guardian: a set-up code would bypass their account."""
    if any(each.role.is_guardian for each in _read_all(connection, household)):
        raise AccountError(
            "this household is already set up; to create a code for an account, run `copdns "
            "account code NAME`"
        )


def _record_code(connection: sqlite3.Connection, code: Code, by: Actor | None, now: int) -> None:
    if code.purpose is Purpose.SETUP:
        audit(connection, code.household, author_of(by), "setup code created", now)
        return
    account = require_account(connection, code.household, code.account)
    audit(
        connection, code.household, author_of(by), f"code created for account {account.name}", now
    )
    note_code(connection, code.household, account.id, code.purpose, by, now)
    if code.purpose is Purpose.INVITE and account.role.is_guardian and account.made == now:
        return  # the notice of the new account says so
    kind, author = NoticeKind.CODE_MADE, author_of(by)
    notify(connection, GuardianNotice(0, code.household, kind, account.name, author, now), by)


def _read_code(connection: sqlite3.Connection, digest: str, now: int) -> Code | None:
    row = connection.execute(
        """
        select household, purpose, account, expires from one_time_code
         where digest = ? and expires > ?
        """,
        (digest, now),
    ).fetchone()
    return None if row is None else Code(row[0], Purpose(row[1]), row[2], row[3])


def _use_up_code(connection: sqlite3.Connection, digest: str, now: int) -> Code:
    code = _read_code(connection, digest, now)
    if code is None:
        raise AccountError(_BAD_CODE, name="code")
    connection.execute("delete from one_time_code where digest = ?", (digest,))
    return code
