"""The few pictures that README.md shows (`make screenshots ARGS=--docs`), in docs/pictures/.

Each is taken in light and in dark, as a phone shows it, on one afternoon of the example family: Mia
is blocked and asks, and Ada reads it.  It is always the same afternoon, so that a picture changes
only where its page does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.e2e.house import MIA, ROOT, eventually
from tests.web.browsing import Browsers, Device, Screen
from tests.web.family import Family, family

FOLDER = ROOT / "docs" / "pictures"
# A day of school, after school, in the example family's time zone: nothing is off at this hour.
AFTERNOON = datetime(2027, 9, 15, 16, 30, tzinfo=ZoneInfo("Europe/Paris"))
PHONE = Screen(390, 960, True)  # what a picture shows; a page may go on below
MOST = 80_000  # octets of a picture
BLOCKED = "games.example"
WHY = "Strangers can write to you there."  # Ada's words beside the rule
HOME, DESK = "http://why.home.arpa/", "http://copdns.home.arpa/guardian/"


class Picture(NamedTuple):
    """A page that is open on somebody's phone; top: what the picture begins with, as a selector."""

    name: str
    device: Device
    top: str


def take_pictures(browsers: Browsers, folder: Path, work: Path) -> int:
    """Take each picture in light and in dark; return how many.

    work: an empty folder for the program's data.
    """
    taken = 0
    with family(work, ahead=int(AFTERNOON.timestamp() - time())) as home:
        for picture in _afternoon(browsers, home):
            for light in ("light", "dark"):
                _take(picture, light, folder / f"{picture.name}-{light}.png")
                taken += 1
    return taken


def _afternoon(browsers: Browsers, home: Family) -> Iterator[Picture]:
    """Let things happen, and yield what somebody sees meanwhile."""
    home.command("schedule", "suggest", "--profile", "mia")
    _give_reason(home)
    mia = browsers.child(home.program, MIA, PHONE)
    home.closes(BLOCKED, MIA)
    mia.open(HOME)
    _send(mia, "/device")  # this browser is Mia's
    eventually(lambda: _reads(mia, WHY))
    yield Picture("child", mia, "#holds")

    mia.open(f"{HOME}ask?name={BLOCKED}")
    mia.page.locator('[name=why][value="friends"]').check()
    mia.page.locator("[name=words]").fill("Tom wants to show me his chess club there.")
    _send(mia, "/ask")
    ada = home.ada(browsers, screen=PHONE)
    ada.open(f"{DESK}inbox")
    _send(ada, "/guardian/appeals/")
    yield Picture("request", ada, ".halves")

    ada.open(f"{DESK}time/mia")
    yield Picture("week", ada, ".halves")


def _give_reason(home: Family) -> None:
    """Write beside the rule why it is there: the example family's rule has no note."""
    home.command("rule", "remove", BLOCKED, "--profile", "mia")
    home.command("rule", "add", "block", BLOCKED, "--profile", "mia", "--note", WHY)


def _reads(device: Device, text: str) -> bool:
    device.open(HOME)
    return text in device.page.inner_text("main")


def _send(device: Device, action: str) -> None:
    """Press the button of the form whose action begins so: its words may change."""
    with device.page.expect_navigation():
        device.page.locator(f'form[action^="{action}"] button').first.click()


def _take(picture: Picture, light: str, path: Path) -> None:
    page = picture.device.page
    page.emulate_media(color_scheme="dark" if light == "dark" else "light")
    # The menu is below on a screen, and so in the middle of a picture that is higher than one.
    page.locator(".bar nav").first.evaluate("(each) => { each.style.display = 'none'; }")
    top = page.locator(picture.top).first
    begins = top.evaluate("(each) => each.getBoundingClientRect().y + scrollY")
    shown = {"x": 0, "y": begins, "width": PHONE.width, "height": PHONE.height}
    page.screenshot(path=path, full_page=True, clip=shown, animations="disabled")
    if path.stat().st_size > MOST:
        raise SystemExit(f"{path} has {path.stat().st_size} octets, more than {MOST}.")
