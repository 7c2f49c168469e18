"""People on the desk: who there is, what applies to each, and who may change it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.model import Profile
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, text

PARTS = ("", "/closed", "/search", "/preset", "/rules", "/kept")


@pytest.fixture
def home() -> Home:
    lists = library(
        categories={"games": ["games.example", "video.example"], "social": ["social.example"]},
        services={"video": ["video.example"], "messenger": ["messenger.example"]},
        engines={"google": (["www.google.example"], {"strict": "safe.google.example"})},
    )
    return Home(family(MIA, TOM), lists)


@pytest.fixture
def site(home: Home) -> Site:
    return Site(home)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        await log_in(made)
        yield made


async def stored(site: Site, profile: str = "mia") -> Profile:
    house = await site.store.household("home")
    assert house is not None
    found = house.profile(profile)
    assert found is not None
    return found


async def test_everybody_is_there_with_an_age(client: Client) -> None:
    page = await text(client, "/guardian/people")
    assert "Mia" in page
    assert "7–9 years" in page
    assert "/guardian/people/tom" in page


@pytest.mark.parametrize("part", PARTS)
async def test_looking_at_a_page_changes_nothing(client: Client, site: Site, part: str) -> None:
    before = await site.store.changes("home")
    await text(client, f"/guardian/people/mia{part}")
    assert await site.store.changes("home") == before
    await text(client, f"/guardian/people/nobody{part}", 404)
