"""The child's own page: what it shows, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.model import Reason
from copdns.times import Pause
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family, library
from tests.web.site import Client, Site, send, text


@pytest.fixture
def home() -> Home:
    rules = (block("toys.example", "mia", note="After school."),)
    lists = library(
        categories={"games": ["games.example"]}, protected={"child_helpline": ["help.example"]}
    )

    return Home(family(MIA, TOM, rules=rules), lists)


@pytest.fixture
def site(home: Home) -> Site:
    return Site(home)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        yield made


async def test_a_child_reads_what_was_blocked_and_why(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    page = await text(client, "/")
    assert "toys.example" in page
    assert "A grown-up closed this page for you." in page


async def test_one_block_has_a_page_of_its_own(client: Client, home: Home) -> None:
    home.ask("mia", "toys.example")
    page = await text(client, "/")
    address = page.partition('href="/why/')[2].partition('"')[0]
    assert "toys.example" in await text(client, f"/why/{address}")


async def test_nobody_elses_blocks_are_shown(client: Client, home: Home, site: Site) -> None:
    home.ask("mia", "toys.example")
    code = (await text(client, "/")).partition('href="/why/')[2].partition('"')[0]
    for who in ("tom", "192.0.2.200"):
        site.who = who
        assert "toys.example" not in await text(client, "/")
        assert "toys.example" not in await text(client, f"/why/{code}", 404)


async def test_another_house_gets_nothing(client: Client, site: Site) -> None:
    site.who = "203.0.113.66"
    for path in ("/", "/rules", "/why/0000-0000"):
        page = await text(client, path, 403)
        assert "Mia" not in page


async def test_a_help_name_is_in_no_page(client: Client, home: Home) -> None:
    before = await text(client, "/")
    home.ask("mia", "help.example")
    assert await text(client, "/") == before


async def test_a_pause_is_told_with_its_end(client: Client, home: Home) -> None:
    pause = Pause("mia", int(NOW) - 60, int(NOW) + 3600)
    home.change(family(MIA, TOM, pauses=(pause,)))
    page = await text(client, "/")
    assert "The Internet is paused" in page
    assert "Sun 17:00" in page
    assert home.ask("mia", "www.example").verdict.reason is Reason.PAUSED


async def test_the_rules_come_with_their_reasons(client: Client) -> None:
    page = await text(client, "/rules")
    assert "toys.example" in page
    assert "After school." in page


@pytest.mark.parametrize("path", ["/", "/rules", "/why/0000-0000"])
async def test_looking_changes_nothing_and_sending_is_refused(client: Client, path: str) -> None:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    assert (await client.post(path, headers=origin)).status == 405


@pytest.mark.parametrize(
    "label",
    [
        "xn--h1aagokeh",
        "a" * 60,
        r"\"\>\<script\>alert\(1\)\<",
        r"\226\128\174gpj",  # turns the direction of what follows, in UTF-8
        "{{7*7}}",
    ],
)
async def test_hostile_names_are_shown_as_text(client: Client, home: Home, label: str) -> None:
    assert home.ask("mia", f"{label}.toys.example").verdict.blocks
    page = await text(client, "/")
    assert "toys.example" in page
    assert "<script>" not in page
    assert ">49" not in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
