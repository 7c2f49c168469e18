"""The pages as an app, over HTTPS that browsers trust; and what a house without it is told."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import CookieJar, TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from copdns.accounts.roles import Role
from copdns.events import push_keys
from copdns.events.push_result import PushOutcome, PushResult
from copdns.model.push import PushKind, PushSubscription
from copdns.settings.config import Settings, WebSettings
from copdns.store.household_db.push import PushStore
from copdns.web.https import Https
from tests.push_service import ReadingBrowser
from tests.reading import has_word
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site, text

FCM = "https://fcm.googleapis.com/fcm/send/1"
SCOPES = ("/", "/guardian/")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate and with keys, which take a process each to make."""
    folder = tmp_path_factory.mktemp("secrets")
    push_keys.ready_keys(folder)
    return folder


@asynccontextmanager
async def encrypted(site: Site, folder: Path) -> AsyncIterator[Client]:
    """Give a browser's connection over TLS to a certificate of our own making."""
    https = Https(folder, WebSettings(tls_port=8443), lambda: site.now)
    await https.begin()
    server = TestServer(site.app, scheme="https")
    await server.start_server(ssl=https.context)
    connector = TCPConnector(ssl=False)
    (site.folder / push_keys.FILE).write_text((folder / push_keys.FILE).read_text())
    async with (
        site.prepared(),
        TestClient(server, cookie_jar=CookieJar(unsafe=True), connector=connector) as made,
    ):
        await set_up(site)
        yield made


@pytest.fixture
async def trusted(site: Site, certificates: Path) -> AsyncIterator[Client]:
    """A browser that trusts the connection."""
    async with encrypted(site, certificates) as made:
        site.trusted = {made.host}
        yield made


async def post(client: Client, path: str, status: int = 200, **fields: str | list[str]) -> str:
    headers = {**HTML, "Origin": f"https://{client.host}:{client.port}"}
    pairs = [
        (key, each)
        for key, value in fields.items()
        for each in ([value] if isinstance(value, str) else value)
    ]
    reply = await client.post(path, data=pairs, headers=headers)
    page = await reply.text()
    assert reply.status == status, page
    return page


async def enter(client: Client, name: str = "Ada") -> None:
    await post(client, "/guardian/login", name=name, password="seven green bottles")


def asks(endpoint: str = FCM) -> dict[str, str]:
    """Return what the script of the page fills in for a browser."""
    return ReadingBrowser(endpoint).browser._asdict()


async def kinds_of(site: Site) -> list[set[PushKind]]:
    account = (await site.accounts.all("home"))[0]
    return [{*each.kinds} for each in await PushStore(site.thread).of_account(account)]


# --- manifest and worker --------------------------------------------------------------------------


async def test_each_app_has_a_name_a_scope_and_icons_of_its_own(trusted: Client) -> None:
    told = []
    for scope in SCOPES:
        page = await text(trusted, scope if scope == "/" else "/guardian/login")
        (path,) = re.findall(r'<link rel="manifest" href="([^"]+)"', page)
        assert path == f"{scope}app.webmanifest"
        assert page.count('name="theme-color"') == 2
        reply = await trusted.get(path, headers={"Accept-Language": "fr"})
        assert reply.content_type == "application/manifest+json"
        found = json.loads(await reply.text())
        assert (found["scope"], found["start_url"], found["lang"]) == (scope, scope, "fr")
        for icon in found["icons"]:
            picture = await trusted.get(icon["src"])
            octets = await picture.read()
            size = f"{int.from_bytes(octets[16:20])}x{int.from_bytes(octets[20:24])}"
            assert (picture.content_type, size) == ("image/png", icon["sizes"])
        assert {(e["sizes"], e["purpose"]) for e in found["icons"]} == {
            (size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")
        }
        told.append((found["id"], found["name"]))
    assert len({*told}) == 2


async def test_the_worker_may_run_and_nothing_from_elsewhere(trusted: Client) -> None:
    for scope in SCOPES:
        reply = await trusted.get(f"{scope}worker.js")
        assert reply.content_type == "text/javascript"
        assert reply.headers["Cache-Control"] == "no-cache"
        policy = reply.headers["Content-Security-Policy"]
        assert {"worker-src 'self'", "manifest-src 'self'"} <= {*policy.split("; ")}
        assert "unsafe" not in policy


async def test_where_browsers_do_not_trust_us_nothing_is_offered(
    client: Client, site: Site
) -> None:
    """The page says why, and names what works in every home."""
    await set_up(site)
    await log_in(client)
    for path in ("/", "/app", "/guardian/app"):
        page = await text(client, path)
        assert "app.webmanifest" not in page
        assert "app.js" not in page
        assert "data-push" not in page
    page = await text(client, "/guardian/app")
    assert "alerts by email, or in an app called ntfy" in page
    assert 'href="/guardian/targets"' in page
    assert not (site.folder / push_keys.FILE).exists()


async def test_nor_by_a_certificate_that_is_ours_or_under_a_name_that_it_is_not_for(
    site: Site, certificates: Path
) -> None:
    async with encrypted(site, certificates) as client:
        await enter(client)
        site.trusted = {"elsewhere.example"}
        for path in ("/", "/guardian/app"):
            assert "app.js" not in await text(client, path)
        await post(client, "/guardian/app/notices", 403, kind="requests", **asks())
        assert await kinds_of(site) == []


# --- without a connection -------------------------------------------------------------------------


async def test_a_childs_worker_gets_what_holds_and_until_when(trusted: Client, site: Site) -> None:
    assert (await trusted.get("/offline")).status == 204  # not linked: nothing
    await post(trusted, "/device")
    reply = await trusted.get("/offline", headers={"Accept": "*/*"})
    page = await reply.text()
    assert "The internet is on" in page
    assert 'href="tel:' in page, "whom to call for help"
    since, until = (int(reply.headers[f"Copdns-{key}"]) for key in ("From", "Until"))
    assert since == site.now
    assert since < until <= since + 12 * 3600
    shown = re.sub(r"<[^>]+>", "", page)
    assert [each for each in ("Mia", "Tom") if has_word(shown, each)] == []
    assert [each for each in ("example", "minute") if each in shown] == []


async def test_it_gets_nothing_once_the_browser_is_unlinked(trusted: Client, site: Site) -> None:
    await post(trusted, "/device")
    (pairing,) = await site.pairings.of("home")
    await site.pairings.revoke("home", pairing.id, "Ada", site.now)
    reply = await trusted.get("/offline")
    assert (reply.status, await reply.text()) == (204, "")


async def test_a_guardians_gets_how_it_stands_and_nothing_after_the_logout(
    trusted: Client,
) -> None:
    any_type = {"Accept": "*/*"}
    assert (await trusted.get("/guardian/offline", headers=any_type)).status == 401
    await enter(trusted)
    reply = await trusted.get("/guardian/offline", headers=any_type)
    page = await reply.text()
    assert "Mia" in page
    assert "Internet on" in page
    assert "Copdns-Until" in reply.headers
    await post(trusted, "/guardian/logout")
    assert (await trusted.get("/guardian/offline", headers=any_type)).status == 401


async def test_the_page_that_knows_nothing_says_nothing_of_anybody(trusted: Client) -> None:
    await post(trusted, "/device")
    for scope in SCOPES:
        page = await text(trusted, f"{scope}offline/empty")
        assert "No connection" in page
        assert ("tel:112" in page) == (scope == "/"), "a child has whom to call"
        assert not has_word(page, "Mia")
        assert "app.js" not in page


# --- notices --------------------------------------------------------------------------------------


async def test_a_guardian_turns_notices_on_changes_them_and_turns_them_off(
    trusted: Client, site: Site
) -> None:
    await enter(trusted)
    page = await text(trusted, "/guardian/app")
    keys = push_keys.read_keys(site.folder)
    assert keys is not None
    assert f'data-push="{keys.public}"' in page
    assert keys.private not in page
    assert re.findall(r'value="(\w+)" checked', page) == ["requests", "devices"]
    page = await post(trusted, "/guardian/app/notices", kind=["requests", "warnings"], **asks())
    assert "This browser gets the notifications that you chose" in page
    assert await kinds_of(site) == [{PushKind.REQUESTS, PushKind.WARNINGS}]
    assert FCM not in page
    # Without a script only the choice is sent.
    page = await post(trusted, "/guardian/app/notices", kind="answers", endpoint="")
    assert await kinds_of(site) == [{PushKind.ANSWERS}]
    # A worker whose push service gave it another address ticks nothing.
    page = await post(trusted, "/guardian/app/notices", **asks(f"{FCM}2"))
    assert await kinds_of(site) == [{PushKind.ANSWERS}]
    (browser,) = set(re.findall(r'name="browser" value="(\w+)"', page))
    for _ in range(2):  # twice is harmless
        await post(trusted, "/guardian/app/notices/remove", browser=browser)
    assert await kinds_of(site) == []


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (PushResult(PushOutcome.SENT), "The push service took the test"),
        (PushResult(PushOutcome.GONE), "that browser wants no more notifications"),
        (PushResult(PushOutcome.AGAIN, why="its name was not found"), "its name was not found"),
        (PushResult(PushOutcome.REFUSED, why="status 403"), "status 403"),
    ],
)
async def test_a_test_says_how_it_went(
    trusted: Client, site: Site, result: PushResult, says: str
) -> None:
    tried: list[PushSubscription] = []

    async def try_push(browser: PushSubscription) -> PushResult:
        tried.append(browser)
        return result

    object.__setattr__(site.context, "try_push", try_push)
    await enter(trusted)
    page = await post(trusted, "/guardian/app/notices", kind="requests", **asks())
    (browser,) = set(re.findall(r'name="browser" value="(\w+)"', page))
    page = await post(trusted, "/guardian/app/notices/test", browser=browser)
    assert says in page
    await post(trusted, "/guardian/app/notices/test", browser="somebody's")
    assert [each.id for each in tried] == [browser]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "requests"}, "turn on JavaScript"),
        (asks(), "choose what you want notices about"),
        ({"kind": "answers", **asks("https://evil.example/")}, "push service"),
        ({"kind": "answers", **asks("http://127.0.0.1/")}, "push service"),
        ({"kind": "answers", **asks("https://127.0.0.1/")}, "push service"),
        ({"kind": "answers", **asks(), "p256dh": "AAAA"}, "push service"),
        ({"kind": "answers", **asks(), "auth": "ü"}, "push service"),
    ],
)
async def test_what_cannot_be_sent_to_is_refused_with_a_reason(
    trusted: Client, site: Site, fields: dict[str, str], says: str
) -> None:
    await enter(trusted)
    page = await post(trusted, "/guardian/app/notices", 400, **fields)
    assert says.lower() in page.lower()
    assert await kinds_of(site) == []


async def test_a_child_turns_them_on_and_off_in_its_own_browser(
    trusted: Client, site: Site
) -> None:
    push = PushStore(site.thread)
    await post(trusted, "/app/notices", 403, kind="warnings", **asks())  # not linked
    await post(trusted, "/device")
    page = await text(trusted, "/app")
    assert re.findall(r'value="(\w+)" checked', page) == ["answers", "warnings"]
    await post(trusted, "/app/notices", kind=["warnings", "requests"], **asks())
    (found,) = await push.wanting("home", PushKind.WARNINGS, "mia", site.now)
    assert (found.profile, found.kinds) == ("mia", {PushKind.WARNINGS})  # not what is guardians'
    assert "Turn off notifications" in await text(trusted, "/app")
    await post(trusted, "/app/notices/remove")
    assert await push.wanting("home", PushKind.WARNINGS, "mia", site.now) == ()


async def test_with_push_turned_off_in_the_settings_the_app_stays(
    trusted: Client, site: Site
) -> None:
    await enter(trusted)
    push = site.settings.push.model_copy(update={"enabled": False})
    site.settings = Settings().model_copy(update={"push": push, "web": site.settings.web})
    page = await text(trusted, "/guardian/app")
    assert "app.js" in page
    assert "Notifications in browsers are turned off in the settings" in page
    assert "data-push" not in page
    await post(trusted, "/guardian/app/notices", 403, kind="answers", **asks())


async def test_logging_out_ends_them_at_once(trusted: Client, site: Site) -> None:
    await enter(trusted)
    await post(trusted, "/guardian/app/notices", kind="requests", **asks())
    await post(trusted, "/guardian/logout")
    assert await kinds_of(site) == []


async def test_only_guardians_have_them(trusted: Client, site: Site) -> None:
    await set_up(site, "Bo", Role.AUDITOR)
    await enter(trusted, "Bo")
    await text(trusted, "/guardian/app", 403)
    await post(trusted, "/guardian/app/notices", 403, kind="requests", **asks())
