"""The desk's menu: one row, what is needed less often folded away, and where one is in sight."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copdns.model.household import LANGUAGES
from tests.e2e.house import ADA
from tests.e2e.house import MIA as MIAS
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.browsing import PHONE, Browsers
from tests.web.pages import DOOR, example
from tests.web.pages import log_in as log_in_there
from tests.web.site import Client, text

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
async def test_a_folded_entry_is_named_by_what_folds_it(
    client: Client, path: str, entry: str
) -> None:
    assert marked(await text(client, path)) == [entry, entry]


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
