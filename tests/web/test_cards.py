"""Two cards for the kitchen: one tap tries a device, and its person reads of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await set_up(site)
        await log_in(made)
        yield made


async def test_a_tap_tries_a_device_and_its_person_reads_of_it(client: Client, site: Site) -> None:
    told = "A grown-up is checking if we block something by mistake"
    assert told not in await text(client, "/")
    assert "the box is dead" in await text(client, "/guardian/cards")
    await send(client, "/guardian/devices/mia-phone/try")
    found = await site.store.household("home")
    assert found is not None
    (one,) = found.filter_breaks
    assert (one.device, one.profile, one.end - one.start) == ("mia-phone", "mia", 600)
    site.home.change(found)
    assert told in await text(client, "/rules")
    assert "It ends:" in await text(client, "/guardian/cards")
    await send(client, "/guardian/devices/mia-phone/try/end")
    found = await site.store.household("home")
    assert found is not None
    assert found.filter_breaks == ()
