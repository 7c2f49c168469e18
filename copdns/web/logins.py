"""Let people in: the way of a login from what was typed to a session.

Waits are counted before a password is looked at, and passwords are looked at one after another in a
thread of their own, so that guessing neither gets faster by asking a hundred times at once nor
takes the memory and the processor that answer questions.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple, TypeVar

from copdns.accounts.account import CODE_LASTS, Account, Code, Credentials, Purpose
from copdns.accounts.codes import CODE, one_time_code, recovery_code
from copdns.accounts.lockout import (
    Attempt,
    FailureLog,
    add_failure,
    clear_failures,
    seconds_to_wait,
)
from copdns.accounts.passphrase import pin_weakness, weakness
from copdns.accounts.passwords import (
    hash_password,
    is_outdated,
    totp_secret,
    totp_step,
    verify_password,
)
from copdns.accounts.tickets import code_digest
from copdns.model.errors import AccountError
from copdns.model.sentences import plural_sentence
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.pairings import Pins
from copdns.store.household_db.sessions import Sessions, actor
from copdns.store.household_db.thread import StoreThread

WAITING = 8  # passwords that may wait for their turn; more are told to come back
RECOVERY_CODES = 8

T = TypeVar("T")


class Outcome(StrEnum):
    IN = "in"
    WRONG = "wrong"  # name, password or code: which of them is not told
    CODE_NEEDED = "code_needed"  # the password was right; the second factor is asked for
    WAIT = "wait"


class Login(NamedTuple):
    """What became of a login.

    wait: seconds until the next try.  session, browser: secrets for two cookies, when in.
    """

    outcome: Outcome
    wait: int = 0
    account: Account | None = None
    session: str = ""
    browser: str = ""


class Typed(NamedTuple):
    """What somebody typed, and from where.

    code: six digits of the second factor, or a recovery code.  session, browser: the cookies that
    came along, "" for none.  label: what the browser is, for people.
    """

    name: str
    password: str
    address: str
    code: str = ""
    session: str = ""
    browser: str = ""
    label: str = ""


class Logins:
    """Methods raise StoreError, and AccountError with a sentence for whoever typed.

    monotonic: a clock that only goes forward, in seconds; waits survive no restart.
    """

    def __init__(self, thread: StoreThread, monotonic: Callable[[], float]) -> None:
        self._accounts = Accounts(thread)
        self._sessions = Sessions(thread)
        self._pins = Pins(thread)
        self._monotonic = monotonic
        self._book = FailureLog()
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0

    def close(self) -> None:
        self._hashing.shutdown(cancel_futures=True)

    async def log_in(self, household: str, typed: Typed, now: int) -> Login:
        """Return how it went; a session begins in the place of the one that the browser had."""
        found = await self._accounts.credentials(household, typed.name)
        attempt = await self._attempt(found, typed, now)
        if left := self._try(attempt):
            return Login(Outcome.WAIT, left)
        if not await self._hash(verify_password, typed.password, found.password if found else ""):
            return self._wrong(attempt)
        assert found is not None  # "" was never a password
        if found.totp and not typed.code.strip():
            return Login(Outcome.CODE_NEEDED)
        if found.totp and not await self._second(found, typed.code, now):
            return self._wrong(attempt)
        self._book = clear_failures(self._book, attempt)
        await self._renew_hash(found, typed.password)
        account = found.account
        session = await self._sessions.begin(account, now, typed.label, typed.session)
        browser = await self._sessions.remember_browser(account, now, typed.browser)
        return Login(Outcome.IN, 0, account, session, browser)

    async def confirm(self, account: Account, password: str, address: str, browser: str) -> Login:
        """Look at the password of somebody who is logged in, before what is dangerous.

        browser: the digest of a known browser, else "".
        """
        found = await self._accounts.credentials(account.household, account.name)
        attempt = Attempt(_about(account), address, browser)
        if left := self._try(attempt):
            return Login(Outcome.WAIT, left)
        if not await self._hash(verify_password, password, found.password if found else ""):
            return self._wrong(attempt)
        self._book = clear_failures(self._book, attempt)
        return Login(Outcome.IN, 0, account)

    async def setup_code(self, household: str, now: int) -> str:
        """Return a new code for the first account of a house; "" where there is an account."""
        if await self._accounts.all(household):
            return ""
        code = one_time_code()
        wanted = Code(household, Purpose.SETUP, "", now + CODE_LASTS)
        digest = await self._hash(code_digest, code, CODE)
        await self._accounts.make_code(wanted, digest, None, now)
        return code

    async def set_up(
        self, code: str, name: str, password: str, address: str, now: int, names: tuple[str, ...]
    ) -> Account:
        """Make the first account with a code from the console.  names: as of `weakness`."""
        digest = await self._code(code, address, now)
        kept = await self._new(password, (*names, name))
        return await self._accounts.set_up(digest, name, kept, now)

    async def use_code(
        self, code: str, password: str, address: str, now: int, names: tuple[str, ...]
    ) -> Account:
        """Give an account a new password with a code from the console, or an invitation."""
        digest = await self._code(code, address, now)
        found = await self._accounts.code(digest, now)
        owner = await self._accounts.get(found.household, found.account) if found else None
        kept = await self._new(password, (*names, owner.name if owner else ""))
        return await self._accounts.use_code(digest, kept, now)

    async def change_password(
        self, account: Account, password: str, now: int, names: tuple[str, ...], stays: str = ""
    ) -> None:
        """Change the password of somebody who `confirm`ed; stays: as of `set_password`."""
        kept = await self._new(password, (*names, account.name))
        await self._accounts.set_password(
            account.household, account.id, kept, now, stays, by=actor(account)
        )

    async def begin_totp(self) -> str:
        """Return a secret to show as a QR code; it counts when `finish_totp` took a code of it."""
        return totp_secret()

    async def finish_totp(
        self, account: Account, secret: str, code: str, now: int
    ) -> tuple[str, ...]:
        """Ask for the second factor from now on; return the recovery codes, told this once.

        Raises AccountError for a code that is not of the secret.
        """
        step = totp_step(secret, code, now, 0)
        if step is None:
            raise AccountError(
                "this code is wrong; check that your phone's clock is right", name="code"
            )
        codes = tuple(recovery_code() for _ in range(RECOVERY_CODES))
        digests = await self._hash(lambda: [_recovery(account, each) for each in codes])
        await self._accounts.set_totp(
            account.household, account.id, secret, digests, now, used=step
        )
        return codes

    async def set_pin(self, household: str, profile: str, pin: str, author: str, now: int) -> None:
        """Keep a person's new PIN, as a hash; raise AccountError where `pin_weakness` finds one."""
        if wrong := pin_weakness(pin):
            raise AccountError(wrong, name="pin")
        kept = await self._hash(hash_password, pin)
        await self._pins.set(household, profile, kept, author, now)

    async def is_pin(self, household: str, profile: str, pin: str, address: str) -> Login:
        """Look at the PIN that somebody typed on a shared device."""
        attempt = Attempt(f"pin:{household}:{profile}", address)
        if left := self._try(attempt):
            return Login(Outcome.WAIT, left)
        kept = await self._pins.get(household, profile)
        if not await self._hash(verify_password, pin, kept):
            return self._wrong(attempt)
        self._book = clear_failures(self._book, attempt)
        return Login(Outcome.IN)

    # --- what these are made of ---

    async def _attempt(self, found: Credentials | None, typed: Typed, now: int) -> Attempt:
        if found is None:
            return Attempt(f"name:{typed.name.casefold()[:60]}", typed.address)
        account = found.account
        browser = await self._sessions.known_browser(account, typed.browser, now)
        return Attempt(_about(account), typed.address, browser)

    def _try(self, attempt: Attempt) -> int:
        """Return the seconds to wait; 0: it may be tried, and counts as failed until it is not."""
        left = seconds_to_wait(self._book, attempt, self._monotonic())
        if left > 0:
            return math.ceil(left)
        if self._waiting >= WAITING:
            return 1
        self._book = add_failure(self._book, attempt, self._monotonic())
        return 0

    def _wrong(self, attempt: Attempt) -> Login:
        left = seconds_to_wait(self._book, attempt, self._monotonic())
        return Login(Outcome.WRONG, math.ceil(left))

    async def _second(self, found: Credentials, code: str, now: int) -> bool:
        account = found.account
        step = totp_step(found.totp, code, now, found.totp_used)
        if step is not None:
            return await self._accounts.use_totp(account.household, account.id, step)
        digest = await self._hash(_recovery, account, code)
        return await self._accounts.use_recovery(account.household, account.id, digest, now)

    async def _code(self, code: str, address: str, now: int) -> str:
        """Return the digest of a good code.  A stranger's guesses make only the stranger wait."""
        attempt = Attempt(f"code:{address}", address)
        if left := self._try(attempt):
            raise AccountError(
                plural_sentence(
                    "please wait %(num)d second before the next try",
                    "please wait %(num)d seconds before the next try",
                    left,
                ),
                name="code",
            )
        digest = await self._hash(code_digest, code, CODE)
        if await self._accounts.code(digest, now) is None:
            raise AccountError(
                "this code is wrong or has expired; get a new one on the server", name="code"
            )
        self._book = clear_failures(self._book, attempt)
        return digest

    async def _new(self, password: str, names: tuple[str, ...]) -> str:
        if wrong := weakness(password, names):
            raise AccountError(wrong, name="password")
        return await self._hash(hash_password, password)

    async def _renew_hash(self, found: Credentials, password: str) -> None:
        if is_outdated(found.password):
            kept = await self._hash(hash_password, password)
            account = found.account
            await self._accounts.rehash(account.household, account.id, found.password, kept)

    async def _hash(self, work: Callable[..., T], *arguments: object) -> T:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._hashing, work, *arguments)
        finally:
            self._waiting -= 1


def _about(account: Account) -> str:
    return f"account:{account.household}:{account.id}"


def _recovery(account: Account, code: str) -> str:
    return code_digest(code, f"recovery {account.household} {account.id}")
