"""The desk's menu: one row, what is needed less often folded away, and where one is in sight."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.model.household import LANGUAGES
from tests.e2e.house import ADA
from tests.e2e.house import MIA as MIAS
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.unit.calling import ABOUT_A_RULE
from tests.web.access import every_route
from tests.web.browsing import PHONE, Browsers
from tests.web.filled import come_in
from tests.web.pages import DOOR, example
from tests.web.pages import log_in as log_in_there
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in


@pytest.fixture
def home() -> Home:
    return Home(family(MIA, TOM))


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/guardian/", "Overview"),
        ("/guardian/inbox", "Requests"),
        ("/guardian/time/mia", "Time"),
        ("/guardian/tickets", "Time"),
        ("/guardian/people/mia/closed", "People"),
    ],
)
async def test_a_page_is_marked_by_the_entry_that_it_belongs_to(
    client: Client, path: str, entry: str
) -> None:
    assert marked(await text(client, path)) == [entry]


async def test_the_menu_says_how_many_requests_wait(client: Client, site: Site) -> None:
    assert "badge" not in await text(client, "/guardian/people")
    for name in ("games.example", "chess.example"):
        ask = replace(ABOUT_A_RULE, name=name)
        await site.appeals.file("home", ask, site.now)
    page = await text(client, "/guardian/people")
    assert '<span class="badge" aria-hidden="true">2</span>' in page
    assert "(2 requests waiting)" in page


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/guardian/devices", "Household"),
        ("/guardian/house", "Household"),
        ("/guardian/names", "Household"),
        ("/guardian/month", "Household"),
        ("/guardian/targets", "Household"),
        ("/guardian/checks", "Setup"),
        ("/guardian/notices", "Account"),
        ("/guardian/accounts", "Account"),
    ],
)
async def test_a_folded_entry_is_marked_and_what_folds_it_keeps_its_name(
    client: Client, path: str, entry: str
) -> None:
    """A button that was pressed is found again by the word that was on it."""
    assert marked(await text(client, path)) == ["More", entry]


# Pages without a link, and so without a place in the menu.
REACHED_OTHERWISE = {
    "/guardian": "typed by hand; leads on to /guardian/",
    "/guardian/login": "every page leads here without a session",
    "/guardian/setup": "its address is printed at the first start",
    "/guardian/join": "its address is in an invitation",
    "/guardian/log/live": "read by the script of the activity log",
    "/guardian/asking": "a part of the overview, for its script",
    "/guardian/asking/{person}": "a part of a person's pages, for their script",
    "/guardian/devices/{device}/setup/{file}": "downloaded, where encrypted DNS can be set up",
    "/guardian/devices/{device}/away/{code}": "led to where a token was made: test_device_away.py",
    "/guardian/devices/{device}/away/{code}/{file}": "downloaded from there",
    "/guardian/move-in/{code}": "led to by a file: test_move_in.py",
    "/guardian/app.webmanifest": "read by browsers that can have the app",
    "/guardian/worker.js": "started by the script of the app",
    "/guardian/offline": "kept by the worker, and shown without a connection",
    "/guardian/offline/empty": "the same, where the worker knows nothing",
}
# What has a link and is no page with a menu.
WITHOUT_MENU = {"/guardian/appeals/{appeal}/report": "text to be sent on to a list's maintainer"}


async def test_every_page_is_linked_and_has_its_place_in_the_menu() -> None:
    mia = replace(MIA, categories=frozenset({"games"}))
    lists = library(categories={"games": ["games.example"]})
    site = Site(Home(family(mia, TOM), lists))
    async with site.visited() as client:
        await come_in(client, site)
        await send(client, "/ask", name="games.example", why="school")
        (request,) = await site.appeals.appeals("home")
        await send(client, f"/ask/{request.id}/withdraw")  # a button leads to one that waits
        found = await pages_by_links(client, "/guardian/")
    routes = {path for path in gets() if path.startswith("/guardian")}
    assert routes - found.keys() == REACHED_OTHERWISE.keys()
    unmarked = {route for route, page in found.items() if not marked(page)}
    assert unmarked == WITHOUT_MENU.keys()


async def pages_by_links(client: Client, start: str) -> dict[str, str]:
    """Follow links, and forms that change nothing, within the dashboard; open each route once."""
    found: dict[str, str] = {}
    ahead = [start]
    while ahead:
        path = ahead.pop()
        route = route_of(path)
        if route.startswith("/guardian/") and route not in found:
            found[route] = await text(client, path)
            ahead += re.findall(r'<a [^>]*?href="(/guardian/[^"#]*)', found[route])
            ahead += re.findall(r'<form(?![^>]*method="post")[^>]*action="([^"]*)', found[route])
    return found


def route_of(path: str) -> str:
    """Return the route of a path as copdns/web/routes.py writes it; "" for none."""
    bare = path.partition("?")[0]
    fits = (each for each in gets() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), bare))
    return min(fits, key=lambda route: route.count("{"), default="")


def gets() -> tuple[str, ...]:
    return tuple(each.path for each in every_route() if each.method == "GET")


def marked(page: str) -> list[str]:
    """Return the entries that are marked as the current ones, in their order."""
    menu = page.partition('<ul class="main-menu">')[2].partition("</nav>")[0]
    return re.findall(r'aria-current="[a-z]+">.*?<span>([^<]*)</span>', menu, re.DOTALL)


ROWS = "all => new Set(all.map(each => each.getBoundingClientRect().top)).size"
SPILT = """all => all.filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => each.innerText)"""


@pytest.mark.tools
def test_it_is_one_row_on_a_phone_in_every_language(browsers: Browsers, tmp_path: Path) -> None:
    """French has the longest words for it."""
    with example(tmp_path) as program:
        for language in LANGUAGES:
            device = browsers.device(program, ADA, PHONE, language=language)
            log_in_there(device, program)
            for page in ("", "wizard"):
                device.open(f"{DOOR}guardian/{page}")
                entries = device.page.locator(".main-menu > li")
                assert entries.evaluate_all(ROWS) == 1, language
                assert entries.evaluate_all(SPILT) == [], f"words over others in {language}"
                assert device.too_wide == 0, language
            device.close()


BROKEN = """all => all.filter(each => {
    const range = document.createRange();
    range.selectNodeContents(each);
    const rows = new Set([...range.getClientRects()].map(rect => Math.round(rect.top))).size;
    return rows > each.innerText.trim().split(/\\s+/).length;
}).map(each => each.innerText)"""


@pytest.mark.tools
def test_no_word_of_a_childs_menu_is_broken_on_a_phone(browsers: Browsers, tmp_path: Path) -> None:
    with example(tmp_path) as program:
        for language in LANGUAGES:
            device = browsers.device(program, MIAS, PHONE, language=language)
            device.open(DOOR)
            words = device.page.locator(".bar li a span")
            assert words.count() == 5
            assert words.evaluate_all(BROKEN) == [], language
            assert device.too_wide == 0, language
            device.close()
