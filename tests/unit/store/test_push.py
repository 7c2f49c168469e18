"""The browsers that get notices: each for as long as whoever asked is logged in, or linked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.account import PAIRING_LASTS, SESSION_IDLE, SESSION_LONGEST, Account, Pairing
from copdns.accounts.codes import secret_digest
from copdns.accounts.roles import Role
from copdns.model.push import CHILDS_USUAL, PushBrowser, PushKind, PushSubscription
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.push import LAPSED_LASTS, MAX_BROWSERS, PushStore
from tests.unit.account_values import DAY, NOW, House

TABLET = ("home", "mia-phone", "mia")
ALL = frozenset(PushKind)


def browser(number: int = 1) -> PushBrowser:
    return PushBrowser(f"https://push.example/{number}", "BA" + "A" * 85, "A" * 22)


class Case:
    """Ada's browser, logged in, and Mia's, paired; both get notices."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.push = PushStore(house.thread)
        self.pairings = Pairings(house.thread)

    async def prepare(self) -> None:
        self.ada = await self.house.account("Ada")
        self.cookie = await self.house.sessions.begin(self.ada, NOW)
        self.adas = await self.ask(self.ada, self.cookie)
        secret = await self.pairings.pair(*TABLET, NOW)
        assert secret is not None
        found = await self.pairings.find(*TABLET, secret, NOW)
        assert found is not None
        self.pairing: Pairing = found
        self.mias = await self.push.add_childs(found, browser(2), CHILDS_USUAL, "ar", "", NOW)

    async def ask(self, account: Account, cookie: str, number: int = 1) -> PushSubscription:
        digest = secret_digest(cookie)
        return await self.push.add_guardians(
            account, digest, browser(number), ALL, "fr", "Firefox, Android", NOW
        )

    async def told(
        self, kind: PushKind = PushKind.WARNINGS, profile: str = "mia", at: int = NOW
    ) -> set[str]:
        return {e.id for e in await self.push.wanting("home", kind, profile, at)}

    @property
    def both(self) -> set[str]:
        return {self.adas.id, self.mias.id}


@pytest.fixture
async def case(house: House) -> Case:
    made = Case(house)
    await made.prepare()
    return made


async def test_guardians_are_told_of_everybody_and_a_child_of_itself(case: Case) -> None:
    assert await case.told() == case.both
    assert await case.told(profile="tom") == {case.adas.id}
    assert await case.told(PushKind.REQUESTS) == {case.adas.id}  # a child cannot choose that
    assert await case.push.wanting("bos", PushKind.WARNINGS, "mia", NOW) == ()
    assert (await case.push.of_account(case.ada)) == (case.adas,)
    assert await case.push.of_pairing(case.pairing) == case.mias
    assert await case.push.of_session(secret_digest(case.cookie)) == case.adas


async def test_what_was_not_chosen_is_not_told(case: Case) -> None:
    await case.push.choose(case.adas, [PushKind.DEVICES])
    assert await case.told() == {case.mias.id}
    assert await case.told(PushKind.DEVICES) == {case.adas.id}


async def test_logging_out_ends_it_at_once(case: Case) -> None:
    assert await case.push.is_current(case.adas, NOW)
    await case.house.sessions.end(case.cookie)
    assert not await case.push.is_current(case.adas, NOW)
    assert await case.told() == {case.mias.id}
    assert await case.push.of_account(case.ada) == ()


async def test_logged_out_from_elsewhere_or_by_a_new_password_it_ends(case: Case) -> None:
    sessions, accounts = case.house.sessions, case.house.accounts
    here = await sessions.begin(case.ada, NOW)
    kept = await case.ask(case.ada, here, 3)
    await sessions.revoke(case.ada, secret_digest(case.cookie))
    assert await case.told() == {kept.id, case.mias.id}
    again = await case.ask(case.ada, await sessions.begin(case.ada, NOW), 4)
    await sessions.revoke_all(case.ada, NOW, secret_digest(here))
    assert not await case.push.is_current(again, NOW)
    assert await case.push.is_current(kept, NOW)
    await accounts.set_password("home", case.ada.id, "hash", NOW, by=None)
    assert not await case.push.is_current(kept, NOW)


async def test_a_guardian_who_is_removed_hears_nothing_more(case: Case) -> None:
    await case.house.account("Ben", Role.OWNER)
    await case.house.accounts.remove("home", case.ada.id, None, NOW)
    assert await case.told() == {case.mias.id}


async def test_who_is_no_guardian_any_more_hears_nothing(case: Case) -> None:
    await case.house.account("Ben", Role.OWNER)
    bo = await case.house.account("Bo", Role.AUDITOR)
    bos = await case.ask(bo, await case.house.sessions.begin(bo, NOW), 5)
    assert bos.id not in await case.told()


async def test_a_login_that_runs_out_is_told_for_30_days_more(case: Case) -> None:
    """Nobody logged out: a guardian who has not looked for a week needs the next notice most."""
    over = NOW + SESSION_IDLE
    assert case.adas.id in await case.told(at=over)
    await case.house.sessions.tidy(over)
    assert case.adas.id in await case.told(at=over + LAPSED_LASTS - 1)
    assert case.adas.id not in await case.told(at=over + LAPSED_LASTS)
    await case.push.tidy(over + LAPSED_LASTS)
    assert await case.push.of_account(case.ada) == ()


async def test_it_goes_on_in_the_browser_that_logs_in_again(case: Case) -> None:
    over = NOW + SESSION_LONGEST
    await case.house.sessions.tidy(over)
    new = await case.house.sessions.begin(case.ada, over, replaces=case.cookie)
    assert await case.push.of_session(secret_digest(new)) == case.adas
    await case.house.sessions.end(new)
    assert await case.push.of_account(case.ada) == ()


async def test_somebody_else_who_logs_in_there_ends_it(case: Case) -> None:
    ben = await case.house.account("Ben")
    for tidied in (False, True):
        case.adas = await case.ask(case.ada, case.cookie)
        if tidied:
            await case.house.sessions.tidy(NOW + SESSION_LONGEST)
        await case.house.sessions.begin(ben, NOW + SESSION_LONGEST, replaces=case.cookie)
        assert await case.push.of_account(case.ada) == ()
        case.cookie = await case.house.sessions.begin(case.ada, NOW)


async def test_logging_out_everywhere_ends_what_ran_out_too(case: Case) -> None:
    await case.house.sessions.tidy(NOW + SESSION_LONGEST)
    await case.house.sessions.revoke_all(case.ada, NOW + SESSION_LONGEST)
    assert await case.push.of_account(case.ada) == ()


async def test_a_pairing_that_ends_takes_it_along(case: Case) -> None:
    await case.pairings.revoke("home", case.pairing.id, "Ada", NOW)
    assert await case.told() == {case.adas.id}
    assert await case.push.of_pairing(case.pairing) is None


async def test_a_device_that_is_somebody_elses_tells_them_nothing(case: Case) -> None:
    home = await case.house.store.household("home")
    assert home is not None
    devices = tuple(
        replace(each, profile="tom") if each.id == "mia-phone" else each for each in home.devices
    )
    await case.house.store.change(
        "home", lambda house: replace(house, devices=devices), author="Ada", what="moved", now=NOW
    )
    assert not await case.push.is_current(case.mias, NOW)
    assert case.mias.id not in await case.told() | await case.told(profile="tom")


async def test_a_pairing_that_is_no_proof_or_too_old_tells_nothing(case: Case) -> None:
    assert not await case.push.is_current(case.mias, NOW + PAIRING_LASTS)
    await case.house.thread.write(
        lambda connection: connection.execute("update pairing set proof = ?", (NOW + DAY,))
    )
    assert not await case.push.is_current(case.mias, NOW)
    assert await case.push.is_current(case.mias, NOW + DAY)


async def test_one_browser_is_there_once(case: Case) -> None:
    again = await case.ask(case.ada, case.cookie)
    other = await case.ask(case.ada, case.cookie, 9)  # the same session has one browser
    assert await case.push.of_account(case.ada) == (other,)
    assert again.id != case.adas.id
    await case.push.forget(other)
    await case.push.forget(other)
    assert await case.push.of_account(case.ada) == ()


async def test_an_account_has_so_many_browsers_and_no_more(case: Case) -> None:
    for number in range(10, 11 + MAX_BROWSERS):
        session = f"session {number}"
        await case.push.add_guardians(case.ada, session, browser(number), ALL, "en", "", NOW)
    assert len(await case.push.of_account(case.ada)) == MAX_BROWSERS
