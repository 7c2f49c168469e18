"""The way in: wrong is slow, right is a new session, and nobody learns which names there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pyotp
import pytest

from copdns.accounts.account import CODE_LASTS, Account, Code, Purpose
from copdns.accounts.codes import ACCOUNT_CODE, code_digest, make_one_time_code
from copdns.accounts.lockout import FIRST_WAIT, FREE_TRIES
from copdns.accounts.roles import Role
from copdns.model.errors import AccountError
from copdns.web.logins import MAX_WAITING, LoginForm, Logins, Outcome
from tests.unit.account_values import NOW, House
from tests.web.guardians import hash_quickly

GOOD = "two owls on a roof"
STRANGER = "192.0.2.66"


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    hash_quickly(monkeypatch)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def logins(house: House, clock: Clock) -> AsyncIterator[Logins]:
    made = Logins(house.thread, clock)
    yield made
    made.close()


@pytest.fixture
async def ada(house: House, logins: Logins) -> Account:
    code = make_one_time_code()
    wanted = Code("home", Purpose.SETUP, "", NOW + CODE_LASTS)
    await house.accounts.make_code(wanted, code_digest(code, ACCOUNT_CODE), None, NOW)
    typed = code.lower().replace("-", " ")
    return await logins.set_up(typed, "Ada", GOOD, "192.0.2.40", NOW, ("Example family",))


def typed(
    password: str = GOOD, name: str = "Ada", address: str = STRANGER, **more: str
) -> LoginForm:
    return LoginForm(name, password, address, **more)


async def test_the_right_password_is_a_new_session(
    house: House, logins: Logins, ada: Account
) -> None:
    planted = await house.sessions.begin(ada, NOW)
    login = await logins.log_in("home", typed(name="ada", session=planted), NOW)
    assert (login.outcome, login.account) == (Outcome.IN, ada)
    assert await house.sessions.find(planted, NOW) is None
    assert await house.sessions.find(login.session, NOW) is not None
    assert ada.role is Role.OWNER


@pytest.mark.parametrize(
    ("name", "password"), [("Ada", "two owls on a rook"), ("Ada", ""), ("Bo", GOOD), ("", "")]
)
async def test_what_is_wrong_is_not_told(
    house: House, logins: Logins, ada: Account, name: str, password: str
) -> None:
    login = await logins.log_in("home", typed(password, name), NOW)
    assert login == (Outcome.WRONG, 0, None, "", "")
    assert (await logins.log_in("bos", typed(), NOW)).outcome is Outcome.WRONG


async def test_guessing_has_to_wait_and_the_right_password_too(
    logins: Logins, ada: Account, clock: Clock
) -> None:
    for _ in range(FREE_TRIES):
        await logins.log_in("home", typed("wrong"), NOW)
    login = await logins.log_in("home", typed(), NOW)
    assert (login.outcome, login.wait) == (Outcome.WAIT, FIRST_WAIT)
    clock.now = FIRST_WAIT
    assert (await logins.log_in("home", typed(), NOW)).outcome is Outcome.IN


async def test_a_name_that_is_none_waits_as_well(logins: Logins, ada: Account) -> None:
    for _ in range(FREE_TRIES):
        await logins.log_in("home", typed("wrong", "Bo"), NOW)
    assert (await logins.log_in("home", typed("wrong", "Bo"), NOW)).outcome is Outcome.WAIT


async def test_a_stranger_does_not_lock_ada_out_of_her_telephone(
    logins: Logins, ada: Account
) -> None:
    browser = (await logins.log_in("home", typed(address="192.0.2.40"), NOW)).browser
    for _ in range(FREE_TRIES + 5):
        await logins.log_in("home", typed("wrong"), NOW)
    assert (await logins.log_in("home", typed(address="192.0.2.40"), NOW)).outcome is Outcome.WAIT
    known = typed(address="192.0.2.40", browser=browser)
    assert (await logins.log_in("home", known, NOW)).outcome is Outcome.IN


async def test_a_hundred_tries_at_once_are_a_hundred(logins: Logins, ada: Account) -> None:
    tries = (logins.log_in("home", typed("wrong", address=STRANGER), NOW) for _ in range(100))
    done = await asyncio.gather(*tries)
    looked_at = [each for each in done if each.outcome is Outcome.WRONG]
    assert len(looked_at) <= min(FREE_TRIES, MAX_WAITING)


async def with_totp(logins: Logins, ada: Account) -> tuple[str, tuple[str, ...]]:
    secret = await logins.begin_totp()
    codes = await logins.finish_totp(ada, secret, pyotp.TOTP(secret).at(NOW), NOW)
    return secret, codes


async def test_a_second_factor_is_asked_for_and_counts_once(logins: Logins, ada: Account) -> None:
    secret, _ = await with_totp(logins, ada)
    assert (await logins.log_in("home", typed(), NOW)).outcome is Outcome.CODE_NEEDED
    old = pyotp.TOTP(secret).at(NOW)
    assert (await logins.log_in("home", typed(code=old), NOW)).outcome is Outcome.WRONG
    later = NOW + 60
    code = pyotp.TOTP(secret).at(later)
    assert (await logins.log_in("home", typed(code=code), later)).outcome is Outcome.IN
    assert (await logins.log_in("home", typed(code=code), later)).outcome is Outcome.WRONG


async def test_guessing_the_second_factor_has_to_wait(logins: Logins, ada: Account) -> None:
    await with_totp(logins, ada)
    for _ in range(FREE_TRIES):
        await logins.log_in("home", typed(code="000000"), NOW)
    assert (await logins.log_in("home", typed(), NOW)).outcome is Outcome.WAIT


async def test_a_recovery_code_stands_in_once(house: House, logins: Logins, ada: Account) -> None:
    _, codes = await with_totp(logins, ada)
    first = typed(code=codes[0].lower())
    assert (await logins.log_in("home", first, NOW)).outcome is Outcome.IN
    assert (await logins.log_in("home", first, NOW)).outcome is Outcome.WRONG
    assert await house.accounts.recovery_left("home", ada.id) == len(codes) - 1


async def test_a_second_factor_begins_when_a_code_of_it_was_typed(
    house: House, logins: Logins, ada: Account
) -> None:
    with pytest.raises(AccountError, match="clock"):
        await logins.finish_totp(ada, await logins.begin_totp(), "000000", NOW)
    found = await house.accounts.get("home", ada.id)
    assert found is not None
    assert not found.totp


async def test_an_easy_password_is_refused_and_the_code_stays_good(
    house: House, logins: Logins
) -> None:
    code = make_one_time_code()
    wanted = Code("home", Purpose.SETUP, "", NOW + CODE_LASTS)
    await house.accounts.make_code(wanted, code_digest(code, ACCOUNT_CODE), None, NOW)
    for easy in ["short"] * (FREE_TRIES + 1):
        with pytest.raises(AccountError, match="at least 10"):
            await logins.set_up(code, "Ada", easy, STRANGER, NOW, ())
    assert (await logins.set_up(code, "Ada", GOOD, STRANGER, NOW, ())).name == "Ada"


async def test_guessed_codes_make_only_the_stranger_wait(
    house: House, logins: Logins, ada: Account
) -> None:
    code = make_one_time_code()
    wanted = Code("home", Purpose.PASSWORD, ada.id, NOW + CODE_LASTS)
    await house.accounts.make_code(wanted, code_digest(code, ACCOUNT_CODE), None, NOW)
    for _ in range(FREE_TRIES):
        with pytest.raises(AccountError, match="has expired"):
            await logins.use_code("0000-0000", GOOD, STRANGER, NOW, ())
    with pytest.raises(AccountError, match="wait 30 seconds"):
        await logins.use_code(code, GOOD, STRANGER, NOW, ())
    new = "three owls on a roof"
    await logins.use_code(code, new, "192.0.2.40", NOW, ())
    assert (await logins.log_in("home", typed(new), NOW)).outcome is Outcome.IN
    assert (await logins.log_in("home", typed(GOOD), NOW)).outcome is Outcome.WRONG


async def test_the_password_is_asked_for_again_and_changed(
    house: House, logins: Logins, ada: Account
) -> None:
    assert (await logins.confirm(ada, "wrong", STRANGER, "")).outcome is Outcome.WRONG
    assert (await logins.confirm(ada, GOOD, STRANGER, "")).outcome is Outcome.IN
    with pytest.raises(AccountError):
        await logins.change_password(ada, "ada ada ada", NOW, ())
    await logins.change_password(ada, "three owls on a roof", NOW, ())
    assert (await logins.log_in("home", typed(), NOW)).outcome is Outcome.WRONG


async def test_a_pin_lets_a_child_say_who_it_is(logins: Logins) -> None:
    with pytest.raises(AccountError, match="easy to guess"):
        await logins.set_pin("home", "mia", "1234", "Ada", NOW)
    await logins.set_pin("home", "mia", "7302", "Ada", NOW)
    assert (await logins.check_pin("home", "mia", "7302", STRANGER)).outcome is Outcome.IN
    assert (await logins.check_pin("home", "tom", "7302", STRANGER)).outcome is Outcome.WRONG
    for _ in range(FREE_TRIES):
        await logins.check_pin("home", "mia", "7303", STRANGER)
    assert (await logins.check_pin("home", "mia", "7302", STRANGER)).outcome is Outcome.WAIT
