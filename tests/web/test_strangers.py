"""Nobody reads or changes what is not theirs: every route, tried by everybody whose it is not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import dns.message
import dns.name
import pytest
from aiohttp import ClientResponse

from copdns.accounts.roles import Role
from copdns.appeals.appeal import AppealState, reasons_for
from copdns.privacy.recent_blocks import OwnedDevice, blocks_in
from tests.home import Home
from tests.household import ADDRESSES, BO, GUEST, MIA, TOM, asker, block, family, library
from tests.web.access import (
    DESK,
    DEVICES,
    EVERYONES,
    LISTED,
    MAY_CHANGE,
    OWN,
    PAIRED,
    Route,
    desk_routes,
    every_route,
)
from tests.web.guardians import PASSWORD, set_up
from tests.web.site import HTML, Client, Site, send, text

# What only Mia's own browser shows, and what a guardian may read besides.
MIAS = OwnedDevice("home", "mia", "mia-phone")
SECRET_BLOCK, SECRET_NAME, SECRET_WORDS = (
    "met.toys.example",
    "wanted.toys.example",
    "A secret wish.",
)
SECRETS = (SECRET_BLOCK, SECRET_NAME, SECRET_WORDS)


class Scene(NamedTuple):
    """filled: what stands in paths and forms.  mia, tom: cookies of their paired browsers."""

    site: Site
    client: Client
    filled: dict[str, str]
    mia: dict[str, str]
    tom: dict[str, str]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    rules = tuple(replace(block("toys.example", who), id=f"r-{who}") for who in ("mia", "tom"))
    home = Home(family(MIA, TOM, rules=rules), library())
    site = Site(home)
    async with site.visited() as client:
        cookies = {}
        for who in ("tom", "mia"):
            site.who = who
            client.session.cookie_jar.clear()
            await send(client, "/device")
            cookies[who] = taken(client)
        home.ask("mia", SECRET_BLOCK)
        await send(client, "/ask", name=SECRET_NAME, words=SECRET_WORDS)
        (appeal,) = await site.appeals.appeals("home")
        (found,) = site.home.recent.blocks(MIAS, site.now)
        no = min(reasons_for(appeal.ask, AppealState.REFUSED))
        filled = {"code": found.code, "appeal": appeal.id, "no": no, "file": "copdns.css"}
        filled |= {"person": "mia", "profile": "mia", "device": "mia-phone", "rule": "r-mia"}
        await set_up(site)
        client.session.cookie_jar.clear()
        yield Scene(site, client, filled, cookies["mia"], cookies["tom"])


def taken(client: Client) -> dict[str, str]:
    return {each.key: each.value for each in client.session.cookie_jar}


async def session(scene: Scene, name: str) -> dict[str, str]:
    """Log somebody in, and return the cookies."""
    client = scene.client
    client.session.cookie_jar.clear()
    reply = await client.post(
        "/guardian/login",
        data={"name": name, "password": PASSWORD},
        headers={"Origin": f"http://{client.host}:{client.port}"},
        allow_redirects=False,
    )
    assert reply.status == 303
    found = taken(client)
    client.session.cookie_jar.clear()
    return found


async def visit(
    scene: Scene,
    route: Route,
    cookies: dict[str, str] | None = None,
    origin: str = "",
    host: str = "",
) -> tuple[ClientResponse, str]:
    """Open a page or send a form, and return what came; a stream only as far as its beginning."""
    client = scene.client
    own = f"{client.host}:{client.port}"
    headers = {**HTML, "Host": host or own}
    if route.changes:
        headers["Origin"] = origin or f"http://{host or own}"
    if cookies:
        headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
    reply = await client.request(
        route.method,
        route.at(scene.filled),
        data=route.fields(scene.filled) if route.changes else None,
        headers=headers,
        allow_redirects=False,
    )
    client.session.cookie_jar.clear()
    if reply.content_type == "text/event-stream":
        reply.close()
        return reply, ""
    return reply, await reply.text()


# Tables about tries to get in, and the record of a look itself; and what SQLite counts.
NOT_THEIRS = {"look", "session", "browser", "sqlite_sequence"}


def kept(site: Site) -> tuple[list[object], list[object]]:
    """Return all that is stored, and the rings of blocks."""
    with closing(sqlite3.connect(f"file:{site.thread.path}?mode=ro", uri=True)) as connection:
        connection.execute("begin")  # all of it at one moment
        schema = connection.execute("select type, name, sql from sqlite_master").fetchall()
        stored = [
            (name, connection.execute(f'select * from "{name}"').fetchall())
            for kind, name, _ in schema
            if kind == "table" and name not in NOT_THEIRS
        ]
    rings = site.home.recent._rings.items()
    blocks: list[object] = [(key, blocks_in(ring), dict(ring.codes or {})) for key, ring in rings]
    return [*schema, *stored], blocks


def of(kind: Iterable[str]) -> tuple[Route, ...]:
    return tuple(each for each in every_route() if str(each) in kind)


def refused(reply: ClientResponse) -> bool:
    """Whether somebody was shown nothing: led to the login, or told so."""
    to_login = reply.headers.get("Location", "").startswith("/guardian/login")
    return to_login or reply.status in (400, 401, 403, 404, 405, 421, 422)


# --- the table ------------------------------------------------------------------------------------


def test_it_is_said_of_every_route_whose_it_is() -> None:
    missing = {str(each) for each in every_route() if not each.path.startswith(DESK)} - LISTED
    assert missing == set()


# --- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["mia", "tom", GUEST, BO, "127.0.0.1"])
async def test_the_desk_is_closed_without_a_session(scene: Scene, who: str) -> None:
    scene.site.who = who
    before = kept(scene.site)
    for route in desk_routes():
        for cookies in ({}, scene.mia, {"copdns_session": "x" * 43}):
            reply, page = await visit(scene, route, cookies)
            assert refused(reply), (str(route), reply.status)
            assert not any(secret in page for secret in SECRETS), str(route)
    assert kept(scene.site) == before


STRANGERS: dict[str, Callable[[Scene], dict[str, str]]] = {
    BO: lambda scene: {},  # of another household
    GUEST: lambda scene: {},  # a visitor
    "tom": lambda scene: scene.tom,  # another child, at his own device
    "mia": lambda scene: {},  # her address, taken over by somebody without her cookie
    f"{BO} with a stolen cookie": lambda scene: scene.mia,
    "tom with a stolen cookie": lambda scene: scene.mia,
    "mia with another's cookie": lambda scene: scene.tom,
}


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_a_childs_page_is_for_its_own_browser_at_its_own_device(
    scene: Scene, stranger: str
) -> None:
    scene.site.who = stranger.partition(" ")[0]
    before = kept(scene.site)
    for route in of(EVERYONES | DEVICES | PAIRED):
        own = stranger == "tom" and "{" not in route.path  # his own data, and not Mia's
        if own if str(route) in PAIRED else route.changes:
            continue
        reply, page = await visit(scene, route, STRANGERS[stranger](scene))
        assert not any(secret in page for secret in SECRETS), str(route)
        if str(route) in PAIRED:
            assert refused(reply), (str(route), reply.status)
    assert kept(scene.site) == before


@pytest.mark.parametrize("who", [BO, GUEST])
async def test_nobody_asks_who_has_no_device_here(scene: Scene, who: str) -> None:
    scene.site.who = who
    before = kept(scene.site)
    for route in of(DEVICES):
        reply, _ = await visit(scene, route, scene.mia)
        assert refused(reply), (str(route), reply.status)
    assert kept(scene.site) == before


async def test_a_code_of_another_child_says_nothing(scene: Scene) -> None:
    """Tom's question is about a name that he typed, whatever code of Mia's he sends along."""
    scene.site.who = "tom"
    (route,) = of({"POST /ask"})
    await visit(scene, route, scene.tom)
    about = [each.ask.name for each in await scene.site.appeals.appeals("home", profile="tom")]
    assert about == ["other.toys.example"]
    assert len(await scene.site.appeals.appeals("home", profile="mia")) == 1


async def test_a_browser_that_came_second_is_not_paired(scene: Scene) -> None:
    (route,) = of({"POST /device"})
    reply, _ = await visit(scene, route)
    assert reply.status == 403
    assert "Set-Cookie" not in reply.headers


# --- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER, Role.CHILD])
async def test_nobody_does_at_the_desk_what_their_role_does_not_let_them(
    scene: Scene, role: Role
) -> None:
    await set_up(scene.site, "Bo", role, "tom" if role is Role.CHILD else "")
    cookies = await session(scene, "Bo")
    may = OWN | MAY_CHANGE.get(role, frozenset())
    before = kept(scene.site)
    for route in desk_routes():
        reply, page = await visit(scene, route, cookies)
        assert SECRET_BLOCK not in page, str(route)
        if role is not Role.REVIEWER:
            assert SECRET_NAME not in page, str(route)
            assert SECRET_WORDS not in page, str(route)
        if route.changes and str(route) not in may:
            assert reply.status in (401, 403), (str(route), reply.status)
        if str(route) not in may:
            assert kept(scene.site) == before, str(route)
        before = kept(scene.site)


async def test_not_even_a_guardian_sees_the_last_blocks(scene: Scene) -> None:
    cookies = await session(scene, "Ada")
    for route in desk_routes():
        if not route.changes:
            _, page = await visit(scene, route, cookies)
            assert SECRET_BLOCK not in page, str(route)


# --- other sites ----------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
async def test_another_site_sends_no_form_for_anybody(scene: Scene, origin: str) -> None:
    cookies = await session(scene, "Ada") | scene.mia
    before = kept(scene.site)
    for route in every_route():
        if route.changes:
            reply, _ = await visit(scene, route, cookies, origin)
            assert reply.status == 403, str(route)
            assert "Set-Cookie" not in reply.headers, str(route)
    assert kept(scene.site) == before


@pytest.mark.parametrize("host", ["evil.example", "copdns.home.arpa.evil.example", "127.0.0.1.nip"])
async def test_a_name_that_somebody_points_here_opens_nothing(scene: Scene, host: str) -> None:
    """DNS rebinding: the browser thinks that it is that site's own page."""
    cookies = await session(scene, "Ada") | scene.mia
    before = kept(scene.site)
    pages: dict[object, set[str]] = {}
    for route in every_route():
        reply, page = await visit(scene, route, cookies, host=host)
        if str(route) == "GET /static/{file}":  # the style of the page about a block
            assert reply.status == 200
            continue
        assert reply.status in (403, 421), str(route)
        assert "Set-Cookie" not in reply.headers, str(route)
        kind = reply.status, reply.content_type
        pages.setdefault(kind, set()).add(re.sub(r'name="back" value="[^"]*"', "", page))
    assert all(len(each) == 1 for each in pages.values())  # the same for all: nothing of ours
    assert kept(scene.site) == before


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["mia", "tom", GUEST, BO])
async def test_reading_changes_nothing_that_is_kept(scene: Scene, who: str) -> None:
    cookies = await session(scene, "Ada")
    cookies |= {"mia": scene.mia, "tom": scene.tom}.get(who, {})
    scene.site.who = who
    before = kept(scene.site)
    for route in every_route():
        if not route.changes:
            await visit(scene, route, cookies)
            assert kept(scene.site) == before, str(route)


async def test_the_search_for_a_name_leaves_nothing_either(scene: Scene) -> None:
    scene.site.who = "mia"
    before = kept(scene.site), scene.site.home.traces()
    for path in ("/check?name=met.toys.example", "/ask?name=met.toys.example"):
        await text(scene.client, path)
    assert (kept(scene.site), scene.site.home.traces()) == before


# --- what is asked for by the worst of names ------------------------------------------------------

HOSTILE = {
    "markup": [b"<img src=x onerror=alert(1)>", b"toys", b"example"],
    "a template": [b"{{7777*7777}}{%raw%}", b"toys", b"example"],
    "turned round": ["\u202egpj.exe\u2066".encode(), b"toys", b"example"],
    "control": [b"a\r\nSet-Cookie: b=c\0\x1b[2J", b"toys", b"example"],
    "253 octets": [b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 48, b"toys", b"example"],
    "a lookalike": ["аpple".encode("idna"), b"toys", b"example"],
}
SEVENS = str(7777 * 7777)  # what a template would make of it
HARMFUL = ("<img src=x", SEVENS, "\u202e", "\u2066", "\x1b", "\0")


@pytest.mark.parametrize("labels", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_name_shows_harmlessly_on_every_page(
    scene: Scene, labels: list[bytes]
) -> None:
    site = scene.site
    site.who = "mia"
    asked(site, labels)
    (newest, *_) = site.home.recent.blocks(MIAS, site.now)
    scene.filled["code"] = newest.code
    cookies = await session(scene, "Ada") | scene.mia
    asking = Route("POST", "/ask")
    scene.client.session.cookie_jar.clear()
    reply, page = await visit(scene, asking, scene.mia)
    assert reply.status == 303, page
    appeals = await site.appeals.appeals("home", profile="mia")
    scene.filled["appeal"] = next(each.id for each in appeals if each.ask.name == newest.name)
    shown = 0
    for route in every_route():
        if not route.changes:
            reply, page = await visit(scene, route, cookies)
            assert reply.status < 500, str(route)
            assert not [each for each in HARMFUL if each in page], str(route)
            shown += newest.name in page
    assert shown >= 4  # the door, why, the question, the inbox ...


def asked(site: Site, labels: list[bytes]) -> None:
    query = dns.message.make_query(dns.name.Name([*labels, b""]), "A")
    site.home.send(query.to_wire(), asker("mia", "udp"))


@pytest.mark.parametrize(
    "typed",
    [
        "<script>alert(1)</script>",
        "{{ 7777*7777 }}",
        "../../etc/passwd",
        "\u202ecod.exe",
        "a" * 300,
        "http://user:password@toys.example:80/<b>?q=<i>",
        "xn--" + "a" * 70,
        "",
        "\0",
    ],
)
@pytest.mark.parametrize("path", ["/check", "/ask"])
async def test_whatever_is_typed_does_no_harm(scene: Scene, path: str, typed: str) -> None:
    scene.site.who = "mia"
    reply = await scene.client.get(path, params={"name": typed}, headers=HTML)
    page = await reply.text()
    assert reply.status < 500
    for each in ("<script>alert", "<b>?q", SEVENS, "root:"):
        assert each not in page


@pytest.mark.parametrize(
    "path", ["/why/..%2f..%2fetc%2fpasswd", "/ask/%00", "/ask/{{7*7}}", "/static/..%5c", "/why/'--"]
)
async def test_odd_paths_lead_nowhere(scene: Scene, path: str) -> None:
    scene.site.who = "mia"
    page = await text(scene.client, path, 404)
    assert ADDRESSES["mia"] not in page
