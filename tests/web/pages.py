"""Every page that people read, as data: what screenshots show and what axe-core looks at.

A page that is missing here fails tests/web/test_pages.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from copdns.appeal import Ask, Kind, Objected
from copdns.model import Action, Reason
from copdns.setup import Step
from copdns.store.accounts import Accounts
from copdns.store.appeals import AppealStore
from copdns.store.household import HouseholdStore
from copdns.store.thread import StoreThread
from copdns.store.whose import Pairings
from tests.e2e.house import ADA, MIA, ROOT, TOM
from tests.running import Program, running
from tests.web.browsing import DESK, PHONE, Browsers, Device, Screen

T = TypeVar("T")

DOOR = "http://copdns.home.arpa/"
DESK_LOGIN, SET_UP = f"{DOOR}guardian/login", f"{DOOR}guardian/setup"
PASSWORD = "seven green bottles"


class Who(StrEnum):
    """Who reads: a child by the level of its texts, or a guardian."""

    PICTURES = "pictures"
    PLAIN = "plain"
    FULL = "full"
    GUARDIAN = "guardian"


CHILD = (Who.PICTURES, Who.PLAIN, Who.FULL)
GUARDIAN = (Who.GUARDIAN,)


class Page(NamedTuple):
    """A page.

    route: as in copdns/web/routes.py.  who: all who read it.  path: how it is opened, where that
    is not the route itself; {code} and its like are filled in by `scene`.
    """

    route: str
    who: tuple[Who, ...]
    path: str = ""

    @property
    def name(self) -> str:
        """Return the page's part of a file's name: "why-code" for "/why/{code}"."""
        where = self.path.partition("?")[0] or self.route
        return "-".join(where.replace("{", "").replace("}", "").split("/")).strip("-") or "door"


PAGES: tuple[Page, ...] = (
    Page("/", CHILD),
    Page("/why/{code}", CHILD),
    Page("/rules", CHILD),
    Page("/month", CHILD),
    Page("/check", CHILD, "/check?name=games.example"),
    Page("/ask", CHILD, "/ask?name=chess2.games.example"),
    Page("/ask/{appeal}", CHILD),
    Page("/protection", (Who.PLAIN,)),
    Page("/protection/{code}", (Who.PLAIN, Who.FULL), "/protection/k7qf2m9d"),
    Page("/guardian/login", GUARDIAN),
    Page("/guardian/setup", GUARDIAN),
    Page("/guardian/", GUARDIAN),
    Page("/guardian/wizard", GUARDIAN),
    *(Page("/guardian/wizard/{step}", GUARDIAN, f"/guardian/wizard/{each}") for each in Step),
    Page("/guardian/checks", GUARDIAN),
    Page("/guardian/me", GUARDIAN),
    Page("/guardian/me/factor", GUARDIAN),
    Page("/guardian/accounts", GUARDIAN),
    Page("/guardian/join", GUARDIAN),
    Page("/guardian/notices", GUARDIAN),
    Page("/guardian/inbox", GUARDIAN),
    Page("/guardian/appeals/{appeal}", GUARDIAN),
    Page("/guardian/time", GUARDIAN),
    Page("/guardian/time/{person}", GUARDIAN, "/guardian/time/mia"),
    Page("/guardian/calendar", GUARDIAN),
    Page("/guardian/tickets", GUARDIAN),
    Page("/guardian/people", GUARDIAN),
    Page("/guardian/people/{person}", GUARDIAN, "/guardian/people/mia"),
    Page("/guardian/people/{person}/closed", GUARDIAN, "/guardian/people/mia/closed"),
    Page("/guardian/people/{person}/search", GUARDIAN, "/guardian/people/mia/search"),
    Page("/guardian/people/{person}/preset", GUARDIAN, "/guardian/people/mia/preset?band=13-15"),
    Page(
        "/guardian/people/{person}/rules", GUARDIAN, "/guardian/people/mia/rules?name=games.example"
    ),
    Page("/guardian/people/{person}/open", GUARDIAN, "/guardian/people/mia/open"),
    Page("/guardian/people/{person}/kept", GUARDIAN, "/guardian/people/mia/kept"),
    Page("/guardian/house", GUARDIAN),
    Page("/guardian/devices", GUARDIAN),
    Page("/guardian/names", GUARDIAN),
    Page("/guardian/month", GUARDIAN),
    Page("/guardian/lists", GUARDIAN),
    Page("/guardian/log", GUARDIAN),
    Page("/guardian/numbers", GUARDIAN),
    Page("/guardian/changes", GUARDIAN),
    Page("/guardian/settings", GUARDIAN),
    Page("/guardian/targets", GUARDIAN),
    Page("/guardian/agreement/{profile}", GUARDIAN, "/guardian/agreement/tom"),
    Page("/me", CHILD),
    Page("/consent", GUARDIAN),
    Page("/help", CHILD),
    Page("/bad", CHILD),
    Page("/whose", CHILD),
    Page("/ticket", CHILD),
)

# Read by machines.
NOT_PAGES = ("/healthz", "/readyz", "/metrics", "/static", "/api")
# Text to be sent on, and an address that leads on to a page.
NO_HTML = ("/guardian/appeals/{appeal}/report", "/guardian")
NOT_PAGES = (
    *("/healthz", "/readyz", "/metrics", "/static", "/api"),
    *("/protection/dot", "/guardian/log/live", "/me/data.json"),
)


class Look(NamedTuple):
    """How a page is shown."""

    size: str
    light: str
    language: str

    @property
    def screen(self) -> Screen:
        return {"phone": PHONE, "desk": DESK}[self.size]


LOOKS = tuple(Look(*each) for each in product(("phone", "desk"), ("light", "dark"), ("en", "ar")))

# Whose device it is, and what the example family's Mia is for it: texts of the middle level are
# for those of 10 to 12.
DEVICES = {
    Who.PICTURES: (MIA, "7-9"),
    Who.PLAIN: (MIA, "10-12"),
    Who.FULL: (TOM, "7-9"),
    Who.GUARDIAN: (ADA, "7-9"),
}


@contextmanager
def example(folder: Path, band: str = "7-9") -> Iterator[Program]:
    """Run the program with the example family, in which Mia has this preset."""
    family = (ROOT / "config" / "household-example.yaml").read_text()
    changed = family.replace("preset: 7-9", f"preset: {band}")
    (folder / "household.yaml").write_text(changed)
    with running(folder, {"household": str(folder / "household.yaml")}) as program:
        yield program


def at_home(device: Device, program: Program, who: Who) -> Mapping[str, str]:
    """Make a browser the known one of its device, or log a guardian in; let something happen that
    pages can tell of.  Return what fills in their paths."""
    if who is Who.GUARDIAN:
        log_in(device, program)
    else:
        pair(device, program)
    appeal = ask(program)["mia" if device.way.source == MIA else "tom"]
    device.open(DOOR)
    codes = device.page.locator('a[href^="/why/"]').first
    code = (codes.get_attribute("href") or "").removeprefix("/why/") if codes.count() else ""
    return {"code": code, "appeal": appeal}


def pair(device: Device, program: Program) -> None:
    """Let this browser be one that its device is known by, as a guardian can."""
    program.ask("888.com", source=device.way.source)
    with beside(program) as thread:
        name = "tom-phone" if device.way.source == TOM else "mia-tablet"
        done(Pairings(thread).let_another_in("home", name, "Ada", int(time.time())))
    device.open(DOOR)
    device.page.locator('form[action="/device"] button').click()


def log_in(device: Device, program: Program) -> None:
    """Log Ada in; the first time she makes her account."""
    with beside(program) as thread:
        there = done(Accounts(thread).all("home"))
    device.open(DESK_LOGIN)
    if not there:
        made = json.loads(program.command("account", "code", "--json").stdout)
        device.open(SET_UP)
        device.page.locator("#code").fill(made["code"])
        device.page.locator("#again").fill(PASSWORD)
    device.page.locator("#name").fill("Ada")
    device.page.locator("#password").fill(PASSWORD)
    device.page.locator("main form button").click()


def ask(program: Program) -> Mapping[str, str]:
    """Let Mia and Tom have asked for something; return the ids of their questions."""
    now, asked = int(time.time()), {}
    to = Objected(Action.BLOCK, Reason.RULE, rule="games.example")
    with HouseholdStore.open(data(program)) as store:
        appeals = AppealStore(store)
        for profile, device in (("mia", "mia-tablet"), ("tom", "tom-phone")):
            wanted = Ask(profile, device, Kind.NAME, to, name="games.example", words="For school.")
            asked[profile] = done(appeals.file("home", wanted, now)).appeal.id
    return asked


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives; not in this thread, where Playwright has its event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def beside(program: Program) -> Iterator[StoreThread]:
    """Open the program's data, as its commands do."""
    with StoreThread.open(data(program)) as thread:
        yield thread


def data(program: Program) -> Path:
    return Path(program.options[-1])


def walk(
    browsers: Browsers, program: Program, who: Who, look: Look, pages: Sequence[Page] = PAGES
) -> Iterator[tuple[Page, Device]]:
    """Open all pages of somebody, one after the other."""
    theirs = [page for page in pages if who in page.who]
    if not theirs:
        return
    device = browsers.device(
        program,
        DEVICES[who][0],
        look.screen,
        dark=look.light == "dark",
        language=look.language,
    )
    filled = at_home(device, program, who)
    device.complaints.clear()
    for page in theirs:
        device.open("http://copdns.home.arpa" + (page.path or page.route).format(**filled))
        yield page, device
    device.close()


def take_screenshots(
    browsers: Browsers,
    folder: Path,
    work: Path,
    pages: Sequence[Page] = PAGES,
    looks: Sequence[Look] = LOOKS,
) -> int:
    """Take a picture of each page, for everybody who reads it, in every look; return how many.

    work: an empty folder for the program's data.
    """
    taken = 0
    for band in sorted({band for _, band in DEVICES.values()}):
        (work / band).mkdir()
        with example(work / band, band) as program:
            readers = [who for who in Who if DEVICES[who][1] == band]
            for who, look in product(readers, looks):
                for page, device in walk(browsers, program, who, look, pages):
                    device.screenshot(folder / f"{page.name}-{who}-{'-'.join(look)}.png")
                    taken += 1
    return taken
