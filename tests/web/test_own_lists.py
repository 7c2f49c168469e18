"""Lists that a guardian pastes: what happens to each line, kept, changed and removed."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import pytest

from copdns.household.undo import UNDO_FOR
from copdns.list_files.load import load_catalogue
from copdns.lists.own_lists import MAX_LETTERS, OwnList
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.site import Client, Site, send, text, words

pytestmark = pytest.mark.logged_in

HERE = "/guardian/lists/own"
BOARDS = {"title": "Board games", "text": "chess.example\r\nlocalhost\r\nakamaiedge.net\r\n"}


@pytest.fixture(scope="module")
def bundled():  # type: ignore[no-untyped-def]
    return load_catalogue(())


@pytest.fixture
def site(bundled) -> Site:  # type: ignore[no-untyped-def]
    return Site(Home(family(MIA, TOM), bundled))


async def test_a_list_is_pasted_and_each_line_is_told(client: Client, site: Site) -> None:
    assert "Your own lists" in await text(client, "/guardian/lists")
    assert "Add a list of your own" in await text(client, HERE)
    page = words(await send(client, HERE, **BOARDS))
    assert "1 line is used within seconds" in page
    assert "2 localhost left out: not a website, but a name that devices use for themselves" in page
    assert "3 akamaiedge.net left out: many other sites and apps need it" in page
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


async def test_a_list_is_changed_and_removed(client: Client, site: Site) -> None:
    await send(client, HERE, **BOARDS)
    changed = {"title": "Boards", "text": "go.example", "category": "games", "match": "exact"}
    page = await send(client, f"{HERE}/board-games", **changed)
    assert "go.example" in page
    assert "Every line is used." in page
    (own,) = site.updates.own.all()
    assert (own.title, own.category, own.match) == ("Boards", "games", "exact")
    assert "chess.example" not in site.updates.own.text("board-games")
    page = await send(client, f"{HERE}/board-games/remove")
    assert "The list Boards was removed; it blocks nothing now." in words(page)
    await send(client, f"{HERE}/board-games/remove")  # a second tap is harmless
    assert site.updates.own.all() == ()
    assert [each.what for each in await site.store.changes("home")][-2:] == [
        "own list board-games changed",
        "own list board-games removed",
    ]


def undo_path(page: str) -> str:
    found = re.search(r'action="(/guardian/undo/\w+)"', page)
    assert found, page
    return found[1]


def kept(site: Site) -> list[tuple[OwnList, str]]:
    lists = site.updates.own
    return [(each, lists.text(each.slug)) for each in lists.all()]


async def test_each_change_of_a_list_is_undone_by_one_button(client: Client, site: Site) -> None:
    states, pages = [kept(site)], []
    changed = {"title": "Boards", "text": "go.example", "category": "games", "match": "exact"}
    for path, fields in (
        (HERE, BOARDS),
        (f"{HERE}/board-games", changed),
        (f"{HERE}/board-games/remove", {}),
    ):
        pages.append(await send(client, path, **fields))
        states.append(kept(site))
    assert states[0] == states[3] == []
    for page, before in zip(reversed(pages), reversed(states[:3]), strict=True):
        undone = await send(client, undo_path(page), back="/guardian/house")
        assert kept(site) == before
        assert re.search("Boards? ?(games)? (is back as it was|was removed)", words(undone))
    lines = [each.what for each in await site.store.changes("home")][-3:]
    assert lines == [f"undone: own list board-games {what}" for what in DONE]
    await send(client, undo_path(undone))
    assert kept(site) == states[1], "undoing can be undone too"


DONE = ("removed", "changed", "added")


async def test_a_list_that_somebody_changed_since_is_not_undone(client: Client, site: Site) -> None:
    page = await send(client, HERE, **BOARDS)
    await send(client, f"{HERE}/board-games", **{**BOARDS, "text": "go.example"})
    now = kept(site)
    refused = await send(client, undo_path(page), 400)
    assert "something else was changed since then" in words(refused).lower()
    assert kept(site) == now


async def test_a_new_list_that_blocks_for_somebody_by_now_stays(client: Client, site: Site) -> None:
    page = await send(client, HERE, **BOARDS)
    await site.store.change(
        "home",
        lambda house: replace(
            house, profiles=(replace(MIA, categories=frozenset({"board-games"})), TOM)
        ),
        author="Ada",
        what="",
        now=site.now,
    )
    refused = await send(client, undo_path(page), 400)
    assert "still blocked for or used by Mia" in words(refused)
    assert kept(site)


async def test_after_ten_minutes_it_is_over(client: Client, site: Site) -> None:
    page = await send(client, HERE, **BOARDS)
    site.home.wait(UNDO_FOR)
    assert "ten minutes" in await send(client, undo_path(page), 400)
    assert kept(site)


async def test_a_damaged_book_is_told_on_the_page_of_lists(client: Client, site: Site) -> None:
    await send(client, HERE, **BOARDS)
    for path in site.updates.own.folder.glob("book.*"):
        path.write_text("{")
    page = words(await text(client, "/guardian/lists"))
    assert "The file of your own lists is damaged: those that were active stay active" in page
    assert "Add a list of your own" not in page
    assert "Starter lists" in page, "the others are shown as ever"
    assert "tarter list (" not in page, "each by what it is about: the title above says the rest"
    refused = await send(client, HERE, 400, **BOARDS)
    assert "the file of your own lists is damaged" in words(refused).lower()


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
