"""`copdns account`: the console lets people in, and never tells a secret twice."""

from __future__ import annotations

import asyncio
import re

import pytest

from copdns.accounts.account import Credentials
from copdns.accounts.codes import ACCOUNT_CODE, code_digest
from copdns.accounts.passwords import verify_password
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.looks import Notices
from copdns.store.household_db.thread import StoreThread
from tests.unit.calling import Home

GOOD = "two owls on a roof"


def credentials(home: Home, name: str) -> Credentials | None:
    async def read() -> Credentials | None:
        with StoreThread.open(home.data) as thread:
            return await Accounts(thread).credentials("home", name)

    return asyncio.run(read())


def notices(home: Home) -> list[str]:
    async def read() -> list[str]:
        with StoreThread.open(home.data) as thread:
            return [f"{each.kind} {each.about}" for each in await Notices(thread).all("home")]

    return asyncio.run(read())


def test_an_account_is_added_with_a_code_and_listed_without(home: Home) -> None:
    told = home.ok("account", "add", "Ada", "--role", "owner", "--profile", "ada")
    assert "account Ada: owner" in told
    (code,) = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}", told)
    assert code not in home.ok("account", "list")
    (listed,) = home.json("account", "list")
    assert (listed["name"], listed["role"], listed["profile"]) == ("Ada", "owner", "ada")
    assert not listed["has_password"]
    made = home.json("account", "add", "Other")
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", made["code"])


def test_asking_who_there_is_makes_no_file(home: Home) -> None:
    assert home.json("account", "list") == []
    assert home.json("account", "token", "list") == []
    assert not home.data.exists()


def test_a_set_up_code_is_for_a_house_without_a_guardian(home: Home) -> None:
    code = home.json("account", "code")
    assert code["purpose"] == "setup"

    async def good() -> bool:
        with StoreThread.open(home.data) as thread:
            digest = code_digest(code["code"], ACCOUNT_CODE)
            return await Accounts(thread).find_code(digest, 0) is not None

    assert asyncio.run(good())
    home.ok("account", "add", "Ada")
    result = home.call("account", "code")
    assert result.exit_code == 1
    assert "already set up" in result.output
    assert home.json("account", "code", "ada")["purpose"] == "password"


def test_a_setup_code_that_ends_an_earlier_one_says_so(home: Home) -> None:
    ends = "the setup code that was shown before no longer works: tell whoever has it"
    assert ends not in home.ok("account", "code")
    assert ends in home.ok("account", "code")
    assert home.json("account", "code")["ends_earlier"] is True
    home.ok("account", "add", "Ada")
    assert home.json("account", "code", "Ada")["ends_earlier"] is False


def test_a_code_says_where_it_is_typed(home: Home) -> None:
    assert "enter it in a browser at /guardian/setup" in home.ok("account", "code")
    assert "enter it in a browser at /guardian/join" in home.ok("account", "add", "Ada")
    assert "enter it in a browser at /guardian/join" in home.ok("account", "code", "Ada")


def test_a_password_is_set_and_an_easy_one_refused(home: Home) -> None:
    home.ok("account", "add", "Ada")
    result = home.call("account", "passwd", "Ada", "--stdin", typed="short\n")
    assert result.exit_code == 1
    assert "at least 10" in result.output
    home.ok("account", "passwd", "ada", "--stdin", typed=f"{GOOD}\n")
    found = credentials(home, "Ada")
    assert found is not None
    assert verify_password(GOOD, found.password)
    told = home.ok("account", "passwd", "Ada", typed=f"another {GOOD}\nanother {GOOD}\n")
    assert "owls" not in told


def test_who_is_removed_is_gone_and_all_hear_of_it(home: Home) -> None:
    home.ok("account", "add", "Ada")
    assert "only guardian" in home.call("account", "remove", "Ada").output
    home.ok("account", "add", "Other")
    assert "all guardians will be told" in home.ok("account", "remove", "Other")
    assert [each["name"] for each in home.json("account", "list")] == ["Ada"]
    assert notices(home)[0] == "account removed Other"
    assert "account Other removed" in home.ok("household", "history")
    assert "did you mean Ada" in home.call("account", "remove", "Adda").output


def test_a_token_is_told_once(home: Home) -> None:
    home.ok("account", "add", "Ada")
    made = home.json("account", "token", "make", "Ada", "Home Assistant", "--scope", "give_time")
    assert made["token"].startswith("copdns_")
    assert made["token"] not in home.ok("account", "token", "list")
    (listed,) = home.json("account", "token", "list")
    assert (listed["id"], listed["scopes"], listed["used"]) == (made["id"], ["give_time"], None)
    home.ok("account", "token", "remove", made["id"])
    assert home.json("account", "token", "list") == []


@pytest.mark.parametrize("words", [("--scope", "manage_accounts"), ("--scope", "erase"), ()])
def test_a_token_cannot_have_every_scope(home: Home, words: tuple[str, ...]) -> None:
    home.ok("account", "add", "Ada")
    assert home.call("account", "token", "make", "Ada", "x", *words).exit_code == 2


def test_a_token_lasts_a_year_at_most(home: Home) -> None:
    home.ok("account", "add", "Ada")
    words = ("account", "token", "make", "Ada", "x", "--scope", "give_time", "--expires", "366d")
    assert "at most a year" in home.call(*words).output
