"""A week of the example family, told by the pages that they read.

python -m tests.web.week FOLDER writes a picture of each, and a page that shows them in a row.

Nothing waits: time is a value that the story sets on.  The pages come from the web application
itself, without a socket of DNS, and are looked at as files.
"""

from __future__ import annotations

import asyncio
import html
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from copdns.model.times import Budget, Schedule, Topic, TopicKind
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import save_unknown_devices
from copdns.time.schedule import parse_slots
from tests.conftest import ROOT
from tests.home import MINUTE, Home
from tests.household import MIA, TOM, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text, the_only

ZONE = ZoneInfo("Europe/London")
MONDAY = date(2026, 3, 30)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RULE = replace(block("toys.example", "mia", note="Strangers can write to you there."), id="r1")
BEDTIME = Schedule(
    "mia-bedtime", "mia", parse_slots("daily 20:00-06:30"), note="Sleep makes you strong."
)
PLAY = Budget("mia-games", "mia", (("daily", 30),), (Topic(TopicKind.CATEGORY, "games"),))
TABLET = "02:00:00:00:00:01"
TIME = "/guardian/time/mia"


# A phone shows a part of a page only; its menu stands in front of the lowest part.
_SHOW = """(each) => {
    if (each.getBoundingClientRect().bottom > innerHeight - 90)
        each.scrollIntoView({ block: "center" });
}"""


class Scene(NamedTuple):
    """What somebody reads at a moment.

    when: as "Monday 16:30".  who: Mia or Ada.  tells: the sentence under the picture.
    page: the HTML.  says: what of it the picture has to show.
    """

    when: str
    who: str
    tells: str
    page: str
    says: str

    @property
    def name(self) -> str:
        """Return the part of a file's name."""
        return f"{self.when}-{self.who}".lower().replace(" ", "-").replace(":", "")


class Week:
    """The family's house in this week, and the browsers of Mia and Ada.

    A page that does not say what its scene is about stops the story.
    """

    def __init__(self) -> None:
        start = datetime.combine(MONDAY, time(16), ZONE).timestamp()
        house = family(
            MIA, TOM, rules=(RULE,), schedules=(BEDTIME,), budgets=(PLAY,), timezone=ZONE.key
        )
        self.home = Home(house, library(categories={"games": ["games.example"]}), at=start)
        self.site = Site(self.home)
        self.when = ""
        self.mia: Client
        self.ada: Client

    async def come(self, day: str, clock: str) -> None:
        """Let time go by until a moment of the week."""
        self.when = f"{day} {clock}"
        date_ = MONDAY + timedelta(days=DAYS.index(day))
        moment = datetime.combine(date_, time.fromisoformat(clock), ZONE).timestamp()
        self.home.leap(moment - self.home.clock.wall)
        await self.follow()

    async def follow(self) -> None:
        await self.site.follow()
        self.site.readings = self.home.readings

    async def reads(self, who: str, path: str, says: str, tells: str) -> Scene:
        """Let somebody read a page."""
        self.site.who = who.lower()
        page = await text(self.mia if who == "Mia" else self.ada, path)
        return self._scene(who, page, says, tells)

    async def does(self, who: str, path: str, says: str, tells: str, **fields: str) -> Scene:
        """Let somebody send a form, and read what comes of it."""
        self.site.who = who.lower()
        page = await send(self.mia if who == "Mia" else self.ada, path, **fields)
        await self.follow()
        return self._scene(who, page, says, tells)

    async def mark_of(self, action: str) -> str:
        """Return by which mark a form of Ada's page about Mia's time is sent once only."""
        self.site.who = "ada"
        page = (await text(self.ada, TIME)).partition(f'action="{action}"')[2]
        return page.partition('name="seen" value="')[2].partition('"')[0]

    def _scene(self, who: str, page: str, says: str, tells: str) -> Scene:
        if says not in page:
            raise AssertionError(f"{self.when}: {who} does not read {says!r}")
        return Scene(self.when, who, tells, page, html.unescape(says))

    async def play(self, minutes: int) -> None:
        """Let Mia play on her phone."""
        for _ in range(minutes):
            self.home.ask("mia", "games.example")
            self.home.wait(MINUTE)
        await self.follow()


async def story() -> AsyncIterator[Scene]:
    """Tell the week from Monday to Sunday, scene by scene."""
    week = Week()
    site = week.site
    async with (
        site.prepared(),
        TestServer(site.app) as server,
        TestClient(server, cookie_jar=CookieJar(unsafe=True)) as week.mia,
        TestClient(server, cookie_jar=CookieJar(unsafe=True)) as week.ada,
    ):
        await send(week.mia, "/device")
        await set_up(site)
        site.who = "ada"
        await log_in(week.ada)
        async for scene in _first_days(week):
            yield scene
        async for scene in _last_days(week):
            yield scene


async def _first_days(week: Week) -> AsyncIterator[Scene]:
    site = week.site
    await week.come("Monday", "16:30")
    site.log.flush()  # makes the file
    seen = UnknownDevice("home", "u1", "", TABLET, "192.0.2.77", "tablet", site.now, site.now)
    save_unknown_devices(site.folder, [seen])
    yield await week.reads(
        "Ada", "/guardian/devices", "tablet", "A tablet is at home that is nobody's yet."
    )
    yield await week.does(
        "Ada",
        "/guardian/unknown/u1/name",
        "Mia&#39;s tablet",
        "Ada says whose it is.",
        name="Mia's tablet",
        profile="mia",
    )
    await week.come("Tuesday", "17:00")
    week.home.ask("mia", "toys.example")
    yield await week.reads(
        "Mia", "/", RULE.note, "A site does not open; Mia reads the reason, and how to ask."
    )
    yield await week.does(
        "Mia",
        "/ask",
        "toys.example",
        "She asks, in her own words.",
        name="toys.example",
        why="friends",
        wanted="1h",
        words="Tom wants to show me his chess club there.",
    )
    await week.come("Wednesday", "17:30")
    appeal = await the_only(site)
    yield await week.reads(
        "Ada", f"/guardian/appeals/{appeal}", "chess club", "Ada reads them the day after."
    )
    yield await week.does(
        "Ada",
        f"/guardian/appeals/{appeal}/decide",
        "toys.example",
        "She says yes, for an hour.",
        state="granted",
        lasts="1h",
        reason="fair_enough",
    )
    yield await week.reads("Mia", f"/ask/{appeal}", "Yes", "Mia reads the answer and its reason.")
    await week.come("Wednesday", "20:10")
    yield await week.reads("Mia", "/", BEDTIME.note, "Bedtime: the house sleeps, and says why.")


async def _last_days(week: Week) -> AsyncIterator[Scene]:
    await week.come("Thursday", "16:30")
    await week.play(35)
    yield await week.reads("Mia", "/", "games", "The half hour of games is used up.")
    yield await week.does(
        "Ada",
        f"{TIME}/more",
        "15",
        "Ada gives a quarter of an hour more.",
        minutes="15",
        seen=await week.mark_of(f"{TIME}/more"),
    )
    await week.come("Friday", "18:00")
    yield await week.does(
        "Ada", f"{TIME}/bedtime", "21:00", "Tonight bedtime begins at nine.", at="21:00"
    )
    await week.come("Friday", "20:30")
    yield await week.reads("Mia", "/", "The internet is on", "At half past eight it is still on.")
    await week.come("Saturday", "12:30")
    yield await week.does(
        "Ada", f"{TIME}/pause", "Pause", "Lunch: a pause of half an hour.", lasts="30"
    )
    yield await week.reads("Mia", "/", "13:00", "Mia sees until when.")
    await week.come("Sunday", "18:00")
    yield await week.reads("Ada", "/guardian/month", "April 2026", "The month, to talk over.")
    yield await week.reads("Mia", "/month", "April 2026", "And the same month as Mia has it.")


def write(scenes: list[Scene], folder: Path) -> None:
    """Write each page as a file, and one that tells the story with their pictures."""
    shutil.copytree(ROOT / "web-ui" / "static", folder / "static", dirs_exist_ok=True)
    row = '<figure><img src="{0}.png" width="390" alt="{1}"><figcaption>{2}</figcaption></figure>'
    shown = []
    for number, scene in enumerate(scenes, 1):
        name = f"{number:02}-{scene.name}"
        here = scene.page.replace('"/static/', '"static/')
        (folder / f"{name}.html").write_text(here)
        told = html.escape(f"{scene.when}, {scene.who}: {scene.tells}")
        shown.append(row.format(name, told, told))
    page = "<!doctype html><html lang=en><meta charset=utf-8><title>A week</title>"
    (folder / "index.html").write_text(f"{page}<h1>A week</h1>{''.join(shown)}")


async def _all() -> list[Scene]:
    return [scene async for scene in story()]


def main(argument: str) -> None:
    from tests.web.browsing import CHROMIUM, PHONE, launched  # Playwright, which a test needs not
    from tests.web.screenshots import found

    folder = Path(argument)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = asyncio.run(_all())
    write(scenes, folder)
    with ExitStack() as stack:
        chromium = stack.enter_context(launched(found("chromium", *CHROMIUM)))
        size = {"width": PHONE.width, "height": PHONE.height}
        page = chromium.new_context(viewport=size, offline=True).new_page()
        for each, scene in zip(sorted(folder.glob("[0-9]*.html")), scenes, strict=True):
            page.goto(each.absolute().as_uri())
            about = page.locator("main").get_by_text(scene.says).locator("visible=true").first
            about.evaluate(_SHOW)
            page.screenshot(path=each.with_suffix(".png"))
    sys.stdout.write(f"{folder}/index.html\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
