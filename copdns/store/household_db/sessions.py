"""Sessions, the browsers that an account knows, and the tokens of programs.

The secret of each is given once, to the browser or program; its digest is stored.  "Last used" is
written every five minutes at most, so that reading pages does not keep the disk busy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from copdns.accounts.account import (
    BROWSER_LASTS,
    SESSION_IDLE,
    SESSION_LONGEST,
    TOKEN_LONGEST,
    USED_PRECISION,
    Account,
    Session,
    Token,
)
from copdns.accounts.codes import make_secret, make_short_id, secret_digest
from copdns.accounts.roles import PERMISSIONS, Actor, Permission, Role, scopes_for
from copdns.model.errors import AccountError
from copdns.model.violations import no_such
from copdns.store.connection import SqlConnection
from copdns.store.household_db.account_rows import account_of, require_account
from copdns.store.household_db.notes import audit
from copdns.store.household_db.push import end_lapsed, lapse_sessions, move_to_session
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import ALL_ROWS

MAX_SESSIONS = 20  # of an account; the one that was used longest ago ends
MAX_BROWSERS = 20
MAX_TOKENS = 50
MAX_LABEL_LENGTH = 80

_SESSION = "digest, household, account, label, made, used, expires, confirmed"
_TOKEN = "household, id, account, label, scopes, made, expires, used"  # noqa: S105 - columns


class Sessions:
    """The sessions of all households.  Methods raise StoreError.

    cookie: the secret of a session or a browser, as it sends it.  now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def begin(self, account: Account, now: int, label: str = "", replaces: str = "") -> str:
        """Return the secret of a new session, for the cookie.

        replaces: the cookie that the browser had before.  Its session ends, whoever's it was, so
        that nobody can plant a session in a browser and share it with the next person there.
        """
        secret = make_secret()

        def work(connection: SqlConnection) -> str:
            require_account(connection, account.household, account.id)
            move_to_session(connection, account, secret_digest(replaces), secret_digest(secret))
            connection.execute("delete from session where digest = ?", (secret_digest(replaces),))
            _make_room(connection, "session", "used", account, MAX_SESSIONS)
            connection.execute(
                f"insert into session ({_SESSION}) values (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (
                    secret_digest(secret),
                    account.household,
                    account.id,
                    label[:MAX_LABEL_LENGTH],
                    now,
                    now,
                    now + SESSION_LONGEST,
                    now,
                ),
            )
            return secret

        return await self._thread.write(work, account.household)

    async def find(
        self, cookie: str, now: int, *, is_use: bool = True
    ) -> tuple[Session, Account] | None:
        """Return the session of a cookie and its account; None where it is over or unknown.

        is_use: that keeps it from ending unused.
        """

        def work(connection: SqlConnection) -> tuple[Session, Account] | None:
            row = connection.execute(
                f"select {_SESSION} from session where digest = ?",  # noqa: S608
                (secret_digest(cookie),),
            ).fetchone()
            if row is None or (session := Session(*row)).is_over(now):
                return None
            account = account_of(connection, session.household, session.account)
            if account is None:
                return None
            return session, account

        found = await self._thread.read(work)
        if found is not None and is_use and abs(now - found[0].used) >= USED_PRECISION:
            await self._thread.write(
                lambda connection: connection.execute(
                    "update session set used = ? where digest = ?", (now, found[0].digest)
                ),
                found[0].household,
            )
        return found

    async def confirm(self, digest: str, now: int) -> None:
        """Note that the owner of a session typed the password in it again."""

        def work(connection: SqlConnection) -> None:
            connection.execute("update session set confirmed = ? where digest = ?", (now, digest))

        await self._thread.write(work)

    async def of(self, account: Account, now: int) -> tuple[Session, ...]:
        """Return the sessions of an account, the last used first."""

        def work(connection: SqlConnection) -> tuple[Session, ...]:
            rows = connection.execute(
                f"""
                select {_SESSION} from session where household = ? and account = ?
                 order by used desc, digest
                """,  # noqa: S608
                (account.household, account.id),
            )
            found = (Session(*row) for row in rows)
            return tuple(each for each in found if not each.is_over(now))

        return await self._thread.read(work)

    async def end(self, cookie: str) -> None:
        """End the session of a cookie, if there is one."""

        def work(connection: SqlConnection) -> None:
            connection.execute("delete from session where digest = ?", (secret_digest(cookie),))

        await self._thread.write(work)

    async def revoke(self, account: Account, digest: str) -> bool:
        """End a session of an account, by its digest; False where there is none."""

        def work(connection: SqlConnection) -> bool:
            done = connection.execute(
                "delete from session where household = ? and account = ? and digest = ?",
                (account.household, account.id, digest),
            )
            return done.rowcount == 1

        return await self._thread.write(work, account.household)

    async def revoke_all(self, account: Account, now: int, but_session: str = "") -> int:
        """End all sessions of an account but one, and forget its browsers; return how many ended.

        but_session: the digest of the session that stays; "" for none.
        """

        def work(connection: SqlConnection) -> int:
            done = connection.execute(
                "delete from session where household = ? and account = ? and digest <> ?",
                (account.household, account.id, but_session),
            )
            connection.execute(
                "delete from browser where household = ? and account = ?",
                (account.household, account.id),
            )
            end_lapsed(connection, account.household, account.id)
            audit(connection, account.household, account.name, "logged out everywhere", now)
            return done.rowcount

        return await self._thread.write(work, account.household)

    # --- browsers that an account was used on ---

    async def remember_browser(self, account: Account, now: int, replaces: str = "") -> str:
        """Return the secret by which the account knows a browser at its next login, for a cookie.

        Failures of other browsers do not make it wait (`accounts/lockout.py`).  replaces: the
        cookie that the browser had before.
        """
        secret = make_secret()

        def work(connection: SqlConnection) -> str:
            connection.execute("delete from browser where digest = ?", (secret_digest(replaces),))
            _make_room(connection, "browser", "expires", account, MAX_BROWSERS)
            connection.execute(
                "insert into browser (digest, household, account, expires) values (?, ?, ?, ?)",
                (secret_digest(secret), account.household, account.id, now + BROWSER_LASTS),
            )
            return secret

        return await self._thread.write(work, account.household)

    async def find_browser(self, account: Account, cookie: str, now: int) -> str:
        """Return the digest of a browser that an account knows; "" for any other."""
        digest = secret_digest(cookie)

        def work(connection: SqlConnection) -> str:
            row = connection.execute(
                """
                select 1 from browser
                 where digest = ? and household = ? and account = ? and expires > ?
                """,
                (digest, account.household, account.id, now),
            ).fetchone()
            return digest if row else ""

        return await self._thread.read(work) if cookie else ""

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            lapse_sessions(connection, now)
            statements = (
                ("delete from session where expires <= ?", now),
                ("delete from session where used <= ?", now - SESSION_IDLE),
                ("delete from browser where expires <= ?", now),
                ("delete from token where expires <= ?", now - TOKEN_LONGEST),
            )
            return sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)

        return await self._thread.write(work)


class Tokens:
    """The tokens of all households.  Methods raise AccountError and StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def make(
        self,
        account: Account,
        label: str,
        scopes: Iterable[Permission],
        expires: int,
        now: int,
        author: str,
    ) -> tuple[Token, str]:
        """Return a new token and its secret, which nothing can show again.

        expires: seconds since the epoch.  author: in people's words, for the audit.
        """
        wanted = frozenset(scopes)
        secret = TOKEN_PREFIX + make_secret()
        new = Token(
            account.household,
            make_short_id(),
            account.id,
            label[:MAX_LABEL_LENGTH],
            wanted,
            now,
            expires,
        )

        def work(connection: SqlConnection) -> tuple[Token, str]:
            owner = require_account(connection, account.household, account.id)
            _check_token(connection, owner, new, now)
            connection.execute(
                f"insert into token (digest, {_TOKEN}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (secret_digest(secret), *new._replace(scopes=json.dumps(sorted(wanted)))),  # type: ignore[arg-type]
            )
            what = f"token {new.label} created: {', '.join(sorted(wanted))}"
            audit(connection, new.household, author, what, now)
            return new, secret

        return await self._thread.write(work, account.household)

    async def find(self, token_secret: str, now: int) -> Actor | None:
        """Return who a token acts as; None where it is over or unknown.

        It may do what both its scopes and the role of its account allow.
        """

        def work(connection: SqlConnection) -> tuple[Token, Actor] | None:
            row = connection.execute(
                f"select {_TOKEN} from token where digest = ? and expires > ?",  # noqa: S608
                (secret_digest(token_secret), now),
            ).fetchone()
            if row is None:
                return None
            token = _token_from_row(row)
            account = account_of(connection, token.household, token.account)
            if account is None:
                return None
            return token, make_actor(account, token.scopes)

        found = await self._thread.read(work) if token_secret.startswith(TOKEN_PREFIX) else None
        if found is None:
            return None
        token, actor = found
        if token.used is None or abs(now - token.used) >= USED_PRECISION:
            await self._thread.write(
                lambda connection: connection.execute(
                    "update token set used = ? where household = ? and id = ?",
                    (now, token.household, token.id),
                ),
                token.household,
            )
        return actor

    async def all(self, household: str, account: str = "") -> tuple[Token, ...]:
        """Return the tokens of a household, or of one account, the oldest first."""

        def work(connection: SqlConnection) -> tuple[Token, ...]:
            rows = connection.execute(
                f"""
                select {_TOKEN} from token where household = ? and (? = '' or account = ?)
                 order by made, id
                """,  # noqa: S608
                (household, account, account),
            )
            return tuple(map(_token_from_row, rows))

        return await self._thread.read(work)

    async def remove(self, household: str, token: str, author: str, now: int) -> Token:
        """Delete a token, and return it; raise AccountError where there is none of this id."""

        def work(connection: SqlConnection) -> Token:
            rows = connection.execute(
                f"select {_TOKEN} from token where household = ?",  # noqa: S608
                (household,),
            ).fetchall()
            found = {each.id: each for each in map(_token_from_row, rows)}
            if token not in found:
                raise AccountError(no_such("token", token, found))
            connection.execute(
                "delete from token where household = ? and id = ?", (household, token)
            )
            audit(connection, household, author, f"token {found[token].label} removed", now)
            return found[token]

        return await self._thread.write(work, household)


TOKEN_PREFIX = "copdns_"  # noqa: S105 - so that scanners find a token that leaked


def make_actor(account: Account, scopes: frozenset[Permission] | None = None) -> Actor:
    """Return the actor of an account.  scopes: of a token; None for a person."""
    if scopes is not None:
        scopes &= PERMISSIONS[account.role]
    return Actor(account.household, account.id, account.name, account.role, account.profile, scopes)


def _token_from_row(row: tuple[str, str, str, str, str, int, int, int | None]) -> Token:
    household, token, account, label, scopes, made, expires, used = row
    known = frozenset(Permission(each) for each in json.loads(scopes) if each in set(Permission))
    return Token(household, token, account, label, known, made, expires, used)


def _check_token(connection: SqlConnection, account: Account, new: Token, now: int) -> None:
    if account.role is Role.CHILD:
        raise AccountError("a child's account cannot create tokens")
    if not new.label.strip() or not new.label.isprintable():
        raise AccountError("give the token a name, so that you know later what it is for")
    possible = scopes_for(account.role)
    if not new.scopes or not new.scopes <= possible:
        raise AccountError(
            "a token for %(account)s can have these scopes: %(possible)s",
            account=account.name,
            possible=", ".join(sorted(possible)),
        )
    if not now < new.expires <= now + TOKEN_LONGEST:
        raise AccountError("a token can be valid for at most a year; choose an end in the future")
    (there,) = connection.execute(
        "select count(*) from token where household = ? and account = ?",
        (account.household, account.id),
    ).fetchone()
    if there >= MAX_TOKENS:
        raise AccountError(
            "%(account)s already has %(there)s tokens, the most possible; remove one first",
            there=there,
            account=account.name,
        )


def _make_room(
    connection: SqlConnection, table: str, oldest: str, account: Account, most: int
) -> None:
    connection.execute(
        f"""
        delete from {table} where digest in (
            select digest from {table} where household = ? and account = ?
             order by {oldest} desc, digest limit {ALL_ROWS} offset ?)
        """,  # noqa: S608 - names of ours
        (account.household, account.id, most - 1),
    )
