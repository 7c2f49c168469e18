"""Pages of many households: each request sees its own, few are kept, and codes tell whose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from copdns.app import page_households
from copdns.app.account_chores import AccountChores
from copdns.app.page_households import LINE, PageHouseholds
from copdns.household.token_edits import add_token
from copdns.model.device_tokens import token_digest
from copdns.model.household import Band, Device, Household, Profile
from copdns.model.verdict import Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.subscribers import NOBODYS
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.outbox import Moved
from copdns.time.plan import NO_INPUTS
from copdns.web.many_households.family_door import CHOSEN, DEVICE, DoorEntry, FamilyDoor
from tests.household import DEFAULTS, NOW, library
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

HERE = Requestor("192.0.2.1", "192.0.2.9", "tcp")
MIA = Profile("mia", "Mia", Band.TO_9)


@pytest.fixture
async def pages(postgres: str) -> AsyncIterator[PageHouseholds]:  # noqa: F811
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        for name in ("ada", "bo"):
            home = Household(name, f"{name}'s", profiles=(MIA,), guest="mia")
            await store.create(home, "test", int(NOW))
        thread = StoreThread(store)
        base = build_snapshot(None, library(), DEFAULTS, [], NOW)
        chores = AccountChores(thread, lambda: NOW, lambda: False, keeps_last=True)
        yield PageHouseholds(thread, chores, lambda: base, lambda: NO_INPUTS, lambda: NOW)


async def test_a_request_sees_the_household_that_was_chosen_and_no_other(
    pages: PageHouseholds,
) -> None:
    for household in ("ada", "bo", "nobodys"):
        async with pages.hold(household) as is_there:
            assert is_there == (household != "nobodys")
    CHOSEN.set("")
    assert pages.snapshot().households == {}
    assert pages.identify(HERE).household == NOBODYS
    CHOSEN.set("bo")
    assert list(pages.snapshot().households) == ["bo"]
    assert pages.identify(HERE).household == "bo"
    assert pages.identify(replace(HERE, address="203.0.113.66")).household == ""


async def test_few_are_kept_and_one_that_moved_is_read_again(
    pages: PageHouseholds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_households, "MOST", 1)
    CHOSEN.set("ada")
    async with pages.hold("ada"):
        before = pages.snapshot()
        pages.forget([Moved("ada", 9)])
        async with pages.hold("ada"):
            assert pages.snapshot() is not before
        async with pages.hold("bo"):
            pass
        assert list(pages.snapshot().households) == ["ada"]  # its request still runs
    async with pages.hold("bo"):
        pass
    assert pages.snapshot().households == {}  # ada is not here any more


async def test_a_code_is_one_households_and_guesses_wait(pages: PageHouseholds) -> None:
    code = await pages._codes.of("ada")
    door = FamilyDoor(pages, lambda: 0.0)
    assert await door.enter(code.lower().replace("-", " "), "192.0.2.9") == DoorEntry("ada")
    other = await pages._codes.of("ada", anew=True)
    assert other != code
    assert await door.enter(code, "192.0.2.9") == DoorEntry("")
    found = [await door.enter("K7QF-2M9D-4TXA", "192.0.2.66") for _ in range(8)]
    assert found[0] == DoorEntry("")
    assert found[-1] == DoorEntry("", waits=True)
    assert await door.enter(other, "192.0.2.66") == DoorEntry("", waits=True)
    assert await door.enter(other, "192.0.2.9") == DoorEntry("ada")


async def test_a_device_is_known_by_its_token_and_by_no_address(pages: PageHouseholds) -> None:
    token = "mfzwizltoq2dmnjwgy3tqojqge"
    phone = Device("mia-phone", "", "mia", (HERE.address,))
    edit = partial(replace, devices=(phone,))
    await pages._thread._store.change("ada", edit, author="", what="", now=int(NOW))
    assert await pages.find_device(token_digest(token)) == ""
    async with pages.hold("ada"):
        pass
    CHOSEN.set("ada")
    assert pages.identify(HERE).device == LINE, "by its address it is not known"
    edit = partial(add_token, device_id="mia-phone", digest=token_digest(token))
    await pages._thread._store.change("ada", edit, author="", what="", now=int(NOW))
    pages.forget([Moved("ada", 9)])
    async with pages.hold("ada"):
        pass
    door = FamilyDoor(pages, lambda: 0.0)
    assert await door.enter(f" {token.upper()} ", "192.0.2.9") == DoorEntry("ada", is_device=True)
    assert await door.enter("a" * 26, "192.0.2.9") == DoorEntry("", is_device=True)
    DEVICE.set(token_digest(token))
    assert (pages.identify(HERE).household, pages.identify(HERE).device) == ("ada", "mia-phone")
    elsewhere = replace(HERE, address="192.0.2.77")
    assert pages.identify(elsewhere).device == "mia-phone"
    async with pages.hold("bo"):
        pass
    CHOSEN.set("bo")
    assert pages.identify(HERE).device == LINE, "of another household it is none"
