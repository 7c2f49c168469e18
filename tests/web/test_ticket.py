"""A code that is worth minutes is redeemed on the child's own page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from copdns.accounts.codes import ticket_digest
from copdns.accounts.lockout import ATTEMPT_WINDOW
from copdns.household.time_edits import add_ticket
from copdns.model.times import PauseSpan
from copdns.web.languages import phrases_in
from tests.home import Home
from tests.household import MIA, NOW, TOM, family
from tests.web.site import Client, Site, send, text

CODE = "7K3M-PQ9T"
HOUR = 3600


@pytest.fixture
def site() -> Site:
    pause = PauseSpan("mia", int(NOW) - HOUR, int(NOW) + HOUR)
    return Site(Home(family(MIA, TOM, pauses=(pause,))))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        edit = partial(
            add_ticket,
            digest=ticket_digest(CODE),
            known=site.context.known_ids(),
            minutes=30,
            made=site.now,
            expires=site.now + 86_400,
        )
        await site.store.change("home", edit, author="Ada", what="a ticket", now=site.now)
        await site.follow()
        yield made


async def grants(site: Site) -> list[str]:
    house = await site.store.household("home")
    assert house is not None
    return [each.profile for each in house.grants]


async def test_a_code_opens_the_internet(client: Client, site: Site) -> None:
    assert site.home.ask("mia", "www.example").verdict.blocks
    await send(client, "/ticket", code="7k3m pq9t")
    await site.follow()
    assert not site.home.ask("mia", "www.example").verdict.blocks


async def test_the_page_waits_until_the_code_counts_and_says_until_when(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Your code works" not in await text(client, "/ticket")
    monkeypatch.setattr("copdns.web.child.page.MAX_WAIT", 60.0)
    sent = asyncio.create_task(send(client, "/ticket", code=CODE))
    while not await grants(site):
        assert not sent.done()
    assert not sent.done()
    await site.follow()
    page = await sent
    assert re.search(r"Your code works. Until .?16:30.? you can use: .?Everything online", page)
    assert "Something else is blocking it" not in page
    assert "The internet is on" in await text(client, "/")


async def test_where_a_later_pause_holds_the_page_says_that_too(client: Client, site: Site) -> None:
    site.home.wait(60)
    later = PauseSpan("mia", site.now, site.now + HOUR)
    await site.store.change(
        "home", lambda house: replace(house, pauses=(later,)), author="", what="", now=site.now
    )
    await send(client, "/ticket", code=CODE)
    await site.follow()
    page = await text(client, "/ticket")
    assert "Your code works." in page
    assert "Something else is blocking it too." in page


async def test_a_code_of_somebody_else_or_that_is_over_is_not_told(
    client: Client, site: Site
) -> None:
    await send(client, "/ticket", code=CODE)
    await site.follow()
    site.who = "tom"
    assert "Your code works" not in await text(client, "/ticket")
    site.who = "mia"
    site.home.wait(HOUR // 2)
    assert "Your code works" not in await text(client, "/ticket")


async def test_a_code_works_once(client: Client, site: Site) -> None:
    await send(client, "/ticket", code=CODE)
    assert "already used" in await send(client, "/ticket", 400, code=CODE)
    assert await grants(site) == ["mia"]


async def test_who_guesses_has_to_wait(client: Client, site: Site) -> None:
    for number in range(5):
        page = await send(client, "/ticket", 400, code=f"0000-000{number}")
        assert "That code is not right." in page
        assert f'value="0000-000{number}"' in page, "what was typed stays"
        assert 'aria-invalid="true"' in page
    page = await send(client, "/ticket", 429, code=CODE)
    again = re.search(r"You can try again from (\d\d:\d\d)\.", page)
    assert again, "a time of day, no span that begins nobody knows when"
    assert again[1] == phrases_in("en").time(int(NOW) + ATTEMPT_WINDOW, site.home.house.timezone)
    assert "<button>" not in page.partition("<main")[2].partition("</main>")[0]
    assert await grants(site) == []


@pytest.mark.parametrize("code", ["", "<script>", "x" * 5000, "\N{RIGHT-TO-LEFT OVERRIDE}"])
async def test_an_odd_code_is_none(client: Client, site: Site, code: str) -> None:
    page = await send(client, "/ticket", 400, code=code)
    assert "<script>" not in page
    assert await grants(site) == []


@pytest.mark.parametrize("who", ["192.0.2.200", "203.0.113.66"])
async def test_nobody_else_redeems_one(client: Client, site: Site, who: str) -> None:
    site.who = who
    await text(client, "/ticket", 403)
    await send(client, "/ticket", 403, code=CODE)
    assert await grants(site) == []
