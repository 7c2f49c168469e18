"""Beside each end stands what may go on, and of a device without a browser what is off there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from copdns.household.edits import set_device
from copdns.model.household import Band, DeviceKind
from copdns.model.times import Budget, PauseSpan, Schedule
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import MIA, TOM, block, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

GOES_ON = {
    Band.TO_9: "If a film, game or call has already started, it might carry on for a bit.",
    Band.TO_12: "If a film, a game or a call has already started, it might carry on for a while.",
    Band.TO_15: "A block only stops new things from opening.",
}
NIGHT = Schedule("night", "mia", parse_slots("daily 00:00-24:00"))
LIMIT = Budget("screen", "mia", (("daily", 30),))


@pytest.fixture
def band() -> Band:
    return MIA.band


@pytest.fixture
def home(band: Band) -> Home:
    rule = replace(block("toys.example", "mia"), id="r1")
    return Home(family(replace(MIA, band=band), TOM, rules=(rule,)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await set_up(site)
        yield made


async def put(site: Site, **fields: object) -> None:
    edit = partial(replace, **fields)
    await site.store.change("home", edit, author="", what="", now=site.now)  # type: ignore[arg-type]
    await site.follow()


@pytest.mark.parametrize("band", GOES_ON)
async def test_beside_each_end_stands_what_may_go_on(
    client: Client, site: Site, home: Home, band: Band
) -> None:
    told = GOES_ON[band]
    assert told not in await text(client, "/"), "nothing ends"
    await put(site, budgets=(LIMIT,))
    assert (await text(client, "/")).count(told) == 1, "a limit"
    await put(site, budgets=(LIMIT,), schedules=(NIGHT,))
    assert (await text(client, "/")).count(told) == 1, "bedtime, once for a page"
    await put(site, budgets=(), schedules=(), pauses=(PauseSpan("mia", site.now),))
    assert (await text(client, "/")).count(told) == 1, "a pause"
    await put(site, pauses=())
    await send(client, "/ask", name="toys.example", wanted="1h")
    (appeal,) = await site.appeals.appeals("home")
    await put(site, budgets=(LIMIT,))
    assert told not in await text(client, f"/ask/{appeal.id}"), "what only waits ends nothing"
    await put(site, budgets=())
    await log_in(client)
    page = f"/guardian/appeals/{appeal.id}"
    yes = await text(client, page)
    assert yes.count("Anything that is already running may carry on for a while") == 1
    assert yes.index(">Allow</button>") < yes.index("Anything that is already running"), "in sight"
    await send(client, f"{page}/decide", state="granted", lasts="1h", reason="fair_enough")
    await site.follow()
    assert told in await text(client, f"/ask/{appeal.id}"), "a permission"
    for path in ("/guardian/", "/guardian/time/mia"):
        assert "Anything that is already running may carry on for a while" in await text(
            client, path
        )


async def test_a_device_without_a_browser_is_told_of_on_its_persons_page(
    client: Client, site: Site
) -> None:
    assert "On devices without this page" not in await text(client, "/")
    edit = partial(set_device, device_id="mia-phone", kind=DeviceKind.CONSOLE)
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    page = await text(client, "/")
    assert "They are on now." in page.partition("On devices without this page")[2]
    await put(site, schedules=(Schedule("night", "mia", parse_slots("daily 10:00-22:30")),))
    elsewhere = (await text(client, "/")).partition("On devices without this page")[2]
    assert "(game console)" in elsewhere
    assert "The internet is off" in elsewhere
    assert "22:30" in elsewhere.partition("</section>")[0], "and for how long"
    client.session.cookie_jar.clear()
    assert "On devices without this page" not in await text(client, "/"), "a browser of nobody's"
