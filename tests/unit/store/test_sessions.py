"""Sessions and tokens: whoever has the secret gets in, until it is over or taken away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from copdns.accounts.account import (
    BROWSER_LASTS,
    SESSION_IDLE,
    SESSION_LONGEST,
    TOKEN_LONGEST,
    USED_PRECISION,
)
from copdns.accounts.codes import secret_digest
from copdns.accounts.roles import Permission, Role, may
from copdns.model.errors import AccountError
from copdns.store.household_db.sessions import MAX_SESSIONS
from tests.unit.account_values import DAY, NOW, House, set_role

PAUSE = frozenset({Permission.GIVE_TIME, Permission.SEE_STATUS})


def contents(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


async def test_a_session_is_found_by_its_secret_and_no_other(house: House) -> None:
    ada = await house.account("Ada")
    told = await house.sessions.begin(ada, NOW, "a telephone")
    found = await house.sessions.find(told, NOW + 1)
    assert found is not None
    session, account = found
    assert (account, session.label) == (ada, "a telephone")
    assert session.is_fresh(NOW + 1)
    assert not session.is_fresh(NOW + DAY)
    for other in (told[:-1], "", session.digest, "\udc80"):
        assert await house.sessions.find(other, NOW) is None


@pytest.mark.files
async def test_no_secret_is_on_disk(house: House) -> None:
    ada = await house.account("Ada")
    told = [await house.sessions.begin(ada, NOW), await house.sessions.remember_browser(ada, NOW)]
    _, token = await house.tokens.make(ada, "x", PAUSE, NOW + DAY, NOW, "Ada")
    kept = contents(house.folder)
    for each in (*told, token):
        assert each.encode() not in kept
        assert secret_digest(each).encode() in kept


async def test_logging_in_ends_what_the_browser_had_before(house: House) -> None:
    ada, stranger = await house.account("Ada"), await house.account("Stranger")
    planted = await house.sessions.begin(stranger, NOW)
    told = await house.sessions.begin(ada, NOW, replaces=planted)
    assert told != planted
    assert await house.sessions.find(planted, NOW) is None


async def test_a_session_ends_unused_and_at_last_in_any_case(house: House) -> None:
    ada = await house.account("Ada")
    told = await house.sessions.begin(ada, NOW)
    assert await house.sessions.find(told, NOW + SESSION_IDLE) is None
    at = NOW
    while at + DAY < NOW + SESSION_LONGEST:
        at += DAY
        assert await house.sessions.find(told, at) is not None
    assert await house.sessions.find(told, NOW + SESSION_LONGEST) is None
    assert await house.sessions.tidy(NOW + SESSION_LONGEST) == 1


@pytest.mark.files
async def test_reading_pages_writes_at_most_every_five_minutes(house: House) -> None:
    ada = await house.account("Ada")
    told = await house.sessions.begin(ada, NOW)
    with closing(sqlite3.connect(house.thread.path)) as watcher:

        def version() -> int:
            (seen,) = watcher.execute("pragma data_version").fetchone()
            return int(seen)

        before = version()
        for second in range(USED_PRECISION):
            await house.sessions.find(told, NOW + second)
        assert version() == before
        await house.sessions.find(told, NOW + USED_PRECISION)
        assert version() != before


async def test_sessions_are_ended_from_elsewhere(house: House) -> None:
    ada, stranger = await house.account("Ada"), await house.account("Stranger")
    here, there = await house.sessions.begin(ada, NOW), await house.sessions.begin(ada, NOW)
    assert len(await house.sessions.of(ada, NOW)) == 2
    assert not await house.sessions.revoke(stranger, secret_digest(there))  # not hers
    assert await house.sessions.revoke(ada, secret_digest(there))
    assert not await house.sessions.revoke(ada, secret_digest(there))
    assert await house.sessions.find(there, NOW) is None
    browser = await house.sessions.remember_browser(ada, NOW)
    await house.sessions.begin(ada, NOW)
    assert await house.sessions.revoke_all(ada, NOW, but_session=secret_digest(here)) == 1
    assert await house.sessions.find_browser(ada, browser, NOW) == ""
    await house.sessions.end(here)
    await house.sessions.end(here)
    assert await house.sessions.of(ada, NOW) == ()


async def test_a_new_password_ends_all_sessions_but_the_one_at_hand(house: House) -> None:
    ada = await house.account("Ada")
    here, there = await house.sessions.begin(ada, NOW), await house.sessions.begin(ada, NOW)
    await house.accounts.set_password(
        "home", ada.id, "x", NOW, but_session=secret_digest(here), by=None
    )
    assert await house.sessions.find(here, NOW) is not None
    assert await house.sessions.find(there, NOW) is None


async def test_who_is_removed_is_out_at_once(house: House) -> None:
    await house.account("Ada")
    other = await house.account("Other")
    told = await house.sessions.begin(other, NOW)
    _, token = await house.tokens.make(other, "x", PAUSE, NOW + DAY, NOW, "Other")
    await house.accounts.remove("home", other.id, None, NOW)
    assert await house.sessions.find(told, NOW) is None
    assert await house.tokens.find(token, NOW) is None
    with pytest.raises(AccountError):
        await house.sessions.begin(other, NOW)


async def test_the_session_used_longest_ago_makes_room(house: House) -> None:
    ada = await house.account("Ada")
    told = [await house.sessions.begin(ada, NOW + number) for number in range(MAX_SESSIONS + 1)]
    assert await house.sessions.find(told[0], NOW + 60) is None
    assert await house.sessions.find(told[1], NOW + 60) is not None
    assert len(await house.sessions.of(ada, NOW + 60)) == MAX_SESSIONS


async def test_a_browser_is_known_to_its_account_for_a_year(house: House) -> None:
    ada, stranger = await house.account("Ada"), await house.account("Stranger")
    told = await house.sessions.remember_browser(ada, NOW)
    assert await house.sessions.find_browser(ada, told, NOW) == secret_digest(told)
    assert await house.sessions.find_browser(stranger, told, NOW) == ""
    assert await house.sessions.find_browser(ada, "", NOW) == ""
    assert await house.sessions.find_browser(ada, told, NOW + BROWSER_LASTS) == ""
    again = await house.sessions.remember_browser(ada, NOW, replaces=told)
    assert await house.sessions.find_browser(ada, told, NOW) == ""
    assert await house.sessions.find_browser(ada, again, NOW) != ""


async def test_a_token_acts_within_its_scopes_until_it_ends(house: House) -> None:
    ada = await house.account("Ada")
    token, told = await house.tokens.make(ada, "Home Assistant", PAUSE, NOW + DAY, NOW, "Ada")
    assert told.startswith("copdns_")
    found = await house.tokens.find(told, NOW + 1)
    assert found is not None
    assert found.id == ada.id
    assert may(found, Permission.GIVE_TIME)
    assert not may(found, Permission.SEE_LOG)
    assert await house.tokens.find(told, NOW + DAY) is None
    assert await house.tokens.find("copdns_x", NOW) is None
    assert await house.tokens.find("", NOW) is None
    (listed,) = await house.tokens.all("home")
    assert (listed.id, listed.used) == (token.id, NOW + 1)


async def test_a_token_loses_what_its_owner_loses(house: House) -> None:
    await house.account("Ada")
    other = await house.account("Other")
    _, told = await house.tokens.make(other, "x", PAUSE, NOW + DAY, NOW, "Other")
    await house.thread.write(partial(set_role, account=other.id, role=Role.AUDITOR))
    found = await house.tokens.find(told, NOW)
    assert found is not None
    assert found.scopes == {Permission.SEE_STATUS}


@pytest.mark.parametrize(
    ("label", "scopes", "lasts"),
    [
        ("", PAUSE, DAY),
        ("x", frozenset(), DAY),
        ("x", {Permission.MANAGE_ACCOUNTS}, DAY),
        ("x", {Permission.RUN_MACHINE}, DAY),
        ("x", {Permission.ASK_FULL_LOG}, DAY),
        ("x", PAUSE, 0),
        ("x", PAUSE, TOKEN_LONGEST + 1),
    ],
)
async def test_a_token_that_must_not_be_is_refused(
    house: House, label: str, scopes: frozenset[Permission], lasts: int
) -> None:
    ada = await house.account("Ada", Role.OWNER)
    with pytest.raises(AccountError):
        await house.tokens.make(ada, label, scopes, NOW + lasts, NOW, "Ada")


async def test_a_token_is_taken_away(house: House) -> None:
    ada = await house.account("Ada")
    token, told = await house.tokens.make(ada, "x", PAUSE, NOW + DAY, NOW, "Ada")
    with pytest.raises(AccountError, match="no token"):
        await house.tokens.remove("bos", token.id, "Bo", NOW)
    await house.tokens.remove("home", token.id, "Ada", NOW)
    assert await house.tokens.find(told, NOW) is None
    assert "Ada: token x removed" in await house.audit()
