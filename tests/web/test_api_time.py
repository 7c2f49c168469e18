"""Pauses and states by the API: what home automation does all day."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.programs import Caller, caller
from tests.web.site import Client, Site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        yield made


@pytest.fixture
async def ada(client: Client, site: Site) -> Caller:
    return await caller(client, site)


async def test_a_pause_closes_until_its_end(ada: Caller, site: Site) -> None:
    made = await ada("PUT", "/profiles/mia/pause", json={"minutes": 30})
    assert made == {
        "profile": "mia",
        "start": "2026-03-29T16:00:00Z",
        "end": "2026-03-29T16:30:00Z",
        "homework": False,
        "author": "Ada",
    }
    await site.follow()
    assert site.home.ask("mia", "games.example").verdict.reason == "paused"
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["reason"], found["minutes_left"]) == ("paused", "paused", 30)
    assert found["until"] == "2026-03-29T16:30:00Z"
    assert (await ada("GET", "/profiles/tom/state"))["state"] == "open"
    assert await ada("GET", "/pauses") == [made]


async def test_a_pause_ends_when_somebody_says_so_and_twice_is_harmless(
    ada: Caller, site: Site
) -> None:
    await ada("PUT", "/profiles/mia/pause", json={})
    await site.follow()
    found = await ada("GET", "/profiles/mia/state")
    assert (found["state"], found["until"], found["minutes_left"]) == ("paused", None, None)
    await ada("DELETE", "/profiles/mia/pause", 204)
    await ada("DELETE", "/profiles/mia/pause", 204)
    await site.follow()
    assert (await ada("GET", "/profiles/mia/state"))["state"] == "open"
    assert not site.home.ask("mia", "games.example").verdict.blocks


async def test_homework_is_told(ada: Caller, site: Site) -> None:
    await ada("PUT", "/profiles/mia/pause", json={"homework": True, "minutes": 90})
    await site.follow()
    assert (await ada("GET", "/profiles/mia/state"))["homework"] is True


async def test_who_did_it_is_in_the_list_of_changes(ada: Caller, site: Site) -> None:
    await ada("PUT", "/profiles/mia/pause", json={"until": "2026-03-29T18:00:00Z"})
    last = (await site.store.changes("home"))[-1]
    assert (last.author, last.what) == ("Ada", "mia paused until 2026-03-29T18:00:00Z")
