"""Accounts in the store: who gets in, by what, and who lets whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from copdns.accounts.account import CODE_LASTS, Account, Code, Purpose
from copdns.accounts.codes import code_digest, make_one_time_code
from copdns.accounts.roles import Permission, Role
from copdns.app.account_chores import AccountChores
from copdns.model.errors import AccountError
from copdns.model.household import Household
from copdns.store.household_db.account_rows import pick_account
from copdns.store.household_db.sessions import make_actor
from copdns.time.clock import Moment
from tests.unit.account_values import NOW, House

KEPT = "$argon2id$a"


async def code(house: House, purpose: Purpose, account: str = "") -> str:
    digest = code_digest(make_one_time_code(), "account")
    await house.accounts.make_code(
        Code("home", purpose, account, NOW + CODE_LASTS), digest, None, NOW
    )
    return digest


async def test_a_set_up_code_makes_the_owner_once(house: House) -> None:
    digest = await code(house, Purpose.SETUP)
    ada = await house.accounts.set_up(digest, " Ada ", KEPT, NOW)
    assert (ada.name, ada.role, ada.has_password) == ("Ada", Role.OWNER, True)
    assert await house.accounts.all("home") == (ada,)
    with pytest.raises(AccountError, match="set up already; log in with the name"):
        await house.accounts.set_up(digest, "Bo", KEPT, NOW)
    with pytest.raises(AccountError, match="has expired"):
        await house.accounts.set_up(digest, "Bo", KEPT, NOW + CODE_LASTS)


async def test_whoever_holds_an_earlier_setup_code_is_told_of_the_newer_one(house: House) -> None:
    first = await code(house, Purpose.SETUP)
    assert await house.accounts.why_spent(first, NOW) is None
    second = await code(house, Purpose.SETUP)
    with pytest.raises(AccountError, match="a newer setup code was made"):
        await house.accounts.set_up(first, "Bo", KEPT, NOW)
    with pytest.raises(AccountError, match="a newer setup code was made"):
        await house.accounts.use_code(first, KEPT, NOW)
    assert await house.accounts.why_spent(first, NOW + CODE_LASTS) is None, "as any that is over"
    await house.accounts.set_up(second, "Ada", KEPT, NOW)
    assert "set up already" in str(await house.accounts.why_spent(first, NOW))
    assert await house.accounts.tidy(NOW + CODE_LASTS) == 2


async def test_it_is_told_whether_a_new_setup_code_ends_one_that_somebody_may_hold(
    house: House,
) -> None:
    wanted = Code("home", Purpose.SETUP, "", NOW + CODE_LASTS)
    digests = [code_digest(make_one_time_code(), "account") for _ in range(3)]
    assert not await house.accounts.make_code(wanted, digests[0], None, NOW)
    assert await house.accounts.make_code(wanted, digests[1], None, NOW)
    later = wanted._replace(expires=NOW + 2 * CODE_LASTS)
    assert not await house.accounts.make_code(later, digests[2], None, NOW + CODE_LASTS), "was over"


async def test_a_code_ends_and_a_newer_one_ends_it(house: House) -> None:
    first, second = await code(house, Purpose.SETUP), await code(house, Purpose.SETUP)
    assert await house.accounts.find_code(first, NOW) is None
    assert await house.accounts.find_code(second, NOW + CODE_LASTS) is None
    with pytest.raises(AccountError):
        await house.accounts.set_up(second, "Ada", KEPT, NOW + CODE_LASTS)


async def test_a_set_up_code_is_no_way_past_the_guardians_there_are(house: House) -> None:
    digest = await code(house, Purpose.SETUP)
    await house.account("Ada", Role.OWNER)
    with pytest.raises(AccountError, match="already set up"):
        await code(house, Purpose.SETUP)
    with pytest.raises(AccountError, match="already set up"):
        await house.accounts.set_up(digest, "Bo", KEPT, NOW)
    assert [each.name for each in await house.accounts.all("home")] == ["Ada"]


async def test_a_bad_name_does_not_use_the_code_up(house: House) -> None:
    digest = await code(house, Purpose.SETUP)
    with pytest.raises(AccountError, match="visible characters"):
        await house.accounts.set_up(digest, "  ", KEPT, NOW)
    await house.accounts.set_up(digest, "Ada", KEPT, NOW)


async def test_two_who_use_one_code_at_once_are_one(house: House) -> None:
    digest = await code(house, Purpose.SETUP)
    with house.open_other() as other:
        tries = [
            type(house.accounts)(thread).set_up(digest, name, KEPT, NOW)
            for thread, name in ((house.thread, "Ada"), (other, "Bo"))
        ]
        done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(isinstance(each, Account) for each in done) == [False, True]
    assert len(await house.accounts.all("home")) == 1


async def test_a_code_for_an_account_sets_its_password_and_ends_all_that_was(house: House) -> None:
    ada = await house.account("Ada", Role.OWNER)
    await house.accounts.set_totp("home", ada.id, "SECRET", ["r1"], NOW)
    told = await house.sessions.begin(ada, NOW)
    scopes = {Permission.SEE_STATUS}
    _, token = await house.tokens.make(ada, "x", scopes, NOW + 86_400, NOW, "Ada")
    digest = await code(house, Purpose.PASSWORD, ada.id)
    found = await house.accounts.use_code(digest, KEPT, NOW)
    assert await house.tokens.find(token, NOW) is None
    assert (found.has_password, found.totp) == (True, False)
    assert await house.sessions.find(told, NOW) is None
    assert await house.accounts.recovery_left("home", ada.id) == 0
    assert "command line: code created for account Ada" in await house.audit()


async def test_credentials_are_found_by_the_name_in_any_case(house: House) -> None:
    ada = await house.account("Ada")
    await house.accounts.set_password("home", ada.id, KEPT, NOW, by=None)
    found = await house.accounts.credentials("home", " ADA ")
    assert found is not None
    assert (found.account.id, found.password) == (ada.id, KEPT)
    assert await house.accounts.credentials("bos", "Ada") is None
    assert await house.accounts.credentials("home", "Bo") is None


async def test_a_name_is_there_once(house: House) -> None:
    await house.account("Ada")
    with pytest.raises(AccountError, match="already"):
        await house.account("ADA")
    await house.account("Ada", household="bos")  # another house


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\0b", "\N{RIGHT-TO-LEFT OVERRIDE}Ada"])
async def test_a_name_can_be_seen(house: House, name: str) -> None:
    with pytest.raises(AccountError, match="visible characters"):
        await house.account(name)


async def test_no_guardian_removes_the_other_but_the_console_does(house: House) -> None:
    ada, equal = await house.person("Ada", Role.OWNER), await house.person("Other")
    for by, other in ((ada, equal), (equal, ada)):
        with pytest.raises(AccountError, match="guardians cannot remove each other"):
            await house.accounts.remove("home", other.id, by, NOW)
        with pytest.raises(AccountError, match="copdns account code"):
            await house.accounts.make_code(
                Code("home", Purpose.PASSWORD, other.id, NOW + 1), "d", by, NOW
            )
    await house.accounts.remove("home", equal.id, None, NOW)
    assert [each.name for each in await house.accounts.all("home")] == ["Ada"]
    assert "command line: account Other removed" in await house.audit()


async def test_the_last_guardian_stays(house: House) -> None:
    ada = await house.account("Ada", Role.OWNER)
    await house.account("Reviewer", Role.REVIEWER)
    with pytest.raises(AccountError, match="only guardian"):
        await house.accounts.remove("home", ada.id, None, NOW)


async def test_a_guardian_lets_others_in_and_no_stranger_does(house: House) -> None:
    ada = await house.person("Ada")
    added = await house.accounts.add(Account("home", "", "Reviewer", Role.REVIEWER), ada, NOW)
    reviewer = make_actor(added)
    bo = make_actor(await house.account("Bo", Role.OWNER, household="bos"))
    program = make_actor(await house.account("Stranger"), frozenset())
    for by in (reviewer, bo, program):
        with pytest.raises(AccountError):
            await house.accounts.add(Account("home", "", "New", Role.AUDITOR), by, NOW)
        with pytest.raises(AccountError):
            await house.accounts.remove("home", reviewer.id, by, NOW)
    with pytest.raises(AccountError):
        await house.accounts.add(Account("home", "", "Own", Role.OWNER), ada, NOW)
    await house.accounts.remove("home", reviewer.id, ada, NOW)


async def test_a_childs_account_goes_with_the_child(house: House) -> None:
    with pytest.raises(AccountError, match="choose one"):
        await house.account("Mia", Role.CHILD)
    with pytest.raises(AccountError, match="no profile"):
        await house.account("Mia", Role.CHILD, "mai")
    await house.account("Mia", Role.CHILD, "mia")
    ada = await house.account("Ada", Role.OWNER, "ada")

    def without(household: Household) -> Household:
        gone = {"mia", "ada"}
        return replace(
            household,
            profiles=tuple(each for each in household.profiles if each.id not in gone),
            devices=tuple(each for each in household.devices if each.profile not in gone),
        )

    await house.store.change("home", without, author="ada", what="removed", now=NOW)
    (left,) = await house.accounts.all("home")
    assert (left.id, left.profile) == (ada.id, "")


async def test_a_step_of_the_second_factor_counts_once_whoever_asks_first(house: House) -> None:
    ada = await house.account("Ada")
    with house.open_other() as other:
        stores = (house.accounts, type(house.accounts)(other))
        done = await asyncio.gather(*(each.use_totp("home", ada.id, 7) for each in stores))
    assert sorted(done) == [False, True]
    assert not await house.accounts.use_totp("home", ada.id, 6)
    assert await house.accounts.use_totp("home", ada.id, 8)


async def test_a_recovery_code_is_used_up(house: House) -> None:
    ada = await house.account("Ada")
    await house.accounts.set_totp("home", ada.id, "SECRET", ["r1", "r2"], NOW)
    assert not await house.accounts.use_recovery("home", ada.id, "r3", NOW)
    assert await house.accounts.use_recovery("home", ada.id, "r1", NOW)
    assert not await house.accounts.use_recovery("home", ada.id, "r1", NOW)
    assert await house.accounts.recovery_left("home", ada.id) == 1


async def test_a_password_that_changed_meanwhile_is_not_hashed_back(house: House) -> None:
    ada = await house.account("Ada")
    await house.accounts.set_password("home", ada.id, "new", NOW, by=None)
    await house.accounts.rehash("home", ada.id, "old", "older")
    found = await house.accounts.credentials("home", "Ada")
    assert found is not None
    assert found.password == "new"


async def test_nothing_here_raises_the_households_revision(house: House) -> None:
    ada = await house.account("Ada")
    await house.sessions.begin(ada, NOW)
    await code(house, Purpose.PASSWORD, ada.id)
    household = await house.store.household("home")
    assert household is not None
    assert household.revision == 1


async def test_a_code_is_good_for_an_hour_however_the_clock_is_set_meanwhile(house: House) -> None:
    """The first start of a board without a battery is in 1970, until something sets its clock."""
    digest = code_digest(make_one_time_code(), "account")
    await house.accounts.make_code(
        Code("home", Purpose.SETUP, "", 20 + CODE_LASTS), digest, None, 20
    )
    chores = AccountChores(house.thread, lambda: NOW)
    find = house.accounts.find_code
    for moment in (Moment(20.0, 500.0), Moment(40.0, 520.0)):  # time goes on
        await chores.follow_clock(moment)
    await chores.follow_clock(Moment(NOW + 0.0, 521.0))  # it is set
    await chores.follow_clock(Moment(NOW + 1.0, 522.0))
    await house.accounts.tidy(NOW + 1)
    left = CODE_LASTS - 21
    assert await find(digest, NOW + left - 1) is not None
    assert await find(digest, NOW + left + 1) is None
    await chores.follow_clock(Moment(NOW - 7200.0, 523.0))  # and set back
    assert await find(digest, NOW - 7200 + left - 5) is not None
    assert await find(digest, NOW - 7200 + left + 5) is None


async def test_a_code_that_was_over_stays_over(house: House) -> None:
    digest = await code(house, Purpose.SETUP)
    chores = AccountChores(house.thread, lambda: NOW)
    await chores.follow_clock(Moment(float(NOW + CODE_LASTS), 500.0))
    assert await house.accounts.find_code(digest, NOW + CODE_LASTS) is None
    await chores.follow_clock(Moment(float(NOW), 501.0))  # the clock is set back
    assert await house.accounts.find_code(digest, NOW) is None


async def test_codes_that_are_over_are_deleted(house: House) -> None:
    await code(house, Purpose.SETUP)
    assert await house.accounts.tidy(NOW) == 0
    assert await house.accounts.tidy(NOW + CODE_LASTS) == 1


async def test_an_account_is_meant_by_name_or_id(house: House) -> None:
    ada = await house.account("Ada")
    assert pick_account([ada], "ADA") == pick_account([ada], ada.id) == ada
    with pytest.raises(AccountError, match="did you mean Ada"):
        pick_account([ada], "Adda")
