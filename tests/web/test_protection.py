"""The check that any device can make: whom it asks, by which addresses, and whose it is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.network.probes import NAMES_PER_CODE, probe_names
from copdns.web.context import PARTS
from tests.household import GUEST
from tests.reading import has_word
from tests.web.site import HTML, Client, Site, text


@pytest.fixture
def site() -> Site:
    return Site(hosts=["127.0.0.1"])


async def begun(client: Client) -> str:
    """Open the page; return its code."""
    found = re.search(r"/protection/([0-9a-z]{8})", await text(client, "/protection"))
    assert found
    return found[1]


async def checked(client: Client, site: Site, *, asked: int = NAMES_PER_CODE) -> str:
    """Check a device that asks copdns for some of the names; return the second page."""
    code = await begun(client)
    for name in probe_names(code)[:asked]:
        site.home.ask(site.who, name)
    return await text(client, f"/protection/{code}")


async def test_a_device_that_asks_copdns_is_told_so(client: Client, site: Site) -> None:
    page = await checked(client, site)
    assert "This browser uses your home filter" in page
    assert "This device is recognised" in page
    assert "Please show this page to a grown-up." in page
    assert "To do:" not in page


@pytest.mark.parametrize(
    ("asked", "said"),
    [(0, "isn't using your home filter"), (2, "also uses another DNS server")],
)
async def test_a_device_that_asks_elsewhere_is_told_what_to_do(
    client: Client, site: Site, asked: int, said: str
) -> None:
    page = await checked(client, site, asked=asked)
    assert said in page
    assert "To do:" in page


async def test_a_device_that_nobody_named_is_told_its_address(client: Client, site: Site) -> None:
    site.who = GUEST
    page = await checked(client, site)
    assert "We do not know whose device this is" in page
    assert "This page is for" not in page, "it may be who sets up the filter"
    assert "127.0.0.1" in page  # where all browsers of these tests are


async def test_whose_it_is_is_told_to_the_browser_that_it_is_known_by_alone(
    client: Client, site: Site
) -> None:
    assert not has_word(await checked(client, site), "Mia")


async def test_one_device_reads_nothing_of_another(client: Client, site: Site) -> None:
    page = await checked(client, site)
    assert "uses your home filter" in page
    site.who = "tom"
    assert "isn't using your home filter" in await text(client, "/protection/aaaaaaaa")


async def test_under_a_made_up_name_there_is_a_dot_and_nothing_else(client: Client) -> None:
    host = {"Host": probe_names("k7qf2m9d")[0]}
    reply = await client.get("/protection/dot/k7qf2m9d", headers=host)
    assert (reply.status, reply.content_type) == (200, "image/svg+xml")
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for path in ("/", "/protection", "/guardian/login", "/protection/k7qf2m9d"):
        assert (await client.get(path, headers={**HTML, **host})).status == 403


@pytest.mark.parametrize("code", ["%3Cscript%3E", "..%2f..%2fetc", "a" * 500])
async def test_a_made_up_code_shows_harmlessly(client: Client, code: str) -> None:
    page = await text(client, f"/protection/{code}")
    assert "<script>" not in page
    assert "isn't using your home filter" in page


async def test_pictures_come_from_names_and_addresses_of_ours_alone(client: Client) -> None:
    reply = await client.get("/protection", headers=HTML)
    policy = reply.headers["Content-Security-Policy"]
    assert "http://*.probe.home.arpa" in policy
    assert "default-src 'self'" in policy


async def test_a_picture_by_an_ipv6_address_is_let_through() -> None:
    """A CSP cannot name such an address, and a browser drops what it cannot read."""
    site = Site()
    site.app[PARTS] = replace(site.context, addresses=lambda: ("192.0.2.2", "2001:db8::2"))
    async with site.visited() as client:
        reply = await client.get("/protection", headers=HTML)
        page, policy = await reply.text(), reply.headers["Content-Security-Policy"]
    assert "http://[2001:db8::2]" in page
    assert "[" not in policy
    assert "img-src 'self' http:;" in policy


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("::1", "leave it empty."),
        ("2001:db8::1", 'address there: <bdi dir="ltr">2001:db8::1</bdi>'),
    ],
)
async def test_the_routers_box_for_ipv6_is_told_the_address_where_there_is_one(
    own: str, said: str
) -> None:
    site = Site()
    site.app[PARTS] = replace(site.context, addresses=lambda: ("192.0.2.1", own))
    async with site.visited() as client:
        assert said in await text(client, "/protection/aaaaaaaa")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (("127.0.0.1", "::1"), "needs an address in your home network."),
        (("127.0.0.1", "192.0.2.1"), 'address to enter there: <bdi dir="ltr">192.0.2.1</bdi>'),
    ],
)
async def test_what_to_set_in_the_router_comes_with_its_address(
    own: tuple[str, ...], said: str
) -> None:
    site = Site()
    site.app[PARTS] = replace(site.context, addresses=lambda: own)
    async with site.visited() as client:
        assert said in await text(client, "/protection/aaaaaaaa")
