"""A provider's staff in a browser: they log in, and each page is right in both looks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import pytest

from copdns.words.phrases import LANGUAGES
from tests.postgres_server import running_postgres
from tests.unit.store.filled_staff import VISITS, fill_staff, fill_statement
from tests.unit.store.staff_site import Site, running_site
from tests.web.browsing import DESK, PHONE, Device, Screen
from tests.web.sparing import Colours, Shapes
from tests.whole import choose

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.once

OPEN_ALL = "document.querySelectorAll('main details').forEach((each) => each.open = true)"
PICTURES = os.environ.get("COPDNS_STAFF_PICTURES", "")  # a folder for pictures of them


@contextmanager
def served(folder: Path, fill: Callable[[Site], Awaitable[None]]) -> Iterator[Site]:
    """Run the staff's site in a thread of its own; fill: writes what its pages show."""
    found: Future[Site] = Future()
    ended = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve(postgres: str) -> None:
        try:
            async with running_site(postgres, folder) as site:
                await fill(site)
                found.set_result(site)
                await ended.wait()
        except BaseException as error:
            if not found.done():
                found.set_exception(error)
            raise

    with running_postgres() as postgres:
        thread = Thread(target=lambda: loop.run_until_complete(serve(postgres)))
        thread.start()
        try:
            yield found.result()
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
            loop.close()


def device(chromium: Browser, screen: Screen, *, dark: bool) -> Device:
    context = chromium.new_context(
        viewport={"width": screen.width, "height": screen.height},
        has_touch=screen.touched,
        is_mobile=screen.touched,
        color_scheme="dark" if dark else "light",
    )
    return Device(context.new_page(), cast(Any, None))


def ask_about_a_club(browser: Device, site: Site) -> None:
    """Open the answer of the public's form."""
    browser.open(f"{site.origin}/blocked")
    browser.page.fill("#name", "www.club.example")
    browser.follow("Enter")  # until its style sheet is there: it is measured next
    browser.page.wait_for_selector("#answer")


def read_the_statement(browser: Device, site: Site) -> None:
    """Open the public statement, with all that can be opened there."""
    browser.open(f"{site.origin}/blocked/statement")
    browser.page.evaluate(OPEN_ALL)


def of_public_page(
    chromium: Browser,
    site: Site,
    show: Callable[[Device, Site], None],
    screen: Screen,
    languages: Sequence[str],
    *,
    dark: bool,
) -> list[str]:
    """Return what is wrong with a page of the public, in some languages; by night in Chinese."""
    wrong, shapes, browser = [], Shapes(), device(chromium, screen, dark=dark)
    for language in ("zh",) if dark else languages:
        where, colours = f"{show.__name__} {screen.width} {language}: ", Colours()
        browser.page.set_extra_http_headers({"Accept-Language": language})
        show(browser, site)
        if PICTURES:
            name = f"{show.__name__}-{screen.width}-{language}.png"
            browser.screenshot(Path(PICTURES) / name)
        if browser.too_wide > 0:
            wrong.append(where + f"{browser.too_wide} px too wide")
        if not dark:
            wrong += [where + line for line in shapes.violations(browser)]
        wrong += [where + line for line in colours.violations(browser)]
    browser.close()
    return wrong


# Each page in each language; axe-core reads the two longer ones.  A run of a part has one of them.
LOOKS = choose(
    ((PHONE, False, ("fr", "es")), (DESK, True, ("en",))),
    ((PHONE, False, ("es",)),),
)


def test_staff_log_in_and_each_page_is_right_in_both_looks_and_in_each_language(
    chromium: Browser, tmp_path: Path
) -> None:
    wrong: list[str] = []
    with served(tmp_path, fill_staff) as site:
        for screen, dark, languages in LOOKS:
            colours, shapes = Colours(), Shapes()
            for who, pages in VISITS:
                browser = device(chromium, screen, dark=dark)
                site.sign_on.subject = f"subject of {who}"
                browser.open(f"{site.origin}/staff/{pages[0]}")
                browser.tap("Log in")  # to the sign-on, and back to the page that was wanted
                browser.page.wait_for_url(f"{site.origin}/staff/{pages[0]}")
                for each in pages:
                    for language in languages:
                        where = f"{who} {each} {screen.width} {language}: "
                        browser.page.set_extra_http_headers({"Accept-Language": language})
                        browser.open(f"{site.origin}/staff/{each}")
                        browser.page.evaluate(OPEN_ALL)
                        if PICTURES:
                            name = f"{each.replace('/', '-')}-{who}-{screen.width}-{language}.png"
                            browser.screenshot(Path(PICTURES) / name)
                        if browser.too_wide > 0:
                            wrong.append(where + f"{browser.too_wide} px too wide")
                        if not dark:  # by night only the colours are others
                            wrong += [where + line for line in shapes.violations(browser)]
                        wrong += [where + line for line in colours.violations(browser)]
                wrong += [f"{who}: {each}" for each in browser.complaints if "401" not in each]
                browser.close()
            asked = choose(LANGUAGES, ("fr", "ar"))
            wrong += of_public_page(chromium, site, ask_about_a_club, screen, asked, dark=dark)
    assert not wrong, "\n".join(wrong)


def test_the_public_statement_is_right_in_both_looks_from_both_sides_and_with_long_words(
    chromium: Browser, tmp_path: Path
) -> None:
    wrong: list[str] = []
    with served(tmp_path, fill_statement) as site:
        for screen, dark, _ in LOOKS:
            # tests/unit/store has it in each.
            languages = choose(("en", "ar", "ru"), ("ar", "ru"))
            wrong += of_public_page(
                chromium, site, read_the_statement, screen, languages, dark=dark
            )
    assert not wrong, "\n".join(wrong)
