"""Logging in: what it takes, what it gives, and what stays closed without it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import CookieJar, TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from copdns.app.account_chores import log_setup_code
from copdns.settings.config import Settings, WebSettings
from copdns.web.https import Https
from tests.household import asker
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import HTML, Client, Site, send, text


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        yield made


async def test_name_and_password_open_the_desk(client: Client) -> None:
    assert "Log in" in await text(client, "/guardian/")
    page = await log_in(client)
    assert "Example family" in page


@pytest.mark.parametrize(("name", "password"), [("Ada", "wrong"), ("Bo", PASSWORD), ("", "")])
async def test_anything_else_does_not(client: Client, name: str, password: str) -> None:
    page = await send(client, "/guardian/login", 401, name=name, password=password)
    assert "is wrong" in page
    assert "Log in" in await text(client, "/guardian/")


async def test_guessing_has_to_wait(client: Client) -> None:
    for _ in range(5):
        await send(client, "/guardian/login", 401, name="Ada", password="wrong")
    page = await send(client, "/guardian/login", 429, name="Ada", password=PASSWORD)
    assert "Too many tries" in page


async def test_a_session_ends_when_somebody_logs_out(client: Client) -> None:
    await log_in(client)
    await send(client, "/guardian/logout")
    assert "Log in" in await text(client, "/guardian/")


async def test_a_session_that_was_there_before_is_not_taken_over(client: Client) -> None:
    """Whoever left a cookie of their own in a browser is not logged in with it (fixation)."""
    await log_in(client)
    before = _session(client)
    await log_in(client)
    after = _session(client)
    assert before != after
    client.session.cookie_jar.clear()
    client.session.cookie_jar.update_cookies({"copdns_session": before})
    assert "Log in" in await text(client, "/guardian/")


def _session(client: Client) -> str:
    return next(each.value for each in client.session.cookie_jar if each.key == "copdns_session")


@pytest.fixture
async def https(site: Site, tmp_path: Path) -> AsyncIterator[Client]:
    """A browser's connection over TLS, with a certificate that copdns made."""
    certificate = Https(tmp_path, WebSettings(tls_port=8443), lambda: site.now)
    await certificate.begin()
    server = TestServer(site.app, scheme="https")
    await server.start_server(ssl=certificate.context)
    connector = TCPConnector(ssl=False)  # nobody else signed it
    async with (
        site.prepared(),
        TestClient(server, cookie_jar=CookieJar(unsafe=True), connector=connector) as made,
    ):
        await set_up(site)
        yield made


async def test_over_https_the_cookies_of_a_login_are_of_this_host_alone(https: Client) -> None:
    """Nobody on the way, who can answer over HTTP in our name, plants a session of their own."""
    headers = {**HTML, "Origin": f"https://{https.host}:{https.port}"}
    form = {"name": "Ada", "password": PASSWORD}
    reply = await https.post("/guardian/login", data=form, headers=headers, allow_redirects=False)
    cookies = reply.cookies.values()
    assert {each.key for each in cookies} == {"__Host-copdns_session", "__Host-copdns_browser"}
    assert {(each["secure"], each["path"], each["domain"]) for each in cookies} == {(True, "/", "")}
    assert "Example family" in await text(https, "/guardian/")

    reply = await https.post("/guardian/logout", headers=headers, allow_redirects=False)
    (ended,) = reply.cookies.values()
    assert (ended.key, ended["secure"], ended["path"]) == ("__Host-copdns_session", True, "/")
    assert "Log in" in await text(https, "/guardian/")


async def test_and_one_that_could_be_planted_is_not_looked_at(https: Client) -> None:
    headers = {**HTML, "Origin": f"https://{https.host}:{https.port}"}
    form = {"name": "Ada", "password": PASSWORD}
    reply = await https.post("/guardian/login", data=form, headers=headers)
    assert reply.status == 200
    jar = https.session.cookie_jar
    secret = next(each.value for each in jar if each.key == "__Host-copdns_session")
    jar.clear()
    jar.update_cookies({"copdns_session": secret})
    assert "Log in" in await text(https, "/guardian/")


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example", "/\\evil.example", "/ask", "javascript:1"]
)
async def test_a_login_leads_nowhere_else(client: Client, wanted: str) -> None:
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    reply = await client.post(
        "/guardian/login",
        params={"next": wanted},
        data={"name": "Ada", "password": PASSWORD},
        headers=headers,
        allow_redirects=False,
    )
    assert (reply.status, reply.headers["Location"]) == (303, "/guardian/")


async def test_passwords_do_not_go_over_the_network_unencrypted(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.web.session.requestor_of", lambda _: asker("mia", "tcp"))
    site.settings = Settings(web=WebSettings(tls_port=0))  # no HTTPS that could be led to
    for path in ("/guardian/login", "/guardian/", "/guardian/setup"):
        assert 'type="password"' not in await text(client, path, 403)
    await send(client, "/guardian/login", 403, name="Ada", password=PASSWORD)


@pytest.mark.parametrize("port", [443, 8443])
async def test_the_dashboard_over_http_leads_to_https(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr("copdns.web.session.requestor_of", lambda _: asker("mia", "tcp"))
    site.settings = Settings(web=WebSettings(tls_port=port))
    headers = {**HTML, "Host": "copdns.home.arpa"}
    shown = "https://copdns.home.arpa" if port == 443 else f"https://copdns.home.arpa:{port}"
    for path in ("/guardian/", "/guardian/login", "/guardian/setup", "/guardian/log?person=mia"):
        reply = await client.get(path, headers=headers, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (307, f"{shown}{path}")
    await send(client, "/guardian/login", 403, name="Ada", password=PASSWORD)
    assert (await client.get("/guardian/", allow_redirects=False)).status == 403  # a program


async def test_the_desk_is_found_without_its_last_stroke(client: Client) -> None:
    reply = await client.get("/guardian", allow_redirects=False)
    assert reply.status == 308
    assert reply.headers["Location"] == "/guardian/"


async def test_what_was_written_after_the_session_had_ended_is_not_lost(client: Client) -> None:
    """It comes back, to be copied; a password does not."""
    words = "We talked about it.\n</textarea><script>alert(1)</script>"
    page = await send(client, "/guardian/appeals/x/decide", 401, text=words, password="secret")
    assert "What you wrote" in page
    assert "We talked about it.\n&lt;/textarea&gt;&lt;script&gt;" in page
    assert "secret" not in page
    assert "What you wrote" not in await send(client, "/guardian/appeals/x/decide", 401, text="")


class Terminal(StringIO):
    """Somebody's console, as the program writes to it."""

    def isatty(self) -> bool:
        return True


async def test_on_a_console_the_page_and_the_code_have_lines_of_their_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the machine itself is served, by plain HTTP: no browser knows its certificate."""
    async with site.visited():
        console = Terminal()
        monkeypatch.setattr("sys.stderr", console)
        here = WebSettings(listen=("127.0.0.1",), port=8053, tls_port=8443)
        await log_setup_code(site.logins, ["home"], here, site.now)
        lines = [each.strip() for each in console.getvalue().splitlines()]
        assert "Open http://127.0.0.1:8053/guardian/setup" in lines
        assert any(re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}", each) for each in lines)
        told = "The code that was shown before no longer works."
        assert told not in lines
        await log_setup_code(site.logins, ["home"], here, site.now)
        assert told in console.getvalue()
