"""The parts of a page that look for news (copdns.js): news is put there, and nothing else changes.

A page is served without the program, by the browser itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.house import ROOT, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

HERE = "http://copdns.example/"
SCRIPT = (ROOT / "web-ui" / "static" / "copdns.js").read_text()
PAGE = """<!doctype html><script src="/copdns.js" defer></script>
<div id="answers" data-fresh="0.02">{news}<details><summary>2 more</summary>older</details></div>"""


@pytest.mark.tools
def test_what_a_reader_unfolded_stays_so_until_there_is_news(chromium: Browser) -> None:
    page, news, looks = chromium.new_page(), ["Sent"], [0]

    def serve(route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(body=SCRIPT, content_type="text/javascript")
            return
        looks[0] += 1
        route.fulfill(body=PAGE.format(news=news[0]), content_type="text/html")

    page.route("**/*", serve)
    page.goto(HERE)
    page.locator("summary").click()
    so_far = looks[0]
    # What the page asks for is served while Playwright is asked something.
    eventually(lambda: bool(page.evaluate("true")) and looks[0] > so_far + 3)
    assert page.locator("details").evaluate("each => each.open"), "no news came"
    news[0] = "Yes"
    eventually(lambda: "Yes" in page.inner_text("#answers"))
    page.close()
