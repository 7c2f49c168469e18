"""On a phone what leads from page to page stands in one row, in every language of the desk."""

from __future__ import annotations

import pytest

from copdns.words.phrases import DESK_LANGUAGES
from tests.e2e.house import ADA
from tests.running import Program
from tests.web.browsing import PHONE, Browsers
from tests.web.pages import log_in

DESK_PAGE = "http://copdns.home.arpa/guardian/"
KEPT = f"{DESK_PAGE}people/mia/kept"


@pytest.mark.parametrize("language", DESK_LANGUAGES)
def test_the_menu_is_one_row(browsers: Browsers, program: Program, language: str) -> None:
    ada = browsers.guardian(program, ADA, PHONE, language=language)
    log_in(ada, program)
    for path in ("", "lists", "wizard"):
        ada.open(f"{DESK_PAGE}{path}")
        tops = ada.page.locator(".main-menu > li").evaluate_all(
            "(all) => all.map((each) => each.getBoundingClientRect().top)"
        )
        assert len(tops) == 5
        assert len(set(tops)) == 1
        assert ada.too_wide <= 0


IN_SIGHT = """() => {
    const shown = document.activeElement.getBoundingClientRect();
    return shown.left >= 0 && shown.right <= window.innerWidth;
}"""


def test_the_pages_about_a_person_are_reached_in_one_row(
    browsers: Browsers, program: Program
) -> None:
    ada = browsers.guardian(program, ADA, PHONE)
    log_in(ada, program)
    ada.open(KEPT)
    tabs = ada.page.locator(".tabs")
    box = tabs.bounding_box()
    assert box is not None
    assert box["height"] < 80
    here = ada.page.locator(".tabs [aria-current]").bounding_box()
    assert here is not None
    assert 0 <= here["x"] <= here["x"] + here["width"] <= PHONE.width
    for words in ("Summary", "Always allowed"):
        ada.tab_to(words)
        ada.page.wait_for_function(IN_SIGHT)  # a browser may take a moment to push the row aside
