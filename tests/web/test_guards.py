"""Who may speak to the pages at all, and what comes back when something is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from copdns.model.errors import StoreError
from copdns.settings.config import WebSettings
from copdns.web.browser_input import fields_of
from copdns.web.http_server import HttpServer
from copdns.web.https import Https
from copdns.web.middlewares import MAX_BODY
from copdns.words.phrases import LANGUAGES
from tests.running import free_port
from tests.web.site import HTML, Client, Site, send, text


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


async def test_a_page_of_ours_over_another_scheme_is_another_site(client: Client) -> None:
    """Whoever changes plain HTTP on its way must not send forms to the other one, or from it."""
    for origin in (own(client).replace("http:", "https:"), own(client).replace("http:", "ws:")):
        assert (await client.post("/changed", headers={"Origin": origin})).status == 403


@pytest.mark.parametrize("word", ["cross-site", "same-site", "none"])
async def test_the_browsers_word_counts_beside_the_origin(client: Client, word: str) -> None:
    headers = {"Origin": own(client), "Sec-Fetch-Site": word}
    assert (await client.post("/changed", headers=headers)).status == 403


async def test_somebody_who_typed_a_blocked_address_is_told_where_to_read_more(
    client: Client, site: Site
) -> None:
    headers = {**HTML, "Host": "games.example"}
    pages = []
    for who in ("mia", "ada", "192.0.2.200"):
        site.who = who
        reply = await client.get("/anything", headers=headers)
        assert reply.status == 403
        assert "Set-Cookie" not in reply.headers
        pages.append(await reply.text())
    assert 'href="http://why.home.arpa/"' in pages[0]
    assert len(set(pages)) == 1  # it depends on nobody


async def test_the_page_about_a_block_has_its_style_and_its_languages(client: Client) -> None:
    under = {"Host": "games.example"}
    reply = await client.get("/x", headers={**HTML, **under, "Accept-Language": "fr"})
    page = await reply.text()
    assert '<html lang="fr" dir="ltr">' in page
    for address in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        style = await client.get(address, headers=under)
        assert style.status == 200, address
        assert style.content_type in (
            *("text/css", "text/javascript", "image/svg+xml", "application/manifest+json"),
        )
    assert "<form" not in page, "which would be refused"
    links = re.findall(r'href="(\?language=\w+)"', page)
    assert len(links) == len(LANGUAGES)
    for link in links:
        reply = await client.get(f"/x{link}", headers={**HTML, **under})
        assert f'<html lang="{link.partition("=")[2]}' in await reply.text()
        assert "Set-Cookie" not in reply.headers


async def test_whoever_gets_no_answers_gets_no_page(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside `dns.allow`: not even that this is copdns, and under no name."""
    site.who = "203.0.113.66"
    assert (await client.get("/", headers=HTML)).status == 403
    assert (await client.get("/healthz")).status == 200, "which this machine itself asks for"
    monkeypatch.setattr("copdns.web.middlewares.requestor_of", lambda _: site.asker)
    for path in ("/", "/healthz", "/readyz", "/guardian/login", "/static/copdns.css", "/nothing"):
        for host in ({}, {"Host": "games.example"}):
            reply = await client.get(path, headers={**HTML, **host})
            assert (reply.status, await reply.read()) == (403, b""), path
            assert {*reply.headers} <= {"Content-Length", "Date", "Connection"}, path
    assert (await client.post("/changed", headers={"Origin": own(client)})).status == 403
    site.who = "192.0.2.200"  # nobody knows this device, but it is at home
    await text(client, "/")


async def read_reply(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    reply = await reader.read()
    writer.close()
    return reply


OPENING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01garbage\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost 127\r\n\r\n", b"400"),
        (OPENING + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", b"403"),
        (OPENING + b"Expect: another\r\n\r\n", b"403"),
        (OPENING + b"\r\n", b"403"),
    ],
)
async def test_nor_a_word_or_a_header_that_tells_what_this_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: bytes
) -> None:
    monkeypatch.setattr("copdns.web.middlewares.requestor_of", lambda _: site.asker)
    chosen = WebSettings(listen=["127.0.0.1"], port=free_port(), tls_port=0)
    async with site.prepared():
        server = HttpServer(chosen, Https(tmp_path, chosen, lambda: 0.0), lambda: site.app)
        await server.begin()
        try:
            site.who = "192.0.2.200"  # nobody knows this device, but it is at home
            assert b"\r\nServer: copdns\r\n" in await read_reply(chosen.port, sent)
            site.who = "203.0.113.66"
            reply = await read_reply(chosen.port, sent)
        finally:
            await server.close()
    head, _, body = reply.partition(b"\r\n\r\n")
    assert (head.split()[1], body) == (status, b"")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert names <= {b"Content-Length", b"Date", b"Connection"}


async def test_a_childs_page_leads_to_https_where_browsers_trust_it(
    client: Client, site: Site
) -> None:
    """With a certificate of an authority; with one that copdns made, help must not need a warning.

    The row "listened-to" of the risks says what somebody on the Wi-Fi gets without it.
    """
    await text(client, "/")
    site.trusted.add("localhost")
    under = {**HTML, "Host": "localhost:8053"}
    for path in ("/", "/help", "/ask?name=toys.example", "/me"):
        reply = await client.get(path, headers=under, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (307, f"https://localhost{path}")
    for path in ("/protection", "/static/copdns.css", "/healthz"):
        headers = under if path == "/protection" else {"Host": "localhost:8053"}
        assert (await client.get(path, headers=headers, allow_redirects=False)).status == 200
    for other in ("127.0.0.1", "copdns.home.arpa"):  # which that certificate is not for
        headers = {**HTML, "Host": other}
        assert (await client.get("/", headers=headers, allow_redirects=False)).status == 200


async def test_over_https_the_cookie_is_kept_from_http(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was set before the household had a certificate that browsers trust.

    Without such a certificate the page is over HTTP the next time, and would not know her again.
    """
    await send(client, "/device")
    (cookie,) = client.session.cookie_jar
    assert not cookie["secure"]
    monkeypatch.setattr(web.BaseRequest, "secure", True)
    assert cookie.key not in (await client.get("/", headers=HTML)).cookies
    site.trusted.add(client.host)
    again = (await client.get("/", headers=HTML)).cookies[cookie.key]
    assert (again.value, again["secure"], again["httponly"]) == (cookie.value, True, True)


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
    data = {"words": "x" * (MAX_BODY + 1)}
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
