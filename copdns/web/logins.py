"""Log people in: from what was typed to a session.

Waits are computed before a password is checked, and one thread checks passwords one after another.
So a hundred attempts at once are no faster than one, and do not take memory and processor time from
DNS.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple, TypeVar

from copdns.accounts.account import CODE_LASTS, Account, Code, Credentials, NewCode, Purpose
from copdns.accounts.codes import ACCOUNT_CODE, code_digest, make_one_time_code, make_recovery_code
from copdns.accounts.lockout import (
    Attempt,
    FailureLog,
    add_failure,
    clear_failures,
    seconds_to_wait,
)
from copdns.accounts.passphrase import password_weakness, pin_weakness
from copdns.accounts.passwords import (
    find_totp_step,
    hash_password,
    is_outdated,
    make_totp_secret,
    verify_password,
)
from copdns.accounts.roles import Actor
from copdns.model.errors import AccountError
from copdns.model.sentences import plural_sentence, sentence
from copdns.store.household_db.account_codes import AccountCodes
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.pins import Pins
from copdns.store.household_db.sessions import Sessions, make_actor
from copdns.store.household_db.thread import StoreThread

MAX_WAITING = 8  # passwords in the queue; later ones must wait a second
RECOVERY_CODES = 8

T = TypeVar("T")


class Outcome(StrEnum):
    """What comes of an attempt to log in."""

    IN = "in"
    WRONG = "wrong"  # name, password or code; callers do not learn which
    CODE_NEEDED = "code_needed"  # the password is right, and the second factor is missing
    WAIT = "wait"


class LoginResult(NamedTuple):
    """The result of a login.

    wait: seconds until the next attempt.  session, browser: secrets for two cookies, when outcome
    is IN.
    """

    outcome: Outcome
    wait: int = 0
    account: Account | None = None
    session: str = ""
    browser: str = ""


class LoginForm(NamedTuple):
    """What somebody typed, and from where.

    code: six digits of the second factor, or a recovery code.  session, browser: the cookies of the
    request, "" for none.  label: the browser's name, for people.  joined: a code was used a moment
    ago, so this may be whoever made it.
    """

    name: str
    password: str
    address: str
    code: str = ""
    session: str = ""
    browser: str = ""
    label: str = ""
    joined: bool = False


class Logins:
    """Checks passwords, codes and PINs, and sets new ones.

    Methods raise StoreError, and AccountError with a sentence for whoever typed.  monotonic: a
    clock in seconds that never goes back; waits do not survive a restart.  Parameters `now` are
    seconds since the epoch.
    """

    def __init__(self, thread: StoreThread, monotonic: Callable[[], float]) -> None:
        self._accounts = Accounts(thread)
        self._sessions = Sessions(thread)
        self._codes = AccountCodes(thread)
        self._pins = Pins(thread)
        self._monotonic = monotonic
        self._failures = FailureLog()
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0

    def close(self) -> None:
        """Stop hashing passwords; what waits for it is cancelled."""
        self._hashing.shutdown(cancel_futures=True)

    async def log_in(self, household: str, form: LoginForm, now: int) -> LoginResult:
        """Return the result; a new session replaces the one that the browser had."""
        found = await self._accounts.credentials(household, form.name)
        attempt = await self._attempt_at(found, form, now)
        if refusal := await self._refuse(found, form, attempt, now):
            return refusal
        assert found is not None  # "" is no valid hash
        await self._renew_hash(found, form.password)
        account = found.account
        session = await self._sessions.begin(account, now, form.label, form.session)
        browser = await self._sessions.remember_browser(account, now, form.browser)
        if not form.joined:
            await self._codes.note_login(household, account.id, now)
        return LoginResult(Outcome.IN, 0, account, session, browser)

    async def confirm(
        self, account: Account, password: str, address: str, browser: str
    ) -> LoginResult:
        """Check the password of somebody who is logged in, before they change it.

        browser: the digest of a known browser, else "".
        """
        found = await self._accounts.credentials(account.household, account.name)
        attempt = Attempt(_attempt_key(account), address, browser)
        if left := self._count_attempt(attempt):
            return LoginResult(Outcome.WAIT, left)
        if not await self._hash(verify_password, password, found.password if found else ""):
            return self._wrong_result(attempt)
        self._failures = clear_failures(self._failures, attempt)
        return LoginResult(Outcome.IN, 0, account)

    async def step_up(
        self, account: Account, session: str, form: LoginForm, now: int
    ) -> LoginResult:
        """Check the password, and the second factor where there is one, of somebody who is logged
        in; a session that passed is fresh again.

        session: its digest.  form: what was typed, and the cookie of the browser.
        """
        found = await self._accounts.credentials(account.household, account.name)
        attempt = await self._attempt_at(found, form, now)
        if refusal := await self._refuse(found, form, attempt, now):
            return refusal
        await self._sessions.confirm(session, now)
        return LoginResult(Outcome.IN, 0, account)

    async def _refuse(
        self, found: Credentials | None, form: LoginForm, attempt: Attempt, now: int
    ) -> LoginResult | None:
        """Check the password, and the second factor where there is one; None: both are right.

        found: None for a name without an account, for which no password is right.
        """
        if left := self._count_attempt(attempt):
            return LoginResult(Outcome.WAIT, left)
        if not await self._hash(verify_password, form.password, found.password if found else ""):
            return self._wrong_result(attempt)
        assert found is not None  # "" is no valid hash
        if found.totp and not form.code.strip():
            return LoginResult(Outcome.CODE_NEEDED)
        if found.totp and not await self._check_second_factor(found, form.code, now):
            return self._wrong_result(attempt)
        self._failures = clear_failures(self._failures, attempt)
        return None

    async def setup_code(self, household: str, now: int) -> NewCode | None:
        """Return a new code for a household's first account; None where there is an account."""
        if await self._accounts.all(household):
            return None
        return await self._make_code(household, Purpose.SETUP, "", None, now)

    async def make_code(self, account: Account, purpose: Purpose, by: Actor, now: int) -> str:
        """Return a new code with which the owner of an account sets a password."""
        return (await self._make_code(account.household, purpose, account.id, by, now)).code

    async def set_up(
        self, code: str, name: str, password: str, address: str, now: int, names: tuple[str, ...]
    ) -> Account:
        """Create the first account with a code from the console.

        names: see `password_weakness`.
        """
        digest = await self._check_code(code, address, now)
        hashed = await self._hash_new(password, (*names, name))
        return await self._accounts.set_up(digest, name, hashed, now)

    async def use_code(
        self, code: str, password: str, address: str, now: int, names: tuple[str, ...]
    ) -> Account:
        """Set the password of an account with a code from the console or an invitation."""
        digest = await self._check_code(code, address, now)
        found = await self._accounts.find_code(digest, now)
        owner = await self._accounts.get(found.household, found.account) if found else None
        hashed = await self._hash_new(password, (*names, owner.name if owner else ""))
        return await self._accounts.use_code(digest, hashed, now)

    async def change_password(
        self, account: Account, password: str, now: int, names: tuple[str, ...], stays: str = ""
    ) -> None:
        """Change the password of somebody who passed `confirm`.  stays: see
        `Accounts.set_password`."""
        hashed = await self._hash_new(password, (*names, account.name))
        await self._accounts.set_password(
            account.household, account.id, hashed, now, stays, by=make_actor(account)
        )

    async def begin_totp(self) -> str:
        """Return a secret to show as a QR code; it takes effect after `finish_totp`."""
        return make_totp_secret()

    async def finish_totp(
        self, account: Account, secret: str, code: str, now: int
    ) -> tuple[str, ...]:
        """Turn two-step verification on; return the recovery codes, which cannot be read again.

        Raises AccountError for a code that does not belong to the secret.
        """
        step = find_totp_step(secret, code, now, 0)
        if step is None:
            raise AccountError(
                "this code is wrong; check that your phone's clock is right", name="code"
            )
        codes = tuple(make_recovery_code() for _ in range(RECOVERY_CODES))
        digests = await self._hash(lambda: [_recovery_digest(account, each) for each in codes])
        await self._accounts.set_totp(
            account.household, account.id, secret, digests, now, last_step=step
        )
        return codes

    async def set_pin(self, household: str, profile: str, pin: str, author: str, now: int) -> None:
        """Store the hash of a person's new PIN; raise AccountError where it is too weak."""
        if wrong := pin_weakness(pin):
            raise AccountError(wrong, name="pin")
        hashed = await self._hash(hash_password, pin)
        await self._pins.set(household, profile, hashed, author, now)

    async def check_pin(
        self, household: str, profile: str, pin: str, address: str, name: str = ""
    ) -> LoginResult:
        """Check the PIN that somebody typed on a shared device.

        profile: "" where nobody has the name that was typed; that waits after wrong PINs as the
        name of a person does, so that nobody finds out names.
        """
        whose = profile or f"name:{name.strip().casefold()[:60]}"
        attempt = Attempt(f"{household}:{whose}", address, is_pin=True)
        if left := self._count_attempt(attempt):
            return LoginResult(Outcome.WAIT, left)
        hashed = await self._pins.get(household, profile)
        if not await self._hash(verify_password, pin, hashed):
            return self._wrong_result(attempt)
        self._failures = clear_failures(self._failures, attempt)
        return LoginResult(Outcome.IN)

    # --- what these are made of ---

    async def _make_code(
        self, household: str, purpose: Purpose, account_id: str, by: Actor | None, now: int
    ) -> NewCode:
        code = make_one_time_code()
        record = Code(household, purpose, account_id, now + CODE_LASTS)
        digest = await self._hash(code_digest, code, ACCOUNT_CODE)
        return NewCode(code, await self._accounts.make_code(record, digest, by, now))

    async def _attempt_at(self, found: Credentials | None, form: LoginForm, now: int) -> Attempt:
        if found is None:
            return Attempt(f"name:{form.name.casefold()[:60]}", form.address)
        account = found.account
        browser = await self._sessions.find_browser(account, form.browser, now)
        return Attempt(_attempt_key(account), form.address, browser)

    def _count_attempt(self, attempt: Attempt) -> int:
        """Return the seconds to wait; 0: go ahead.  The attempt counts as failed until it
        succeeds."""
        left = seconds_to_wait(self._failures, attempt, self._monotonic())
        if left > 0:
            return math.ceil(left)
        if self._waiting >= MAX_WAITING:
            return 1
        self._failures = add_failure(self._failures, attempt, self._monotonic())
        return 0

    def _wrong_result(self, attempt: Attempt) -> LoginResult:
        left = seconds_to_wait(self._failures, attempt, self._monotonic())
        return LoginResult(Outcome.WRONG, math.ceil(left))

    async def _check_second_factor(self, found: Credentials, code: str, now: int) -> bool:
        account = found.account
        step = find_totp_step(found.totp, code, now, found.totp_used)
        if step is not None:
            return await self._accounts.use_totp(account.household, account.id, step)
        digest = await self._hash(_recovery_digest, account, code)
        return await self._accounts.use_recovery(account.household, account.id, digest, now)

    async def _check_code(self, code: str, address: str, now: int) -> str:
        """Return the digest of a valid code; raise AccountError.  Guesses from an address make only
        that address wait."""
        attempt = Attempt(f"code:{address}", address)
        if left := self._count_attempt(attempt):
            raise AccountError(
                plural_sentence(
                    "please wait %(num)d second before the next try",
                    "please wait %(num)d seconds before the next try",
                    left,
                ),
                name="code",
            )
        digest = await self._hash(code_digest, code, ACCOUNT_CODE)
        if await self._accounts.find_code(digest, now) is None:
            wrong = await self._accounts.why_spent(digest, now) or sentence(
                "this code is wrong or has expired; get a new one where you got this one"
            )
            raise AccountError(wrong, name="code")
        self._failures = clear_failures(self._failures, attempt)
        return digest

    async def _hash_new(self, password: str, names: tuple[str, ...]) -> str:
        if wrong := password_weakness(password, names):
            raise AccountError(wrong, name="password")
        return await self._hash(hash_password, password)

    async def _renew_hash(self, found: Credentials, password: str) -> None:
        if is_outdated(found.password):
            hashed = await self._hash(hash_password, password)
            account = found.account
            await self._accounts.rehash(account.household, account.id, found.password, hashed)

    async def _hash(self, work: Callable[..., T], *arguments: object) -> T:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._hashing, work, *arguments)
        finally:
            self._waiting -= 1


def _attempt_key(account: Account) -> str:
    return f"account:{account.household}:{account.id}"


def _recovery_digest(account: Account, code: str) -> str:
    return code_digest(code, f"recovery {account.household} {account.id}")
