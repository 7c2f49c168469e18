"""Who may speak to the pages at all, and what comes back when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from copdns.model.errors import StoreError
from copdns.web.middlewares import MOST_SENT
from copdns.web.received import fields_of
from tests.web.site import HTML, Client, Site, text


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async def busy(_request: web.Request) -> web.Response:
        raise StoreError("household.db: the disk is full")

    async def broken(_request: web.Request) -> web.Response:
        raise ZeroDivisionError("secret")

    async def changed(request: web.Request) -> web.Response:
        await fields_of(request)
        return web.Response(text="changed")

    site.app.router.add_get("/busy", busy)
    site.app.router.add_get("/broken", broken)
    site.app.router.add_post("/changed", changed)
    async with site.visited() as made:
        yield made


def own(client: Client) -> str:
    return f"http://{client.host}:{client.port}"


async def test_a_form_of_our_own_is_taken(client: Client) -> None:
    reply = await client.post("/changed", headers={"Origin": own(client)})
    assert reply.status == 200
    headers = {"Origin": own(client), "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/changed", headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1"},  # another port is another site
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://["},
        # What a browser sends by itself, where an address has a name and a password in it.
        {"Authorization": "Basic YTpi"},
    ],
)
async def test_what_another_site_sends_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert (await client.post("/changed", headers=headers)).status == 403


@pytest.mark.parametrize("word", ["cross-site", "same-site", "none"])
async def test_the_browsers_word_counts_beside_the_origin(client: Client, word: str) -> None:
    headers = {"Origin": own(client), "Sec-Fetch-Site": word}
    assert (await client.post("/changed", headers=headers)).status == 403


async def test_somebody_who_typed_a_blocked_address_is_told_where_to_read_more(
    client: Client, site: Site
) -> None:
    headers = {**HTML, "Host": "games.example"}
    pages = []
    for who in ("mia", "ada", "203.0.113.66"):
        site.who = who
        reply = await client.get("/anything", headers=headers)
        assert reply.status == 403
        assert "Set-Cookie" not in reply.headers
        pages.append(await reply.text())
    assert 'href="http://why.home.arpa/"' in pages[0]
    assert len(set(pages)) == 1  # it depends on nobody


async def test_a_form_under_an_unknown_name_is_told_nothing(client: Client) -> None:
    headers = {**HTML, "Host": "evil.example", "Origin": "http://evil.example"}
    assert (await client.post("/changed", headers=headers)).status == 421


async def test_trouble_is_told_kindly_and_without_its_inside(client: Client) -> None:
    busy = await text(client, "/busy", 503)
    assert "Try again in a moment" in busy
    assert "household.db" not in busy
    broken = await text(client, "/broken", 500)
    assert "secret" not in broken
    assert "Traceback" not in broken


async def test_more_than_a_form_can_hold_is_refused(client: Client) -> None:
    data = {"words": "x" * (MOST_SENT + 1)}
    reply = await client.post("/changed", headers={"Origin": own(client)}, data=data)
    assert reply.status == 413


@pytest.mark.parametrize(
    "path", ["/static/../pages.py", "/static/%2e%2e/base.html", "/static/base.html", "/static/x"]
)
async def test_only_the_files_that_ship_are_given(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_a_file_is_kept_for_long_under_its_versions_address(client: Client) -> None:
    page = await text(client, "/")
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in (await client.get(address)).headers["Cache-Control"]
    other = address.partition("?")[0]
    assert (await client.get(other)).headers["Cache-Control"] == "no-cache"


async def test_trouble_leads_back_to_where_one_was(client: Client) -> None:
    assert '<a href="/">' in await text(client, "/nothing", 404)
    assert '<a href="/guardian/">' in await text(client, "/guardian/nothing", 404)


@pytest.mark.parametrize("odd", ["http://[", "http://[::1", "//", "\\"])
async def test_an_odd_address_in_a_header_or_behind_next_is_none(client: Client, odd: str) -> None:
    headers = {**HTML, "Origin": own(client), "Referer": odd}
    reply = await client.post("/ask/nothing/withdraw", headers=headers)
    assert reply.status == 403
    assert "Content-Security-Policy" in reply.headers
    reply = await client.get("/guardian/login", params={"next": odd}, headers=HTML)
    assert reply.status == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:99999", "127.0.0.1:\u00b2", "[fe80::1%<b>]", "a:b@127.0.0.1", "127.0.0.1:80:80"],
)
async def test_an_odd_host_is_no_bug(client: Client, host: str) -> None:
    reply = await client.get("/", headers={**HTML, "Host": host})
    assert reply.status < 500
    assert "<b>" not in (await reply.text()).replace("<body", "")
