"""What is narrow: menus stand in one row, words in one piece, and tables fit a small phone."""

from __future__ import annotations

import pytest

from copdns.web.pages import LANGUAGE
from copdns.words.phrases import DESK_LANGUAGES, LANGUAGES
from tests.e2e.house import ADA, MIA, TOM
from tests.running import Program
from tests.web.browsing import DESK, PHONE, Browsers, Screen, wait_until
from tests.web.pages import DOOR, log_in, pair

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
    for words in ("Summary", "Works at any time"):
        ada.tab_to(words)
        wait_until(ada.page, IN_SIGHT)  # a browser may take a moment to push the row aside


@pytest.mark.parametrize("language", ["fr", "es"])
def test_on_a_desktop_they_are_one_row_whichever_is_read(
    browsers: Browsers, program: Program, language: str
) -> None:
    ada = browsers.guardian(program, ADA, DESK, language=language)
    log_in(ada, program)
    for page in ("", "/closed", "/search", "/rules", "/open", "/preset", "/kept"):
        ada.open(f"{DESK_PAGE}people/mia{page}")
        box = ada.page.locator(".tabs").bounding_box()
        assert box is not None
        assert box["height"] < 80, page


# By how many pixels the entries of a child's menu stand beyond their bar.
BEYOND = """() => {
    const bar = document.querySelector('.bar nav');
    const ends = [...bar.querySelectorAll('a')].map((each) => each.getBoundingClientRect().right);
    return Math.ceil(Math.max(...ends) - bar.getBoundingClientRect().right);
}"""


def test_a_childs_menu_keeps_within_its_bar_whichever_is_read(
    browsers: Browsers, program: Program
) -> None:
    """The current entry is bold, so it depends on the page which one would be pushed out."""
    child = browsers.child(program, MIA, DESK)
    beyond = {}
    # Not Arabic, whose menu ends on the left.
    for language in sorted({*LANGUAGES} - {"ar"}):
        chosen = {"name": LANGUAGE, "value": language, "url": DOOR}
        child.page.context.add_cookies([chosen])  # type: ignore[list-item]
        for path in ("", "rules", "check", "me"):
            child.open(f"{DOOR}{path}")
            if (by := child.page.evaluate(BEYOND)) > 0:
                beyond[language, path] = by
    assert beyond == {}


# Words without a hyphen that stand on two lines, in what is shown when all is unfolded.
BROKEN = """() => {
    document.querySelectorAll('main details').forEach((each) => { each.open = true; });
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
        const text = texts.currentNode;
        for (const word of text.data.matchAll(/(?<![^\\s(«])\\p{L}+(?![^\\s.,:;)»])/gu)) {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const tops = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
            if (tops.size > 1) found.push(word[0]);
        }
    }
    return found;
}"""


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_no_word_breaks_within_itself(browsers: Browsers, program: Program, screen: Screen) -> None:
    ada = browsers.guardian(program, ADA, screen, language="fr")  # its words are the longest
    log_in(ada, program)
    broken = {}
    for path in ("", "time/mia", "lists", "calendar", "people/mia/kept"):
        ada.open(f"{DESK_PAGE}{path}")
        broken[path] = ada.page.evaluate(BROKEN)
    assert not any(broken.values()), broken


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_no_word_breaks_in_what_is_unfolded(
    browsers: Browsers, program: Program, screen: Screen
) -> None:
    ada = browsers.guardian(program, ADA, screen, language="es")
    log_in(ada, program)
    program.command("schedule", "suggest", "--profile", "mia")
    ada.open(f"{DESK_PAGE}time/mia")
    assert ada.page.locator(".days").count() > 1
    assert ada.page.evaluate(BROKEN) == []


SMALL = Screen(320, 640, True)
OWN = {"Mia": (MIA, "a-very-long-name-for-a-site.888.com"), "Tom": (TOM, "888.com")}


@pytest.mark.parametrize("who", OWN)
def test_what_is_recorded_of_a_child_fits_a_small_phone(
    browsers: Browsers, program: Program, who: str
) -> None:
    """In every language, with names and numbers in its tables."""
    address, blocked = OWN[who]
    child = browsers.child(program, address, SMALL)
    pair(child, program)
    program.ask(blocked, source=address)
    wide = {}
    for language in LANGUAGES:
        chosen = {"name": LANGUAGE, "value": language, "url": DOOR}
        child.page.context.add_cookies([chosen])  # type: ignore[list-item]
        for path in ("me", ""):
            child.open(f"{DOOR}{path}")
            if child.too_wide > 0:
                wide[language, path] = child.too_wide
    assert wide == {}
