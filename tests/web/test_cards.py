"""Two help sheets: one tap tries a device, and its person reads of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from copdns.accounts.roles import Role
from copdns.model.times import FilterBreak
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
    sheets = await text(client, "/guardian/cards")
    assert "the copdns computer is not working" in sheets
    assert "192.0.2.1." in sheets
    assert "127.0.0.1" not in sheets, "in the router's field it would be the router"
    await send(client, "/guardian/devices/mia-phone/try")
    found = await site.store.household("home")
    assert found is not None
    (one,) = found.filter_breaks
    assert (one.device, one.profile, one.end - one.start) == ("mia-phone", "mia", 600)
    site.home.change(found)
    page = await text(client, "/rules")
    assert told in page
    assert "let nearly all sites open on one of your devices" in page
    assert "a rule for a site" not in page
    overview = await text(client, "/guardian/")
    assert "except scam sites and sites with viruses" in overview, "what can be undone"
    assert "This ends:" in await text(client, "/guardian/cards")
    await send(client, "/guardian/devices/mia-phone/try/end")
    found = await site.store.household("home")
    assert found is not None
    assert found.filter_breaks == ()


async def test_it_is_told_where_it_holds_alone(client: Client, site: Site) -> None:
    """Not of a device that is somebody else's since, nor before its start by a clock set back."""
    told, runs = "A grown-up is checking if we block something by mistake", "It ends:"
    start = int(site.now)
    for one in (
        FilterBreak("mia-phone", "tom", start, start + 600),
        FilterBreak("mia-phone", "mia", start + 60, start + 660),
    ):
        edit = partial(replace, filter_breaks=(one,))
        await site.store.change("home", edit, author="Ada", what="a test", now=start)
        found = await site.store.household("home")
        assert found is not None
        site.home.change(found)
        assert told not in await text(client, "/rules")
        assert runs not in await text(client, "/guardian/cards")


async def test_an_auditor_has_the_cards_without_the_test(client: Client, site: Site) -> None:
    await set_up(site, "Lia", Role.AUDITOR)
    await log_in(client, "Lia")
    page = await text(client, "/guardian/cards")
    assert "the copdns computer is not working" in page
    assert "No device belongs to anyone yet" not in page
    await send(client, "/guardian/devices/mia-phone/try", status=403)
