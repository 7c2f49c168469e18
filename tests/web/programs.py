"""Programs that use the API: a token of somebody's, and calls with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from copdns.accounts.roles import Permission, Role, scopes_for
from copdns.store.household_db.sessions import Tokens
from copdns.web.session import SESSION
from tests.running import PATIENCE, Program
from tests.web.guardians import PASSWORD, set_up
from tests.web.site import Client, Site

BASE = "/api/v1"
DOCUMENT, ENDLESS = f"{BASE}/openapi.json", "/events$"
DAY = 86_400


def bearer(program: Program) -> dict[str, str]:
    """Return the headers of a program of a new owner's, for all that a token can be for."""
    added = program.command("account", "add", "Guardian", "--role", "owner")
    assert added.returncode == 0, added.stderr
    scopes = [f"--scope={each}" for each in sorted(scopes_for(Role.OWNER))]
    made = program.command("account", "token", "make", "Guardian", "test", "--json", *scopes)
    assert made.returncode == 0, made.stderr
    return {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}


def origin(program: Program) -> dict[str, str]:
    """Return what a browser says of pages of the desk."""
    return {"Origin": f"http://127.0.0.1:{program.web_port}"}


def session(program: Program) -> str:
    """Return the cookie of a new owner, who is logged in."""
    added = program.command("account", "add", "Ada", "--role", "owner")
    assert added.returncode == 0, added.stderr
    made = program.command("account", "code", "Ada", "--json")
    assert made.returncode == 0, made.stderr
    sent = {"code": json.loads(made.stdout)["code"], "password": PASSWORD, "again": PASSWORD}
    join = f"http://127.0.0.1:{program.web_port}/guardian/join"
    request = Request(join, urlencode(sent).encode(), headers=origin(program))
    cookies = CookieJar()
    build_opener(HTTPCookieProcessor(cookies)).open(request, timeout=PATIENCE).close()
    return next(each.value or "" for each in cookies if each.name == SESSION)


class Caller:
    """A program with a token; without one it is a stranger.

    origin: what a browser says of the page that calls, whose session comes along.
    """

    def __init__(self, client: Client, token: str = "", origin: str = "") -> None:
        self._client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.headers |= {"Origin": origin} if origin else {}

    async def __call__(self, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        """Call an operation, and return what it gives: JSON, a text, or None for nothing.

        status: any other fails the test.  sent: as for aiohttp: json, params, data, headers.
        """
        headers = {**self.headers, **sent.pop("headers", {})}
        url = path if path.startswith("/api") else BASE + path
        async with self._client.request(method, url, headers=headers, **sent) as reply:
            told = await reply.text()
            assert reply.status == status, told
            if status >= 400:
                assert reply.content_type == "application/problem+json"
            if reply.content_type.endswith("json"):
                return await reply.json(content_type=None)
            return told or None


async def caller(
    client: Client,
    site: Site,
    scopes: Iterable[Permission] | None = None,
    name: str = "Ada",
    role: Role = Role.OWNER,
) -> Caller:
    """Return a program of a new account.  scopes: None for all that a token of it can have."""
    account = await set_up(site, name, role)
    wanted = scopes_for(role) if scopes is None else scopes
    tokens = Tokens(site.thread)
    _, told = await tokens.make(account, "test", wanted, site.now + 7 * DAY, site.now, name)
    return Caller(client, told)


def page(client: Client) -> Caller:
    """Return a page of the desk, which acts for whoever is logged in."""
    return Caller(client, origin=f"http://{client.host}:{client.port}")
