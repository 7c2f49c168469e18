"""What a page is not judged for twice is what was judged already, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.web.browsing import Device, violations
from tests.web.proxy import Way
from tests.web.sparing import SIZE, Colours, Shapes, has_room, in_doubt, shape

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.whole  # it is about the tests themselves

PAGE = """<!doctype html><html lang="{language}"><title>{title}</title>
<style>
body {{ background: #fff; color: #111 }} .pale {{ color: #ccc }} .grey {{ background: #333 }}
.faint {{ opacity: 0.3 }} .over {{ position: relative; top: -3rem; background: #222 }}
a {{ color: #00c }} .small {{ display: inline-block; width: 9px; height: 9px; overflow: hidden }}
</style>
<main><h1>{title}</h1>{main}</main>"""


@pytest.fixture
def device(chromium: Browser) -> Iterator[Device]:
    with closing(chromium.new_page()) as page:
        yield Device(page, Way(None, "", {}, 0))  # type: ignore[arg-type]  # it goes nowhere


def show(device: Device, main: str, title: str = "Games", language: str = "en") -> Device:
    device.page.set_content(PAGE.format(main=main, title=title, language=language))
    return device


def rules(found: list[str]) -> set[str]:
    return {each.partition(" ")[0] for each in found}


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<p class=pale>Chess</p>",
        "<div class=grey><p>Chess</p></div>",
        "<p class=faint>Chess</p>",
        "<div class=faint><div><p>Chess</p></div></div>",
        "<p class=over>Chess</p>",
        "<p><b class=pale>Chess</b> and more</p>",
        "<p>Play <a href=/chess style='text-decoration: none; color: #333'>chess</a> and more</p>",
        "<input value=chess class=pale aria-label=Chess>",
    ],
)
def test_a_text_that_cannot_be_read_is_told_after_one_that_can(device: Device, text: str) -> None:
    seen = Colours()
    readable = "<p>Chess</p><p>Play <a href=/chess>chess</a></p><input aria-label=Go value=go>"
    assert seen.violations(show(device, readable)) == []
    found = seen.violations(show(device, readable + text))
    assert found
    assert found == violations(device, only=("color-contrast", "link-in-text-block"))


def test_what_was_found_right_is_not_judged_again(device: Device) -> None:
    seen = Colours()
    assert seen.violations(show(device, "<p>Chess</p>")) == []
    known = len(seen)
    assert known == 2  # the heading and the paragraph
    assert seen.violations(show(device, "<p>Go</p><p>Whist</p>", "Board games")) == []
    assert len(seen) == known
    device.page.evaluate("void (axe.run = () => { throw Error('it was judged') })")
    assert seen.violations(device) == []


def test_what_was_found_wrong_is_told_each_time(device: Device) -> None:
    seen = Colours()
    for text in ("Chess", "Go"):
        (found,) = seen.violations(show(device, f"<p class=pale>{text}</p>"))
        assert text in found


def test_what_axe_core_is_not_sure_of_is_not_taken_for_right(device: Device) -> None:
    """It cannot tell colours where one thing lies over another, or over a picture."""
    seen = Colours()
    above = "<div style='background-image: linear-gradient(#fff, #000)'>{}</div>"
    assert seen.violations(show(device, above.format("<p>Chess</p>"))) == []
    assert len(seen) == 1  # the heading


def test_what_cannot_be_seen_says_nothing_of_what_can(device: Device) -> None:
    seen = Colours()
    pale = "<p class=pale {}>Chess</p>"
    assert seen.violations(show(device, pale.format("hidden"))) == []
    away = pale.format("style='position: absolute; left: -999px'")
    assert seen.violations(show(device, away)) == []
    assert seen.violations(show(device, pale.format(""))) != []


# --- words ----------------------------------------------------------------------------------------

FORM = "<form><label>{} <input name=chess></label><button>{}</button></form>"


def test_a_page_has_one_shape_in_every_language(device: Device) -> None:
    english = shape(show(device, FORM.format("Game", "Send")))
    assert shape(show(device, FORM.format("Jeu", "Envoyer"), "Jeux", "fr")) == english
    broken = FORM.format("Jeu <span class=unbroken>de dames</span><br>", "Envoyer")
    assert shape(show(device, broken, "Jeux", "fr")) == english


@pytest.mark.parametrize(
    "form",
    [
        FORM.format("Jeu", ""),
        FORM.format("", "Envoyer"),
        FORM.format("<b>Jeu</b>", "Envoyer"),
        FORM.format("<span role=note>Jeu</span>", "Envoyer"),
        FORM.format("<span style='display: none'>Jeu</span>", "Envoyer"),
        FORM.format("<span></span><br>", "Envoyer"),
        FORM.format("Jeu", "Envoyer").replace("chess", "go"),
        FORM.format("Jeu", "Envoyer").replace("<button", "<button aria-hiden=true"),
        FORM.format("Jeu", "Envoyer").replace("<button", "<button aria-label=' '"),
        FORM.format("Jeu", "Envoyer").replace("<button", "<button style='display: none'"),
    ],
)
def test_what_differs_in_more_than_words_has_another_shape(device: Device, form: str) -> None:
    english = shape(show(device, FORM.format("Game", "Send")))
    assert shape(show(device, form, "Jeux", "fr")) != english


def test_a_page_of_another_shape_is_judged_by_all_rules(device: Device) -> None:
    shapes = Shapes()
    assert shapes.violations(show(device, FORM.format("Game", "Send"))) == []
    wrong = FORM.format("Jeu", "Envoyer").replace("<button", "<button aria-hiden=true")
    assert rules(shapes.violations(show(device, wrong))) == {"aria-valid-attr"}
    assert rules(shapes.violations(show(device, wrong))) == {"aria-valid-attr"}  # each time


def test_a_page_of_a_shape_that_was_right_is_not_judged_again(device: Device) -> None:
    shapes = Shapes()
    assert shapes.violations(show(device, FORM.format("Game", "Send"))) == []
    show(device, FORM.format("Jeu", "Envoyer"), "Jeux", "fr")
    device.page.evaluate("void (axe.run = () => { throw Error('it was judged') })")
    assert shapes.violations(device) == []


LINK = "<a href=/{} style='display: inline-block; font-size: 9px'>{}</a>"
LINKS = LINK.format("m", "{}") + " " + LINK.format("i", "{}")
SCROLLED = "<div style='width: 90px; height: 90px; overflow: auto'><p>{}</p></div>"


@pytest.mark.parametrize(
    ("right", "wrong", "language", "rule"),
    [
        ("Game", "Spiel", "xx", "html-lang-valid"),
        ("<b lang=fr>Jeu</b>", "<b lang=xx>Jeu</b>", "fr", "valid-lang"),
        (LINKS.format("m" * 30, "i" * 30), LINKS.format("m", "i"), "fr", SIZE),
        *(
            (form.format("Game", "Go"), form.format("Jeu", again), "fr", "landmark-unique")
            for form, again in (
                ("<nav aria-label={}>a</nav><nav aria-label={}>b</nav>", "Jeu"),
                ("<nav aria-label={}>a</nav><div role=navigation title={}>b</div>", "JEU"),
                (
                    "<section aria-labelledby=a><h2 id=a>{}</h2></section>"
                    "<section aria-label={}>b</section>",
                    "jeu",
                ),
            )
        ),
        (
            "<button><img src=data: width=50 alt=Game> Go</button>",
            "<button><img src=data: width=50 alt=Jeu> Jeu</button>",
            *("fr", "image-redundant-alt"),
        ),
        ("<img src=data: alt=''>", "<img src=data: alt=' '>", "fr", "image-alt"),
        (
            *(SCROLLED.format("Go"), SCROLLED.format("Jeu " * 30)),
            *("fr", "scrollable-region-focusable"),
        ),
    ],
)
def test_what_words_and_their_place_can_spoil_is_judged_on_each_page(
    device: Device, right: str, wrong: str, language: str, rule: str
) -> None:
    """Where a page of the same shape was right with other words."""
    shapes = Shapes()
    assert shapes.violations(show(device, right)) == []
    assert rule in in_doubt(show(device, wrong, language=language))
    assert rules(shapes.violations(device)) == {rule}


# --- places ---------------------------------------------------------------------------------------

BOX = "position: absolute; left: {}px; top: {}px; width: {}px; height: {}px"
LARGE, SMALL = (200, 200, 24.2, 24.2), (100, 200, 10, 10)


def placed(*boxes: tuple[float, float, float, float]) -> str:
    """Return links that lie there: left, top, width, height."""
    return "".join(f"<a href=/{n} style='{BOX.format(*box)}'>x</a>" for n, box in enumerate(boxes))


@pytest.mark.parametrize(
    "main",
    [
        placed(LARGE, (225, 200, 24.2, 24.2)),
        placed(SMALL, (117.2, 200, 24.2, 24.2)),  # 12.2 pixels from the middle of the small one
        placed(SMALL, (124.2, 200, 10, 10)),
        placed(SMALL, (100, 224.2, 10, 10)),
    ],
)
def test_targets_with_room_are_right_for_axe_core_too(device: Device, main: str) -> None:
    assert has_room(show(device, main))
    assert violations(device, only=(SIZE,)) == []


@pytest.mark.parametrize(
    "main",
    [
        placed(LARGE, (220, 210, 24.2, 24.2)),
        placed(LARGE, (205, 205, 10, 10)),
        placed(SMALL, (116, 200, 24.2, 24.2)),
        placed(SMALL, (122, 200, 10, 10)),
        placed(SMALL) + f"<div style='{BOX.format(105, 190, 9, 30)}'></div>",
        "<p style='width: 0'><a href=/a>i l</a></p>",  # in two lines
        f"<b role=button tabindex=0 style='{BOX.format(*SMALL)}'>b</b>" + placed((100, 212, 9, 9)),
    ],
)
def test_where_targets_have_less_room_axe_core_is_asked(device: Device, main: str) -> None:
    assert not has_room(show(device, main))
