"""A card has one filled button at most: the one next step (docs/style-of-pages.md)."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from copdns.list_files.load import load_catalogue
from tests.home import Home
from tests.unit.calling import ABOUT_A_RULE
from tests.web.site import Client, Site, text
from tests.web.test_undo import full_house

pytestmark = pytest.mark.logged_in

VOID = {"input", "meta", "link", "br", "img", "hr", "rect", "path", "line", "circle", "use"}
LESS = {"quiet", "outline", "link"}
PATHS = (
    *("/guardian/", "/guardian/inbox", "/guardian/people", "/guardian/devices"),
    *("/guardian/time/mia", "/guardian/calendar", "/guardian/tickets", "/guardian/accounts"),
    *("/guardian/people/mia", "/guardian/people/mia/closed", "/guardian/people/mia/search"),
    *("/guardian/people/mia/rules", "/guardian/people/mia/open", "/guardian/people/mia/kept"),
    *("/guardian/people/mia/preset", "/guardian/names", "/guardian/guests", "/guardian/lists"),
    *("/guardian/me", "/guardian/notices", "/guardian/targets", "/guardian/house"),
)


class Cards(HTMLParser):
    """How many filled buttons each card has.  The menu's log-out button is in none."""

    def __init__(self) -> None:
        super().__init__()
        self.filled: list[int] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = set((dict(attrs).get("class") or "").split())
        is_button = tag == "button" or "button" in classes
        if is_button and any(self._open) and not classes & LESS:
            self.filled[-1] += 1
        if tag not in VOID:
            self._open.append("card" in classes)
            if self._open[-1]:
                self.filled.append(0)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()


@pytest.fixture
def site() -> Site:
    return Site(Home(full_house(), load_catalogue(())))


def test_a_card_with_two_filled_buttons_is_found() -> None:
    cards = Cards()
    cards.feed('<div class="card"><button>A</button><p><button class="quiet">B</button></p></div>')
    cards.feed('<form class="card"><button>A</button><a class="button" href="/">B</a></form>')
    assert cards.filled == [1, 2]


async def test_no_card_has_two_filled_buttons(client: Client, site: Site) -> None:
    for name in ("games.example", "chess.example"):
        await site.appeals.file("home", replace(ABOUT_A_RULE, name=name), site.now)
    wrong = {}
    for path in PATHS:
        cards = Cards()
        cards.feed(await text(client, path))
        assert cards.filled, path
        if max(cards.filled) > 1:
            wrong[path] = cards.filled
    assert wrong == {}
