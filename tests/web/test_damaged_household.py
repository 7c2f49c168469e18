"""A damaged `household.db` is told on the dashboard, and a guardian makes the new one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.accounts.account import MINUTE
from copdns.store.household_db.notes import REPAIRED
from tests.web.guardians import PASSWORD, guardian_client
from tests.web.site import Client, Site, send, text


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with guardian_client(site) as made:
        yield made


TOLD = "file is damaged"


async def test_it_is_told_on_every_page_and_a_yes_ends_it(client: Client, site: Site) -> None:
    assert TOLD not in await text(client, "/guardian/people")
    site.damage = "it is empty"
    assert TOLD in await text(client, "/guardian/people")
    assert "Make a new file" in await text(client, "/guardian/")
    assert TOLD not in await send(client, "/guardian/repair")
    (*_, last) = await site.store.changes("home")
    assert (last.author, last.what) == ("Ada", REPAIRED)


async def test_a_thief_of_a_cookie_takes_nothing_over(client: Client, site: Site) -> None:
    """What the copy has may be older than the accounts of today, and it becomes the household."""
    site.home.wait(5 * MINUTE)
    site.damage = "it is empty"
    before = await site.store.changes("home")
    for typed in ({}, {"step_up_password": "six green bottles"}):
        assert "Confirm it is you" in await send(client, "/guardian/repair", 403, **typed)
    assert site.damage
    assert await site.store.changes("home") == before
    await send(client, "/guardian/repair", step_up_password=PASSWORD)
    assert not site.damage


async def test_a_yes_without_damage_does_nothing(client: Client, site: Site) -> None:
    before = await site.store.changes("home")
    await send(client, "/guardian/repair")
    assert await site.store.changes("home") == before
