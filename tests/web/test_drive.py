"""One browser serves all files of a process, and is in nobody's way between them."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import find_tool
from tests.web.browsing import CHROMIUM, WINDOWLESS, Drive


async def times(first: int, second: int) -> int:
    return await asyncio.to_thread(int.__mul__, first, second)


@pytest.mark.tools
def test_a_browser_stays_while_other_loops_run(drive: Drive) -> None:
    path = find_tool(WINDOWLESS, *CHROMIUM)
    with drive.awake():
        browser = drive.browser(path)
        page = browser.new_page()
    assert asyncio.run(times(6, 7)) == 42
    with drive.awake():
        assert drive.browser(path) is browser
        assert page.evaluate("6 * 7") == 42
        page.close()


@pytest.mark.tools
def test_another_takes_the_place_of_one_that_ended(drive: Drive) -> None:
    path = find_tool(WINDOWLESS, *CHROMIUM)
    with drive.awake():
        first = drive.browser(path)
        first.close()
        assert drive.browser(path) is not first
        assert drive.browser(path).is_connected()
