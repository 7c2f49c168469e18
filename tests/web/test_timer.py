"""A child starts and ends a timer of their own, on their own page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.time.own_timers import TimerKind
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.site import Client, Site, send, text

WHO = ("home", "mia")
GAMES = {"topic": "games", "kind": "stop", "minutes": "30"}


@pytest.fixture
def site() -> Site:
    names = {"games": ["games.example"], "social": [], "chat": []}
    return Site(Home(family(MIA, TOM), library(categories=names)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        yield made


async def test_a_timer_is_started_and_ended_without_asking_anybody(
    client: Client, site: Site
) -> None:
    assert "Off in 30 minutes" in await send(client, "/timer", **GAMES)
    assert "Off in 30 minutes" in await text(client, "/")
    (timer,) = site.context.own_timers.running(site.now).values()
    assert (timer.kind, timer.end - timer.start) == (TimerKind.STOP, 1800)
    assert timer.until == site.now - site.now % 86_400 + 86_400  # midnight, UTC
    stored = await site.store.household("home")
    assert stored is not None
    assert stored.revision == 1  # nothing of it is in the database
    for _ in range(2):
        page = await send(client, "/timer/end")
    assert "Off in" not in page
    assert not site.context.own_timers.running(site.now)


async def test_no_child_is_offered_a_timer_for_chats_with_strangers(client: Client) -> None:
    page = await send(client, "/timer", topic="play", kind="focus", minutes="30")
    assert page.count("Games and chats") == 2, "what it is for, and what is off now"
    assert "stranger" not in page


async def test_a_new_timer_takes_the_place_of_the_one_that_runs(client: Client, site: Site) -> None:
    await send(client, "/timer", **GAMES)
    page = await send(client, "/timer", topic="all", kind="focus", minutes="10")
    assert "Off until 16:10" in page
    assert len(site.context.own_timers.running(site.now)) == 1


@pytest.mark.parametrize(
    "wrong", [{"minutes": "7"}, {"minutes": "x"}, {"kind": "open"}, {"topic": "toys.example"}]
)
async def test_what_the_page_does_not_offer_starts_nothing(
    client: Client, site: Site, wrong: dict[str, str]
) -> None:
    await send(client, "/timer", 400, **{**GAMES, **wrong})
    assert not site.context.own_timers.running(site.now)


async def test_a_browser_that_is_not_the_child_s_starts_and_ends_nothing(site: Site) -> None:
    async with site.visited() as stranger:
        await send(stranger, "/timer", 403, **GAMES)
        assert not site.context.own_timers.running(site.now)


async def test_the_page_says_who_sees_it(client: Client) -> None:
    assert "Only you can see it." in await text(client, "/timer")
