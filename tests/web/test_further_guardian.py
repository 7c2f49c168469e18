"""At a provider a further guardian reads nothing that is kept for 72 hours; the others are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from copdns.accounts.account import Account
from copdns.accounts.further_guardian import FURTHER_GUARDIAN_WAITS
from copdns.accounts.roles import Role
from copdns.web.routes import application
from tests.web.guardians import log_in, password_hash
from tests.web.site import HTML, Client, Site, send, text
from tests.web.test_log import keep, row

KEPT = ("/guardian/log", "/guardian/numbers", "/guardian/inbox", "/guardian/changes")
KEPT_BY_PROGRAMS = ("/api/v1/profiles/mia/log", "/api/v1/profiles/mia/usage", "/api/v1/appeals")


async def add(site: Site, name: str, made: int) -> None:
    account = await site.accounts.add(Account("home", "", name, Role.GUARDIAN), None, made)
    await site.accounts.set_password("home", account.id, password_hash(), made, by=None)


async def status(client: Client, path: str, **headers: str) -> int:
    return (await client.get(path, headers=headers, allow_redirects=False)).status


@asynccontextmanager
async def as_bo(site: Site) -> AsyncIterator[Client]:
    """Let Bo, who became a guardian after Ada, log in where a further guardian waits."""
    site.context = replace(site.context, further_guardian_waits=FURTHER_GUARDIAN_WAITS)
    site.app = application(site.context)
    async with site.visited() as client:
        await add(site, "Ada", site.now - 100)
        await add(site, "Bo", site.now - 50)
        await log_in(client, "Bo")
        yield client


async def test_a_further_guardian_waits_at_a_provider_and_the_first_does_not(site: Site) -> None:
    async with as_bo(site) as client:
        for path in KEPT:
            shown = await text(client, path, 403)
            assert "In your first 72 hours as a guardian you cannot see what is recorded" in shown
        for path in KEPT_BY_PROGRAMS:
            assert await status(client, path) == 403, path
        keep(site, row("secret.games.example"))
        for path in ("", "people", "people/mia", "people/mia/kept", "people/mia/rules", "time/mia"):
            assert "secret.games.example" not in await text(client, f"/guardian/{path}"), path
        assert await status(client, "/guardian/accounts", **HTML) == 403
        await send(client, "/guardian/logout")
        await log_in(client, "Ada")
        for path in (*KEPT, *KEPT_BY_PROGRAMS):
            assert await status(client, path, **HTML) == 200, path
        assert "secret.games.example" in await text(client, "/guardian/log")
        assert "Bo" in await text(client, "/guardian/notices"), "the others are told"


async def test_who_waits_takes_no_childs_place_and_no_childs_records(site: Site) -> None:
    async with as_bo(site) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}
        for method, path in (
            ("POST", "/api/v1/devices/mia-phone/tokens"),
            ("PATCH", "/api/v1/devices/mia-phone"),
            ("DELETE", "/api/v1/devices/mia-phone"),
            ("DELETE", "/api/v1/profiles/tom"),  # with all that is recorded of him
            ("POST", "/api/v1/move-in"),  # a file says whose devices are
        ):
            sent = {"file": "eA==", "revision": 0} if path.endswith("move-in") else {}
            reply = await client.request(method, path, headers=origin, json=sent)
            assert reply.status == 403, path
        page = await send(client, "/guardian/devices/mia-phone/away", 403)
        assert "change devices" in page


async def test_at_home_nobody_waits(site: Site) -> None:
    async with site.visited() as client:
        await add(site, "Ada", site.now - 100)
        await add(site, "Bo", site.now - 50)
        await log_in(client, "Bo")
        for path in KEPT:
            assert await status(client, path, **HTML) == 200, path
