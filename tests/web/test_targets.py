"""Who hears of events, on the desk: a test tells what comes of it, and no secret is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from copdns.accounts.roles import Role
from copdns.settings.config import EventSettings, Webhook
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

TARGETS = "/guardian/targets"


class Hearing:
    """A web server that takes what comes to /secret-path, and fails elsewhere.

    wait: it answers only after this; arrived: something came.
    """

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.arrived, self.wait = asyncio.Event(), asyncio.Event()
        self.wait.set()

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(await request.json())
        self.arrived.set()
        await self.wait.wait()
        return web.Response(status=200 if request.path == "/secret-path" else 500)


@pytest.fixture
async def hearing(site: Site, client: Client) -> AsyncIterator[Hearing]:
    assert client  # the site is there before its targets
    found, app = Hearing(), web.Application()
    app.router.add_post("/{path}", found.hear)
    async with TestServer(app) as server:
        urls = [str(server.make_url(each)) for each in ("/secret-path", "/broken")]
        hooks = tuple(Webhook(url=each, token="secret-token") for each in urls)
        site.targets.configure(EventSettings(webhooks=hooks))
        yield found


async def test_without_any_it_says_where_they_would_stand(client: Client) -> None:
    page = await text(client, TARGETS)
    assert "No alerts are set up yet." in page
    assert "under “events.notices” or “events.webhooks” in the settings file" in page


async def test_a_test_is_sent_and_what_came_of_it_is_told(client: Client, hearing: Hearing) -> None:
    page = await send(client, f"{TARGETS}/webhook-1/test")
    assert "test delivered" in page
    told = {"event": "test", "household": "home", "at": "2026-03-29T16:00:00Z"}
    assert hearing.heard == [told]
    page = await send(client, f"{TARGETS}/webhook-2/test")
    assert "test failed" in page
    assert "500" in page
    await send(client, f"{TARGETS}/webhook-3/test", 404)


async def test_no_secret_is_shown_and_looking_sends_nothing(
    client: Client, hearing: Hearing
) -> None:
    page = await text(client, TARGETS)
    assert "webhook 1" in page
    assert "unknown device" in page
    assert "secret" not in page + await send(client, f"{TARGETS}/webhook-2/test")
    assert len(hearing.heard) == 1


async def test_one_is_tried_at_a_time(client: Client, hearing: Hearing) -> None:
    hearing.wait.clear()
    first = asyncio.create_task(send(client, f"{TARGETS}/webhook-1/test"))
    await hearing.arrived.wait()
    assert "Another test is running" in await send(client, f"{TARGETS}/webhook-1/test", 429)
    hearing.wait.set()
    assert "test delivered" in await first


async def test_the_list_of_changes_says_who_sent_one(
    client: Client, hearing: Hearing, site: Site
) -> None:
    await send(client, f"{TARGETS}/webhook-1/test")
    assert hearing.heard
    (line,) = [each for each in await site.store.changes("home") if "test event" in each.what]
    assert (line.author, line.what) == ("Ada", "test event sent to webhook 1")


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 200), (Role.REVIEWER, 403)])
async def test_only_guardians_send_tests(
    client: Client, hearing: Hearing, site: Site, role: Role, status: int
) -> None:
    await send(client, "/guardian/logout")
    await send(client, f"{TARGETS}/webhook-1/test", 401)
    await set_up(site, "Bo", role)
    await log_in(client, "Bo")
    await send(client, f"{TARGETS}/webhook-1/test", 403)
    assert "/test" not in await text(client, TARGETS, status)
    assert hearing.heard == []
