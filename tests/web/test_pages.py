"""The list of pages is whole, each is right in every look, and pictures show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from copdns.web.health import healthz
from copdns.web.pages import LANGUAGE
from copdns.web.routes import ROUTES
from copdns.words.phrases import DESK_LANGUAGES, LANGUAGES
from tests.e2e.house import ROOT
from tests.running import Program
from tests.web.browsing import DESK, PHONE, Browsers, Device
from tests.web.pages import (
    CHILD,
    DEVICES,
    GUARDIAN,
    LOOKS,
    MOMENTS,
    NO_HTML,
    NOT_PAGES,
    PAGES,
    Look,
    Page,
    Who,
    example,
    take_screenshots,
    walk,
)
from tests.web.sparing import Colours, Shapes
from tests.web.style import style_page
from tests.whole import choose


def everything() -> web.Application:
    app = web.Application()
    app.router.add_routes(ROUTES)
    return app


READY = Page("/readyz", (Who.PLAIN, *GUARDIAN))


def unlisted(app: web.Application) -> set[str]:
    """Return the routes that people can open and that are not in the list of pages."""
    routes = {
        route.resource.canonical
        for route in app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    machines = {each for each in routes if each.startswith(NOT_PAGES)} | set(NO_HTML)
    return routes - machines - {page.route for page in PAGES}


def test_every_page_is_in_the_list() -> None:
    assert unlisted(everything()) == set()


def test_a_page_that_is_not_in_the_list_is_told() -> None:
    app = web.Application()
    app.router.add_get("/new/{code}", healthz)
    app.router.add_post("/ask", healthz)
    assert unlisted(app) == {"/new/{code}"}


def test_no_page_of_the_list_is_gone() -> None:
    routes = {resource.canonical for resource in everything().router.resources()}
    assert {page.route for page in PAGES} <= routes


@pytest.fixture(scope="module", params=sorted({band for _, band in DEVICES.values()}))
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, str]]:
    with example(tmp_path_factory.mktemp("family"), request.param) as program:
        yield program, request.param


# For what is the same for every age.
ONCE = pytest.mark.parametrize("family", ["7-9"], indirect=True)


OF_THE_DESK = sorted(set(DESK_LANGUAGES) - {look.language for look in LOOKS})
OTHERS = sorted(set(LANGUAGES) - {look.language for look in LOOKS})


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return Shapes()


@pytest.fixture(scope="module")
def colours() -> tuple[Colours, Colours]:
    """Those by day, and by night."""
    return Colours(), Colours()


NIGHT, WIDE = "at night", "on a wide screen"


@pytest.mark.parametrize("language", ["en", pytest.param("ar", marks=pytest.mark.whole)])
def test_every_page_is_right_in_every_look(
    browsers: Browsers,
    family: tuple[Program, str],
    language: str,
    shapes: Shapes,
    colours: tuple[Colours, Colours],
) -> None:
    """On a phone by day; then, of the same page, by night what is different there, its colours, and
    on a wide screen the rest, since no colour depends on the width.  Colours in one language; from
    that one, each page in the languages that have no look of their own, too.

    A run of a part has each page on a phone by day, and every second one in one more look, of which
    each has its turn.
    """
    program, band = family
    by_day, by_night = colours
    wrong = []
    for who in (each for each in Who if DEVICES[each][1] == band):
        if who in GUARDIAN and language not in DESK_LANGUAGES:
            continue  # the desk comes in English there, and that is another look
        pages = walk(browsers, program, who, Look("phone", "light", language))
        for number, (page, device) in enumerate(pages):
            found = faults(device, shapes)
            if not page.called.startswith("unfolded"):
                found += too_long(device)
            if language == "en":
                found += by_day.violations(device)
            looks = further_looks(page, who, language)
            # Counted apart: of an even number of looks, half would have no turn.
            part = [looks[number // 2 % len(looks)]] if number % 2 == 0 else []
            for look in choose(looks, part):
                further = faults_in(device, look, shapes, by_night)
                found += [f"{look}: {each}" for each in further]
            wrong += [f"{page.name} for {who}: {each}" for each in found]
    assert not wrong, "\n".join(["", *wrong])


def further_looks(page: Page, who: Who, language: str) -> list[str]:
    """Return in which looks a page is looked at after that on a phone by day: NIGHT, WIDE or the
    code of a language."""
    if language != "en":
        return [WIDE]
    others = OF_THE_DESK if who in GUARDIAN else choose(OTHERS, [*OTHERS, "ar"])
    return [NIGHT, WIDE, *([] if page.called else others)]


def faults_in(device: Device, look: str, shapes: Shapes, by_night: Colours) -> list[str]:
    """Return what is wrong with the page that is open in one more look; leave it as it was, but in
    another language where that was it."""
    if look == NIGHT:
        return night_faults(device, by_night)
    if look == WIDE:
        return wide_faults(device, shapes)
    speak(device, look)
    found = faults(device, shapes) + too_long(device)
    device.page.context.clear_cookies(name=LANGUAGE)
    return found


MOST_SCREENS = 4
FOLDS = 2  # at least, so that it is the sections that fold
# How many screens high a page is without news, which come and go and stand on each page; and
# whether it folds, is searched, or has its button in sight.  In one go: a call of Playwright's for
# each would take longer than all of them.
HEIGHT = """(folds) => {
    const news = [...document.querySelectorAll("#known-by, .done, .undo")];
    const high = news.reduce((sum, each) => sum + each.offsetHeight, 0);
    const main = document.querySelector("main");
    const all = (selector) => main ? main.querySelectorAll(selector).length : 0;
    return {
        screens: (document.documentElement.scrollHeight - high) / innerHeight,
        helped: all("details:not(#known-by, .undo)") >= folds || all("[role=search], .save") > 0,
    };
}"""


def too_long(device: Device) -> list[str]:
    """Return a complaint where the page that is open goes on and on, and nothing in it folds, is
    searched, or has its button in sight."""
    if device.page.url.endswith("/bad"):  # nobody in need has to find what folds
        return []
    height = device.measure(HEIGHT, FOLDS)
    if height["helped"] or height["screens"] <= MOST_SCREENS:
        return []
    return [f"{height['screens']:.2f} screens long"]


@ONCE
def test_a_page_that_goes_on_and_on_is_told(
    browsers: Browsers, family: tuple[Program, str]
) -> None:
    device = browsers.device(family[0], DEVICES[Who.FULL][0], PHONE)
    device.open("http://copdns.home.arpa/ticket")
    assert too_long(device) == []
    # News, of which older ones fold.
    device.page.evaluate("document.querySelector('#known-by')?.remove()")
    device.page.evaluate("document.styleSheets[0].insertRule('main { min-height: 450vh }')")
    assert len(too_long(device)) == 1
    fold = "document.querySelector('main').append(document.createElement('details'))"
    for _ in range(FOLDS - 1):
        device.page.evaluate(fold)
    assert len(too_long(device)) == 1
    device.page.evaluate(fold)
    assert too_long(device) == []


def wide_faults(device: Device, shapes: Shapes) -> list[str]:
    """Return what is wrong with the page that is open where the screen is wide."""
    phone = device.page.viewport_size
    assert phone is not None
    device.page.set_viewport_size({"width": DESK.width, "height": DESK.height})
    found = faults(device, shapes)
    device.page.set_viewport_size(phone)
    return found


@ONCE
def test_what_does_not_fit_on_a_wide_screen_is_told(
    browsers: Browsers, family: tuple[Program, str]
) -> None:
    device = browsers.device(family[0], DEVICES[Who.FULL][0], PHONE)
    device.open("http://copdns.home.arpa/help")
    wide = f"@media (min-width: 50rem) {{ main {{ min-width: {DESK.width + 100}px }} }}"
    device.page.evaluate("rule => document.styleSheets[0].insertRule(rule)", wide)
    assert faults(device, Shapes()) == []
    assert any("wider than the screen" in each for each in wide_faults(device, Shapes()))
    assert faults(device, Shapes()) == []


def test_no_colour_depends_on_the_width_of_the_screen() -> None:
    for sheet in SHEETS:
        assert colours_by_width(sheet.read_text()) == [], sheet.name
    wide = "@media (min-width: 36rem) { .card { gap: 1rem; background: var(--tint) } }"
    assert colours_by_width(f"body {{ color: red }} {wide}") == ["background: var(--tint)"]


SHEETS = sorted((ROOT / "web-ui" / "static").glob("*.css"))
COLOURED = re.compile(r"(?:[a-z-]*color|background[a-z-]*|opacity|filter|--[a-z-]+): *[^;}]+")
LENGTH = re.compile(r"--[a-z-]+: *(?:[\d.]+r?em|right|left)$")  # of no colour


def colours_by_width(style: str) -> list[str]:
    """Return what a style sheet says of colours for screens of one width only."""
    found = []
    for place in re.finditer(r"@media[^{]*width[^{]*{", style):
        depth, end = 1, place.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(style[end], 0)
            end += 1
        inside = COLOURED.findall(style[place.end() : end])
        found += [each.strip() for each in inside if not LENGTH.match(each.strip())]
    return found


def night_faults(device: Device, seen: Colours) -> list[str]:
    """Return what is wrong with the colours of the page that is open, where the screen is dark."""
    device.page.emulate_media(color_scheme="dark")
    found = seen.violations(device)
    device.page.emulate_media(color_scheme="light")
    return found


@ONCE
def test_what_cannot_be_read_at_night_is_told(
    browsers: Browsers, family: tuple[Program, str]
) -> None:
    device = browsers.device(family[0], DEVICES[Who.FULL][0])
    device.open("http://copdns.home.arpa/help")
    black = "@media (prefers-color-scheme: dark) { p { color: #222; background: #000 } }"
    device.page.evaluate("rule => document.styleSheets[0].insertRule(rule)", black)
    assert Colours().violations(device) == []
    assert any(each.startswith("color-contrast") for each in night_faults(device, Colours()))


def faults(device: Device, shapes: Shapes) -> list[str]:
    """Return what is wrong with the page that is open, but for its colours, which are the same in
    every language.

    shapes: those of pages that were right in any language, on any screen.
    """
    found = shapes.violations(device) + device.complaints
    if device.too_wide > 0:
        found.append(f"{device.too_wide} pixels wider than the screen")
    device.complaints.clear()
    return found


def speak(device: Device, language: str) -> None:
    """Open the page that is open in another language, as somebody chose it there."""
    chosen = {"name": LANGUAGE, "value": language, "url": device.page.url}
    device.page.context.add_cookies([chosen])  # type: ignore[list-item]  # a TypedDict
    device.reload()
    told = str(device.measure("document.documentElement.lang"))
    assert told.partition("-")[0] == language


@ONCE
@pytest.mark.parametrize("language", ["en", "ar"])
def test_each_part_is_right_in_every_look(
    browsers: Browsers, family: tuple[Program, str], language: str
) -> None:
    """Those of docs/style-of-pages.md, on a page that shows each."""
    device = browsers.device(family[0], DEVICES[Who.FULL][0], PHONE)
    page = style_page(language)
    device.page.route("**/style", lambda route: route.fulfill(body=page, content_type="text/html"))
    device.open("http://copdns.home.arpa/style")
    shapes = Shapes()
    found = [*faults(device, shapes), *Colours().violations(device)]
    found += [*night_faults(device, Colours()), *wide_faults(device, shapes)]
    assert not found, "\n".join(["", *found])


@ONCE
def test_paper_is_white_where_the_screen_is_dark(
    browsers: Browsers, family: tuple[Program, str]
) -> None:
    tickets = [page for page in MOMENTS if page.called == "tickets-made"]
    look = Look("desk", "dark", "en")
    for _, device in walk(browsers, family[0], Who.GUARDIAN, look, tickets):
        assert background(device) != "rgb(255, 255, 255)"
        device.page.emulate_media(media="print")
        assert background(device) == "rgb(255, 255, 255)"


def background(device: Device) -> str:
    card = device.page.locator(".card").first
    return str(card.evaluate("(each) => getComputedStyle(each).backgroundColor"))


@pytest.mark.whole
def test_pictures_are_of_each_reader_in_each_look(browsers: Browsers, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    taken = take_screenshots(browsers, folder, tmp_path, [READY], LOOKS[:2])
    assert taken == 4
    assert {path.name for path in folder.iterdir()} == {
        "readyz-guardian-phone-light-en.png",
        "readyz-guardian-phone-light-ar.png",
        "readyz-plain-phone-light-en.png",
        "readyz-plain-phone-light-ar.png",
    }


@pytest.mark.parametrize(
    ("route", "name"), [("/", "door"), ("/why/{code}", "why-code"), ("/guardian/", "guardian")]
)
def test_a_picture_is_named_for_its_page(route: str, name: str) -> None:
    assert Page(route, CHILD).name == name
