"""Lists that a guardian pastes: what happens to each line, kept, changed and removed."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import pytest

from copdns.list_files.load import load_catalogue
from copdns.lists.own_lists import MAX_LETTERS
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

HERE = "/guardian/lists/own"
BOARDS = {"title": "Board games", "text": "chess.example\r\nlocalhost\r\nakamaiedge.net\r\n"}


@pytest.fixture(scope="module")
def bundled():  # type: ignore[no-untyped-def]
    return load_catalogue(())


@pytest.fixture
def site(bundled) -> Site:  # type: ignore[no-untyped-def]
    return Site(Home(family(MIA, TOM), bundled))


def words(page: str) -> str:
    plain = re.sub(r"[\u2066-\u2069]", "", re.sub(r"<[^>]+>", " ", page))
    return " ".join(plain.split())


async def test_a_list_is_pasted_and_each_line_is_told(client: Client, site: Site) -> None:
    assert "Your own lists" in await text(client, "/guardian/lists")
    assert "Add a list of your own" in await text(client, HERE)
    page = words(await send(client, HERE, **BOARDS))
    assert "1 line is used within seconds" in page
    assert "2 localhost ignored: a name of the device itself" in page
    assert "3 akamaiedge.net refused: many other sites and apps need it" in page
    assert "1 chess.example" not in page
    assert "1 chess.example used" in words(await text(client, f"{HERE}/board-games?show=taken"))
    (own,) = site.updates.own.all()
    assert (own.slug, own.category, own.format) == ("board-games", "board-games", "domains")
    assert "Board games" in await text(client, "/guardian/lists")
    assert (await site.store.changes("home"))[-1].what == "own list board-games added"


async def test_it_becomes_one_of_the_lists_within_seconds(client: Client, site: Site) -> None:
    await send(client, HERE, **BOARDS)
    await site.updates.apply_available()
    await site.updates.apply_available()
    assert site.updates.own_slugs == {"board-games"}
    assert [each.slug for each in site.updates.own.sources()] == ["board-games"]


async def test_a_list_is_changed_and_removed_once_somebody_is_sure(
    client: Client, site: Site
) -> None:
    await send(client, HERE, **BOARDS)
    changed = {"title": "Boards", "text": "go.example", "category": "games", "match": "exact"}
    page = await send(client, f"{HERE}/board-games", **changed)
    assert "go.example" in page
    assert "Every line is used." in page
    (own,) = site.updates.own.all()
    assert (own.title, own.category, own.match) == ("Boards", "games", "exact")
    assert "chess.example" not in site.updates.own.text("board-games")
    asked = await send(client, f"{HERE}/board-games/remove", 409)
    assert "Boards" in asked
    assert site.updates.own.all()
    for _ in range(2):
        await send(client, f"{HERE}/board-games/remove", sure="on")
    assert site.updates.own.all() == ()
    assert [each.what for each in await site.store.changes("home")][-2:] == [
        "own list board-games changed",
        "own list board-games removed",
    ]


async def test_what_cannot_be_used_is_shown_again_with_the_reason(
    client: Client, site: Site
) -> None:
    for fields, said in (
        ({**BOARDS, "text": "what is this"}, "no line of this list can be used"),
        ({**BOARDS, "title": " "}, "give the list a name"),
        ({**BOARDS, "category": "youtube"}, "choose a category"),
        ({**BOARDS, "text": "x" * (MAX_LETTERS + 1)}, "at most"),
        ({**BOARDS, "text": "<!doctype html>"}, "web page"),
    ):
        page = await send(client, HERE, 400, **fields)
        assert said.lower() in words(page).lower()
        assert escape(fields["text"][:20]) in page
    assert site.updates.own.all() == ()


async def test_a_list_of_the_largest_size_is_taken(client: Client, site: Site) -> None:
    lines = [f"n{n}.games.example" for n in range(9_000)]
    sent = "\r\n".join(lines)
    assert len(sent) < MAX_LETTERS < len(sent) * 1.2
    page = words(await send(client, HERE, title="Many", text=sent))
    assert re.search(r"9,?000 lines are used within seconds", page)
    shown = words(await text(client, f"{HERE}/many?show=taken&from=8900"))
    assert "9,000 n8999.games.example used" in shown
    assert "8,900 n8899" not in shown


async def test_for_whom_it_blocks_is_told(client: Client, site: Site) -> None:
    page = await send(client, HERE, **BOARDS)
    assert "Nobody yet" in page
    blocking = replace(MIA, categories=frozenset({"games"}))
    site.home.change(family(blocking, TOM))
    await site.store.change(
        "home",
        lambda house: replace(house, profiles=(blocking, TOM)),
        author="Ada",
        what="",
        now=site.now,
    )
    page = await send(client, f"{HERE}/board-games", **{**BOARDS, "category": "games"})
    assert 'href="/guardian/people/mia/closed">Mia</a>' in page


async def test_what_is_not_there_is_said(client: Client) -> None:
    await text(client, f"{HERE}/nothing", 404)
    await send(client, f"{HERE}/nothing", 404, **BOARDS)
