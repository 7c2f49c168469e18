"""Accounts and their one-time codes as rows: read, checked and written in one transaction.

The transaction is the caller's: `accounts.py` has them.  Errors are AccountError.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from copdns.accounts.account import Account, Code, GuardianNotice, NoticeKind, Purpose
from copdns.accounts.codes import make_short_id
from copdns.accounts.roles import Actor, Role, may_add, may_remove
from copdns.model.errors import AccountError
from copdns.model.sentences import Sentence, sentence
from copdns.model.violations import no_such
from copdns.store.connection import SqlConnection
from copdns.store.household_db.account_codes import note_code
from copdns.store.household_db.notes import audit, author_of, notify
from copdns.store.household_db.push import end_lapsed

MAX_ACCOUNTS = 50  # accounts of a household
MAX_NAME_LENGTH = 60
COLUMNS = "household, id, name, role, profile, made, password, totp, totp_used"
BAD_CODE = sentence("this code is wrong or has expired; get a new one with `copdns account code`")
REPLACED_CODE = sentence(
    "a newer setup code was made, so this one no longer works; enter the newest one"
)
USED_CODE = sentence(
    "this household has been set up already; log in with the name and password that were chosen"
)


def account_from_row(row: tuple[str, str, str, str, str, int, str, str, int]) -> Account:
    """Return the account of a row with COLUMNS, without what it logs in with."""
    household, account, name, role, profile, made, password, totp, _ = row
    return Account(household, account, name, Role(role), profile, made, bool(password), bool(totp))


def read_accounts(connection: SqlConnection, household: str) -> tuple[Account, ...]:
    """Return all accounts of a household, the oldest first."""
    rows = connection.execute(
        f"select {COLUMNS} from account where household = ? order by made, id",  # noqa: S608
        (household,),
    )
    return tuple(map(account_from_row, rows))


def account_of(connection: SqlConnection, household: str, account: str) -> Account | None:
    """Return an account by its id; None where the household has none of that id."""
    row = connection.execute(
        f"select {COLUMNS} from account where household = ? and id = ?",  # noqa: S608
        (household, account),
    ).fetchone()
    return None if row is None else account_from_row(row)


def require_account(connection: SqlConnection, household: str, account: str) -> Account:
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


def clean_name(name: str) -> str:
    """Return a name with single spaces."""
    return " ".join(name.split())


def _check_name(name: str) -> str:
    clean = clean_name(name)
    if not clean or len(clean) > MAX_NAME_LENGTH or not clean.isprintable():
        raise AccountError(
            "an account name needs 1 to %(most)s visible characters",
            name="name",
            most=MAX_NAME_LENGTH,
        )
    return clean


def add_account(connection: SqlConnection, account: Account, by: Actor | None, now: int) -> Account:
    """Store a new account, and return it with its id."""
    check_add(account.role, account.household, by)
    there = read_accounts(connection, account.household)
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
        f"insert into account ({COLUMNS}) values (?, ?, ?, ?, ?, ?, '', '', 0)",  # noqa: S608
        (new.household, new.id, new.name, new.role, new.profile, new.made),
    )
    record_change(connection, NoticeKind.ACCOUNT_ADDED, new, by, "added", now)
    return new


def mark_all_seen(connection: SqlConnection, account: Account, now: int) -> None:
    """Mark all notices as seen by an account: the first guardian need not be told of themselves."""
    connection.execute(
        """
        insert into notice_seen (household, notice, account, at)
        select household, id, ?, ? from notice where household = ?
            on conflict do nothing
        """,
        (account.id, now, account.household),
    )


def _check_profile(connection: SqlConnection, account: Account) -> None:
    if account.role is Role.CHILD and not account.profile:
        raise AccountError("a child's account needs a profile; choose one")
    if not account.profile:
        return
    people = connection.execute("select id from profile where household = ?", (account.household,))
    ids = [each for (each,) in people]
    if account.profile not in ids:
        raise AccountError(no_such("profile", account.profile, ids))


def check_add(role: Role, household: str, by: Actor | None) -> None:
    """Raise AccountError where an account of a role may not be made.  by: None for the console."""
    if not may_add(by.role if by else None, role) or not is_at_home(by, household):
        raise AccountError(
            "an account with the role %(role)s can only be created on the server, with `copdns "
            "account add`",
            role=role,
        )


def check_remove(connection: SqlConnection, account: Account, by: Actor | None) -> None:
    """Raise AccountError where `by` may not remove an account, or it is the only guardian's."""
    allowed = may_remove(by.role if by else None, account.role)
    if not allowed or not is_at_home(by, account.household):
        raise AccountError(
            "guardians cannot remove each other; the server's owner can, with `copdns account "
            "remove`"
        )
    if not account.role.is_guardian:
        return
    others = [
        each for each in read_accounts(connection, account.household) if each.id != account.id
    ]
    if not any(each.role.is_guardian for each in others):
        raise AccountError(
            "%(account)s is the only guardian; add another guardian first", account=account.name
        )


def is_at_home(by: Actor | None, household: str) -> bool:
    """Tell whether a person acts in their own household: no token adds or removes accounts."""
    return by is None or (by.household == household and by.scopes is None)


def record_change(
    connection: SqlConnection,
    kind: NoticeKind,
    account: Account,
    by: Actor | None,
    what: str,
    now: int,
) -> None:
    """Write the line of the audit, and a notice for the guardians where it is one of theirs."""
    author = author_of(by)
    audit(connection, account.household, author, f"account {account.name} {what}", now)
    if account.role.is_guardian or kind is NoticeKind.ACCOUNT_CHANGED:
        notify(
            connection, GuardianNotice(0, account.household, kind, account.name, author, now), by
        )


def store_password(connection: SqlConnection, account: Account, password_hash: str) -> None:
    """Store the hash of a password."""
    connection.execute(
        "update account set password = ? where household = ? and id = ?",
        (password_hash, account.household, account.id),
    )


def store_recovery(
    connection: SqlConnection, household: str, account: str, digests: Iterable[str]
) -> None:
    """Store the digests of recovery codes in place of all earlier ones."""
    connection.execute(
        "delete from recovery where household = ? and account = ?", (household, account)
    )
    connection.executemany(
        "insert into recovery (household, account, digest) values (?, ?, ?)",
        [(household, account, digest) for digest in digests],
    )


def end_sessions(
    connection: SqlConnection, household: str, account: str, but_session: str = ""
) -> None:
    """End the sessions of an account, all but one (its digest), and forget its known browsers."""
    connection.execute(
        "delete from session where household = ? and account = ? and digest <> ?",
        (household, account, but_session),
    )
    connection.execute(
        "delete from browser where household = ? and account = ?", (household, account)
    )
    end_lapsed(connection, household, account)


def end_tokens(connection: SqlConnection, household: str, account: str) -> None:
    """Take back all tokens of an account."""
    connection.execute(
        "delete from token where household = ? and account = ?", (household, account)
    )


def check_code(connection: SqlConnection, code: Code, by: Actor | None) -> None:
    """Raise AccountError where a code may not be made.  by: None for the console."""
    if code.purpose is Purpose.SETUP:
        if by is not None:
            raise AccountError(
                "a setup code can only be created on the server, with `copdns account code`"
            )
        check_not_set_up(connection, code.household)
        return
    account = require_account(connection, code.household, code.account)
    invited = code.purpose is Purpose.INVITE and not account.has_password
    allowed = may_add if invited else may_remove
    if not allowed(by.role if by else None, account.role) or not is_at_home(by, code.household):
        raise AccountError(
            "a code for %(account)s can only be created on the server, with `copdns account code`",
            account=account.name,
        )


def check_not_set_up(connection: SqlConnection, household: str) -> None:
    """Raise AccountError where there is a guardian: a set-up code would bypass their account."""
    if any(each.role.is_guardian for each in read_accounts(connection, household)):
        raise AccountError(
            "this household is already set up; to create a code for an account, run `copdns "
            "account code NAME`"
        )


def record_code(connection: SqlConnection, code: Code, by: Actor | None, now: int) -> None:
    """Write who made a code for whom: to the audit, to the owner, and to the guardians."""
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


def read_code(connection: SqlConnection, digest: str, now: int) -> Code | None:
    """Return what the code of a digest is for; None where it is unknown, over or spent."""
    row = connection.execute(
        """
        select household, purpose, account, expires from one_time_code
         where digest = ? and expires > ? and purpose <> ?
        """,
        (digest, now, Purpose.SPENT),
    ).fetchone()
    return None if row is None else Code(row[0], Purpose(row[1]), row[2], row[3])


def use_up_code(connection: SqlConnection, digest: str, now: int) -> Code:
    """Let the code of a digest open nothing more, and return what it was for; raise AccountError
    for none.  A setup code stays until its hour is over, so that it can be told from a wrong one.
    """
    code = read_code(connection, digest, now)
    if code is None:
        wrong = why_spent(connection, digest, now) or BAD_CODE
        raise AccountError(wrong, name="code")
    if code.purpose is Purpose.SETUP:
        spend_setup_codes(connection, code.household, now)
    else:
        connection.execute("delete from one_time_code where digest = ?", (digest,))
    return code


def spend_setup_codes(connection: SqlConnection, household: str, now: int) -> bool:
    """Let the setup codes of a household open nothing more; tell whether one still did."""
    ended = connection.execute(
        "update one_time_code set purpose = ? where household = ? and purpose = ? and expires > ?",
        (Purpose.SPENT, household, Purpose.SETUP, now),
    )
    return ended.rowcount > 0


def why_spent(connection: SqlConnection, digest: str, now: int) -> Sentence | None:
    """Return why a setup code opens nothing although its hour is not over; None for any other."""
    row = connection.execute(
        "select household from one_time_code where digest = ? and expires > ? and purpose = ?",
        (digest, now, Purpose.SPENT),
    ).fetchone()
    if row is None:
        return None
    is_set_up = any(each.role.is_guardian for each in read_accounts(connection, row[0]))
    return USED_CODE if is_set_up else REPLACED_CODE
