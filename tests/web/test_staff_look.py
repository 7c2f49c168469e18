"""A provider's staff in a browser: they log in, and each page is right in both looks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import pytest

from copdns.provider.law.edits import DAY
from copdns.provider.rollout.rollouts import (
    FleetNode,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
)
from copdns.store.provider_db.rollout_rows import RolloutStore
from tests.postgres_server import running_postgres
from tests.provider_staff import DOCUMENT, NOW
from tests.unit.store.staff_site import Site, running_site
from tests.unit.store.test_staff_routes import ORDER
from tests.web.browsing import DESK, PHONE, Device, Screen
from tests.web.sparing import Colours, shape, violations_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.once

# Who looks at each page, and how many it is about.
VISITS = (
    ("rev", ("me", "desk", "desk/1", "desk/1/text", "statement", "report/2026-Q3")),
    ("ada", ("me", "orders", "orders/12", "orders/10", "orders/10/names", "security")),
    ("ada", ("preservations", "entries", "people", "rollouts")),
)
OPEN_ALL = "document.querySelectorAll('main details').forEach((each) => each.open = true)"
PICTURES = os.environ.get("COPDNS_STAFF_PICTURES", "")  # a folder for pictures of them


async def fill(site: Site) -> None:
    """Write what each page has something of."""
    ada, bo, rev = [await site.logged_in(who) for who in ("ada", "bo", "rev")]
    _, made = await ada.post("/staff/orders", {**ORDER, "is_confidential": True})
    await bo.post(f"/staff/orders/{made['number']}/confirm")
    await bo.post(
        "/staff/orders", {**ORDER, "reference": "2 O 5/26", "link": "https://a.example/o"}
    )
    name = {"layer": "security", "name": "evil.example", "why": "It steals passwords."}
    _, made = await ada.post("/staff/security", {**name, "ends": NOW + DAY})
    await bo.post(f"/staff/security/{made['number']}/confirm")
    await bo.post("/staff/security", {**name, "name": "bad-bank.example", "ends": NOW + DAY})
    request = {"authority": "A court", "reference": "4 Gs 1/26", "country": "FR", "keeper": "bo"}
    times = {"since": NOW - DAY, "through": NOW - 60, "ends": NOW + DAY, "document": DOCUMENT}
    await bo.post("/staff/preservations", {**request, **times, "records": ["bindings", "orders"]})
    case = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
    await rev.post("/staff/desk", {**case, "reason": "harmless"})
    assert site.households
    rollouts = RolloutStore(site.households.pool)
    kinds = {RolloutKind.LISTS: RolloutState.STOPPED, RolloutKind.PACKAGE: RolloutState.UNDONE}
    for kind, state in kinds.items():
        step = RolloutStep(NOW, "copdns", RolloutStage.SITE, state, "14.0% blocked")
        rollouts.begin(kind, str(state), {"a": str(state).encode()}, "root", NOW)
        rollouts.add_step(rollouts.load()[-1].number, lambda _, step=step: step)  # type: ignore[misc]
    rollouts.report(FleetNode("n1", "north", True, NOW))


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Run the staff's site in a thread of its own."""
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


def test_staff_log_in_and_each_page_is_right_in_both_looks(
    chromium: Browser, tmp_path: Path
) -> None:
    wrong: list[str] = []
    with served(tmp_path) as site:
        for screen, dark in ((PHONE, False), (DESK, True)):
            colours, known = Colours(), ""
            for who, pages in VISITS:
                browser = device(chromium, screen, dark=dark)
                site.sign_on.subject = f"subject of {who}"
                browser.open(f"{site.origin}/staff/{pages[0]}")
                browser.tap("Log in")  # to the sign-on, and back to the page that was wanted
                browser.page.wait_for_url(f"{site.origin}/staff/{pages[0]}")
                for each in pages:
                    browser.open(f"{site.origin}/staff/{each}")
                    browser.page.evaluate(OPEN_ALL)
                    where = f"{who} {each} {screen.width}: "
                    if PICTURES:
                        look = "dark" if dark else "light"
                        name = f"{each.replace('/', '-')}-{who}-{screen.width}-{look}.png"
                        browser.screenshot(Path(PICTURES) / name)
                    if browser.too_wide > 0:
                        wrong.append(where + f"{browser.too_wide} px too wide")
                    if not dark:  # by night only the colours are others
                        wrong += [where + line for line in violations_in(browser, known)]
                    wrong += [where + line for line in colours.violations(browser)]
                    known = shape(browser)
                wrong += [f"{who}: {each}" for each in browser.complaints if "401" not in each]
                browser.close()
    assert not wrong, "\n".join(wrong)
